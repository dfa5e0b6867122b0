//! SyncGroup (14), versions 0–5.
//!
//! - 3: static members (KIP-345). 5: request and answer name protocol type and
//!   name, so that a member notices when it is in the wrong group.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use ottla_core::group::classic::{ClassicReply, ClassicRequest, SyncRequest};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};

use super::groups::{answer, error_code, group_id, instance_id, kept, member_id, other_kind};
use super::{Answer, Malformed, RequestContext, decode, wire_text};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: SyncGroupRequest = decode(context, body)?;
    if context.api_version >= 5
        && (request.protocol_type.is_none() || request.protocol_name.is_none())
    {
        let refused = response(Err(GroupError::InconsistentGroupProtocol));
        return Ok(Answer::ready(context, &refused));
    }
    let sync = translate(&request);
    let group = sync.group.clone();
    let request = GroupRequest::Classic(ClassicRequest::Sync(sync));
    let asked = node.ask_group(context.now, &group, request);
    Ok(answer(context, asked, response))
}

fn translate(request: &SyncGroupRequest) -> SyncRequest {
    let assignments = request
        .assignments
        .iter()
        .map(|assigned| (member_id(&assigned.member_id), kept(&assigned.assignment)));
    SyncRequest {
        group: group_id(&request.group_id),
        member: member_id(&request.member_id),
        instance: instance_id(request.group_instance_id.as_ref()),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments.collect(),
    }
}

fn response(reply: Result<GroupReply, GroupError>) -> SyncGroupResponse {
    let result = match reply {
        Ok(GroupReply::Classic(ClassicReply::Sync(result))) => result,
        Ok(other) => other_kind(&other),
        Err(error) => Err(error),
    };
    match result {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.as_deref().map(wire_text))
            .with_protocol_name(synced.protocol.as_deref().map(wire_text))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error_code(Some(error))),
    }
}
