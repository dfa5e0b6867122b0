//! OffsetCommit (8), versions 2–9.
//!
//! - 2–4: a retention time of the commit's own. 6: leader epochs (KIP-320).
//!   7: static members (KIP-345). 9: the generation may be a member epoch
//!   (KIP-848), and an unknown group is named as such.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use ottla_core::group::offsets::{
    CommitRequest, OffsetReply, OffsetRequest, OffsetToCommit, Outcome, Topic,
};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};
use ottla_core::ids::{Offset, PartitionIndex};

use super::groups::{
    all_refused, answer, error_code, group_id, instance_id, member_id, other_kind, wire_topic,
};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

/// The broker's own retention applies.
const DEFAULT_RETENTION_MS: i64 = -1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: OffsetCommitRequest = decode(context, body)?;
    let commit = CommitRequest {
        group: group_id(&request.group_id),
        member: member_id(&request.member_id),
        instance: instance_id(request.group_instance_id.as_ref()),
        generation_or_epoch: request.generation_id_or_member_epoch,
        retention_ms: Some(request.retention_time_ms)
            .filter(|&retention_ms| retention_ms != DEFAULT_RETENTION_MS),
        knows_member_epochs: context.api_version >= 9,
        topics: request.topics.iter().map(topic).collect(),
    };
    let partitions = commit.topics.iter().map(partitions).collect::<Vec<_>>();
    let group = commit.group.clone();
    let request = GroupRequest::Offsets(OffsetRequest::Commit(commit));
    let asked = node.ask_group(context.now, &group, request);
    Ok(answer(context, asked, move |reply| {
        response(outcomes(reply, &partitions))
    }))
}

fn topic(topic: &OffsetCommitRequestTopic) -> Topic<OffsetToCommit> {
    let partitions = topic.partitions.iter().map(|partition| OffsetToCommit {
        partition: PartitionIndex(partition.partition_index),
        offset: Offset(partition.committed_offset),
        leader_epoch: Some(partition.committed_leader_epoch).filter(|&epoch| epoch >= 0),
        metadata: partition
            .committed_metadata
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
    });
    Topic {
        name: topic.name.as_str().into(),
        partitions: partitions.collect(),
    }
}

fn partitions(topic: &Topic<OffsetToCommit>) -> Topic<PartitionIndex> {
    Topic {
        name: topic.name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|asked| asked.partition)
            .collect(),
    }
}

fn outcomes(
    reply: Result<GroupReply, GroupError>,
    asked: &[Topic<PartitionIndex>],
) -> Vec<Topic<Outcome>> {
    match reply {
        Ok(GroupReply::Offsets(OffsetReply::Commit(outcomes))) => outcomes,
        Ok(other) => other_kind(&other),
        Err(error) => all_refused(asked, &error),
    }
}

fn response(outcomes: Vec<Topic<Outcome>>) -> OffsetCommitResponse {
    let topics = outcomes.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|outcome| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(outcome.partition.0)
                .with_error_code(error_code(outcome.error))
        });
        OffsetCommitResponseTopic::default()
            .with_name(wire_topic(topic.name.as_str()))
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
