//! One push after another: claim it, print the seed's line, send, settle.
//!
//! ```text
//!   claim ──► console line ──► send ──► settle          (each of the first and last: one transaction)
//!         a             b          c
//! ```
//!
//! A crash at a or b: the claim is void after the restart, and the push is sent, once. At c it is
//! sent a second time, which nobody can prevent; its tag replaces the first on screen. What is
//! settled is never sent again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use social_events::{EventId, Moment, ProcessId, Subscription, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::console::Console;
use crate::endpoint::{EndpointPolicy, redacted};
use crate::keys::BrowserKeys;
use crate::metrics::Metrics;
use crate::sending::{Attempt, Recipient, RetryPolicy, Sender, Verdict};
use crate::store::{Claimed, PushId, Settlement, Store, StoreError, Tried};
use crate::text;

/// How many pushes are sent at the same time.
const CONCURRENT_MAX: usize = 32;
/// How many pushes are taken from the store at once.
pub(crate) const BATCH: u32 = 256;
/// How many events are being pushed at the same time, finished or not.
pub(crate) const UNFINISHED_EVENTS_MAX: usize = 64;
/// How long an event may keep those behind it.
const EVENT_PATIENCE: Duration = Duration::from_secs(2);
/// How long a claim of a live worker holds: longer than any push takes, its second, smaller form
/// included.
const LEASE: Duration = Duration::from_mins(2);

/// Sends pushes that the store knows.
pub(crate) struct Pusher {
    pub(crate) store: Arc<dyn Store>,
    /// Whose clock its moments are by.
    pub(crate) process: ProcessId,
    pub(crate) sender: Sender,
    pub(crate) endpoints: EndpointPolicy,
    pub(crate) retry: RetryPolicy,
    pub(crate) console: Console,
    pub(crate) metrics: Arc<Metrics>,
    /// Something is waiting in the outbox.
    pub(crate) outbox_filled: Notify,
    /// A push is to be tried again later.
    pub(crate) retry_planned: Notify,
    /// Events whose pushes are being tried.
    pub(crate) unfinished: Arc<Semaphore>,
    /// Waited for when the service stops.
    pub(crate) tasks: TaskTracker,
}

impl Pusher {
    /// Tries everything of `event` that is due, and waits for it, but not long: behind a service
    /// that hangs, other people's events would wait too. What is not finished then goes on, and
    /// the store knows of it.
    pub(crate) async fn push_event(self: &Arc<Self>, event: EventId) -> Result<(), StoreError> {
        let permit = Arc::clone(&self.unfinished).acquire_owned().await;
        let pusher = Arc::clone(self);
        let pushing = self.tasks.spawn(async move {
            let pushed = pusher.push_all_of(event).await;
            drop(permit);
            pushed
        });
        match timeout(EVENT_PATIENCE, pushing).await {
            Ok(Ok(pushed)) => pushed,
            Ok(Err(panicked)) => Err(StoreError::Damaged(panicked.to_string())),
            Err(_) => {
                tracing::info!(%event, "a push takes long; going on with the next event");
                Ok(())
            }
        }
    }

    /// Tries everything of `event` that is due. What has to wait is left to the retries.
    async fn push_all_of(&self, event: EventId) -> Result<(), StoreError> {
        loop {
            let due = self.store.due_of(event, Timestamp::now(), BATCH).await?;
            if due.is_empty() {
                self.outbox_filled.notify_one();
                return Ok(());
            }
            self.push_all(due).await?;
        }
    }

    /// Tries `pushes`, several at a time.
    ///
    /// # Errors
    /// The last error, after all of them were tried.
    pub(crate) async fn push_all(&self, pushes: Vec<PushId>) -> Result<(), StoreError> {
        stream::iter(pushes)
            .map(|push| self.push(push))
            .buffer_unordered(CONCURRENT_MAX)
            .fold(Ok(()), |all, one| async { one.and(all) })
            .await
    }

    /// Tries one push, unless it is settled, not due, or in other hands.
    pub(crate) async fn push(&self, push: PushId) -> Result<(), StoreError> {
        let claimed_at = Moment::now();
        let now = Timestamp::from(claimed_at);
        let claimed = self
            .store
            .claim(push, self.process, now, later(now, LEASE))
            .await?;
        let Some(claimed) = claimed else {
            return Ok(());
        };
        let sent_at = Moment::now();
        let (status, settlement) = self.try_claimed(push, &claimed).await;
        let tried = Tried {
            claimed_at,
            sent_at,
            answered_at: Moment::now(),
            status,
            endpoint: claimed
                .subscription
                .as_ref()
                .map(|subscription| subscription.notification_end_point.clone()),
        };
        self.store
            .settle(push, self.process, &tried, &settlement)
            .await?;
        self.report(push, &claimed, status, &settlement);
        Ok(())
    }

    async fn try_claimed(&self, push: PushId, claimed: &Claimed) -> (Option<u16>, Settlement) {
        let Some(subscription) = &claimed.subscription else {
            return (None, Settlement::Gone);
        };
        let now = Timestamp::now();
        let ttl_ms = claimed.expires_at.millis() - now.millis();
        if ttl_ms <= 0 {
            return (
                None,
                dead("nobody could be reached before the push expired"),
            );
        }
        let Some(recipient) = self.recipient(subscription) else {
            return (
                None,
                dead("the endpoint or its keys are no longer acceptable"),
            );
        };
        if claimed.tries == 0 {
            self.print(subscription, claimed).await;
        }
        // Less than a second left is still worth a try: TTL 0 means "now or never".
        let ttl = Duration::from_millis(ttl_ms.unsigned_abs());
        let notification = claimed.notification.clone().for_user(subscription.user_id);
        let attempt = self.sender.send(&recipient, &notification, ttl).await;
        if attempt.verdict == Verdict::Refused {
            tracing::error!(
                event = %push.event_id, subscription = %push.subscription_id,
                status = attempt.status, endpoint = %recipient.endpoint,
                "a push service refuses us: look at the VAPID key and at the clock"
            );
        }
        let settlement = decide(&attempt, claimed, &self.retry, Timestamp::now(), jitter());
        (attempt.status, settlement)
    }

    /// Judged anew at every delivery: the rules may have changed since it was saved.
    fn recipient(&self, subscription: &Subscription) -> Option<Recipient> {
        let endpoint = self
            .endpoints
            .check(subscription.notification_end_point.expose())
            .ok()?;
        let keys = BrowserKeys::parse(subscription.public_key.expose(), subscription.auth.expose())
            .ok()?;
        Some(Recipient { endpoint, keys })
    }

    async fn print(&self, subscription: &Subscription, claimed: &Claimed) {
        let Some(name) = &claimed.console_name else {
            return;
        };
        let endpoint = subscription.notification_end_point.expose();
        self.console.print(text::console_line(endpoint, name)).await;
    }

    fn report(
        &self,
        push: PushId,
        claimed: &Claimed,
        status: Option<u16>,
        settlement: &Settlement,
    ) {
        self.metrics.settled(settlement);
        match settlement {
            Settlement::Later { .. } => self.retry_planned.notify_one(),
            _ => self.outbox_filled.notify_one(),
        }
        let endpoint = claimed
            .subscription
            .as_ref()
            .map(|subscription| redacted(subscription.notification_end_point.expose()));
        tracing::info!(
            event = %push.event_id, subscription = %push.subscription_id, endpoint,
            status, tries = claimed.tries + 1, ?settlement, "tried a push"
        );
    }
}

/// What an attempt means for its push. Pure.
fn decide(
    attempt: &Attempt,
    claimed: &Claimed,
    retry: &RetryPolicy,
    now: Timestamp,
    jitter: f64,
) -> Settlement {
    let tries = claimed.tries.saturating_add(1);
    let again = |after, endpoint_too| {
        let at = later(now, retry.pause(tries, after, jitter));
        let in_time = at < claimed.expires_at;
        in_time.then_some(Settlement::Later { at, endpoint_too })
    };
    match attempt.verdict {
        Verdict::Accepted => Settlement::Accepted,
        Verdict::Gone => Settlement::Gone,
        Verdict::TooLarge => dead("the push service finds even the smaller form too large"),
        Verdict::Refused => dead("the push service refuses us"),
        // As long as the service asks for patience it gets patience, until nobody wants the push.
        Verdict::Throttled { after } => again(after, true)
            .unwrap_or_else(|| dead("the push service was still throttling when the push expired")),
        Verdict::Transient { .. } if tries >= retry.tries_max => {
            dead("the push service failed at every try")
        }
        // An endpoint that hangs would cost every further push its whole time-out.
        Verdict::Transient { after } => again(after, after.is_some() || attempt.status.is_none())
            .unwrap_or_else(|| dead("the push service was still failing when the push expired")),
    }
}

fn dead(cause: &str) -> Settlement {
    Settlement::Dead {
        cause: cause.to_owned(),
    }
}

pub(crate) fn later(from: Timestamp, by: Duration) -> Timestamp {
    let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(from.millis().saturating_add(by_ms))
}

/// 0 to 1, uniform. Without randomness, senders that failed together come back together.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match openssl::rand::rand_bytes(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use social_events::PostId;

    use super::*;
    use crate::notification::Notification;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn claimed(tries: u32, expires_ms: i64) -> Claimed {
        Claimed {
            notification: Notification::comment(EventId::random(), PostId(1), "민지"),
            console_name: None,
            expires_at: Timestamp::from_millis(expires_ms),
            subscription: None,
            tries,
        }
    }

    fn decided(verdict: Verdict, tries: u32, expires_ms: i64) -> Settlement {
        let attempt = Attempt {
            status: Some(500),
            verdict,
        };
        decide(
            &attempt,
            &claimed(tries, expires_ms),
            &RetryPolicy::default(),
            NOW,
            1.0,
        )
    }

    fn is_dead(settlement: &Settlement) -> bool {
        matches!(settlement, Settlement::Dead { .. })
    }

    #[test]
    fn final_verdicts_settle_at_once() {
        assert_eq!(
            decided(Verdict::Accepted, 0, 9_999_999),
            Settlement::Accepted
        );
        assert_eq!(decided(Verdict::Gone, 0, 9_999_999), Settlement::Gone);
        assert!(is_dead(&decided(Verdict::TooLarge, 0, 9_999_999)));
        assert!(is_dead(&decided(Verdict::Refused, 0, 9_999_999)));
    }

    #[test]
    fn a_failing_service_is_tried_five_times() {
        for tries in 0..4 {
            let settlement = decided(Verdict::Transient { after: None }, tries, 9_999_999);
            assert!(matches!(
                settlement,
                Settlement::Later {
                    endpoint_too: false,
                    ..
                }
            ));
        }
        assert!(is_dead(&decided(
            Verdict::Transient { after: None },
            4,
            9_999_999
        )));
    }

    #[test]
    fn a_throttled_endpoint_is_left_alone_as_long_as_it_asks() {
        let after = Some(Duration::from_secs(30));
        let settlement = decided(Verdict::Throttled { after }, 40, 9_999_999);
        let at = Timestamp::from_millis(1_000 + 5 * 60_000);
        assert_eq!(
            settlement,
            Settlement::Later {
                at,
                endpoint_too: true
            }
        );
        let settlement = decided(Verdict::Throttled { after }, 0, 9_999_999);
        let at = Timestamp::from_millis(31_000);
        assert_eq!(
            settlement,
            Settlement::Later {
                at,
                endpoint_too: true
            }
        );
    }

    #[test]
    fn an_endpoint_that_hangs_rests_with_all_its_pushes() {
        let verdict = Verdict::Transient { after: None };
        let attempt = Attempt {
            status: None,
            verdict,
        };
        let claimed = claimed(0, 9_999_999);
        let settlement = decide(&attempt, &claimed, &RetryPolicy::default(), NOW, 1.0);
        assert!(matches!(
            settlement,
            Settlement::Later {
                endpoint_too: true,
                ..
            }
        ));
    }

    #[test]
    fn nothing_is_planned_for_after_the_expiry() {
        assert!(is_dead(&decided(
            Verdict::Transient { after: None },
            0,
            2_999
        )));
        let after = Some(Duration::from_secs(60));
        assert!(is_dead(&decided(Verdict::Throttled { after }, 0, 60_000)));
    }
}
