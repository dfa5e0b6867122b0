//! One partition: its rules' state and its log, behind one short lock.
//!
//! ```text
//! append: check (no lock) ─► lock ─ decide ─ stamp ─ write ─ replay ─ unlock ─► wake waiters
//! fetch:                     lock ─ plan ─ unlock ─► read outside
//! ```
//!
//! Nothing here waits, and the lock is never held across an await. What may be
//! appended is decided in `ottla_core::partition`; bytes are kept by `storage`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};

use bytes::BytesMut;
use ottla_core::batch::header::{stamp_log_append_time, stamp_position};
use ottla_core::batch::{BatchHeader, TimestampType};
use ottla_core::config::TopicConfig;
use ottla_core::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use ottla_core::partition::{
    AppendDecision, AppendOrigin, AppendRefusal, AppendRules, Marks, PartitionState, check_batch,
};
use ottla_core::time::Now;
use thiserror::Error;
use tokio::sync::oneshot;

use super::waiters::{FetchSignal, TicketKey, Waiters, Wake};
use crate::storage::{Log, LogConfig, ReadError, ReadPlan, Storage, StorageError};

/// How often a partition that is written to looks for producers to forget
/// (Kafka's `producer.id.expiration.check.interval.ms`).
const PRODUCER_EXPIRY_INTERVAL_MS: u64 = 600_000;

/// What a partition is told by its topic's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionSettings {
    pub(crate) rules: AppendRules,
    pub(crate) log: LogConfig,
    /// `producer.id.expiration.ms`, of the broker.
    pub(crate) producer_id_expiration_ms: i64,
}

impl PartitionSettings {
    /// From the topic's configuration and the broker's own properties.
    pub(crate) fn new(
        topic: &TopicConfig,
        producer_id_expiration_ms: i64,
        validate_compressed: bool,
    ) -> PartitionSettings {
        PartitionSettings {
            rules: append_rules(topic, validate_compressed),
            log: log_config(topic),
            producer_id_expiration_ms,
        }
    }

    /// Whether a record may be read, and acknowledged, only once it is synced.
    fn syncs_every_append(&self) -> bool {
        self.log.flush_messages <= 1
    }
}

/// Why a partition cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unavailable {
    /// The topic was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// Its log cannot be written or read any more.
    #[error("the partition is offline because its storage failed")]
    Offline,
}

/// Why nothing was appended.
#[derive(Debug, Error)]
pub(crate) enum AppendError {
    #[error(transparent)]
    Refused(#[from] AppendRefusal),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why nothing can be read.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The leader epoch a client named is not the partition's (KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum EpochError {
    #[error("leader epoch {asked} is over; the leader is in epoch {current}")]
    Fenced {
        asked: LeaderEpoch,
        current: LeaderEpoch,
    },
    #[error("leader epoch {asked} is not known here; the leader is in epoch {current}")]
    Unknown {
        asked: LeaderEpoch,
        current: LeaderEpoch,
    },
}

/// What became of an append.
#[derive(Debug)]
pub(crate) struct Appended {
    /// Where the first record lies; the original's place if it was a retry.
    pub(crate) base_offset: Offset,
    /// Behind the last record.
    pub(crate) end_offset: Offset,
    /// Set by the broker, or the stored timestamp of the original; −1 if the
    /// records kept their own.
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start: Offset,
    /// Resolves when the records may be acknowledged; `None` if they may be now.
    pub(crate) ticket: Option<Ticket>,
}

/// What a Fetch of one partition will return.
#[derive(Debug)]
pub(crate) struct PlannedFetch {
    pub(crate) marks: Marks,
    pub(crate) read: Planned,
}

/// Records to read, or where the reader's log parted from this one.
#[derive(Debug)]
pub(crate) enum Planned {
    Read(ReadPlan),
    /// The largest epoch both know, and where it ended here (KIP-595).
    Diverging {
        epoch: LeaderEpoch,
        end_offset: Offset,
    },
}

/// One partition's part of a Fetch request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchFrom {
    pub(crate) offset: Offset,
    /// −1 when the reader does not say.
    pub(crate) current_leader_epoch: LeaderEpoch,
    /// −1 when the reader does not say.
    pub(crate) last_fetched_epoch: LeaderEpoch,
    pub(crate) max_bytes: usize,
    pub(crate) at_least_one: bool,
}

/// A partition this node leads.
#[derive(Debug)]
pub(crate) struct Partition {
    topic_id: TopicId,
    index: PartitionIndex,
    /// Apart from the lock below, so that a batch can be checked before it.
    settings: RwLock<Arc<PartitionSettings>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The state and the log it was replayed from, or why there is none.
    open: Result<Open, Unavailable>,
    waiters: Waiters,
}

#[derive(Debug)]
struct Open {
    state: PartitionState,
    log: Log,
    next_expiry_monotonic_ms: u64,
}

impl Partition {
    /// Opens the log in `folder` (`topic-0`), replays it and leads from then
    /// on. A log that cannot be opened leaves the partition offline: others
    /// must not suffer.
    pub(crate) fn open(
        storage: &Arc<Storage>,
        folder: &str,
        topic_id: TopicId,
        index: PartitionIndex,
        leader_epoch: LeaderEpoch,
        settings: PartitionSettings,
    ) -> Arc<Partition> {
        let opened = open_log(storage, folder, &settings, leader_epoch);
        let open = opened.map_err(|error| {
            tracing::error!(%folder, %error, "partition offline: its log cannot be opened");
            Unavailable::Offline
        });
        Arc::new(Partition {
            topic_id,
            index,
            settings: RwLock::new(Arc::new(settings)),
            inner: Mutex::new(Inner {
                open,
                waiters: Waiters::default(),
            }),
        })
    }

    pub(crate) fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    pub(crate) fn index(&self) -> PartitionIndex {
        self.index
    }

    /// Obeys another configuration from the next append on.
    pub(crate) fn set_settings(&self, settings: PartitionSettings) {
        let mut inner = self.inner();
        if let Ok(open) = &mut inner.open {
            open.log.set_config(settings.log.clone());
        }
        // Under the lock above, so that log and rules change together.
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The one synchronous step: decide, write, replay. `records` is what a
    /// Produce request carries for one partition.
    pub(crate) fn append(
        self: &Arc<Self>,
        now: Now,
        mut records: BytesMut,
        origin: AppendOrigin,
    ) -> Result<Appended, AppendError> {
        let settings = self.settings();
        let mut header = check_batch(&settings.rules, now, origin, &records)?;
        records.truncate(header.size_bytes());
        let append_time_ms = stamp_time(&settings.rules, now, &mut header, &mut records)?;

        let mut inner = self.inner();
        let Inner { open, waiters } = &mut *inner;
        let open = open.as_mut().map_err(|unavailable| *unavailable)?;
        let placed = match open.state.decide_append(origin, &header)? {
            AppendDecision::Append {
                base_offset,
                leader_epoch,
            } => {
                stamp_position(&mut records, base_offset, leader_epoch);
                (header.base_offset, header.leader_epoch) = (base_offset, leader_epoch);
                open.log.append(now.wall_ms, &header, &records)?;
                open.state.replay(&header);
                open.expire_producers(now, &settings);
                (base_offset, header.last_offset(), append_time_ms)
            }
            AppendDecision::Duplicate {
                base_offset,
                last_offset,
                timestamp_ms,
            } => (base_offset, last_offset, timestamp_ms),
        };
        let wake = open.commit(&settings, waiters, records.len() as i64);
        let end_offset = placed.1.plus(1);
        let marks = open.state.marks();
        let ticket = (marks.high_watermark < end_offset)
            .then(|| Ticket::new(Arc::clone(self), waiters.add_ticket(end_offset)));
        drop(inner);
        wake.up(Ok(()));
        Ok(Appended {
            base_offset: placed.0,
            end_offset,
            log_append_time_ms: placed.2,
            log_start: marks.log_start,
            ticket,
        })
    }

    /// The marks as they are now.
    pub(crate) fn marks(&self) -> Result<Marks, Unavailable> {
        self.with_open(|open| open.state.marks())
    }

    /// Bytes its log holds.
    pub(crate) fn size_bytes(&self) -> Result<u64, Unavailable> {
        self.with_open(|open| open.log.size_bytes())
    }

    /// Resolves when the high watermark has reached `target`; `None` if it has.
    /// For replies that tell of state which is not committed yet.
    pub(crate) fn ticket(self: &Arc<Self>, target: Offset) -> Result<Option<Ticket>, Unavailable> {
        let mut inner = self.inner();
        let Inner { open, waiters } = &mut *inner;
        let marks = open
            .as_ref()
            .map_err(|unavailable| *unavailable)?
            .state
            .marks();
        Ok((marks.high_watermark < target)
            .then(|| Ticket::new(Arc::clone(self), waiters.add_ticket(target))))
    }

    /// Plans what a Fetch returns; the reading is done without the lock.
    pub(crate) fn plan_fetch(&self, from: FetchFrom) -> Result<PlannedFetch, FetchError> {
        let inner = self.inner();
        let open = inner.open.as_ref().map_err(|unavailable| *unavailable)?;
        let marks = open.state.marks();
        check_epoch(from.current_leader_epoch, marks.leader_epoch)?;
        let diverging = open.state.diverging(from.last_fetched_epoch, from.offset);
        let read = match diverging {
            Some((epoch, end_offset)) => Planned::Diverging { epoch, end_offset },
            None => Planned::Read(open.log.plan_read(
                from.offset,
                marks.high_watermark,
                from.max_bytes,
                from.at_least_one,
            )?),
        };
        Ok(PlannedFetch { marks, read })
    }

    /// Lets `signal` know of bytes that become readable. If the high watermark
    /// has moved past `seen` since the plan was made, or the partition is
    /// gone, it is woken at once.
    pub(crate) fn watch(self: &Arc<Self>, seen: Offset, signal: &Arc<FetchSignal>) -> FetchWatch {
        let mut inner = self.inner();
        let unchanged = inner
            .open
            .as_ref()
            .is_ok_and(|open| open.state.marks().high_watermark <= seen);
        if !unchanged {
            signal.wake();
        }
        let serial = inner.waiters.add_fetch(Arc::clone(signal));
        FetchWatch {
            partition: Arc::clone(self),
            serial,
        }
    }

    /// Runs a look-up of the log and the state together.
    pub(crate) fn look<Found>(
        &self,
        look: impl FnOnce(&PartitionState, &Log) -> Found,
    ) -> Result<Found, Unavailable> {
        self.with_open(|open| look(&open.state, &open.log))
    }

    /// To be called when the storage has synced more of the log.
    pub(crate) fn synced(&self) {
        let settings = self.settings();
        let mut inner = self.inner();
        let Inner { open, waiters } = &mut *inner;
        let Ok(open) = open else { return };
        // How many bytes is not known here; fetches look for themselves.
        let wake = open.commit(&settings, waiters, i64::MAX);
        drop(inner);
        wake.up(Ok(()));
    }

    /// Removes what retention no longer keeps.
    pub(crate) fn expire(&self, now: Now) -> Result<(), StorageError> {
        let mut inner = self.inner();
        let Ok(open) = &mut inner.open else {
            return Ok(());
        };
        open.log
            .expire(now.wall_ms, open.state.marks().high_watermark)?;
        open.state.raise_log_start(open.log.log_start());
        Ok(())
    }

    /// Closes the partition for good and fails whoever waits on it. Returns
    /// the log, whose files are the caller's to remove on a thread that may
    /// block; `None` if it was closed before.
    pub(crate) fn close(&self, reason: Unavailable) -> Option<Log> {
        let mut inner = self.inner();
        let was = std::mem::replace(&mut inner.open, Err(reason));
        let wake = inner.waiters.take_all();
        drop(inner);
        wake.up(Err(reason));
        was.ok().map(|open| open.log)
    }

    fn with_open<Out>(&self, run: impl FnOnce(&Open) -> Out) -> Result<Out, Unavailable> {
        match &self.inner().open {
            Ok(open) => Ok(run(open)),
            Err(unavailable) => Err(*unavailable),
        }
    }

    fn settings(&self) -> Arc<PartitionSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("a panic between write and replay leaves the partition out of service")
    }
}

impl Open {
    /// Raises the high watermark as far as the log allows, and takes out who
    /// waited for it.
    fn commit(&mut self, settings: &PartitionSettings, waiters: &mut Waiters, bytes: i64) -> Wake {
        let committed = if settings.syncs_every_append() {
            self.log.synced_end()
        } else {
            self.log.log_end()
        };
        if self.state.raise_high_watermark(committed) {
            waiters.high_watermark_rose(self.state.marks().high_watermark, bytes)
        } else {
            Wake::default()
        }
    }

    fn expire_producers(&mut self, now: Now, settings: &PartitionSettings) {
        if now.monotonic_ms >= self.next_expiry_monotonic_ms {
            self.next_expiry_monotonic_ms = now.after_ms(PRODUCER_EXPIRY_INTERVAL_MS);
            self.state
                .expire_producers(now.wall_ms, settings.producer_id_expiration_ms);
        }
    }
}

/// A reply that must wait for the high watermark. Dropping it stops waiting.
#[derive(Debug)]
pub(crate) struct Ticket {
    partition: Arc<Partition>,
    key: TicketKey,
    outcome: oneshot::Receiver<Result<(), Unavailable>>,
    settled: bool,
}

impl Ticket {
    fn new(
        partition: Arc<Partition>,
        (key, outcome): (TicketKey, oneshot::Receiver<Result<(), Unavailable>>),
    ) -> Ticket {
        Ticket {
            partition,
            key,
            outcome,
            settled: false,
        }
    }
}

impl Future for Ticket {
    type Output = Result<(), Unavailable>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.outcome).poll(task);
        outcome.map(|outcome| {
            self.settled = true;
            // The sender goes away unsent only with the partition itself.
            outcome.unwrap_or(Err(Unavailable::Deleted))
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.partition.inner().waiters.remove_ticket(self.key);
        }
    }
}

/// A long poll's place in a partition's list. Dropping it leaves the list.
#[derive(Debug)]
pub(crate) struct FetchWatch {
    partition: Arc<Partition>,
    serial: u64,
}

impl Drop for FetchWatch {
    fn drop(&mut self) {
        self.partition.inner().waiters.remove_fetch(self.serial);
    }
}

/// Compares the leader epoch a client believes in with the partition's.
pub(crate) fn check_epoch(asked: LeaderEpoch, current: LeaderEpoch) -> Result<(), EpochError> {
    if asked == LeaderEpoch::NONE || asked == current {
        Ok(())
    } else if asked < current {
        Err(EpochError::Fenced { asked, current })
    } else {
        Err(EpochError::Unknown { asked, current })
    }
}

fn open_log(
    storage: &Arc<Storage>,
    folder: &str,
    settings: &PartitionSettings,
    leader_epoch: LeaderEpoch,
) -> Result<Open, StorageError> {
    let mut state = PartitionState::empty_at(Offset(0));
    let config = settings.log.clone();
    let log = Log::open(storage, folder, config, Offset(0), &mut |header| {
        state.replay(header)
    })?;
    state.finish_recovery(log.log_start(), log.log_end());
    state.become_leader(leader_epoch);
    Ok(Open {
        state,
        log,
        next_expiry_monotonic_ms: 0,
    })
}

/// Makes the append time every record's, if the topic says so. Outside of the
/// lock: the checksum over the whole batch is written anew.
fn stamp_time(
    rules: &AppendRules,
    now: Now,
    header: &mut BatchHeader,
    batch: &mut BytesMut,
) -> Result<i64, AppendRefusal> {
    if rules.timestamp_type == TimestampType::CreateTime {
        return Ok(-1);
    }
    stamp_log_append_time(batch, now.wall_ms);
    *header = BatchHeader::parse(batch).map_err(|_| AppendRefusal::NoWholeBatch)?;
    Ok(now.wall_ms)
}

fn append_rules(topic: &TopicConfig, validate_compressed: bool) -> AppendRules {
    AppendRules {
        max_message_bytes: usize::try_from(topic.max_message_bytes).unwrap_or(0),
        segment_bytes: usize::try_from(topic.segment_bytes).unwrap_or(0),
        timestamp_type: topic.timestamp_type,
        timestamp_before_max_ms: topic.timestamp_before_max_ms,
        timestamp_after_max_ms: topic.timestamp_after_max_ms,
        compacted: topic.cleanup_compact,
        validate_compressed,
    }
}

fn log_config(topic: &TopicConfig) -> LogConfig {
    let deletes = topic.cleanup_delete;
    LogConfig {
        segment_bytes: u32::try_from(topic.segment_bytes).unwrap_or(0),
        segment_ms: topic.segment_ms,
        segment_index_bytes: u32::try_from(topic.segment_index_bytes).unwrap_or(0),
        index_interval_bytes: u32::try_from(topic.index_interval_bytes).unwrap_or(0),
        retention_ms: if deletes { topic.retention_ms } else { -1 },
        retention_bytes: if deletes { topic.retention_bytes } else { -1 },
        flush_messages: u64::try_from(topic.flush_messages).unwrap_or(0),
        flush_ms: u64::try_from(topic.flush_ms).unwrap_or(0),
        file_delete_delay_ms: u64::try_from(topic.file_delete_delay_ms).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
