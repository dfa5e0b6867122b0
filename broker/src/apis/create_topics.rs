//! CreateTopics (19), versions 2–7.
//!
//! - 4: −1 asks for default partitions and replicas. 5: the answer tells what
//!   was created. 7: topic ids.
//! - `timeout_ms` is not needed: the answer comes as soon as the metadata log
//!   has the topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::config::TOPIC_CONFIGS;
use ottla_core::controller::{CreateTopic, CreatedTopic};
use ottla_core::ids::{NodeId, PartitionIndex};
use uuid::Uuid;

use super::describe_configs::wire_source;
use super::errors::{ApiError, code_of, message_of};
use super::{Answer, Malformed, RequestContext, decode, when_committed};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: CreateTopicsRequest = decode(context, body)?;
    let duplicates = duplicates(&request);
    let wanted: Vec<CreateTopic> = request
        .topics
        .iter()
        .filter(|topic| !duplicates.contains_key(&topic.name.0))
        .map(core_topic)
        .collect();
    let decided = if request.validate_only {
        Ok((node.validate_topics(&wanted), Default::default()))
    } else {
        node.create_topics(context.now, &wanted)
    };
    let (results, committed) = match decided {
        Ok((results, committed)) => (
            results
                .into_iter()
                .map(|result| result.map_err(ApiError::from))
                .collect(),
            committed,
        ),
        Err(error) => {
            let error = ApiError::from(error);
            (
                wanted
                    .iter()
                    .map(|_| Err(error.clone()))
                    .collect::<Vec<_>>(),
                Default::default(),
            )
        }
    };
    let unique = wanted
        .iter()
        .zip(results)
        .map(|(topic, result)| outcome(node, topic, &result));
    let refused = duplicates.into_keys().map(|name| refused_duplicate(&name));
    let response = CreateTopicsResponse::default().with_topics(unique.chain(refused).collect());
    Ok(when_committed(committed, context, response))
}

/// Names that stand in the request more than once.
fn duplicates(request: &CreateTopicsRequest) -> BTreeMap<StrBytes, usize> {
    let mut counts = BTreeMap::new();
    for topic in &request.topics {
        *counts.entry(topic.name.0.clone()).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}

fn refused_duplicate(name: &StrBytes) -> CreatableTopicResult {
    let error = ApiError::new(ResponseError::InvalidRequest, "Duplicate topic name.");
    CreatableTopicResult::default()
        .with_name(name.clone().into())
        .with_error_code(error.code())
        .with_error_message(error.message())
        .with_num_partitions(-1)
        .with_replication_factor(-1)
}

fn core_topic(topic: &CreatableTopic) -> CreateTopic {
    let assignments = topic.assignments.iter().map(|assignment| {
        let replicas = assignment
            .broker_ids
            .iter()
            .map(|broker| NodeId(broker.0))
            .collect();
        (PartitionIndex(assignment.partition_index), replicas)
    });
    let configs = topic.configs.iter().map(|config| {
        (
            config.name.to_string(),
            config.value.as_ref().map(ToString::to_string),
        )
    });
    CreateTopic {
        name: Arc::from(topic.name.as_str()),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
    }
}

fn outcome(
    node: &Node,
    topic: &CreateTopic,
    result: &Result<CreatedTopic, ApiError>,
) -> CreatableTopicResult {
    let answer = CreatableTopicResult::default()
        .with_name(super::wire_text(&topic.name).into())
        .with_error_code(code_of(result))
        .with_error_message(message_of(result));
    match result {
        Err(_) => answer.with_num_partitions(-1).with_replication_factor(-1),
        Ok(created) => answer
            .with_topic_id(Uuid::from_bytes(created.id.0))
            .with_num_partitions(created.partitions)
            .with_replication_factor(created.replication_factor)
            .with_configs(Some(configs(node, created))),
    }
}

fn configs(node: &Node, created: &CreatedTopic) -> Vec<CreatableTopicConfigs> {
    let properties = &node.config.properties;
    let config = |name| {
        let in_force = properties.topic_value(&created.configs, name);
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(in_force.value.map(StrBytes::from_string))
            .with_config_source(wire_source(in_force.source))
    };
    TOPIC_CONFIGS
        .iter()
        .map(|definition| config(definition.name))
        .collect()
}
