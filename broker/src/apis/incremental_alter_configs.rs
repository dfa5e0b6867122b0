//! IncrementalAlterConfigs (44), versions 0–1 (KIP-339).
//!
//! Topics only: a broker's own properties are set at its start.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use ottla_core::controller::{
    AlterOperation, ConfigAlteration, MetadataImage, MetadataRecord, decide_alter_configs,
};

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
    let request: IncrementalAlterConfigsRequest = decode(context, body)?;
    let named = Named::of(
        request
            .resources
            .iter()
            .map(|resource| (resource.resource_type, &resource.resource_name)),
    );
    let (results, committed) = propose(
        node,
        context.now,
        request.validate_only,
        &request.resources,
        |image, resource| decide(image, &named, resource),
    );
    let responses = request
        .resources
        .iter()
        .zip(results)
        .map(|(resource, result)| {
            AlterConfigsResourceResponse::default()
                .with_error_code(code_of(&result))
                .with_error_message(message_of(&result))
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
        });
    let response = IncrementalAlterConfigsResponse::default().with_responses(responses.collect());
    Ok(when_committed(committed, context, response))
}

fn decide(
    image: &MetadataImage,
    named: &Named<'_>,
    resource: &AlterConfigsResource,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let topic = named.topic(resource.resource_type, &resource.resource_name)?;
    let alterations: Vec<_> = resource
        .configs
        .iter()
        .map(alteration)
        .collect::<Result<_, ApiError>>()?;
    Ok(decide_alter_configs(image, &topic, &alterations)?)
}

fn alteration(config: &AlterableConfig) -> Result<ConfigAlteration, ApiError> {
    let value = || value(&config.name, config.value.as_ref());
    let operation = match config.config_operation {
        0 => AlterOperation::Set(value()?),
        1 => AlterOperation::Delete,
        2 => AlterOperation::Append(value()?),
        3 => AlterOperation::Subtract(value()?),
        other => {
            let message = format!("Unknown operation type {other} for {}", config.name);
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
    };
    Ok(ConfigAlteration {
        name: config.name.to_string(),
        operation,
    })
}
