//! A set of partitions, by topic.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{PartitionIndex, TopicId};

/// Partitions of any number of topics, in order. A topic without partitions
/// leaves no trace, so equal sets compare equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPartitions(BTreeMap<TopicId, BTreeSet<PartitionIndex>>);

impl TopicPartitions {
    /// Adds one partition; `false` if it was there.
    pub fn insert(&mut self, topic: TopicId, partition: PartitionIndex) -> bool {
        self.0.entry(topic).or_default().insert(partition)
    }

    /// Takes one partition out; `false` if it was not there.
    pub fn remove(&mut self, topic: TopicId, partition: PartitionIndex) -> bool {
        let Some(partitions) = self.0.get_mut(&topic) else {
            return false;
        };
        let removed = partitions.remove(&partition);
        if partitions.is_empty() {
            self.0.remove(&topic);
        }
        removed
    }

    /// Whether the set has that partition.
    pub fn contains(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        self.0
            .get(&topic)
            .is_some_and(|partitions| partitions.contains(&partition))
    }

    /// How many partitions, of all topics together.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether there is no partition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every partition, in order.
    pub fn iter(&self) -> impl Iterator<Item = (TopicId, PartitionIndex)> + '_ {
        self.0
            .iter()
            .flat_map(|(topic, partitions)| partitions.iter().map(|index| (*topic, *index)))
    }

    /// Every topic with its partitions, in order; none of them empty.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (TopicId, &BTreeSet<PartitionIndex>)> {
        self.0
            .iter()
            .map(|(topic, partitions)| (*topic, partitions))
    }

    /// The partitions of one topic.
    pub fn of_topic(&self, topic: TopicId) -> impl Iterator<Item = PartitionIndex> + '_ {
        self.0.get(&topic).into_iter().flatten().copied()
    }
}

impl FromIterator<(TopicId, PartitionIndex)> for TopicPartitions {
    fn from_iter<I: IntoIterator<Item = (TopicId, PartitionIndex)>>(partitions: I) -> Self {
        let mut set = TopicPartitions::default();
        for (topic, partition) in partitions {
            set.insert(topic, partition);
        }
        set
    }
}
