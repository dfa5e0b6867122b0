//! The node's clock: the one place that reads time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_core::time::Now;
use tokio::time::Instant;

/// Reads both clocks. A test may move it forward; it never goes back.
///
/// The monotonic side is tokio's, so that a paused or simulated runtime drives
/// it too.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    advanced_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn system() -> Clock {
        Clock {
            start: Instant::now(),
            advanced_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let advanced_ms = self.advanced_ms.load(Ordering::Acquire);
        let elapsed_ms = self.start.elapsed().as_millis() as u64;
        // A wall clock set before 1970 is a broken machine, not a reason to stop.
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic_ms: elapsed_ms + advanced_ms,
            wall_ms: wall.as_millis() as i64 + advanced_ms as i64,
        }
    }

    /// For how long something took: finer than [`now`](Self::now), and not moved
    /// by [`advance`](Self::advance).
    pub(crate) fn instant(&self) -> Instant {
        Instant::now()
    }

    /// How long to sleep until the monotonic instant `at_ms`.
    pub(crate) fn until(&self, at_ms: u64) -> Duration {
        Duration::from_millis(at_ms.saturating_sub(self.now().monotonic_ms))
    }

    /// Moves both clocks forward. The caller wakes the timers afterwards.
    pub(crate) fn advance(&self, by: Duration) {
        self.advanced_ms
            .fetch_add(by.as_millis() as u64, Ordering::AcqRel);
    }
}
