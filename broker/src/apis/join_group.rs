//! JoinGroup (11), versions 0–9.
//!
//! - 1: a rebalance timeout of its own. 4: a new member is told its id first
//!   (KIP-394). 5: static members (KIP-345). 7: the answer names the protocol
//!   type. 8: a reason, for logs. 9: a leader may be told to keep the assignment
//!   (KIP-814).

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::group::classic::{
    ClassicReply, ClassicRequest, JoinRefusal, JoinRequest, Joined, JoinedMember, Protocol,
};
use ottla_core::group::{GroupError, GroupReply, GroupRequest, MemberId};
use uuid::Uuid;

use super::groups::{
    answer, error_code, group_id, identity, instance_id, kept, member_id, other_kind,
    wire_instance, wire_member,
};
use super::{Answer, Malformed, RequestContext, decode, wire_text};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: JoinGroupRequest = decode(context, body)?;
    let join = translate(context, &request);
    let group = join.group.clone();
    let request = GroupRequest::Classic(ClassicRequest::Join(join));
    let asked = node.ask_group(context.now, &group, request);
    let version = context.api_version;
    Ok(answer(context, asked, move |reply| {
        response(version, result(reply))
    }))
}

fn translate(context: &RequestContext, request: &JoinGroupRequest) -> JoinRequest {
    let protocols = request.protocols.iter().map(|protocol| Protocol {
        name: protocol.name.to_string(),
        metadata: kept(&protocol.metadata),
    });
    JoinRequest {
        group: group_id(&request.group_id),
        member: member_id(&request.member_id),
        instance: instance_id(request.group_instance_id.as_ref()),
        client: identity(context),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match context.api_version {
            0 => request.session_timeout_ms,
            _ => request.rebalance_timeout_ms,
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        fresh_uuid: Uuid::new_v4().to_string(),
        requires_known_member: context.api_version >= 4,
        can_skip_assignment: context.api_version >= 9,
    }
}

fn result(reply: Result<GroupReply, GroupError>) -> Result<Joined, JoinRefusal> {
    match reply {
        Ok(GroupReply::Classic(ClassicReply::Join(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(JoinRefusal {
            member: MemberId::from(""),
            error,
        }),
    }
}

fn response(version: i16, result: Result<Joined, JoinRefusal>) -> JoinGroupResponse {
    match result {
        Ok(joined) => JoinGroupResponse::default()
            .with_generation_id(joined.generation)
            .with_protocol_type(joined.protocol_type.as_deref().map(wire_text))
            .with_protocol_name(protocol_name(version, joined.protocol.as_deref()))
            .with_leader(wire_member(&joined.leader))
            .with_skip_assignment(joined.skip_assignment)
            .with_member_id(wire_member(&joined.member))
            .with_members(joined.members.iter().map(member).collect()),
        Err(refusal) => JoinGroupResponse::default()
            .with_error_code(error_code(Some(refusal.error)))
            .with_generation_id(-1)
            .with_protocol_type(None)
            .with_protocol_name(protocol_name(version, None))
            .with_member_id(wire_member(&refusal.member)),
    }
}

/// May be null from version 7 on.
fn protocol_name(version: i16, name: Option<&str>) -> Option<StrBytes> {
    match version {
        ..7 => Some(wire_text(name.unwrap_or_default())),
        _ => name.map(wire_text),
    }
}

fn member(member: &JoinedMember) -> JoinGroupResponseMember {
    JoinGroupResponseMember::default()
        .with_member_id(wire_member(&member.member))
        .with_group_instance_id(wire_instance(member.instance.as_ref()))
        .with_metadata(member.metadata.clone())
}
