//! LeaveGroup (13), versions 0–5.
//!
//! - 0–2: one member, one error. 3: several members with an error each, by id or
//!   by static name (KIP-345). 5: a reason, for logs.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use ottla_core::group::classic::{
    ClassicReply, ClassicRequest, LeaveOutcome, LeaveRequest, LeavingMember,
};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};

use super::groups::{
    answer, error_code, group_id, instance_id, member_id, other_kind, wire_instance, wire_member,
};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: LeaveGroupRequest = decode(context, body)?;
    let leave = LeaveRequest {
        group: group_id(&request.group_id),
        members: members(context.api_version, &request),
    };
    let group = leave.group.clone();
    let request = GroupRequest::Classic(ClassicRequest::Leave(leave));
    let asked = node.ask_group(context.now, &group, request);
    let version = context.api_version;
    Ok(answer(context, asked, move |reply| {
        response(version, reply)
    }))
}

fn members(version: i16, request: &LeaveGroupRequest) -> Vec<LeavingMember> {
    if version < 3 {
        return vec![LeavingMember {
            member: member_id(&request.member_id),
            instance: None,
        }];
    }
    let members = request.members.iter().map(|leaving| LeavingMember {
        member: member_id(&leaving.member_id),
        instance: instance_id(leaving.group_instance_id.as_ref()),
    });
    members.collect()
}

fn response(version: i16, reply: Result<GroupReply, GroupError>) -> LeaveGroupResponse {
    let result = match reply {
        Ok(GroupReply::Classic(ClassicReply::Leave(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(error),
    };
    match result {
        Ok(outcomes) if version < 3 => {
            let only = outcomes.into_iter().next();
            let error = only.and_then(|outcome| outcome.error);
            LeaveGroupResponse::default().with_error_code(error_code(error))
        }
        Ok(outcomes) => {
            LeaveGroupResponse::default().with_members(outcomes.into_iter().map(member).collect())
        }
        Err(error) => LeaveGroupResponse::default().with_error_code(error_code(Some(error))),
    }
}

fn member(outcome: LeaveOutcome) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(wire_member(&outcome.member.member))
        .with_group_instance_id(wire_instance(outcome.member.instance.as_ref()))
        .with_error_code(error_code(outcome.error))
}
