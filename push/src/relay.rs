//! From the outbox to the bus: outcomes and dead letters, in order, at least once.
//!
//! ```text
//!  settle ─► outbox ─┐
//!                    ├─► publish ─► forget
//!  commit ─► commits ┘
//! ```
//!
//! An outcome says that its event's offset is committed, so it waits for that. Both are rows: a
//! process that dies in between finds them again, or is given the event again. Whose commit is
//! never told (another cluster's, say) goes without after [`COMMIT_PATIENCE`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use social_events::bus::{Committed, PublishError, Record};
use social_events::{Bus, OffsetCommit, PushOutcome, Timestamp, topics};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::pusher::Pusher;
use crate::store::{Outbox, Outgoing, StoreError};

/// How many records are on their way at the same time.
const BATCH: u32 = 128;
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long an outcome waits for the commit of its event's offset.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);
/// Looked again after this long even if nobody woke the relay: another worker on the same
/// database may have filled the outbox.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same, while another worker publishes: it may have looked before our records were there.
const LOOK_AGAIN_BEHIND_ANOTHER: Duration = Duration::from_millis(50);
/// How many commits may be waiting to be noted; a later one of its partition replaces one that
/// does not fit.
pub(crate) const COMMITS_MAX: usize = 1024;

/// Publishes until `stop`, and then what is left, if the bus takes it.
pub(crate) async fn run(
    pusher: Arc<Pusher>,
    bus: Bus,
    mut commits: mpsc::Receiver<Committed>,
    stop: CancellationToken,
) {
    let mut pause = PAUSE_FIRST;
    loop {
        let mut look_again = LOOK_AGAIN;
        match pass(&pusher, &bus, &mut commits).await {
            Ok(Pass::Done) => pause = PAUSE_FIRST,
            Ok(Pass::AnotherPublishes) => look_again = LOOK_AGAIN_BEHIND_ANOTHER,
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
            () = stop.cancelled() => break,
            Some(commit) = commits.recv() => {
                if let Err(error) = note(&pusher, commit, &mut commits).await {
                    tracing::warn!(%error, "a commit could not be noted");
                }
            }
            () = tokio::time::sleep(look_again) => {}
        }
    }
    if let Err(error) = pass(&pusher, &bus, &mut commits).await {
        tracing::warn!(%error, "outcomes are left in the outbox for the next start");
    }
}

/// How a pass over the outbox ended.
enum Pass {
    /// Nothing is left that may go.
    Done,
    /// Another worker is at it.
    AnotherPublishes,
}

async fn pass(
    pusher: &Pusher,
    bus: &Bus,
    commits: &mut mpsc::Receiver<Committed>,
) -> Result<Pass, RelayError> {
    if let Ok(commit) = commits.try_recv() {
        note(pusher, commit, commits).await?;
    }
    publish_all(pusher, bus).await
}

/// Notes `first` and all commits that have come meanwhile, the last of each partition.
async fn note(
    pusher: &Pusher,
    first: Committed,
    commits: &mut mpsc::Receiver<Committed>,
) -> Result<(), StoreError> {
    let mut latest = vec![first];
    while let Ok(commit) = commits.try_recv() {
        latest.retain(|old| (&old.topic, old.partition) != (&commit.topic, commit.partition));
        latest.push(commit);
    }
    pusher.store.committed(&latest).await
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

async fn publish_all(pusher: &Pusher, bus: &Bus) -> Result<Pass, RelayError> {
    loop {
        let patience_ms = i64::try_from(COMMIT_PATIENCE.as_millis()).unwrap_or(i64::MAX);
        let stale_before = Timestamp::from_millis(Timestamp::now().millis() - patience_ms);
        let Some(outbox) = pusher.store.outbox(BATCH, stale_before).await? else {
            return Ok(Pass::AnotherPublishes);
        };
        if outbox.records.is_empty() {
            return Ok(Pass::Done);
        }
        publish(bus, outbox).await?;
    }
}

/// All at once, which keeps their order; only what was acknowledged without a gap is removed. The
/// rest is published again, later ones a second time: their readers keep the last of an event.
async fn publish(bus: &Bus, outbox: Outbox) -> Result<(), RelayError> {
    let sending = outbox.records.into_iter().map(|outgoing| async move {
        let Outgoing {
            seq,
            record,
            committed,
        } = outgoing;
        let record = with_commit(record, committed);
        let topic = record.topic.clone();
        (seq, topic, bus.publish(record).await)
    });
    let mut done = Vec::new();
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
        done.push(seq);
    }
    if !done.is_empty() {
        outbox.hold.published(&done).await?;
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// The outcome with what is known of its commit now; anything else as it is.
fn with_commit(record: Record, committed: Option<OffsetCommit>) -> Record {
    if committed.is_none() || record.topic != topics::PUSH_OUTCOME {
        return record;
    }
    let Ok(mut outcome) = serde_json::from_slice::<PushOutcome>(&record.value) else {
        return record;
    };
    if let Some(journey) = &mut outcome.journey {
        journey.committed = committed;
    }
    let value = serde_json::to_vec(&outcome).expect("an outcome has only string keys");
    Record {
        value: value.into(),
        ..record
    }
}
