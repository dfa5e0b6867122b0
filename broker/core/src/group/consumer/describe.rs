//! What a group looks like from outside (ConsumerGroupDescribe).

use super::{Member, MemberMetadata, existing, subscription::Roster};
use crate::group::assignor::TopicPartitions;
use crate::group::{GroupError, GroupId, GroupShard, MemberId, TopicName, TopicsView};
use crate::ids::{PartitionIndex, TopicId};

/// A KIP-848 group as ConsumerGroupDescribe shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup {
    /// Empty, Assigning, Reconciling or Stable.
    pub state: &'static str,
    /// The epoch of the group.
    pub group_epoch: i32,
    /// The epoch of the target assignment.
    pub assignment_epoch: i32,
    /// The assignor in use.
    pub assignor: &'static str,
    /// In the order of their ids.
    pub members: Vec<DescribedMember>,
}

/// One member of a [`DescribedGroup`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedMember {
    /// Its id.
    pub id: MemberId,
    /// The epoch it has reached.
    pub member_epoch: i32,
    /// What it says of itself.
    pub metadata: MemberMetadata,
    /// What it has, including what it still has to give up. Topics that were
    /// deleted are left out.
    pub assignment: Vec<DescribedTopic>,
    /// What it should have.
    pub target_assignment: Vec<DescribedTopic>,
}

/// Partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedTopic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// In order.
    pub partitions: Vec<PartitionIndex>,
}

pub(super) fn describe(
    shard: &GroupShard,
    id: &GroupId,
    topics: &dyn TopicsView,
) -> Result<DescribedGroup, GroupError> {
    let group = existing(shard, id)?;
    let nobody = MemberId::from("");
    let roster = Roster::without(group, &nobody, &group.regexes);
    let none = TopicPartitions::default();
    let members = group.members.iter().map(|(id, member)| {
        let target = group.targets.get(id).unwrap_or(&none);
        describe_member(id, member, target, topics)
    });
    Ok(DescribedGroup {
        state: group.state_name(),
        group_epoch: group.group_epoch,
        assignment_epoch: group.target_metadata.epoch,
        assignor: roster
            .preferred_assignor(&shard.config.consumer.assignors)
            .name(),
        members: members.collect(),
    })
}

fn describe_member(
    id: &MemberId,
    member: &Member,
    target: &TopicPartitions,
    topics: &dyn TopicsView,
) -> DescribedMember {
    DescribedMember {
        id: id.clone(),
        member_epoch: member.assignment.member_epoch,
        metadata: member.metadata.clone(),
        assignment: describe_partitions(&member.assignment.held().partitions(), topics),
        target_assignment: describe_partitions(target, topics),
    }
}

fn describe_partitions(
    partitions: &TopicPartitions,
    topics: &dyn TopicsView,
) -> Vec<DescribedTopic> {
    let described = partitions.topics().filter_map(|(id, partitions)| {
        Some(DescribedTopic {
            id,
            name: topics.by_id(id)?.name.into(),
            partitions: partitions.iter().copied().collect(),
        })
    });
    described.collect()
}
