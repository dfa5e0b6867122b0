//! DescribeGroups (15), versions 0–6: classic groups.
//!
//! - 3: what the asker may do. 4: static members (KIP-345). 6: a group that is
//!   not there is an error (KIP-1043); before, its state is "Dead".

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::describe_groups_response::{
    DescribedGroup as WireGroup, DescribedGroupMember,
};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use ottla_core::group::admin::{AdminReply, AdminRequest, DescribedGroup, DescribedMember};
use ottla_core::group::{GroupError, GroupId, GroupReply, GroupRequest};

use super::errors::{ApiError, message_of};
use super::groups::{
    answer_all, error_code, group_id, other_kind, wire_group, wire_instance, wire_member,
};
use super::{Answer, EVERY_GROUP_OPERATION, Malformed, RequestContext, decode, wire_text};
use crate::node::Node;

/// What Kafka calls a group that is not there.
const DEAD: &str = "Dead";

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DescribeGroupsRequest = decode(context, body)?;
    let groups: Vec<GroupId> = request.groups.iter().map(group_id).collect();
    let ask = |group: &GroupId| {
        let describe = AdminRequest::Describe {
            group: group.clone(),
        };
        node.ask_group(context.now, group, GroupRequest::Admin(describe))
    };
    let asked = groups.iter().map(ask).collect();
    let version = context.api_version;
    let operations = request.include_authorized_operations;
    Ok(answer_all(context, asked, move |replies| {
        let groups = groups.iter().zip(replies).map(|(group, reply)| {
            let described = described(version, group, result(reply));
            match operations && described.error_code == 0 {
                true => described.with_authorized_operations(EVERY_GROUP_OPERATION),
                false => described,
            }
        });
        DescribeGroupsResponse::default().with_groups(groups.collect())
    }))
}

fn result(reply: Result<GroupReply, GroupError>) -> Result<DescribedGroup, GroupError> {
    match reply {
        Ok(GroupReply::Admin(AdminReply::Describe(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(error),
    }
}

fn described(
    version: i16,
    group: &GroupId,
    result: Result<DescribedGroup, GroupError>,
) -> WireGroup {
    let wire = WireGroup::default().with_group_id(wire_group(group));
    match result {
        Ok(described) => wire
            .with_group_state(wire_text(described.state.name()))
            .with_protocol_type(wire_text(&described.protocol_type))
            .with_protocol_data(wire_text(&described.protocol))
            .with_members(described.members.iter().map(member).collect()),
        Err(GroupError::GroupIdNotFound(_)) if version < 6 => {
            wire.with_group_state(wire_text(DEAD))
        }
        Err(error @ GroupError::GroupIdNotFound(_)) => {
            refused(wire, error).with_group_state(wire_text(DEAD))
        }
        Err(error) if version < 6 => wire.with_error_code(error_code(Some(error))),
        Err(error) => refused(wire, error),
    }
}

fn refused(wire: WireGroup, error: GroupError) -> WireGroup {
    let error: Result<(), ApiError> = Err(error.into());
    wire.with_error_message(message_of(&error))
        .with_error_code(super::errors::code_of(&error))
}

fn member(member: &DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(wire_member(&member.member))
        .with_group_instance_id(wire_instance(member.instance.as_ref()))
        .with_client_id(wire_text(&member.client_id))
        .with_client_host(wire_text(&member.client_host))
        .with_member_metadata(member.metadata.clone())
        .with_member_assignment(member.assignment.clone())
}
