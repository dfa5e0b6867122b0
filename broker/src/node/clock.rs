//! The node's clock: the one place that reads time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_core::time::Now;
use tokio::time::Instant;

/// Reads both clocks. A test may move it forward, and have it stand still
/// otherwise; it never goes back.
///
/// The monotonic side is tokio's, so that a paused or simulated runtime drives
/// it too.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// The wall's time at the start, where time stands still.
    paused_at_wall_ms: Option<i64>,
    advanced_ms: AtomicU64,
}

/// As far as a clock can be advanced: both readings stay far from their ends.
const ADVANCED_MS_MAX: u64 = i64::MAX as u64 / 4;

impl Clock {
    /// The system's clocks, or, `paused`, what they say now.
    pub(crate) fn new(paused: bool) -> Clock {
        Clock {
            start: Instant::now(),
            paused_at_wall_ms: paused.then(system_wall_ms),
            advanced_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.now_at(self.instant())
    }

    /// What both clocks say at an instant that was read just now.
    pub(crate) fn now_at(&self, instant: Instant) -> Now {
        let advanced_ms = self.advanced_ms.load(Ordering::Acquire);
        let (elapsed_ms, wall_ms) = match self.paused_at_wall_ms {
            Some(wall_ms) => (0, wall_ms),
            None => ((instant - self.start).as_millis() as u64, system_wall_ms()),
        };
        Now {
            monotonic_ms: elapsed_ms + advanced_ms,
            wall_ms: wall_ms + advanced_ms as i64,
        }
    }

    /// For how long something took: finer than [`now`](Self::now), and not moved
    /// by [`advance`](Self::advance).
    pub(crate) fn instant(&self) -> Instant {
        Instant::now()
    }

    /// How long to sleep until the monotonic instant `at_ms`.
    pub(crate) fn until(&self, at_ms: u64) -> Duration {
        match self.paused_at_wall_ms {
            Some(_) => UNTIL_ADVANCED,
            None => Duration::from_millis(at_ms.saturating_sub(self.now().monotonic_ms)),
        }
    }

    /// Moves both clocks forward. The caller wakes the timers afterwards.
    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let add = |ms: u64| Some(ms.saturating_add(by_ms).min(ADVANCED_MS_MAX));
        // The closure never says no.
        let _ = self
            .advanced_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
    }
}

/// A clock that stands still brings no deadline nearer; whoever sleeps is woken
/// when it is advanced.
const UNTIL_ADVANCED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn system_wall_ms() -> i64 {
    // A wall clock set before 1970 is a broken machine, not a reason to stop.
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    wall.unwrap_or_default().as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_moves_when_it_is_advanced_and_never_else() {
        let clock = Clock::new(true);
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_millis(45));
        assert_eq!(clock.now().monotonic_ms, before.monotonic_ms + 45);
        assert_eq!(clock.now().wall_ms, before.wall_ms + 45);
    }

    #[test]
    fn advancing_beyond_all_bounds_does_not_wrap_around() {
        let clock = Clock::new(false);
        clock.advance(Duration::MAX);
        let far = clock.now();
        clock.advance(Duration::MAX);
        assert!(clock.now().monotonic_ms >= far.monotonic_ms);
        assert!(clock.now().wall_ms >= far.wall_ms);
    }
}
