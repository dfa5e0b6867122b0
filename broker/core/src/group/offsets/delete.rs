//! OffsetDelete, and the offsets of topics that are gone.

use super::super::classic::ClassicState;
use super::super::shard::Group;
use super::super::{
    GroupDecision, GroupEffect, GroupError, GroupRecord, GroupReply, GroupShard, TopicName,
    TopicsView,
};
use super::commit::existing;
use super::expire::RECORDS_MAX;
use super::table::tombstone;
use super::{DeleteRequest, OffsetReply, Outcome, Topic, answered};
use crate::decision::RequestToken;
use crate::ids::TopicId;

pub(super) fn decide(
    shard: &GroupShard,
    token: RequestToken,
    request: DeleteRequest,
    topics: &dyn TopicsView,
) -> GroupDecision {
    let group = match check(shard, &request) {
        Ok(group) => group,
        Err(error) => return answered(token, OffsetReply::Delete(Err(error))),
    };
    let mut decision = GroupDecision::default();
    let mut outcomes = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let info = topics.by_name(topic.name.as_str());
        let subscribed = is_subscribed_to(group, &topic.name);
        let partitions = topic.partitions.iter().map(|&partition| {
            let error = match existing(info, partition) {
                Err(error) => Some(error),
                Ok(_) if subscribed => Some(GroupError::GroupSubscribedToTopic),
                Ok(_) => {
                    let has = shard.offsets.get(&request.group, &topic.name, partition);
                    let record = has.map(|_| tombstone(&request.group, &topic.name, partition));
                    decision.records.extend(record);
                    None
                }
            };
            Outcome { partition, error }
        });
        outcomes.push(Topic {
            partitions: partitions.collect(),
            name: topic.name,
        });
    }
    decision.effects.push(GroupEffect::Reply {
        token,
        reply: GroupReply::Offsets(OffsetReply::Delete(Ok(outcomes))),
    });
    decision
}

fn check<'a>(shard: &'a GroupShard, request: &DeleteRequest) -> Result<&'a Group, GroupError> {
    if request.group.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let Some(group) = shard.groups.get(&request.group) else {
        return Err(GroupError::GroupIdNotFound(request.group.to_string()));
    };
    match group {
        // Only of consumers does the coordinator know what they read.
        Group::Classic(group)
            if group.state() != ClassicState::Empty
                && group.protocol_type() != Some("consumer") =>
        {
            Err(GroupError::NonEmptyGroup)
        }
        _ => Ok(()),
    }?;
    Ok(group)
}

pub(super) fn is_subscribed_to(group: &Group, topic: &TopicName) -> bool {
    match group {
        Group::Classic(group) => group.is_subscribed_to(topic.as_str()),
        Group::Consumer(group) => group.is_subscribed_to(topic.as_str()),
    }
}

impl GroupShard {
    /// Deletes offsets of a topic that was deleted, as many as fit one step: to
    /// be asked again until nothing is left to write.
    pub fn topic_deleted(&self, topic: &str) -> GroupDecision {
        let of_topic = self.offsets.of_topic(topic);
        let tombstones = of_topic.flat_map(|(group, name, partitions)| {
            let partitions = partitions.keys();
            partitions.map(move |&partition| tombstone(group, name, partition))
        });
        as_many_as_fit(tombstones)
    }

    /// Deletes offsets whose topic was deleted, or deleted and made again, while
    /// this shard did not answer. To be asked again like
    /// [`topic_deleted`](Self::topic_deleted).
    pub fn topics_deleted_meanwhile(&self, topics: &dyn TopicsView) -> GroupDecision {
        let tombstones = self
            .offsets
            .all()
            .filter_map(|(group, name, partition, at)| {
                let is_there = topics
                    .by_name(name.as_str())
                    // Offsets committed for a retention time of their own say no id.
                    .is_some_and(|info| at.topic_id == TopicId::ZERO || at.topic_id == info.id);
                (!is_there).then(|| tombstone(group, name, partition))
            });
        as_many_as_fit(tombstones)
    }
}

fn as_many_as_fit(tombstones: impl Iterator<Item = GroupRecord>) -> GroupDecision {
    GroupDecision {
        records: tombstones.take(RECORDS_MAX).collect(),
        ..GroupDecision::default()
    }
}
