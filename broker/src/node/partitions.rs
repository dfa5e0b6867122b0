//! The partitions this node leads, by topic id and index.
//!
//! The metadata image says which there should be; whoever applies the image
//! opens and closes them here, before the image is published.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ottla_core::ids::{LeaderEpoch, PartitionIndex, TopicId};
use ottla_core::time::Now;

use super::partition::{Partition, PartitionSettings, Unavailable};
use crate::storage::{Log, Storage};

/// In order of ids: comparing a few of them costs less than hashing one.
type ByTopic = BTreeMap<TopicId, Vec<Option<Arc<Partition>>>>;

/// Every partition of this node.
#[derive(Debug)]
pub(crate) struct Partitions {
    storage: Arc<Storage>,
    by_topic: RwLock<ByTopic>,
}

impl Partitions {
    /// None yet; their logs will live in `storage`.
    pub(crate) fn new(storage: Arc<Storage>) -> Partitions {
        Partitions {
            storage,
            by_topic: RwLock::default(),
        }
    }

    /// The partition, if this node leads it.
    pub(crate) fn find(&self, topic: TopicId, index: PartitionIndex) -> Option<Arc<Partition>> {
        let position = usize::try_from(index.0).ok()?;
        self.read().get(&topic)?.get(position)?.clone()
    }

    /// Opens a partition's log, recovering what it holds. One that is open
    /// already stays as it is.
    ///
    /// May block on the disk; nothing else is locked meanwhile.
    pub(crate) fn open(
        &self,
        topic_name: &str,
        topic_id: TopicId,
        index: PartitionIndex,
        leader_epoch: LeaderEpoch,
        settings: Arc<PartitionSettings>,
    ) -> Arc<Partition> {
        if let Some(known) = self.find(topic_id, index) {
            return known;
        }
        let folder = folder_name(topic_name, index);
        let partition = Partition::open(
            &self.storage,
            &folder,
            topic_id,
            index,
            leader_epoch,
            settings,
        );
        let position = usize::try_from(index.0).expect("the controller counts partitions from 0");
        let mut by_topic = self.write();
        let of_topic = by_topic.entry(topic_id).or_default();
        if of_topic.len() <= position {
            of_topic.resize(position + 1, None);
        }
        Arc::clone(of_topic[position].get_or_insert(partition))
    }

    /// Tells every partition of a topic its new settings.
    pub(crate) fn configure(&self, topic: TopicId, settings: &Arc<PartitionSettings>) {
        for partition in self.of_topic(topic) {
            partition.set_settings(Arc::clone(settings));
        }
    }

    /// Closes a deleted topic's partitions and fails whoever waits on them.
    /// The logs' files are the caller's to remove, on a thread that may block.
    pub(crate) fn delete_topic(&self, topic: TopicId) -> Vec<Log> {
        let closed = self.write().remove(&topic).unwrap_or_default();
        closed
            .into_iter()
            .flatten()
            .filter_map(|partition| partition.close(Unavailable::Deleted))
            .collect()
    }

    /// Closes every partition and its log, because the node stops.
    pub(crate) fn close_all(&self) {
        for partition in self.all() {
            partition.shut_down();
        }
    }

    /// Removes what retention no longer keeps, of every partition. Touches the
    /// disk: call it on a thread that may block.
    pub(crate) fn expire(&self, now: Now) {
        for partition in self.all() {
            if let Err(error) = partition.expire(now) {
                let (topic, index) = (partition.topic_id(), partition.index());
                tracing::warn!(%topic, %index, %error, "retention could not remove a segment");
            }
        }
    }

    /// The partitions of one topic, by index.
    pub(crate) fn of_topic(&self, topic: TopicId) -> Vec<Arc<Partition>> {
        self.read()
            .get(&topic)
            .into_iter()
            .flatten()
            .flatten()
            .cloned()
            .collect()
    }

    /// Every partition, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.read().values().flatten().flatten().cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, ByTopic> {
        self.by_topic.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, ByTopic> {
        self.by_topic
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of a partition's log, as Kafka names it.
pub(super) fn folder_name(topic: &str, index: PartitionIndex) -> String {
    format!("{topic}-{index}")
}

#[cfg(test)]
mod tests {
    use ottla_core::partition::AppendRules;

    use super::*;
    use crate::storage::LogConfig;

    fn settings() -> Arc<PartitionSettings> {
        Arc::new(PartitionSettings {
            rules: AppendRules::default(),
            log: LogConfig::default(),
            producer_id_expiration_ms: 1,
        })
    }

    #[test]
    fn a_partition_is_found_until_its_topic_is_deleted() {
        let partitions = Partitions::new(Storage::in_memory());
        let topic = TopicId([7; 16]);
        let open = |index| {
            partitions.open(
                "topic",
                topic,
                PartitionIndex(index),
                LeaderEpoch(0),
                settings(),
            )
        };
        let second = open(1);
        assert!(partitions.find(topic, PartitionIndex(0)).is_none());
        open(0);
        assert!(Arc::ptr_eq(&open(1), &second), "it is opened once");
        assert_eq!(partitions.of_topic(topic).len(), 2);
        assert!(partitions.find(topic, PartitionIndex(-1)).is_none());
        assert!(partitions.find(TopicId::ZERO, PartitionIndex(0)).is_none());
        assert_eq!(partitions.delete_topic(topic).len(), 2);
        assert!(partitions.find(topic, PartitionIndex(1)).is_none());
        assert_eq!(second.marks(), Err(Unavailable::Deleted));
        assert!(partitions.all().is_empty());
    }
}
