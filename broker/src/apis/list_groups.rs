//! ListGroups (16), versions 0–5.
//!
//! - 4: states, asked for and told. 5: kinds of group, asked for and told
//!   (KIP-848).

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::list_groups_response::ListedGroup as WireGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::group::admin::ListedGroup;
use ottla_core::group::{GroupError, GroupReply};

use super::groups::{answer_all, error_code, wire_group};
use super::{Answer, Malformed, RequestContext, decode, wire_text};
use crate::node::Node;
use crate::node::coordinators::listed;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: ListGroupsRequest = decode(context, body)?;
    let texts = |texts: &[StrBytes]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let states = texts(&request.states_filter);
    let kinds = texts(&request.types_filter);
    let asked = node.list_groups(context.now, &states, &kinds);
    Ok(answer_all(context, asked, response))
}

fn response(replies: Vec<Result<GroupReply, GroupError>>) -> ListGroupsResponse {
    let mut groups = Vec::new();
    for reply in replies {
        match listed(reply) {
            Ok(listed) => groups.extend(listed.iter().map(group)),
            // A partition that is being deleted has no groups any more.
            Err(GroupError::NotCoordinator) => {}
            Err(error) => {
                return ListGroupsResponse::default().with_error_code(error_code(Some(error)));
            }
        }
    }
    ListGroupsResponse::default().with_groups(groups)
}

fn group(listed: &ListedGroup) -> WireGroup {
    WireGroup::default()
        .with_group_id(wire_group(&listed.group))
        .with_protocol_type(wire_text(&listed.protocol_type))
        .with_group_state(wire_text(listed.state))
        .with_group_type(wire_text(listed.kind))
}
