//! OffsetFetch: where to go on reading.

use super::super::shard::Group;
use super::super::{GroupError, GroupShard};
use super::table::GroupOffsets;
use super::{FetchRequest, FetchedOffset, OffsetReply, Topic};
use crate::ids::PartitionIndex;

pub(super) fn read(shard: &GroupShard, request: &FetchRequest) -> OffsetReply {
    OffsetReply::Fetch(check(shard, request).map(|()| {
        let offsets = shard.offsets.of_group(&request.group);
        match &request.topics {
            Some(topics) => topics.iter().map(|topic| asked(offsets, topic)).collect(),
            None => all(offsets),
        }
    }))
}

/// A group nobody knows has no offsets; that is no error.
fn check(shard: &GroupShard, request: &FetchRequest) -> Result<(), GroupError> {
    match shard.groups.get(&request.group) {
        Some(Group::Consumer(group)) => {
            let member = request.member.as_ref().map(|member| member.as_str());
            group.check_fetch(member, request.member_epoch)
        }
        Some(Group::Classic(_)) | None => Ok(()),
    }
}

fn asked(offsets: Option<&GroupOffsets>, topic: &Topic<PartitionIndex>) -> Topic<FetchedOffset> {
    let committed = offsets.and_then(|offsets| offsets.get(&topic.name));
    let partitions = topic.partitions.iter().map(|&partition| FetchedOffset {
        partition,
        committed: committed
            .and_then(|partitions| partitions.get(&partition))
            .cloned(),
    });
    Topic {
        name: topic.name.clone(),
        partitions: partitions.collect(),
    }
}

fn all(offsets: Option<&GroupOffsets>) -> Vec<Topic<FetchedOffset>> {
    let topics = offsets.into_iter().flatten();
    let topics = topics.map(|(name, partitions)| Topic {
        name: name.clone(),
        partitions: partitions
            .iter()
            .map(|(&partition, committed)| FetchedOffset {
                partition,
                committed: Some(committed.clone()),
            })
            .collect(),
    });
    topics.collect()
}
