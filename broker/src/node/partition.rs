//! One partition: its rules' state and its log, behind one short lock.
//!
//! ```text
//! append: prepare (no lock) ─► lock ─ decide ─ stamp ─ write ─ replay ─ unlock ─► wake waiters
//! fetch:                       lock ─ plan ─ unlock ─► read outside
//! ```
//!
//! Nothing here waits, and the lock is never held across an await. What may be
//! appended is decided in `ottla_core::partition`; bytes are kept by `storage`.

mod append;
mod compaction;
mod delete_records;
mod error;
mod retention;
mod search;
mod settings;
mod ticket;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use ottla_core::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use ottla_core::mutants::{self, Mutant};
use ottla_core::partition::{Marks, PartitionState, ReaderLog};

pub(crate) use append::{Appended, Few};
pub(crate) use error::{AppendError, DeleteRecordsError, EpochError, FetchError, Unavailable};
pub(crate) use search::{OffsetQuery, OffsetSearch, Reader, Search};
pub(crate) use settings::PartitionSettings;
pub(crate) use ticket::{FetchWatch, Ticket};

use super::waiters::{Waiters, Wake};
use crate::storage::{Log, ReadError, ReadPlan, Remembered, Storage, StorageError};
use error::check_epoch;

pub(crate) use super::waiters::FetchSignal;

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

/// A partition this node leads. One that nobody has used is little more than its
/// name: log, state and waiters are made for the first who asks for them.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Until there is a log, which holds on to it as long as it is open.
    storage: Mutex<Option<Arc<Storage>>>,
    /// Of its log, whether it is there or not.
    folder: Box<str>,
    topic_id: TopicId,
    index: PartitionIndex,
    /// Since when this node leads it.
    leader_epoch: LeaderEpoch,
    /// Itself, for the syncing thread to find.
    weak: Weak<Partition>,
    /// Apart from the lock below, so that a batch can be checked before it.
    settings: ArcSwap<PartitionSettings>,
    /// Held by who takes segments away or puts others in their place: one at a
    /// time, on threads that may block.
    upkeep: Mutex<()>,
    on_committed: OnceLock<OnCommitted>,
    inner: OnceLock<Box<Mutex<Inner>>>,
}

/// Told, on the syncing thread, that a sync may have committed something, or
/// that nothing will be committed any more.
pub(crate) struct OnCommitted(pub(crate) Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for OnCommitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnCommitted")
    }
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
    /// Leads the partition whose log is in `folder` (`topic-0`) from now on. What
    /// is there of the log is opened and replayed; if that cannot be done the
    /// partition is offline: others must not suffer.
    pub(crate) fn open(
        storage: &Arc<Storage>,
        folder: &str,
        topic_id: TopicId,
        index: PartitionIndex,
        leader_epoch: LeaderEpoch,
        settings: impl Into<Arc<PartitionSettings>>,
    ) -> Arc<Partition> {
        let partition = Arc::new_cyclic(|weak| Partition {
            storage: Mutex::new(Some(Arc::clone(storage))),
            folder: folder.into(),
            topic_id,
            index,
            leader_epoch,
            weak: Weak::clone(weak),
            settings: ArcSwap::new(settings.into()),
            upkeep: Mutex::default(),
            on_committed: OnceLock::new(),
            inner: OnceLock::new(),
        });
        if storage.knows_log(folder) {
            drop(partition.inner());
        }
        partition
    }

    fn open_log(&self, storage: &Arc<Storage>) -> Result<Open, Unavailable> {
        let (folder, settings) = (&*self.folder, self.settings.load());
        let opened = open_log(storage, folder, self.topic_id, &settings, self.leader_epoch);
        match opened {
            Ok(open) => {
                self.hear_of_syncs(&open);
                Ok(open)
            }
            Err(error) => {
                tracing::error!(%folder, %error, "partition offline: its log cannot be opened");
                Err(Unavailable::Offline)
            }
        }
    }

    /// Commits what a sync made durable, as soon as it is. After a sync that
    /// failed nobody knows what is on the disk: nothing is served any more.
    fn hear_of_syncs(&self, open: &Open) {
        let weak = Weak::clone(&self.weak);
        open.log.on_synced(Box::new(move |synced| {
            let Some(partition) = weak.upgrade() else {
                return;
            };
            match synced {
                Ok(_) => partition.synced(),
                Err(_) => drop(partition.close(Unavailable::Offline)),
            }
            if let Some(OnCommitted(tell)) = partition.on_committed.get() {
                tell();
            }
        }));
    }

    /// Sets, once, who is told of every commit that waited for a sync.
    pub(crate) fn on_committed(&self, tell: OnCommitted) {
        // A second one would be a mistake of this program; the first stays.
        let _ = self.on_committed.set(tell);
    }

    pub(crate) fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    pub(crate) fn index(&self) -> PartitionIndex {
        self.index
    }

    /// Obeys another configuration from the next append on.
    pub(crate) fn set_settings(&self, settings: Arc<PartitionSettings>) {
        let mut inner = self.inner();
        if let Ok(open) = &mut inner.open {
            open.log.set_config(settings.log.clone());
        }
        // Under the lock above, so that log and rules change together.
        self.settings.store(settings);
    }

    /// The marks as they are now.
    pub(crate) fn marks(&self) -> Result<Marks, Unavailable> {
        match self.is_used() {
            true => self.with_open(|open| open.state.marks()),
            false => Ok(Marks::empty_at(Offset(0), self.leader_epoch)),
        }
    }

    /// Bytes its log holds.
    pub(crate) fn size_bytes(&self) -> Result<u64, Unavailable> {
        match self.is_used() {
            true => self.with_open(|open| open.log.size_bytes()),
            false => Ok(0),
        }
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
        let out_of_range = || ReadError::OffsetOutOfRange {
            from: from.offset,
            log_start: marks.log_start,
            log_end: marks.log_end,
        };
        let read = match open.state.compare(from.last_fetched_epoch, from.offset) {
            // What was deleted cannot be compared.
            ReaderLog::Parted { .. } if from.offset < marks.log_start => Err(out_of_range())?,
            ReaderLog::Unknown => Err(out_of_range())?,
            ReaderLog::Parted { epoch, end } => Planned::Diverging {
                epoch,
                end_offset: end,
            },
            ReaderLog::Agrees => Planned::Read(open.log.plan_read(
                from.offset,
                readable_end(&marks),
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

    /// Commits as far as the log is synced.
    fn synced(&self) {
        let settings = self.settings.load();
        let mut inner = self.inner();
        let Inner { open, waiters } = &mut *inner;
        let Ok(open) = open else { return };
        // How many bytes is not known here; fetches look for themselves.
        let wake = open.commit(&settings, waiters, i64::MAX);
        drop(inner);
        wake.up(Ok(()));
    }

    /// Closes the partition for good and fails whoever waits on it. Returns
    /// the log, whose files are the caller's to remove on a thread that may
    /// block; `None` if it was closed before.
    pub(crate) fn close(&self, reason: Unavailable) -> Option<Log> {
        self.take(reason).map(|open| open.log)
    }

    fn take(&self, reason: Unavailable) -> Option<Open> {
        let mut inner = self.inner();
        let was = std::mem::replace(&mut inner.open, Err(reason));
        let wake = inner.waiters.take_all();
        drop(inner);
        wake.up(Err(reason));
        was.ok()
    }

    /// Closes the partition because the node stops, and its log in order, so
    /// that the next start has nothing to check.
    pub(crate) fn shut_down(&self) {
        // One that nobody used needs no log to be closed.
        self.made(|_| Err(Unavailable::Offline));
        let Some(open) = self.take(Unavailable::Offline) else {
            return;
        };
        open.log.remember_end(&remembered(&open.state));
        if let Err(error) = open.log.close() {
            let (topic, index) = (self.topic_id, self.index);
            tracing::warn!(%topic, %index, %error, "the log was not closed in order");
        }
    }

    fn with_open<Out>(&self, run: impl FnOnce(&Open) -> Out) -> Result<Out, Unavailable> {
        match &self.inner().open {
            Ok(open) => Ok(run(open)),
            Err(unavailable) => Err(*unavailable),
        }
    }

    /// Whether there is more than a name: if not, there is nothing to tidy up.
    fn is_used(&self) -> bool {
        self.inner.get().is_some()
    }

    /// What is used; made once, with what `open` says about its log.
    fn made(&self, open: impl FnOnce(Arc<Storage>) -> Result<Open, Unavailable>) -> &Mutex<Inner> {
        self.inner.get_or_init(|| {
            let mut storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
            let open = storage.take().map_or(Err(Unavailable::Offline), open);
            let waiters = Waiters::default();
            Box::new(Mutex::new(Inner { open, waiters }))
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        let inner = self.made(|storage| self.open_log(&storage));
        inner.lock().unwrap_or_else(|poisoned| {
            // A step that panicked may have written and not replayed. Only this
            // partition is out of service, until a restart reads its log again;
            // whoever holds a ticket of it can still let go.
            let mut guard = poisoned.into_inner();
            guard.open = Err(Unavailable::Offline);
            guard.waiters.take_all().up(Err(Unavailable::Offline));
            inner.clear_poison();
            tracing::error!(topic = %self.topic_id, index = %self.index, "partition offline: a step panicked");
            guard
        })
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
}

/// Where reading ends: what lies behind may be taken back.
fn readable_end(marks: &Marks) -> Offset {
    match mutants::on(Mutant::ReadsPastTheHighWatermark) {
        true => marks.log_end,
        false => marks.high_watermark,
    }
}

fn open_log(
    storage: &Arc<Storage>,
    folder: &str,
    topic_id: TopicId,
    settings: &PartitionSettings,
    leader_epoch: LeaderEpoch,
) -> Result<Open, StorageError> {
    let resumed =
        storage.newest_snapshot(folder, topic_id, |bytes| PartitionState::resume(bytes).ok())?;
    let (replay_from, mut state) =
        resumed.unwrap_or_else(|| (Offset(0), PartitionState::empty_at(Offset(0))));
    let config = settings.log.clone();
    let log = Log::open(
        storage,
        folder,
        topic_id,
        config,
        replay_from,
        &mut |header| {
            state.replay(header);
        },
    )?;
    if log.log_end() < replay_from {
        // The snapshot told of batches that are gone, and is gone itself now.
        drop(log);
        return open_log(storage, folder, topic_id, settings, leader_epoch);
    }
    state.finish_recovery(log.log_start(), log.log_end());
    state.become_leader(leader_epoch);
    Ok(Open {
        state,
        log,
        next_expiry_monotonic_ms: 0,
    })
}

/// What a restart needs of the state, besides the log.
fn remembered(state: &PartitionState) -> Remembered {
    Remembered {
        snapshot: state.snapshot(),
        epochs: state.epochs().starts().to_vec(),
    }
}

#[cfg(test)]
mod burst_tests;
#[cfg(test)]
mod concurrency_tests;
#[cfg(test)]
mod restart_tests;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;
