//! DeleteGroups (42), versions 0–2: groups of either kind, if they are empty.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use ottla_core::group::admin::{AdminReply, AdminRequest};
use ottla_core::group::{GroupError, GroupId, GroupReply, GroupRequest};

use super::groups::{answer_all, error_code, group_id, other_kind, wire_group};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DeleteGroupsRequest = decode(context, body)?;
    let groups: Vec<GroupId> = request.groups_names.iter().map(group_id).collect();
    let ask = |group: &GroupId| {
        let delete = AdminRequest::Delete {
            group: group.clone(),
        };
        node.ask_group(context.now, group, GroupRequest::Admin(delete))
    };
    let asked = groups.iter().map(ask).collect();
    Ok(answer_all(context, asked, move |replies| {
        let results = groups.iter().zip(replies).map(|(group, reply)| {
            DeletableGroupResult::default()
                .with_group_id(wire_group(group))
                .with_error_code(error_code(refusal(reply)))
        });
        DeleteGroupsResponse::default().with_results(results.collect())
    }))
}

fn refusal(reply: Result<GroupReply, GroupError>) -> Option<GroupError> {
    match reply {
        Ok(GroupReply::Admin(AdminReply::Delete(result))) => result.err(),
        Ok(other) => other_kind(&other),
        Err(error) => Some(error),
    }
}
