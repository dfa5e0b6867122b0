//! OffsetFetch (9), versions 1–9.
//!
//! - 1: partitions are named, and carry the error. 2: all topics may be asked
//!   for, and the group has an error of its own. 5: leader epochs (KIP-320).
//!   7: `require_stable`, which waits for transactions; there are none yet.
//!   8: several groups at once. 9: the asker's member epoch (KIP-848).

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId as WireGroupId, OffsetFetchRequest, OffsetFetchResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::group::offsets::{FetchRequest, FetchedOffset, OffsetReply, OffsetRequest, Topic};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};
use ottla_core::ids::PartitionIndex;

use super::groups::{answer, answer_all, error_code, group_id, member_id, other_kind, wire_topic};
use super::{Answer, Malformed, RequestContext, decode, wire_text};
use crate::node::Node;
use crate::node::coordinators::Asked;

/// Nothing was committed.
const NO_OFFSET: i64 = -1;
const NO_LEADER_EPOCH: i32 = -1;

type Fetched = Result<Vec<Topic<FetchedOffset>>, GroupError>;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: OffsetFetchRequest = decode(context, body)?;
    if context.api_version >= 8 {
        return Ok(of_several_groups(node, context, &request));
    }
    let topics = request.topics.map(|topics| {
        let topics = topics
            .iter()
            .map(|topic| topic_of(&topic.name, &topic.partition_indexes));
        topics.collect::<Vec<_>>()
    });
    let fetch = FetchRequest {
        group: group_id(&request.group_id),
        member: None,
        member_epoch: -1,
        topics: topics.clone(),
    };
    let asked = ask(node, context, fetch);
    let version = context.api_version;
    Ok(answer(context, asked, move |reply| {
        of_one_group(version, fetched(reply), &topics.unwrap_or_default())
    }))
}

fn of_several_groups(
    node: &Arc<Node>,
    context: &RequestContext,
    request: &OffsetFetchRequest,
) -> Answer {
    let asked = request.groups.iter();
    let asked = asked
        .map(|group| ask(node, context, of_group(group)))
        .collect();
    let groups: Vec<_> = request
        .groups
        .iter()
        .map(|group| WireGroupId(wire_text(&group.group_id.0)))
        .collect();
    answer_all(context, asked, move |replies| {
        let groups = groups.into_iter().zip(replies);
        let groups = groups.map(|(group, reply)| response_group(group, fetched(reply)));
        OffsetFetchResponse::default().with_groups(groups.collect())
    })
}

fn of_group(group: &OffsetFetchRequestGroup) -> FetchRequest {
    let topics = group.topics.as_ref().map(|topics| {
        let topics = topics
            .iter()
            .map(|topic| topic_of(&topic.name, &topic.partition_indexes));
        topics.collect()
    });
    FetchRequest {
        group: group_id(&group.group_id),
        member: group.member_id.as_ref().map(member_id),
        member_epoch: group.member_epoch,
        topics,
    }
}

fn topic_of(name: &str, partitions: &[i32]) -> Topic<PartitionIndex> {
    Topic {
        name: name.into(),
        partitions: partitions.iter().copied().map(PartitionIndex).collect(),
    }
}

fn ask(node: &Arc<Node>, context: &RequestContext, fetch: FetchRequest) -> Asked {
    let group = fetch.group.clone();
    let request = GroupRequest::Offsets(OffsetRequest::Fetch(fetch));
    node.ask_group(context.now, &group, request)
}

fn fetched(reply: Result<GroupReply, GroupError>) -> Fetched {
    match reply {
        Ok(GroupReply::Offsets(OffsetReply::Fetch(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(error),
    }
}

fn of_one_group(
    version: i16,
    fetched: Fetched,
    asked: &[Topic<PartitionIndex>],
) -> OffsetFetchResponse {
    match fetched {
        Ok(topics) => {
            let topics = topics.iter().map(|topic| response_topic(topic, 0));
            OffsetFetchResponse::default().with_topics(topics.collect())
        }
        // The group's error has no place of its own yet.
        Err(error) if version < 2 => {
            let code = error_code(Some(error));
            let topics = asked
                .iter()
                .map(|topic| response_topic(&without(topic), code));
            OffsetFetchResponse::default().with_topics(topics.collect())
        }
        Err(error) => OffsetFetchResponse::default().with_error_code(error_code(Some(error))),
    }
}

fn without(topic: &Topic<PartitionIndex>) -> Topic<FetchedOffset> {
    let partitions = topic.partitions.iter().map(|&partition| FetchedOffset {
        partition,
        committed: None,
    });
    Topic {
        name: topic.name.clone(),
        partitions: partitions.collect(),
    }
}

fn response_topic(topic: &Topic<FetchedOffset>, error_code: i16) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.iter().map(|fetched| {
        let (offset, leader_epoch, metadata) = told(fetched);
        OffsetFetchResponsePartition::default()
            .with_partition_index(fetched.partition.0)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(metadata))
            .with_error_code(error_code)
    });
    OffsetFetchResponseTopic::default()
        .with_name(wire_topic(topic.name.as_str()))
        .with_partitions(partitions.collect())
}

fn response_group(group: WireGroupId, fetched: Fetched) -> OffsetFetchResponseGroup {
    let response = OffsetFetchResponseGroup::default().with_group_id(group);
    match fetched {
        Ok(topics) => response.with_topics(topics.iter().map(response_topics).collect()),
        Err(error) => response.with_error_code(error_code(Some(error))),
    }
}

fn response_topics(topic: &Topic<FetchedOffset>) -> OffsetFetchResponseTopics {
    let partitions = topic.partitions.iter().map(|fetched| {
        let (offset, leader_epoch, metadata) = told(fetched);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(fetched.partition.0)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(metadata))
    });
    OffsetFetchResponseTopics::default()
        .with_name(wire_topic(topic.name.as_str()))
        .with_partitions(partitions.collect())
}

/// Offset, leader epoch and metadata, with the wire's words for "none".
fn told(fetched: &FetchedOffset) -> (i64, i32, StrBytes) {
    match &fetched.committed {
        Some(committed) => (
            committed.offset.0,
            committed.leader_epoch.unwrap_or(NO_LEADER_EPOCH),
            wire_text(&committed.metadata),
        ),
        None => (NO_OFFSET, NO_LEADER_EPOCH, StrBytes::default()),
    }
}
