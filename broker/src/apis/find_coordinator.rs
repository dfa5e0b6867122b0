//! FindCoordinator (10), versions 0–6.
//!
//! - 1: the kind of coordinator, and a message. 4: several keys at once
//!   (KIP-699). 5: clients know TRANSACTION_ABORTABLE. 6: share coordinators
//!   (KIP-932).
//!
//! Only groups (0) have a coordinator yet. The first request of any group
//! creates `__consumer_offsets`.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::errors::{ApiError, code_of, message_of};
use super::{Answer, Malformed, RequestContext, decode, when_committed, wire_node, wire_text};
use crate::node::Node;
use crate::node::metadata::Committed;

const KEY_TYPE_GROUP: i8 = 0;

/// Where a coordinator is.
#[derive(Clone)]
struct Place {
    node: BrokerId,
    host: StrBytes,
    port: i32,
}

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: FindCoordinatorRequest = decode(context, body)?;
    let (found, committed) = match find(node, context, request.key_type) {
        Ok((place, committed)) => (Ok(place), committed),
        Err(error) => (Err(error), Committed::default()),
    };
    let response = match context.api_version {
        ..4 => of_one_key(&found),
        _ => {
            let keys = request.coordinator_keys.iter();
            let coordinators = keys.map(|key| of_key(key, &found));
            FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
        }
    };
    Ok(when_committed(committed, context, response))
}

/// The same place for every key: one node coordinates every group.
fn find(
    node: &Arc<Node>,
    context: &RequestContext,
    key_type: i8,
) -> Result<(Place, Committed), ApiError> {
    if key_type != KEY_TYPE_GROUP {
        return Err(ApiError::new(
            ResponseError::InvalidRequest,
            format!(
                "this broker coordinates groups (key type {KEY_TYPE_GROUP}) only, not \
                 transactions or share groups (key type {key_type})"
            ),
        ));
    }
    let committed = node
        .ensure_group_coordinator(context.now)
        .map_err(|error| {
            let problem = format!("__consumer_offsets cannot be created: {error}");
            ApiError::new(ResponseError::CoordinatorNotAvailable, problem)
        })?;
    let (host, port) = node.address_for(context.local);
    let place = Place {
        node: wire_node(node.config.node_id),
        host: StrBytes::from_string(host),
        port: i32::from(port),
    };
    Ok((place, committed))
}

fn nowhere() -> Place {
    Place {
        node: BrokerId(-1),
        host: StrBytes::default(),
        port: -1,
    }
}

fn of_one_key(found: &Result<Place, ApiError>) -> FindCoordinatorResponse {
    let place = found.clone().unwrap_or_else(|_| nowhere());
    FindCoordinatorResponse::default()
        .with_error_code(code_of(found))
        .with_error_message(message_of(found))
        .with_node_id(place.node)
        .with_host(place.host)
        .with_port(place.port)
}

fn of_key(key: &StrBytes, found: &Result<Place, ApiError>) -> Coordinator {
    let place = found.clone().unwrap_or_else(|_| nowhere());
    Coordinator::default()
        .with_key(wire_text(key))
        .with_error_code(code_of(found))
        .with_error_message(message_of(found))
        .with_node_id(place.node)
        .with_host(place.host)
        .with_port(place.port)
}
