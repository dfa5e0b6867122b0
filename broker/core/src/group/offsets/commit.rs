//! OffsetCommit: who may, and what is kept.

use super::super::classic::{ClassicChange, ClassicEvent};
use super::super::consumer::CommitCheck;
use super::super::record::{GroupRecord, OffsetRecord, offset::CommittedOffset};
use super::super::shard::Group;
use super::super::{
    GroupDecision, GroupEffect, GroupError, GroupReply, GroupShard, SoftEvent, TopicInfo,
    TopicName, TopicsView,
};
use super::{CommitRequest, OffsetReply, OffsetToCommit, Outcome, Topic, answered};
use crate::decision::RequestToken;
use crate::ids::{PartitionIndex, TopicId};
use crate::time::Now;

/// A text of a record has a length of two bytes.
const GROUP_ID_BYTES_MAX: usize = i16::MAX as usize;

pub(super) fn decide(
    shard: &GroupShard,
    now: Now,
    token: RequestToken,
    request: &CommitRequest,
    topics: &dyn TopicsView,
) -> GroupDecision {
    if let Err(error) = check(shard, request, topics) {
        return answered(
            token,
            OffsetReply::Commit(refuse_all(request, &error, topics)),
        );
    }
    let mut decision = GroupDecision::default();
    let mut outcomes = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let info = topics.by_name(topic.name.as_str());
        let partitions = topic.partitions.iter().map(|asked| {
            let outcome = keep(shard, now, request, &topic.name, asked, info);
            let error = match outcome {
                Ok(record) => {
                    decision.records.push(record);
                    None
                }
                Err(error) => Some(error),
            };
            Outcome {
                partition: asked.partition,
                error,
            }
        });
        outcomes.push(Topic {
            name: topic.name.clone(),
            partitions: partitions.collect(),
        });
    }
    decision.effects.extend(sign_of_life(shard, request));
    decision.effects.push(GroupEffect::Reply {
        token,
        reply: GroupReply::Offsets(OffsetReply::Commit(outcomes)),
    });
    decision
}

/// Whether the request may commit at all.
fn check(
    shard: &GroupShard,
    request: &CommitRequest,
    topics: &dyn TopicsView,
) -> Result<(), GroupError> {
    if request.group.as_str().len() > GROUP_ID_BYTES_MAX {
        return Err(GroupError::InvalidGroupId);
    }
    let epoch = request.generation_or_epoch;
    match shard.groups.get(&request.group) {
        Some(Group::Classic(group)) => {
            group.check_commit(&request.member, request.instance.as_ref(), epoch)
        }
        Some(Group::Consumer(group)) => {
            let allowed = group.check_commit(request.member.as_str(), epoch)?;
            if epoch >= 0 && !request.knows_member_epochs {
                return Err(GroupError::UnsupportedVersion(
                    "a member of a consumer group commits with OffsetCommit version 9 or later"
                        .to_owned(),
                ));
            }
            check_held(&allowed, request, topics)
        }
        // An administrator, or a consumer that assigns itself.
        None if epoch < 0 => Ok(()),
        None if request.knows_member_epochs => {
            Err(GroupError::GroupIdNotFound(request.group.to_string()))
        }
        None => Err(GroupError::IllegalGeneration),
    }
}

/// A member that is an epoch behind may commit what it still holds.
fn check_held(
    allowed: &CommitCheck<'_>,
    request: &CommitRequest,
    topics: &dyn TopicsView,
) -> Result<(), GroupError> {
    for topic in &request.topics {
        let Some(info) = topics.by_name(topic.name.as_str()) else {
            continue;
        };
        for asked in &topic.partitions {
            allowed.partition(info.id, asked.partition)?;
        }
    }
    Ok(())
}

/// The record that keeps one offset.
fn keep(
    shard: &GroupShard,
    now: Now,
    request: &CommitRequest,
    topic: &TopicName,
    asked: &OffsetToCommit,
    info: Option<TopicInfo<'_>>,
) -> Result<GroupRecord, GroupError> {
    let topic_id = existing(info, asked.partition)?;
    if asked.metadata.len() > shard.config.offset_metadata_max_bytes {
        return Err(GroupError::OffsetMetadataTooLarge);
    }
    let mut committed = CommittedOffset {
        offset: asked.offset,
        leader_epoch: asked.leader_epoch,
        metadata: asked.metadata.clone(),
        commit_timestamp_ms: now.wall_ms,
        expire_timestamp_ms: None,
        topic_id,
    };
    if let Some(retention_ms) = request.retention_ms {
        // The record that has room for it has none for the rest, which clients
        // that old do not know of.
        committed.expire_timestamp_ms = Some(now.wall_ms.saturating_add(retention_ms));
        committed.leader_epoch = None;
        committed.topic_id = TopicId::ZERO;
    }
    Ok(GroupRecord::Offset(OffsetRecord {
        group: request.group.clone(),
        topic: topic.clone(),
        partition: asked.partition,
        committed: Some(committed),
    }))
}

/// The id of the topic, if it has the partition.
pub(super) fn existing(
    info: Option<TopicInfo<'_>>,
    partition: PartitionIndex,
) -> Result<TopicId, GroupError> {
    match info {
        Some(info) if (0..info.partitions).contains(&partition.0) => Ok(info.id),
        _ => Err(GroupError::UnknownTopicOrPartition),
    }
}

/// What is wrong with a partition is said before what is wrong with the group:
/// Kafka's group coordinator hears only of partitions that exist.
fn refuse_all(
    request: &CommitRequest,
    error: &GroupError,
    topics: &dyn TopicsView,
) -> Vec<Topic<Outcome>> {
    let refused = request.topics.iter().map(|topic| {
        let info = topics.by_name(topic.name.as_str());
        let partitions = topic.partitions.iter().map(|asked| Outcome {
            partition: asked.partition,
            error: existing(info, asked.partition)
                .err()
                .or(Some(error.clone())),
        });
        Topic {
            name: topic.name.clone(),
            partitions: partitions.collect(),
        }
    });
    refused.collect()
}

fn sign_of_life(shard: &GroupShard, request: &CommitRequest) -> Option<GroupEffect> {
    let Some(Group::Classic(group)) = shard.groups.get(&request.group) else {
        return None;
    };
    let member = request.member.clone();
    group.commit_is_heartbeat(&member).then(|| {
        GroupEffect::Observe(SoftEvent::Classic(ClassicEvent {
            group: request.group.clone(),
            change: ClassicChange::Heard { member },
        }))
    })
}
