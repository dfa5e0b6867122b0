//! The partitions a member has been given, and since when.

use std::collections::BTreeMap;

use crate::group::assignor::TopicPartitions;
use crate::ids::{PartitionIndex, TopicId};

/// Partitions, each with the member epoch it was assigned at. A commit from an
/// older epoch than that is of an earlier owner, and is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedPartitions(BTreeMap<TopicId, BTreeMap<PartitionIndex, i32>>);

impl OwnedPartitions {
    /// Adds one partition, assigned at `epoch`.
    pub fn insert(&mut self, topic: TopicId, partition: PartitionIndex, epoch: i32) {
        self.0.entry(topic).or_default().insert(partition, epoch);
    }

    /// The epoch a partition was assigned at; `None` if it is not among them.
    pub fn epoch(&self, topic: TopicId, partition: PartitionIndex) -> Option<i32> {
        self.0.get(&topic)?.get(&partition).copied()
    }

    /// Whether the partition is among them.
    pub fn contains(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        self.epoch(topic, partition).is_some()
    }

    /// Whether there is no partition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every partition with its epoch, in order.
    pub fn iter(&self) -> impl Iterator<Item = (TopicId, PartitionIndex, i32)> + '_ {
        self.0.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(|(partition, epoch)| (*topic, *partition, *epoch))
        })
    }

    /// Every topic with its partitions and their epochs; none of them empty.
    pub fn topics(
        &self,
    ) -> impl ExactSizeIterator<Item = (TopicId, &BTreeMap<PartitionIndex, i32>)> {
        self.0
            .iter()
            .map(|(topic, partitions)| (*topic, partitions))
    }

    /// The partitions without their epochs.
    pub fn partitions(&self) -> TopicPartitions {
        self.iter()
            .map(|(topic, partition, _)| (topic, partition))
            .collect()
    }

    /// Splits by topic: those of topics `stays` holds for, and the others.
    pub fn split_by_topic(&self, stays: impl Fn(TopicId) -> bool) -> (Self, Self) {
        let (kept, gone) = self
            .0
            .iter()
            .map(|(topic, partitions)| (*topic, partitions.clone()))
            .partition(|(topic, _)| stays(*topic));
        (OwnedPartitions(kept), OwnedPartitions(gone))
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &OwnedPartitions) {
        for (topic, partition, epoch) in other.iter() {
            self.insert(topic, partition, epoch);
        }
    }

    /// The same partitions, as if assigned at epoch 0: they are kept for
    /// whichever life of a static member comes next.
    pub fn since_epoch_zero(&self) -> Self {
        self.iter()
            .map(|(topic, partition, _)| (topic, partition, 0))
            .collect()
    }
}

impl FromIterator<(TopicId, PartitionIndex, i32)> for OwnedPartitions {
    fn from_iter<I: IntoIterator<Item = (TopicId, PartitionIndex, i32)>>(partitions: I) -> Self {
        let mut owned = OwnedPartitions::default();
        for (topic, partition, epoch) in partitions {
            owned.insert(topic, partition, epoch);
        }
        owned
    }
}
