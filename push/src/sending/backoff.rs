//! How long to wait before the next try. Pure: the jitter is an argument.

use std::time::Duration;

/// When a push is tried again, and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a push is tried in all.
    pub tries_max: u32,
    /// The longest first pause; each further one may be twice as long.
    pub pause_first: Duration,
    /// No pause of ours is longer. A service's own `Retry-After` may be.
    pub pause_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries_max: 5,
            pause_first: Duration::from_secs(2),
            pause_max: Duration::from_mins(5),
        }
    }
}

impl RetryPolicy {
    /// The pause after `tries` failures (1 at least). `jitter`, 0 to 1, spreads the senders that
    /// failed together over the second half of the pause; what the service asked for is kept.
    #[must_use]
    pub fn pause(&self, tries: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
        let doublings = tries.saturating_sub(1).min(16);
        let longest = self
            .pause_first
            .saturating_mul(1 << doublings)
            .min(self.pause_max);
        let ours = longest.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        retry_after.map_or(ours, |asked| asked.max(ours))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit() {
        let policy = RetryPolicy::default();
        let pauses = [1, 2, 3, 4, 100].map(|tries| policy.pause(tries, None, 1.0).as_secs());
        assert_eq!(pauses, [2, 4, 8, 16, 300]);
    }

    #[test]
    fn what_the_service_asks_for_is_never_cut_short() {
        let hour = Duration::from_hours(1);
        assert_eq!(RetryPolicy::default().pause(1, Some(hour), 0.5), hour);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_shorter_than_half_the_first(tries in 0_u32..1000, jitter in -1.0..2.0_f64) {
            let policy = RetryPolicy::default();
            let pause = policy.pause(tries, None, jitter);
            prop_assert!(pause >= policy.pause_first / 2 && pause <= policy.pause_max);
        }
    }
}
