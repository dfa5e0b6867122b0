//! OffsetDelete (47), version 0: forget committed offsets of topics that no
//! member of the group reads.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use ottla_core::group::offsets::{DeleteRequest, OffsetReply, OffsetRequest, Outcome, Topic};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};
use ottla_core::ids::PartitionIndex;

use super::groups::{answer, error_code, group_id, other_kind, wire_topic};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: OffsetDeleteRequest = decode(context, body)?;
    let topics = request.topics.iter().map(|topic| Topic {
        name: topic.name.as_str().into(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| PartitionIndex(partition.partition_index))
            .collect(),
    });
    let delete = DeleteRequest {
        group: group_id(&request.group_id),
        topics: topics.collect(),
    };
    let group = delete.group.clone();
    let request = GroupRequest::Offsets(OffsetRequest::Delete(delete));
    let asked = node.ask_group(context.now, &group, request);
    Ok(answer(context, asked, response))
}

fn response(reply: Result<GroupReply, GroupError>) -> OffsetDeleteResponse {
    let result = match reply {
        Ok(GroupReply::Offsets(OffsetReply::Delete(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(error),
    };
    match result {
        Ok(topics) => OffsetDeleteResponse::default()
            .with_topics(topics.into_iter().map(response_topic).collect()),
        Err(error) => OffsetDeleteResponse::default().with_error_code(error_code(Some(error))),
    }
}

fn response_topic(topic: Topic<Outcome>) -> OffsetDeleteResponseTopic {
    let partitions = topic.partitions.into_iter().map(|outcome| {
        OffsetDeleteResponsePartition::default()
            .with_partition_index(outcome.partition.0)
            .with_error_code(error_code(outcome.error))
    });
    OffsetDeleteResponseTopic::default()
        .with_name(wire_topic(topic.name.as_str()))
        .with_partitions(partitions.collect())
}
