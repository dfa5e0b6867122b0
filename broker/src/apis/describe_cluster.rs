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
use super::{
    Answer, EVERY_CLUSTER_OPERATION, Malformed, OPERATIONS_OMITTED, RequestContext, decode,
    wire_node, wire_text,
};
use crate::node::Node;

const ENDPOINT_BROKERS: i8 = 1;
const ENDPOINT_CONTROLLERS: i8 = 2;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DescribeClusterRequest = decode(context, body)?;
    let response = match request.endpoint_type {
        _ if context.api_version < 1 => cluster(node, context),
        ENDPOINT_BROKERS => cluster(node, context),
        ENDPOINT_CONTROLLERS => refused(&ApiError::new(
            ResponseError::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of \
             type CONTROLLER",
        )),
        unknown => refused(&ApiError::new(
            ResponseError::UnsupportedEndpointType,
            format!("Unsupported endpoint type {unknown}"),
        )),
    };
    let operations = if request.include_cluster_authorized_operations && response.error_code == 0 {
        EVERY_CLUSTER_OPERATION
    } else {
        OPERATIONS_OMITTED
    };
    let response = response.with_cluster_authorized_operations(operations);
    Ok(Answer::ready(context, &response))
}

fn refused(error: &ApiError) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(error.code())
        .with_error_message(error.message())
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
}
