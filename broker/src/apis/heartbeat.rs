//! Heartbeat (12), versions 0–4.
//!
//! - 3: static members (KIP-345).
//!
//! While the coordinator loads its groups a heartbeat is fine, as in Kafka: a
//! member that hears an error looks for another coordinator, and there is none.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::{HeartbeatRequest as WireRequest, HeartbeatResponse};
use ottla_core::group::classic::{ClassicReply, ClassicRequest, HeartbeatRequest};
use ottla_core::group::{GroupError, GroupReply, GroupRequest};

use super::groups::{answer, error_code, group_id, instance_id, member_id, other_kind};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: WireRequest = decode(context, body)?;
    let heartbeat = HeartbeatRequest {
        group: group_id(&request.group_id),
        member: member_id(&request.member_id),
        instance: instance_id(request.group_instance_id.as_ref()),
        generation: request.generation_id,
    };
    let group = heartbeat.group.clone();
    let request = GroupRequest::Classic(ClassicRequest::Heartbeat(heartbeat));
    let asked = node.ask_group(context.now, &group, request);
    Ok(answer(context, asked, response))
}

fn response(reply: Result<GroupReply, GroupError>) -> HeartbeatResponse {
    let error = match reply {
        Ok(GroupReply::Classic(ClassicReply::Heartbeat(result))) => result.err(),
        Ok(other) => other_kind(&other),
        Err(GroupError::CoordinatorLoadInProgress) => None,
        Err(error) => Some(error),
    };
    HeartbeatResponse::default().with_error_code(error_code(error))
}
