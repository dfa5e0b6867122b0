//! The syncing thread: the only place that waits for the disk to be sure.
//!
//! Owns the queue of logs to sync, each in it at most once, and the checkpoint
//! of what was synced. Appends made while a sync runs share the next one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};

use super::durability::{Durability, Synced, failed};
use super::health::Health;
use super::marks::Marks;
use super::{Disk, StorageError};

/// Syncs logs, one after the other, on one thread, which starts with the first
/// request.
#[derive(Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    health: Arc<Health>,
    marks: Arc<Marks>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    now: VecDeque<Arc<Durability>>,
    /// By time due, then in the order they came.
    later: BTreeMap<(Instant, u64), Arc<Durability>>,
    count: u64,
    is_stopping: bool,
}

/// From so many logs on that wait to be synced, the whole disk is.
const SYNC_ALL_FROM: usize = 64;

/// What the thread does next.
enum Step {
    Sync(Arc<Durability>),
    SyncAll(Vec<Arc<Durability>>),
    Save,
    /// Once: what cannot be saved now is checked at the next start.
    SaveAndStop,
    Stop,
}

impl Syncer {
    pub fn new(disk: Arc<dyn Disk>, health: Arc<Health>, marks: Arc<Marks>) -> Self {
        let shared = Arc::new(Shared {
            disk,
            health,
            marks,
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        Syncer {
            shared,
            thread: Mutex::default(),
        }
    }

    /// Syncs the log as soon as the thread gets to it.
    pub fn soon(&self, log: &Arc<Durability>) {
        if log.queue() {
            self.shared.queue().now.push_back(Arc::clone(log));
            self.wake();
        }
    }

    /// Syncs the log within `delay`, unless that is planned for sooner.
    pub fn within(&self, log: &Arc<Durability>, delay: Duration) {
        if log.time() {
            let mut queue = self.shared.queue();
            let key = (Instant::now() + delay, queue.count);
            queue.count += 1;
            queue.later.insert(key, Arc::clone(log));
            drop(queue);
            self.wake();
        }
    }

    /// Syncs the log on this thread.
    pub fn now(&self, log: &Durability) -> Result<Offset, StorageError> {
        self.shared.sync(log)
    }

    /// Looks again at when the checkpoints want to be saved.
    pub fn wake(&self) {
        self.shared.changed.notify_one();
        self.start();
    }

    /// Syncs what is queued, saves the checkpoints and ends the thread.
    pub fn stop(&self) {
        self.shared.queue().is_stopping = true;
        self.shared.changed.notify_one();
        let thread = self.thread().take();
        // The last owner may let go on that very thread.
        let others = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = others {
            // If a callback panicked, there is nobody left to tell.
            let _ = thread.join();
        }
    }

    fn start(&self) {
        let mut thread = self.thread();
        if thread.is_some() || self.shared.queue().is_stopping {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("ottla-sync".into())
            .spawn(move || shared.run());
        match started {
            Ok(started) => *thread = Some(started),
            Err(error) => {
                let failure = failed("the data directory", error);
                self.shared.health.fail(failure);
            }
        }
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            match self.next() {
                Step::Sync(log) => log.report(self.sync(&log)),
                Step::SyncAll(logs) => self.sync_all(&logs),
                Step::Save => self.save(),
                Step::SaveAndStop => return self.save(),
                Step::Stop => return,
            }
        }
    }

    fn sync(&self, log: &Durability) -> Result<Offset, StorageError> {
        let synced = self
            .health
            .check()
            .and_then(|()| log.sync(&*self.disk, |synced| self.mark(log, synced)));
        synced.map_err(|failure| self.judged(failure))
    }

    /// The same for many logs, with one sync.
    fn sync_all(&self, logs: &[Arc<Durability>]) {
        let begin =
            |log: &Arc<Durability>| self.health.check().and_then(|()| log.begin_with_others());
        let begun: Vec<_> = logs.iter().map(begin).collect();
        let synced = self.health.check().and_then(|()| {
            let synced = self.disk.sync_all();
            synced.map_err(|error| self.judged(failed("the data directory", error)))
        });
        for (log, begun) in logs.iter().zip(begun) {
            let outcome = synced.clone().and(begun);
            let outcome = log.finish(outcome, |synced| self.mark(log, synced));
            log.report(outcome.map_err(|failure| self.judged(failure)));
        }
    }

    fn mark(&self, log: &Durability, synced: &Synced) {
        self.marks
            .synced(log.folder(), synced.end, synced.completed_segment);
    }

    fn judged(&self, failure: StorageError) -> StorageError {
        match mutants::on(Mutant::TriesAFailedSyncAgain) {
            true => failure,
            false => self.health.fail(failure),
        }
    }

    fn save(&self) {
        match self.marks.save() {
            Ok(()) => {}
            Err(error @ StorageError::DiskFailed { .. }) => {
                self.health.fail(error);
            }
            // An older checkpoint is as good, only slower.
            Err(error) => tracing::warn!(%error, "checkpoints not saved"),
        }
    }

    fn next(&self) -> Step {
        let mut queue = self.queue();
        loop {
            if queue.now.len() >= SYNC_ALL_FROM && self.disk.can_sync_all() {
                return Step::SyncAll(queue.now.drain(..).collect());
            }
            if let Some(log) = queue.now.pop_front() {
                return Step::Sync(log);
            }
            let now = Instant::now();
            let due = queue.later.first_key_value().map(|((at, _), _)| *at);
            if due.is_some_and(|at| at <= now || queue.is_stopping)
                && let Some((_, log)) = queue.later.pop_first()
            {
                log.timed();
                return Step::Sync(log);
            }
            let save_at = self.marks.save_at();
            if queue.is_stopping {
                return save_at.map_or(Step::Stop, |_| Step::SaveAndStop);
            }
            if save_at.is_some_and(|at| at <= now) {
                return Step::Save;
            }
            queue = self.wait(queue, [due, save_at].into_iter().flatten().min(), now);
        }
    }

    fn wait<'a>(
        &self,
        queue: MutexGuard<'a, Queue>,
        until: Option<Instant>,
        now: Instant,
    ) -> MutexGuard<'a, Queue> {
        match until {
            Some(until) => {
                let waited = self.changed.wait_timeout(queue, until - now);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let woken = self.changed.wait(queue);
                woken.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}
