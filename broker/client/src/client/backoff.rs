//! How long to wait before trying again, and when to give up.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::environment::Environment;

const FIRST_MS: u64 = 20;
const LONGEST_MS: u64 = 1_000;

/// Pauses that double, with jitter, until a deadline.
pub(crate) struct Backoff {
    environment: Environment,
    deadline: Instant,
    pause_ms: u64,
}

impl Backoff {
    pub(crate) fn new(environment: &Environment, deadline: Instant) -> Self {
        Backoff {
            environment: environment.clone(),
            deadline,
            pause_ms: FIRST_MS,
        }
    }

    /// Waits for the next try; false when the deadline would pass meanwhile.
    pub(crate) async fn pause(&mut self) -> bool {
        // Between half and all of it, so that clients that failed together
        // do not come back together.
        let jitter = self.environment.random() % (self.pause_ms / 2 + 1);
        let pause = Duration::from_millis(self.pause_ms - jitter);
        self.pause_ms = (self.pause_ms * 2).min(LONGEST_MS);
        if Instant::now() + pause >= self.deadline {
            return false;
        }
        sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end_before_the_deadline() {
        let started = Instant::now();
        let deadline = started + Duration::from_secs(10);
        let mut backoff = Backoff::new(&Environment::system(), deadline);
        let mut tries = 0;
        while backoff.pause().await {
            tries += 1;
        }
        assert!(Instant::now() < deadline);
        assert!((14..40).contains(&tries), "{tries} tries in ten seconds");
    }
}
