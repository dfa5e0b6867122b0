//! ConsumerGroupDescribe (69), versions 0–1 (KIP-848).
//!
//! - 1: which protocol a member speaks (KIP-1099).

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup as WireGroup, Member, TopicPartitions,
};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId as WireGroupId,
};
use kafka_protocol::protocol::StrBytes;
use ottla_core::group::consumer::{
    ConsumerReply, ConsumerRequest, DescribedGroup, DescribedMember, DescribedTopic,
};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};
use uuid::Uuid;

use super::errors::ApiError;
use super::groups::{answer_all, group_id, other_kind, wire_instance, wire_member, wire_topic};
use super::{
    Answer, EVERY_GROUP_OPERATION, Malformed, OPERATIONS_OMITTED, RequestContext, decode, wire_text,
};
use crate::node::Node;

const MEMBER_SPEAKS_CLASSIC: i8 = 0;
const MEMBER_SPEAKS_CONSUMER: i8 = 1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: ConsumerGroupDescribeRequest = decode(context, body)?;
    let asked = request.group_ids.iter().map(|id| {
        let group = group_id(id);
        let groups = vec![group.clone()];
        let request = GroupRequest::Consumer(ConsumerRequest::Describe { groups });
        node.ask_group(context.now, &group, request)
    });
    let asked = asked.collect();
    let operations = request.include_authorized_operations;
    Ok(answer_all(context, asked, move |answers| {
        let groups = request.group_ids.into_iter().zip(answers);
        let groups = groups.map(|(id, answer)| {
            let described = describe(id, answer);
            match operations && described.error_code == 0 {
                true => described.with_authorized_operations(EVERY_GROUP_OPERATION),
                false => described,
            }
        });
        ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
    }))
}

fn describe(id: WireGroupId, answer: Result<GroupReply, GroupError>) -> WireGroup {
    let described = WireGroup::default()
        .with_authorized_operations(OPERATIONS_OMITTED)
        .with_group_id(id);
    match one(answer) {
        Ok(group) => described
            .with_group_state(StrBytes::from_static_str(group.state))
            .with_group_epoch(group.group_epoch)
            .with_assignment_epoch(group.assignment_epoch)
            .with_assignor_name(StrBytes::from_static_str(group.assignor))
            .with_members(group.members.iter().map(member).collect()),
        Err(error) => {
            let error = ApiError::from(error);
            described
                .with_error_code(error.code())
                .with_error_message(error.message())
        }
    }
}

/// The one group that was asked about.
fn one(answer: Result<GroupReply, GroupError>) -> Result<DescribedGroup, GroupError> {
    match answer? {
        GroupReply::Consumer(ConsumerReply::Describe(mut groups)) if groups.len() == 1 => {
            groups.remove(0).1
        }
        other => other_kind(&other),
    }
}

fn member(described: &DescribedMember) -> Member {
    let metadata = &described.metadata;
    let topics = metadata.subscribed_topic_names.iter();
    let member_type = match metadata.classic {
        Some(_) => MEMBER_SPEAKS_CLASSIC,
        None => MEMBER_SPEAKS_CONSUMER,
    };
    Member::default()
        .with_member_id(wire_member(&described.id))
        .with_instance_id(wire_instance(metadata.instance_id.as_ref()))
        .with_rack_id(metadata.rack_id.as_deref().map(wire_text))
        .with_member_epoch(described.member_epoch)
        .with_client_id(wire_text(&metadata.client_id))
        .with_client_host(wire_text(&metadata.client_host))
        .with_subscribed_topic_names(topics.map(|topic| wire_topic(topic.as_str())).collect())
        .with_subscribed_topic_regex(Some(wire_text(&metadata.subscribed_topic_regex)))
        .with_assignment(assignment(&described.assignment))
        .with_target_assignment(assignment(&described.target_assignment))
        .with_member_type(member_type)
}

fn assignment(topics: &[DescribedTopic]) -> Assignment {
    let topics = topics.iter().map(|topic| {
        TopicPartitions::default()
            .with_topic_id(Uuid::from_bytes(topic.id.0))
            .with_topic_name(wire_topic(topic.name.as_str()))
            .with_partitions(topic.partitions.iter().map(|index| index.0).collect())
    });
    Assignment::default().with_topic_partitions(topics.collect())
}
