//! DescribeConfigs (32), versions 1–4.
//!
//! - 1: synonyms. 3: types and documentation. Resources: topics (2), brokers
//!   (4).

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::config::{
    BROKER_CONFIGS, ConfigDefinition, ConfigKind, ConfigSource, ConfigValue,
    INTERNAL_BROKER_CONFIGS, TOPIC_CONFIGS, topic_documentation,
};
use ottla_core::controller::validate_topic_name;

use super::errors::{ApiError, code_of, message_of};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;

pub(super) const RESOURCE_TOPIC: i8 = 2;
pub(super) const RESOURCE_BROKER: i8 = 4;

/// One property of an owner: the value in force, and all that would apply.
struct Values {
    in_force: ConfigValue,
    synonyms: Vec<ConfigValue>,
}

/// Says what each property of an owner is; one without a value is left out.
type Properties<'a> = Box<dyn Fn(&str) -> Option<Values> + 'a>;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DescribeConfigsRequest = decode(context, body)?;
    let results = request.resources.iter().map(|resource| {
        let configs = configs(node, &request, resource);
        DescribeConfigsResult::default()
            .with_error_code(code_of(&configs))
            .with_error_message(message_of(&configs))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_configs(configs.unwrap_or_default())
    });
    let response = DescribeConfigsResponse::default().with_results(results.collect());
    Ok(Answer::ready(context, &response))
}

fn configs(
    node: &Node,
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
    let (table, properties) = match resource.resource_type {
        RESOURCE_TOPIC => (TOPIC_CONFIGS, of_topic(node, &resource.resource_name)?),
        RESOURCE_BROKER => (BROKER_CONFIGS, of_broker(node, &resource.resource_name)?),
        other => {
            return Err(ApiError::new(
                ResponseError::InvalidRequest,
                format!("no configuration is kept for resources of type {other}"),
            ));
        }
    };
    // No list and an empty one both ask for everything.
    let keys = resource.configuration_keys.iter().flatten();
    let wanted = |definition: &&ConfigDefinition| {
        if INTERNAL_BROKER_CONFIGS.contains(&definition.name) {
            return false;
        }
        keys.clone().next().is_none() || keys.clone().any(|key| key.as_str() == definition.name)
    };
    // A broker's properties are given at its start.
    let read_only = resource.resource_type == RESOURCE_BROKER;
    let described = table.iter().filter(wanted).filter_map(|one| {
        let described = describe(request, one, properties(one.name)?);
        Some(described.with_read_only(read_only))
    });
    Ok(described.collect())
}

fn of_topic<'a>(node: &'a Node, name: &str) -> Result<Properties<'a>, ApiError> {
    validate_topic_name(name)?;
    let missing = ResponseError::UnknownTopicOrPartition;
    let image = node.metadata.image();
    let topic = image
        .topic(name)
        .ok_or_else(|| ApiError::new(missing, missing.to_string()))?;
    let (topic, broker) = (Arc::clone(topic), node.broker_configs());
    Ok(Box::new(move |name| {
        Some(Values {
            in_force: broker.topic_value(&topic.configs, name),
            synonyms: broker.topic_synonyms(&topic.configs, name),
        })
    }))
}

/// By the broker's id; the empty name asks for what all brokers were given.
fn of_broker<'a>(node: &'a Node, name: &str) -> Result<Properties<'a>, ApiError> {
    let own = node.config.node_id.to_string();
    if !name.is_empty() && name != own {
        return Err(ApiError::new(
            ResponseError::InvalidRequest,
            format!("Unexpected broker id, expected {own}, but received {name}"),
        ));
    }
    let broker = node.broker_configs();
    let only_defaults = name.is_empty();
    Ok(Box::new(move |name| {
        let mut values = broker.values(name);
        if only_defaults {
            values.retain(|value| value.source == ConfigSource::DynamicDefaultBroker);
        }
        let in_force = values.first()?.clone();
        values.retain(|value| value.value.is_some());
        Some(Values {
            in_force,
            synonyms: values,
        })
    }))
}

fn describe(
    request: &DescribeConfigsRequest,
    definition: &ConfigDefinition,
    values: Values,
) -> DescribeConfigsResourceResult {
    let Values { in_force, synonyms } = values;
    let told = synonyms.into_iter().filter(|_| request.include_synonyms);
    let told = told.map(|value| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_static_str(value.name))
            .with_value(value.value.map(StrBytes::from_string))
            .with_source(wire_source(value.source))
    });
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(definition.name))
        .with_config_source(wire_source(in_force.source))
        .with_value(in_force.value.map(StrBytes::from_string))
        .with_synonyms(told.collect())
        .with_config_type(wire_type(&definition.kind))
        .with_documentation(documentation(request, definition))
}

/// What the property means, where we say so, and whether it means nothing here.
fn documentation(
    request: &DescribeConfigsRequest,
    definition: &ConfigDefinition,
) -> Option<StrBytes> {
    const WITHOUT_EFFECT: &str = "Accepted; does nothing in Ottla.";
    if !request.include_documentation {
        return None;
    }
    let meaning = topic_documentation(definition.name);
    let effect = (!definition.has_effect).then_some(WITHOUT_EFFECT);
    match (meaning, effect) {
        (Some(meaning), Some(effect)) => Some(StrBytes::from_string(format!("{meaning} {effect}"))),
        (text, None) | (None, text) => text.map(StrBytes::from_static_str),
    }
}

/// `ConfigEntry.ConfigSource` as numbered on the wire.
pub(super) fn wire_source(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::DynamicBroker => 2,
        ConfigSource::DynamicDefaultBroker => 3,
        ConfigSource::StaticBroker => 4,
        ConfigSource::Default => 5,
    }
}

/// `ConfigEntry.ConfigType` as numbered on the wire.
fn wire_type(kind: &ConfigKind) -> i8 {
    match kind {
        ConfigKind::Boolean => 1,
        ConfigKind::Choice(_) | ConfigKind::Text => 2,
        ConfigKind::Int { .. } | ConfigKind::Level { .. } => 3,
        ConfigKind::Short { .. } => 4,
        ConfigKind::Long { .. } => 5,
        ConfigKind::Double { .. } => 6,
        ConfigKind::List | ConfigKind::ListOf(_) | ConfigKind::ThrottledReplicas => 7,
    }
}
