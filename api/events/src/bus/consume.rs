//! Consuming: what a handler may answer, and how one record is brought to its end.
//!
//! A record is settled when its handler is done with it or when it lies on the dead-letter
//! topic; only then may its offset be stored. Until then it is tried again, with the pause the
//! handler asks for, and its partition waits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Bus, Incoming, dead_letter};
use crate::Moment;

/// What to consume, as whom.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The consumer group.
    pub group: String,
    /// Its topics.
    pub topics: Vec<String>,
    /// Who hears of the group's commits that this member made.
    pub(super) commits: Option<mpsc::Sender<Committed>>,
}

impl ConsumerSettings {
    /// Consumes `topics` as a member of `group`.
    pub fn new(group: impl Into<String>, topics: &[&str]) -> Self {
        Self {
            group: group.into(),
            topics: topics.iter().map(ToString::to_string).collect(),
            commits: None,
        }
    }

    /// Tells `commits` of every commit. What does not fit the channel is not told: a later commit
    /// of the partition covers it.
    #[must_use]
    pub fn telling_commits(self, commits: mpsc::Sender<Committed>) -> Self {
        Self {
            commits: Some(commits),
            ..self
        }
    }
}

/// The group's offset of a partition moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to read: everything before it has been handled.
    pub next: i64,
    /// When it was confirmed.
    pub at: Moment,
}

/// One record, handed to a handler.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The record.
    pub record: Arc<Incoming>,
    /// How it came.
    pub arrival: Arrival,
    /// 1 at first, one more with every retry in this process.
    pub attempt: u32,
}

/// How a record came to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Moment,
    /// How long the poll that brought it had waited, where that is known.
    pub waited: Option<Duration>,
}

/// A record, and how it came.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) record: Arc<Incoming>,
    pub(super) arrival: Arrival,
}

/// What a handler says about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Its work is stored; the offset may move on.
    Done,
    /// It may succeed later.
    Retry {
        /// How long to wait; at most a minute.
        after: Duration,
        /// Why, in a sentence without secrets.
        cause: String,
    },
    /// It never will: to the dead-letter topic.
    DeadLetter {
        /// Why, in a sentence without secrets.
        cause: String,
    },
}

/// A running consumer. Dropping it stops it without waiting; [`Consumer::shutdown`] waits.
#[derive(Debug)]
pub struct Consumer {
    stop: CancellationToken,
    assigned: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
}

/// What a bus keeps of a consumer it runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) stop: CancellationToken,
    pub(super) assigned: watch::Sender<bool>,
    /// Dropped when the consumer has left its group.
    pub(super) stopped: watch::Sender<bool>,
}

impl Consumer {
    pub(super) fn new() -> (Self, Running) {
        let stop = CancellationToken::new();
        let (assigned_sender, assigned) = watch::channel(false);
        let (stopped_sender, stopped) = watch::channel(false);
        let running = Running {
            stop: stop.clone(),
            assigned: assigned_sender,
            stopped: stopped_sender,
        };
        (
            Self {
                stop,
                assigned,
                stopped,
            },
            running,
        )
    }

    /// Whether the group has given this member its partitions (possibly none: it is a standby).
    #[must_use]
    pub fn is_assigned(&self) -> bool {
        *self.assigned.borrow()
    }

    /// Waits until [`Consumer::is_assigned`]; false when `deadline` passes first.
    pub async fn assigned(&self, deadline: Duration) -> bool {
        let mut assigned = self.assigned.clone();
        let arrived = tokio::time::timeout(deadline, assigned.wait_for(|is| *is)).await;
        matches!(arrived, Ok(Ok(_)))
    }

    /// Stops: the records in hand are finished, offsets committed, the group left. Past
    /// `deadline` it returns false and leaves the rest to the operating system.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.stop.cancel();
        let mut stopped = self.stopped.clone();
        let left = stopped.wait_for(|is| *is);
        tokio::time::timeout(deadline, left).await.is_ok()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) type Handler = Arc<dyn Fn(Delivery) -> BoxFuture<'static, Handled> + Send + Sync>;

pub(super) fn boxed<H, F>(handler: H) -> Handler
where
    H: Fn(Delivery) -> F + Send + Sync + 'static,
    F: Future<Output = Handled> + Send + 'static,
{
    Arc::new(move |delivery| handler(delivery).boxed())
}

/// Longer pauses are cut to this: a handler's mistake must not stop a partition for a day.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Handles a record until it is settled: true. False when `stop` came first; its offset must
/// then not be stored.
pub(super) async fn settle(
    bus: &Bus,
    handler: &Handler,
    arrived: Arrived,
    stop: &CancellationToken,
) -> bool {
    let Arrived { record, arrival } = arrived;
    let mut attempt = 1;
    loop {
        let (after, cause) = match handle_once(handler, &record, arrival, attempt).await {
            Handled::Done => return true,
            Handled::DeadLetter { cause } => {
                return dead_letter::put(bus, &record, &cause, attempt, stop).await;
            }
            Handled::Retry { after, cause } => (after.min(PAUSE_MAX), cause),
        };
        tracing::warn!(position = %record.position, attempt, cause, "will handle the record again");
        tokio::select! {
            () = tokio::time::sleep(after) => attempt = attempt.saturating_add(1),
            () = stop.cancelled() => return false,
        }
    }
}

/// One call of the handler; a panic in it is poison, not the end of the consumer.
async fn handle_once(
    handler: &Handler,
    record: &Arc<Incoming>,
    arrival: Arrival,
    attempt: u32,
) -> Handled {
    let delivery = Delivery {
        record: Arc::clone(record),
        arrival,
        attempt,
    };
    let handling = AssertUnwindSafe(async { handler(delivery).await }).catch_unwind();
    handling.await.unwrap_or_else(|_| Handled::DeadLetter {
        cause: "the handler panicked".into(),
    })
}
