//! The last bursts, numbered, so that a stream that broke can go on where it did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use uuid::Uuid;

use super::burst::Burst;

/// How many bursts are kept: a minute of the fastest changes.
const KEPT_MAX: usize = 256;

/// Bursts are kept so long for streams that ended: they may only have broken.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(60);

/// The last bursts of this instance.
#[derive(Debug)]
pub(super) struct Ring {
    /// Another instance's numbers mean nothing here.
    instance: String,
    kept: Mutex<Kept>,
    /// The number of the newest burst.
    newest: watch::Sender<u64>,
    /// When the last stream ended.
    left_at: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Kept {
    bursts: VecDeque<Arc<Burst>>,
    /// The number the next burst will have; those kept are the ones before it.
    next: u64,
}

impl Ring {
    pub(super) fn new() -> Self {
        let mut instance = Uuid::new_v4().simple().to_string();
        instance.truncate(8);
        Self {
            instance,
            kept: Mutex::new(Kept {
                bursts: VecDeque::new(),
                next: 1,
            }),
            newest: watch::Sender::new(0),
            left_at: Mutex::default(),
        }
    }

    /// Adds a burst, and lets go of the oldest.
    pub(super) fn add(&self, burst: Burst) {
        let mut kept = self.lock();
        if kept.bursts.len() == KEPT_MAX {
            kept.bursts.pop_front();
        }
        kept.bursts.push_back(Arc::new(burst));
        let number = kept.next;
        kept.next += 1;
        drop(kept);
        self.newest.send_replace(number);
    }

    /// Forgets all bursts: whoever listens must begin anew.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.bursts.clear();
        let number = kept.next;
        kept.next += 1;
        drop(kept);
        self.newest.send_replace(number);
    }

    /// Burst `number`: none yet, it, or it is forgotten.
    pub(super) fn burst(&self, number: u64) -> Found {
        let kept = self.lock();
        if number >= kept.next {
            return Found::NotYet;
        }
        let back = usize::try_from(kept.next - number).unwrap_or(usize::MAX);
        match kept.bursts.len().checked_sub(back) {
            Some(index) => Found::Here(Arc::clone(&kept.bursts[index])),
            None => Found::Forgotten,
        }
    }

    /// The number the next burst will have.
    pub(super) fn next(&self) -> u64 {
        self.lock().next
    }

    /// The number after the one of `id`, if all bursts from there on are kept.
    pub(super) fn after(&self, id: &str) -> Option<u64> {
        let (instance, number) = id.split_once('-')?;
        let next = number.parse::<u64>().ok()?.checked_add(1)?;
        let known = match self.burst(next) {
            Found::Here(_) => true,
            Found::NotYet => next == self.next(),
            Found::Forgotten => false,
        };
        (instance == self.instance && known).then_some(next)
    }

    /// How a stream names the burst of this number.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.instance)
    }

    /// Hears of every new burst.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// A stream ended.
    pub(super) fn left(&self) {
        *self.left_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether somebody listens, or may come back soon.
    pub(super) fn is_heard(&self) -> bool {
        let left_at = *self.left_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.newest.receiver_count() > 0
            || left_at.is_some_and(|left_at| left_at.elapsed() < COMES_BACK_WITHIN)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a burst.
pub(super) enum Found {
    NotYet,
    Here(Arc<Burst>),
    Forgotten,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::SqliteStore;
    use crate::stream::burst::Gathered;

    async fn burst() -> Burst {
        let store = SqliteStore::in_memory().await.unwrap();
        Gathered::default().read(&store).await.unwrap()
    }

    #[tokio::test]
    async fn a_stream_goes_on_where_it_broke_as_long_as_nothing_since_is_forgotten() {
        let ring = Ring::new();
        assert_eq!(ring.after(&ring.id(0)), Some(1));
        for _ in 0..KEPT_MAX + 10 {
            ring.add(burst().await);
        }
        let newest = u64::try_from(KEPT_MAX + 10).unwrap();
        assert_eq!(ring.after(&ring.id(newest)), Some(newest + 1));
        assert_eq!(ring.after(&ring.id(10)), Some(11));
        assert_eq!(ring.after(&ring.id(9)), None);
        assert_eq!(ring.after(&ring.id(newest + 1)), None);
        assert_eq!(ring.after(&Ring::new().id(newest)), None);
        ring.clear();
        assert_eq!(ring.after(&ring.id(newest)), None);
        assert!(matches!(ring.burst(newest + 1), Found::Forgotten));
    }

    proptest! {
        #[test]
        fn any_last_event_id_is_taken_or_passed_over(id in ".*", number: u64) {
            let ring = Ring::new();
            prop_assert_eq!(ring.after(&id), None);
            let _ = ring.after(&ring.id(number));
        }
    }
}
