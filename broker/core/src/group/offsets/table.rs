//! The offsets themselves.

use std::collections::BTreeMap;

use super::super::record::{GroupRecord, OffsetRecord, offset::CommittedOffset};
use super::super::{GroupId, TopicName};
use crate::ids::PartitionIndex;

type ByPartition = BTreeMap<PartitionIndex, CommittedOffset>;

/// The offsets one group has committed.
pub(super) type GroupOffsets = BTreeMap<TopicName, ByPartition>;

/// The last committed offset of every group, topic and partition.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct CommittedOffsets {
    by_group: BTreeMap<GroupId, GroupOffsets>,
}

impl CommittedOffsets {
    pub(super) fn of_group(&self, group: &GroupId) -> Option<&GroupOffsets> {
        self.by_group.get(group)
    }

    pub(super) fn get(
        &self,
        group: &GroupId,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Option<&CommittedOffset> {
        self.by_group.get(group)?.get(topic)?.get(&partition)
    }

    /// Every group that has offsets for `topic`, with the partitions.
    pub(super) fn of_topic<'a>(
        &'a self,
        topic: &'a str,
    ) -> impl Iterator<Item = (&'a GroupId, &'a TopicName, &'a ByPartition)> {
        self.by_group.iter().filter_map(move |(group, offsets)| {
            let (name, partitions) = offsets.get_key_value(topic)?;
            Some((group, name, partitions))
        })
    }

    /// Every offset of every group.
    pub(super) fn all(
        &self,
    ) -> impl Iterator<Item = (&GroupId, &TopicName, PartitionIndex, &CommittedOffset)> {
        self.by_group.iter().flat_map(|(group, topics)| {
            topics.iter().flat_map(move |(name, partitions)| {
                let partitions = partitions.iter();
                partitions.map(move |(partition, committed)| (group, name, *partition, committed))
            })
        })
    }

    /// What deletes every offset of the group.
    pub(in super::super) fn tombstones(&self, group: &GroupId) -> Vec<GroupRecord> {
        let topics = self.by_group.get(group).into_iter().flatten();
        let partitions =
            topics.flat_map(|(topic, partitions)| partitions.keys().map(move |key| (topic, *key)));
        partitions
            .map(|(topic, partition)| tombstone(group, topic, partition))
            .collect()
    }

    pub(in super::super) fn replay(&mut self, record: &OffsetRecord) {
        match &record.committed {
            Some(committed) => {
                let topics = self.by_group.entry(record.group.clone()).or_default();
                let partitions = topics.entry(record.topic.clone()).or_default();
                partitions.insert(record.partition, committed.clone());
            }
            None => self.remove(record),
        }
    }

    fn remove(&mut self, record: &OffsetRecord) {
        let Some(topics) = self.by_group.get_mut(&record.group) else {
            return;
        };
        if let Some(partitions) = topics.get_mut(&record.topic) {
            partitions.remove(&record.partition);
            if partitions.is_empty() {
                topics.remove(&record.topic);
            }
        }
        if topics.is_empty() {
            self.by_group.remove(&record.group);
        }
    }
}

/// What deletes one offset.
pub(super) fn tombstone(
    group: &GroupId,
    topic: &TopicName,
    partition: PartitionIndex,
) -> GroupRecord {
    GroupRecord::Offset(OffsetRecord {
        group: group.clone(),
        topic: topic.clone(),
        partition,
        committed: None,
    })
}
