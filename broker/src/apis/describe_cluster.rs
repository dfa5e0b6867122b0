//! DescribeCluster (60), versions 0–2 (KIP-700).
//!
//! - 1: which kind of endpoints is asked for (KIP-919); a broker knows brokers.
//!   2: fenced brokers.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::errors::ApiError;
use super::{Answer, Malformed, OPERATIONS_OMITTED, RequestContext, decode, wire_node, wire_text};
use crate::node::Node;

const ENDPOINT_BROKERS: i8 = 1;
pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DescribeClusterRequest = decode(context, body)?;
    let response = if context.api_version >= 1 && request.endpoint_type != ENDPOINT_BROKERS {
        let error = ApiError::new(
            ResponseError::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of \
             another type",
        );
        DescribeClusterResponse::default()
            .with_error_code(error.code())
            .with_error_message(error.message())
    } else {
        cluster(node, context)
    };
    Ok(Answer::ready(context, &response))
}

fn cluster(node: &Node, context: &RequestContext) -> DescribeClusterResponse {
    let (host, port) = node.address_for(context.local);
    let broker = DescribeClusterBroker::default()
        .with_broker_id(wire_node(node.config.node_id))
        .with_host(StrBytes::from_string(host))
        .with_port(i32::from(port));
    DescribeClusterResponse::default()
        .with_endpoint_type(ENDPOINT_BROKERS)
        .with_cluster_id(wire_text(&node.cluster_id))
        .with_controller_id(wire_node(node.config.node_id))
        .with_brokers(vec![broker])
        .with_cluster_authorized_operations(OPERATIONS_OMITTED)
}
