//! From the outbox to the bus: outcomes and dead letters, in order, at least once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use social_events::Bus;
use social_events::bus::{PublishError, Record};
use tokio_util::sync::CancellationToken;

use crate::pusher::Pusher;
use crate::store::StoreError;

/// How many records are on their way at the same time.
const BATCH: u32 = 128;
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Publishes until `stop`, and then what is left, if the bus takes it.
pub(crate) async fn run(pusher: Arc<Pusher>, bus: Bus, stop: CancellationToken) {
    let mut pause = PAUSE_FIRST;
    loop {
        match publish_all(&pusher, &bus).await {
            Ok(()) => pause = PAUSE_FIRST,
            Err(error) => {
                tracing::warn!(%error, "outcomes wait in the outbox");
                pusher.outbox_filled.notify_one();
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                    () = stop.cancelled() => return,
                }
            }
        }
        tokio::select! {
            biased;
            () = pusher.outbox_filled.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

async fn publish_all(pusher: &Pusher, bus: &Bus) -> Result<(), RelayError> {
    loop {
        let waiting = pusher.store.outbox(BATCH).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        publish(pusher, bus, waiting).await?;
    }
}

/// All at once, which keeps their order; only what was acknowledged without a gap is removed. The
/// rest is published again, later ones a second time: their readers keep the last of an event.
async fn publish(
    pusher: &Pusher,
    bus: &Bus,
    waiting: Vec<(i64, Record)>,
) -> Result<(), RelayError> {
    let sending = waiting.into_iter().map(|(seq, record)| async move {
        let topic = record.topic.clone();
        (seq, topic, bus.publish(record).await)
    });
    let mut last = None;
    let mut failed = None;
    for (seq, topic, published) in join_all(sending).await {
        match published {
            Ok(position) => tracing::debug!(%position, "published from the outbox"),
            // No retry can help, and what stands behind it must not wait for ever.
            Err(PublishError::Refused(reason)) => {
                tracing::error!(topic, reason, "a record of the outbox was refused for good");
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        last = Some(seq);
    }
    if let Some(last) = last {
        pusher.store.published(last).await?;
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}
