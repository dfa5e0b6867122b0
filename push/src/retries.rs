//! Pushes that must wait: tried when their time comes, and after a restart.
//!
//! It sleeps until the store's next due push. Nothing is kept in memory, so a restart forgets
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use social_events::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::pusher::{BATCH, Pusher};
use crate::store::StoreError;

/// The longest sleep: what another worker has put off is noticed within it.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// How often a worker says that it is alive; a quarter of the time for which it is believed.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The pause after the database failed.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);
/// Settled events are kept this long, to recognise their repeats.
const KEEP_SETTLED: Duration = Duration::from_hours(7 * 24);

/// Works until `stop`; the pushes in hand are finished first.
pub(crate) async fn run(pusher: Arc<Pusher>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let sleep = match step(&pusher).await {
            Ok(sleep) => sleep,
            Err(error) => {
                tracing::error!(%error, "cannot try pushes again");
                PAUSE_AFTER_ERROR
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(sleep) => {}
            () = pusher.retry_planned.notified() => {}
        }
    }
}

/// Says that this worker is alive, until `stop`, and takes over from those that are not.
pub(crate) async fn heartbeat(pusher: Arc<Pusher>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        match pusher
            .store
            .keep_alive(pusher.process, Timestamp::now())
            .await
        {
            Ok(0) => {}
            Ok(pushes) => {
                tracing::info!(pushes, "took over from a worker that is gone");
                pusher.retry_planned.notify_one();
            }
            Err(error) => tracing::warn!(%error, "cannot say that this worker is alive"),
        }
    }
}

/// Tries what is due, and tells how long nothing else will be.
async fn step(pusher: &Pusher) -> Result<Duration, StoreError> {
    let due = pusher.store.due(Timestamp::now(), BATCH).await?;
    pusher.push_all(due).await?;
    let next = pusher.store.next_due().await?;
    Ok(next.map_or(SLEEP_MAX, |next| {
        let wait_ms = next
            .millis()
            .saturating_sub(Timestamp::now().millis())
            .max(0);
        Duration::from_millis(wait_ms.unsigned_abs()).min(SLEEP_MAX)
    }))
}

/// Once an hour, forgets what was settled long ago.
pub(crate) async fn housekeeping(pusher: Arc<Pusher>, stop: CancellationToken) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hourly.tick() => {}
        }
        let kept_ms = i64::try_from(KEEP_SETTLED.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(Timestamp::now().millis() - kept_ms);
        match pusher.store.prune(before).await {
            Ok(events) => tracing::debug!(events, "forgot events that were settled long ago"),
            Err(error) => tracing::warn!(%error, "cannot forget old events"),
        }
    }
}
