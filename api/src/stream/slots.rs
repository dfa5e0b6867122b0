//! How many streams there may be: one session's, and all together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::ApiError;
use crate::store::TokenHash;

/// How many streams one session may have: one for each of a person's open pages.
const PER_SESSION_MAX: usize = 8;
/// How many there may be; each holds a connection.
const ALL_MAX: usize = 1024;
/// When to try again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The streams that are open, by session.
#[derive(Debug, Default)]
pub(super) struct Slots(Mutex<HashMap<TokenHash, usize>>);

/// The right to one stream, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    session: TokenHash,
}

impl Slots {
    pub(super) fn take(slots: &Arc<Self>, session: TokenHash) -> Result<Slot, ApiError> {
        let mut taken = slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_session = taken.get(&session).copied().unwrap_or(0);
        if of_session >= PER_SESSION_MAX || taken.values().sum::<usize>() >= ALL_MAX {
            return Err(ApiError::TooManyRequests {
                retry_after: RETRY_AFTER,
            });
        }
        taken.insert(session, of_session + 1);
        drop(taken);
        Ok(Slot {
            slots: Arc::clone(slots),
            session,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.session) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_so_many_streams_and_gets_them_back() {
        let slots = Arc::new(Slots::default());
        let mut taken: Vec<_> = (0..PER_SESSION_MAX)
            .map(|_| Slots::take(&slots, [1; 32]).unwrap())
            .collect();
        assert!(Slots::take(&slots, [1; 32]).is_err());
        Slots::take(&slots, [2; 32]).unwrap();
        taken.pop();
        Slots::take(&slots, [1; 32]).unwrap();
        drop(taken);
        assert!(slots.0.lock().unwrap().is_empty());
    }

    #[test]
    fn all_sessions_together_have_so_many_streams() {
        let slots = Arc::new(Slots::default());
        let session = |number: usize| {
            let mut session = [0; 32];
            session[..8].copy_from_slice(&number.to_le_bytes());
            session
        };
        let taken: Vec<_> = (0..ALL_MAX)
            .map(|number| Slots::take(&slots, session(number)).unwrap())
            .collect();
        assert!(Slots::take(&slots, session(ALL_MAX)).is_err());
        drop(taken);
    }
}
