//! One bounded queue and one task per assigned partition.
//!
//! A slow or failing record holds up its own partition only. The reader is told to pause a
//! partition whose queue is long and to resume it when the queue is short again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::consume::{Arrived, Handler, settle};
use crate::bus::{Bus, Position};

/// A queue of this length pauses its partition; what was already on its way is still taken.
const QUEUE_LONG: usize = 64;
/// A queue of this length resumes it.
const QUEUE_SHORT: usize = 16;

/// Tells the group's bookkeeping that a record is settled.
pub(super) type StoreOffset = Arc<dyn Fn(&Position) + Send + Sync>;

type TopicPartition = (String, i32);

/// The queues of one member. Clones share them.
#[derive(Clone)]
pub(super) struct Partitions {
    shared: Arc<Shared>,
}

struct Shared {
    bus: Bus,
    handler: Handler,
    stop: CancellationToken,
    state: Mutex<State>,
    drained: Notify,
}

#[derive(Default)]
struct State {
    workers: HashMap<TopicPartition, Worker>,
    /// Tasks of revoked partitions that may still have a record in hand.
    retiring: HashMap<TopicPartition, JoinHandle<()>>,
    drained: HashSet<TopicPartition>,
}

struct Worker {
    queue: Arc<Queue>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Queue {
    records: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<Arrived>,
    paused: bool,
}

impl Partitions {
    pub(super) fn new(bus: Bus, handler: Handler, stop: CancellationToken) -> Self {
        let state = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                bus,
                handler,
                stop,
                state,
                drained: Notify::new(),
            }),
        }
    }

    /// Queues a record; true when its partition must now be paused.
    pub(super) fn give(&self, arrived: Arrived, store: &StoreOffset) -> bool {
        let position = &arrived.record.position;
        let key = (position.topic.clone(), position.partition);
        let mut state = self.lock();
        if !state.workers.contains_key(&key) {
            let worker = self.hire(&key, state.retiring.remove(&key), store);
            state.workers.insert(key.clone(), worker);
        }
        let queue = Arc::clone(&state.workers[&key].queue);
        drop(state);
        queue.push(arrived)
    }

    /// Stops the partition's task; the record in its hand is finished, those queued are not
    /// begun. A task of a later assignment waits for it.
    pub(super) fn revoke(&self, topic: &str, partition: i32) {
        let key = (topic.to_owned(), partition);
        let mut state = self.lock();
        state.drained.remove(&key);
        if let Some(worker) = state.workers.remove(&key) {
            worker.stop.cancel();
            state.retiring.insert(key, worker.task);
        }
    }

    /// Waits until some paused partition may be resumed.
    pub(super) async fn drained(&self) {
        self.shared.drained.notified().await;
    }

    /// The partitions to resume.
    pub(super) fn take_drained(&self) -> Vec<TopicPartition> {
        self.lock().drained.drain().collect()
    }

    /// Waits for every task to end; `stop` must have been cancelled before.
    pub(super) async fn finished(&self) {
        let tasks: Vec<_> = {
            let mut state = self.lock();
            let working: Vec<_> = state
                .workers
                .drain()
                .map(|(_, worker)| worker.task)
                .collect();
            let retiring = state.retiring.drain().map(|(_, task)| task);
            retiring.chain(working).collect()
        };
        for task in tasks {
            // A task ends only by returning: handlers' panics are caught inside it.
            let _ = task.await;
        }
    }

    fn hire(
        &self,
        key: &TopicPartition,
        predecessor: Option<JoinHandle<()>>,
        store: &StoreOffset,
    ) -> Worker {
        let queue = Arc::new(Queue::default());
        let stop = self.shared.stop.child_token();
        let work = Work {
            partitions: self.clone(),
            key: key.clone(),
            queue: Arc::clone(&queue),
            stop: stop.clone(),
            store: Arc::clone(store),
        };
        let task = tokio::spawn(async move {
            if let Some(predecessor) = predecessor {
                let _ = predecessor.await;
            }
            work.run().await;
        });
        Worker { queue, stop, task }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One partition's task.
struct Work {
    partitions: Partitions,
    key: TopicPartition,
    queue: Arc<Queue>,
    stop: CancellationToken,
    store: StoreOffset,
}

impl Work {
    async fn run(&self) {
        let Shared { bus, handler, .. } = &*self.partitions.shared;
        while let Some(arrived) = self.next().await {
            let position = arrived.record.position.clone();
            if !settle(bus, handler, arrived, &self.stop).await {
                return;
            }
            (self.store)(&position);
        }
    }

    /// The next record; `None` when stopped.
    async fn next(&self) -> Option<Arrived> {
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            let (record, drained) = self.queue.pop();
            if drained {
                self.partitions.lock().drained.insert(self.key.clone());
                self.partitions.shared.drained.notify_one();
            }
            if record.is_some() {
                return record;
            }
            tokio::select! {
                () = self.queue.arrived.notified() => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }
}

impl Queue {
    /// Adds a record; true when the partition must now be paused.
    fn push(&self, arrived: Arrived) -> bool {
        let mut waiting = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.records.push_back(arrived);
        let pause = !waiting.paused && waiting.records.len() >= QUEUE_LONG;
        waiting.paused |= pause;
        drop(waiting);
        self.arrived.notify_one();
        pause
    }

    /// The oldest record, and whether the partition may now be resumed.
    fn pop(&self) -> (Option<Arrived>, bool) {
        let mut waiting = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let record = waiting.records.pop_front();
        let resume = waiting.paused && waiting.records.len() <= QUEUE_SHORT;
        waiting.paused &= !resume;
        (record, resume)
    }
}
