//! AlterConfigs (33), versions 0–2.
//!
//! - 2: flexible.
//! - What is not named goes back to its default: clients since 2.3 use
//!   IncrementalAlterConfigs instead (KIP-339). Topics only: a broker's own
//!   properties are set at its start.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use ottla_core::controller::{MetadataImage, MetadataRecord, decide_replace_configs};

use super::alterations::{Named, value};
use super::errors::{ApiError, code_of, message_of};
use super::proposal::propose;
use super::{Answer, Malformed, RequestContext, decode, when_committed};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: AlterConfigsRequest = decode(context, body)?;
    let resources = &request.resources;
    let named = Named::of(
        resources
            .iter()
            .map(|resource| (resource.resource_type, &resource.resource_name)),
    );
    let (results, committed) = propose(
        node,
        context.now,
        request.validate_only,
        resources,
        |image, resource| decide(image, &named, resource),
    );
    let responses = resources.iter().zip(results).map(|(resource, result)| {
        AlterConfigsResourceResponse::default()
            .with_error_code(code_of(&result))
            .with_error_message(message_of(&result))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    let response = AlterConfigsResponse::default().with_responses(responses.collect());
    Ok(when_committed(committed, context, response))
}

fn decide(
    image: &MetadataImage,
    named: &Named<'_>,
    resource: &AlterConfigsResource,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let topic = named.topic(resource.resource_type, &resource.resource_name)?;
    let properties = resource.configs.iter().map(|config| {
        let value = value(&config.name, config.value.as_ref())?;
        Ok((config.name.to_string(), value))
    });
    let properties = properties.collect::<Result<Vec<_>, ApiError>>()?;
    Ok(decide_replace_configs(image, &topic, properties)?)
}
