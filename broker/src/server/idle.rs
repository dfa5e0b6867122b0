//! How long the peer of one connection has asked for nothing.
//!
//! Owns two limits. After the first, a burst of requests is over, and what was
//! kept for the next one may be given back. After the second
//! (`connections.max.idle.ms`) the connection is closed; so is one whose frame
//! has not ended so long after it began. One timer for the connection's life: a
//! request only notes the time, and the timer looks when it fires.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Requests belong together that follow one another as closely.
const BURST: Duration = Duration::from_millis(250);

/// What a silence means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The burst is over.
    AfterBurst,
    /// The peer is gone, or might as well be.
    TooLong,
}

/// The timer of one connection.
#[derive(Debug)]
pub(super) struct IdleTimer {
    limit: Duration,
    active_at: Instant,
    /// When the last request was decided.
    asked_at: Option<Instant>,
    is_in_burst: bool,
    /// A frame had begun at `active_at`, and more of it is no activity: a peer
    /// that sends a byte now and then would stay for ever.
    pub(super) is_inside_frame: bool,
    /// Set when the connection waits for the first time.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    pub(super) fn new(limit: Duration) -> IdleTimer {
        IdleTimer {
            limit,
            active_at: Instant::now(),
            asked_at: None,
            is_in_burst: false,
            is_inside_frame: false,
            sleep: None,
        }
    }

    /// Something was read; a frame has begun with it if `is_inside_frame`.
    pub(super) fn note(&mut self, decided_any: bool, is_inside_frame: bool, now: Instant) {
        if decided_any {
            let before = self.asked_at.replace(now);
            self.is_in_burst = before.is_some_and(|before| now - before < BURST);
        }
        if decided_any || !self.is_inside_frame {
            self.active_at = now;
        }
        self.is_inside_frame = is_inside_frame;
    }

    /// Whether another request is likely to come soon.
    pub(super) fn is_in_burst(&self) -> bool {
        self.is_in_burst
    }

    /// Returns once a limit has passed. Cancel-safe.
    pub(super) async fn silence(&mut self) -> Silence {
        loop {
            let until = self.active_at
                + match self.is_in_burst {
                    true => BURST.min(self.limit),
                    false => self.limit,
                };
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if sleep.deadline() > until {
                sleep.as_mut().reset(until);
            }
            sleep.as_mut().await;
            if sleep.deadline() < until {
                sleep.as_mut().reset(until);
            } else if std::mem::take(&mut self.is_in_burst) {
                return Silence::AfterBurst;
            } else {
                return Silence::TooLong;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn a_burst_ends_once_and_then_only_the_limit_is_left() {
        let mut timer = IdleTimer::new(LIMIT);
        let began = Instant::now();
        timer.note(true, false, began);
        assert!(!timer.is_in_burst(), "one alone is none");
        timer.note(true, false, began);
        assert!(timer.is_in_burst());
        assert_eq!(timer.silence().await, Silence::AfterBurst);
        assert_eq!(began.elapsed(), BURST);
        assert!(!timer.is_in_burst());
        assert_eq!(timer.silence().await, Silence::TooLong);
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_now_and_then_is_no_burst_and_puts_the_limit_off() {
        let mut timer = IdleTimer::new(LIMIT);
        for _ in 0..3 {
            timer.note(true, false, Instant::now());
            assert!(!timer.is_in_burst());
            tokio::time::advance(BURST).await;
        }
        timer.note(true, false, Instant::now());
        let last = Instant::now();
        assert_eq!(timer.silence().await, Silence::TooLong);
        assert_eq!(last.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_that_begins_late_is_noticed_by_the_timer_that_was_set_for_the_limit() {
        let mut timer = IdleTimer::new(LIMIT);
        let waiting = tokio::time::timeout(2 * BURST, timer.silence());
        assert!(waiting.await.is_err());
        timer.note(true, false, Instant::now());
        timer.note(true, false, Instant::now());
        let last = Instant::now();
        assert_eq!(timer.silence().await, Silence::AfterBurst);
        assert_eq!(last.elapsed(), BURST);
    }
}
