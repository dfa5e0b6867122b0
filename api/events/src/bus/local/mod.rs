//! The bus inside one process: Kafka's semantics without Kafka.
//!
//! Topics have partitions, keys choose them as Kafka's producers do, groups have offsets that
//! move after handling. It lives in memory: what was published and not yet handled goes with
//! the process, which is why it only serves the all-in-one demo and tests.

mod log;
mod reading;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Cluster, ClusterKind, GroupOffset, PartitionFacts, Position, PublishError, Record};
use crate::{murmur2, topics};
use log::PartitionLog;

pub(super) use reading::{consume, read_replies};

/// How many records a partition keeps. Older ones make room once every group has handled them.
pub const RECORDS_MAX: usize = 10_000;

/// A bus inside this process. Clones share it.
#[derive(Clone, Default)]
pub struct LocalBus {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    next_keyless: AtomicU32,
}

/// One topic: its partitions, in order.
struct Topic {
    partitions: Vec<Arc<PartitionLog>>,
}

impl LocalBus {
    /// An empty bus.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn ensure_topics(&self, topics: &[&str]) {
        for topic in topics {
            self.topic_or_create(topic);
            self.topic_or_create(&topics::dead_letter(topic));
        }
    }

    pub(super) fn publish(&self, record: Record) -> Result<Position, PublishError> {
        let topics = self
            .shared
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let topic = topics.get(&record.topic).cloned();
        drop(topics);
        let topic = topic.ok_or_else(|| PublishError::UnknownTopic(record.topic.clone()))?;
        let index = self.partition_for(&record, &topic);
        let log = usize::try_from(index)
            .ok()
            .and_then(|index| topic.partitions.get(index));
        match log {
            Some(log) => log.append(record),
            None => Err(PublishError::Refused(format!(
                "partition {index} does not exist"
            ))),
        }
    }

    pub(super) fn describe(&self, topic: &str) -> Cluster {
        let partitions = self.topic_or_create(topic).partitions.len();
        let facts = |partition| PartitionFacts {
            partition,
            replicas: 1,
            in_sync: 1,
        };
        Cluster {
            kind: ClusterKind::InProcess,
            address: None,
            brokers: 0,
            partitions: (0..).take(partitions).map(facts).collect(),
        }
    }

    pub(super) fn group_offsets(&self, group: &str, topic: &str) -> Vec<GroupOffset> {
        let topic = self.topic_or_create(topic);
        let offset = |(partition, log): (i32, &Arc<PartitionLog>)| GroupOffset {
            partition,
            committed: log.committed(group),
            end: log.end(),
        };
        (0..).zip(&topic.partitions).map(offset).collect()
    }

    fn partition_for(&self, record: &Record, topic: &Topic) -> i32 {
        let count = u32::try_from(topic.partitions.len()).unwrap_or(1);
        let chosen = match (&record.partition, &record.key) {
            (Some(partition), _) => return *partition,
            (None, Some(key)) => murmur2::partition_of(key, count),
            (None, None) => self.shared.next_keyless.fetch_add(1, Ordering::Relaxed) % count,
        };
        i32::try_from(chosen).unwrap_or(0)
    }

    fn topic_or_create(&self, name: &str) -> Arc<Topic> {
        let mut topics = self
            .shared
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let create = || {
            let log = |partition| Arc::new(PartitionLog::new(partition));
            Arc::new(Topic {
                partitions: (0..topics::DEFAULT_PARTITIONS).map(log).collect(),
            })
        };
        Arc::clone(topics.entry(name.to_owned()).or_insert_with(create))
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = self
            .shared
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("LocalBus")
            .field("topics", &topics.len())
            .finish()
    }
}
