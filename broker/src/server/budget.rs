//! `queued.max.request.bytes`: how many bytes of requests may be received and
//! not yet decided, over all connections.
//!
//! A frame is counted with its whole length once it has begun, so that it can
//! always be finished: connections that wait hold nothing another could wait
//! for. As with Kafka's pool, a frame may begin while a single byte is free.
//! Never closes a connection: it only says when reading has to pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// What all connections of a node share.
#[derive(Debug)]
pub(crate) struct RequestBytes {
    /// Below zero while the last frame that was let in is larger than what was left.
    free: AtomicI64,
    /// Something is free again.
    returned: Notify,
}

/// What one connection holds of it; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    /// `None`: there is no limit.
    all: Option<Arc<RequestBytes>>,
    held_bytes: i64,
}

impl RequestBytes {
    /// `None` where `max_bytes` is not positive, which is Kafka's "no limit".
    pub(crate) fn new(max_bytes: i64) -> Option<Arc<RequestBytes>> {
        (max_bytes > 0).then(|| {
            Arc::new(RequestBytes {
                free: AtomicI64::new(max_bytes),
                returned: Notify::new(),
            })
        })
    }

    fn has_some(&self) -> bool {
        self.free.load(Ordering::Relaxed) > 0
    }

    fn take(&self, bytes: i64) -> bool {
        let left = |free: i64| (free > 0).then(|| free.saturating_sub(bytes));
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
            .is_ok()
    }

    fn give_back(&self, bytes: i64) {
        let free = self.free.fetch_add(bytes, Ordering::Relaxed);
        if free <= 0 && free + bytes > 0 {
            self.returned.notify_waiters();
        }
    }
}

impl Share {
    pub(super) fn of(all: Option<Arc<RequestBytes>>) -> Share {
        let held_bytes = 0;
        Share { all, held_bytes }
    }

    /// Asks for what the frame that has begun will need; true when the
    /// connection may read on. A frame that got its share keeps it until
    /// [`Share::give_back`].
    pub(super) fn covers(&mut self, frame_bytes: usize) -> bool {
        let Some(all) = &self.all else {
            return true;
        };
        let more = i64::try_from(frame_bytes).unwrap_or(i64::MAX) - self.held_bytes;
        if more <= 0 {
            // Either the frame has its share, or none has begun.
            return self.held_bytes > 0 || all.has_some();
        }
        let is_taken = all.take(more);
        if is_taken {
            self.held_bytes += more;
        }
        is_taken
    }

    /// The frames read so far are decided.
    pub(super) fn give_back(&mut self) {
        if let Some(all) = &self.all
            && self.held_bytes > 0
        {
            all.give_back(self.held_bytes);
            self.held_bytes = 0;
        }
    }

    /// Returns when something is free. Cancel-safe.
    pub(super) async fn returned(&self) {
        let Some(all) = &self.all else {
            return;
        };
        loop {
            // Made before looking: what is given back in between wakes it too.
            let returned = all.returned.notified();
            if all.has_some() {
                return;
            }
            returned.await;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use proptest::prelude::*;

    use super::*;

    const MAX_BYTES: i64 = 1_000;

    fn shares(count: usize) -> (Arc<RequestBytes>, Vec<Share>) {
        let all = RequestBytes::new(MAX_BYTES).unwrap();
        let share = || Share::of(Some(Arc::clone(&all)));
        let shares = std::iter::repeat_with(share).take(count).collect();
        (all, shares)
    }

    #[test]
    fn without_a_limit_everything_is_read() {
        for max_bytes in [-1, 0] {
            assert!(RequestBytes::new(max_bytes).is_none());
        }
        assert!(Share::of(None).covers(usize::MAX));
    }

    #[test]
    fn one_frame_larger_than_all_there_is_comes_through_and_the_next_waits() {
        let (_, mut shares) = shares(2);
        assert!(shares[0].covers(100 << 20));
        assert!(!shares[1].covers(1));
        assert!(!shares[1].covers(0), "nor does a frame begin");
        assert!(shares[0].covers(100 << 20), "what was let in is finished");
        shares[0].give_back();
        assert!(shares[1].covers(1));
    }

    #[test]
    fn a_connection_that_ends_in_the_middle_gives_its_share_back() {
        let (all, mut shares) = shares(1);
        assert!(shares[0].covers(5_000));
        assert!(!all.has_some());
        drop(shares);
        assert_eq!(all.free.load(Ordering::Relaxed), MAX_BYTES);
    }

    #[test]
    fn everybody_who_waits_is_woken_when_something_is_free() {
        let (_, mut shares) = shares(3);
        assert!(shares[0].covers(MAX_BYTES as usize));
        let (first, waiting) = shares.split_at_mut(1);
        let task = &mut Context::from_waker(Waker::noop());
        let (mut second, mut third) = (pin!(waiting[0].returned()), pin!(waiting[1].returned()));
        assert!(second.as_mut().poll(task).is_pending());
        assert!(third.as_mut().poll(task).is_pending());
        first[0].give_back();
        assert!(second.poll(task).is_ready() && third.poll(task).is_ready());
    }

    proptest! {
        #[test]
        fn never_more_than_one_frame_is_too_much_and_somebody_can_always_go_on(
            steps in prop::collection::vec((0..8_usize, prop::option::of(0..3_000_usize)), 1..200),
        ) {
            let (all, mut shares) = shares(8);
            for (index, step) in steps {
                match step {
                    // A frame that was let in is only ever decided whole.
                    Some(bytes) if shares[index].held_bytes == 0 => {
                        shares[index].covers(bytes);
                    }
                    _ => shares[index].give_back(),
                }
                let held: i64 = shares.iter().map(|share| share.held_bytes).sum();
                prop_assert_eq!(MAX_BYTES - held, all.free.load(Ordering::Relaxed));
                prop_assert!(held < MAX_BYTES + 3_000);
                prop_assert!(held > 0 || shares[index].covers(0));
            }
        }
    }
}
