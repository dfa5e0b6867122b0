//! One partition in memory: records in offset order, and each group's offset.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::RECORDS_MAX;
use crate::Timestamp;
use crate::bus::{Incoming, Position, PublishError, Record};

pub(super) struct PartitionLog {
    partition: i32,
    state: Mutex<State>,
    /// The offset the next record will have; readers wait for it to grow.
    end: watch::Sender<i64>,
}

#[derive(Default)]
struct State {
    start: i64,
    records: VecDeque<Arc<Incoming>>,
    groups: HashMap<String, Group>,
}

/// A group's place in this partition.
#[derive(Default)]
struct Group {
    next: i64,
    /// Whoever holds it is the group's one reader of this partition.
    claim: Arc<tokio::sync::Mutex<()>>,
}

impl PartitionLog {
    pub(super) fn new(partition: i32) -> Self {
        Self {
            partition,
            state: Mutex::default(),
            end: watch::Sender::new(0),
        }
    }

    /// Appends `record`, making room for it if every group has handled the oldest.
    pub(super) fn append(&self, record: Record) -> Result<Position, PublishError> {
        let mut state = self.lock();
        if state.records.len() >= RECORDS_MAX {
            let oldest = state.start;
            if state.groups.values().any(|group| group.next <= oldest) {
                let topic = record.topic;
                return Err(PublishError::Full {
                    topic,
                    limit: RECORDS_MAX,
                });
            }
            state.records.pop_front();
            state.start += 1;
        }
        let offset = state.end();
        let incoming = Incoming::at(record, self.partition, offset, Timestamp::now());
        let position = incoming.position.clone();
        state.records.push_back(Arc::new(incoming));
        self.end.send_replace(offset + 1);
        Ok(position)
    }

    /// The record at `offset`, waiting until there is one. A record that made room is passed
    /// over, as a consumer of Kafka passes over what retention removed.
    pub(super) async fn read(&self, offset: i64) -> Arc<Incoming> {
        let mut end = self.end.subscribe();
        loop {
            if let Some(record) = self.lock().at(offset) {
                return record;
            }
            // The sender is a field of self, so it outlives this wait.
            let _ = end.wait_for(|end| *end > offset).await;
        }
    }

    pub(super) fn end(&self) -> i64 {
        self.lock().end()
    }

    /// The group's exclusive right to read this partition.
    pub(super) fn claim(&self, group: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(
            &self
                .lock()
                .groups
                .entry(group.to_owned())
                .or_default()
                .claim,
        )
    }

    /// Where the group goes on.
    pub(super) fn position(&self, group: &str) -> i64 {
        self.committed(group).unwrap_or(0)
    }

    /// Where the group goes on; `None` when nobody reads in its name.
    pub(super) fn committed(&self, group: &str) -> Option<i64> {
        self.lock().groups.get(group).map(|group| group.next)
    }

    /// Everything before `next` has been handled by the group.
    pub(super) fn commit(&self, group: &str, next: i64) {
        self.lock().groups.entry(group.to_owned()).or_default().next = next;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&self) -> i64 {
        self.start + i64::try_from(self.records.len()).expect("RECORDS_MAX fits an offset")
    }

    fn at(&self, offset: i64) -> Option<Arc<Incoming>> {
        let index = usize::try_from((offset - self.start).max(0)).ok()?;
        self.records.get(index).cloned()
    }
}
