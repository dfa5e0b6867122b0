//! ConsumerGroupHeartbeat (68), versions 0–1 (KIP-848).
//!
//! - 1: subscription by regular expression (KIP-848), and the client brings its
//!   own member id (KIP-1082).
//!
//! Joining, staying and leaving a group of the consumer protocol.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::group::consumer::{ConsumerReply, ConsumerRequest, Heartbeat, HeartbeatReply};
use ottla_core::group::{GroupError, GroupReply, GroupRequest, MemberId, TopicName, assignor};
use ottla_core::ids::{PartitionIndex, TopicId};
use uuid::Uuid;

use super::errors::ApiError;
use super::groups::{answer, group_id, identity, instance_id, member_id, other_kind, wire_member};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

/// Since this version the client must bring its member id.
const MEMBER_ID_REQUIRED_SINCE: i16 = 1;
/// "As I said before", in the one field that cannot be null.
const TIMEOUT_UNCHANGED: i32 = -1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: ConsumerGroupHeartbeatRequest = decode(context, body)?;
    let heartbeat = heartbeat(context, &request);
    let group = heartbeat.group.clone();
    let request = GroupRequest::Consumer(ConsumerRequest::Heartbeat(Box::new(heartbeat)));
    let asked = node.ask_group(context.now, &group, request);
    Ok(answer(context, asked, respond))
}

fn heartbeat(context: &RequestContext, request: &ConsumerGroupHeartbeatRequest) -> Heartbeat {
    let text = |text: &Option<StrBytes>| text.as_ref().map(ToString::to_string);
    let identity = identity(context);
    let names = |names: &Vec<kafka_protocol::messages::TopicName>| {
        names
            .iter()
            .map(|name| TopicName::from(name.as_str()))
            .collect()
    };
    Heartbeat {
        group: group_id(&request.group_id),
        member: member_id(&request.member_id),
        fresh_member: fresh_member(&request.member_id),
        member_id_required: context.api_version >= MEMBER_ID_REQUIRED_SINCE,
        member_epoch: request.member_epoch,
        instance: instance_id(request.instance_id.as_ref()),
        rack: text(&request.rack_id),
        rebalance_timeout_ms: Some(request.rebalance_timeout_ms)
            .filter(|timeout_ms| *timeout_ms != TIMEOUT_UNCHANGED),
        subscribed_topic_names: request.subscribed_topic_names.as_ref().map(names),
        subscribed_topic_regex: text(&request.subscribed_topic_regex),
        server_assignor: text(&request.server_assignor),
        owned: owned(request),
        client_id: identity.client_id,
        client_host: identity.client_host,
    }
}

/// Drawn only for who needs one: it costs a call to the system.
fn fresh_member(given: &str) -> MemberId {
    if given.is_empty() {
        TopicId(Uuid::new_v4().into_bytes()).to_string().into()
    } else {
        given.into()
    }
}

fn owned(request: &ConsumerGroupHeartbeatRequest) -> Option<assignor::TopicPartitions> {
    let topics = request.topic_partitions.as_ref()?.iter();
    let partitions = topics.flat_map(|topic| {
        let id = TopicId(topic.topic_id.into_bytes());
        let partitions = topic.partitions.iter();
        partitions.map(move |index| (id, PartitionIndex(*index)))
    });
    Some(partitions.collect())
}

fn respond(answer: Result<GroupReply, GroupError>) -> ConsumerGroupHeartbeatResponse {
    let result = match answer {
        Ok(GroupReply::Consumer(ConsumerReply::Heartbeat(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(error),
    };
    match result {
        Ok(reply) => accepted(&reply),
        Err(error) => {
            let error = ApiError::from(error);
            ConsumerGroupHeartbeatResponse::default()
                .with_error_code(error.code())
                .with_error_message(error.message())
        }
    }
}

fn accepted(reply: &HeartbeatReply) -> ConsumerGroupHeartbeatResponse {
    let assignment = reply.assignment.as_ref().map(|assignment| {
        let topics = assignment.topics().map(|(topic, partitions)| {
            TopicPartitions::default()
                .with_topic_id(Uuid::from_bytes(topic.0))
                .with_partitions(partitions.iter().map(|index| index.0).collect())
        });
        Assignment::default().with_topic_partitions(topics.collect())
    });
    ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(wire_member(&reply.member)))
        .with_member_epoch(reply.member_epoch)
        .with_heartbeat_interval_ms(reply.heartbeat_interval_ms)
        .with_assignment(assignment)
}
