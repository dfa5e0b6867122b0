//! Metadata (3), versions 0–13.
//!
//! - 0: an empty list asks for all topics. 1: null asks for all, empty for
//!   none; controller id, internal topics. 2: cluster id. 4: auto-creation can
//!   be refused. 7: leader epochs. 8–10: authorized operations. 10: topic ids.
//!   12: topics may be named by id. 13: top-level error code.
//! - A topic that may be created is there in the same answer; Kafka answers
//!   LEADER_NOT_AVAILABLE first and lets the client come back.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use ottla_core::controller::{
    MetadataImage, PartitionImage, TopicImage, is_internal_topic, validate_topic_name,
};
use ottla_core::ids::TopicId;
use uuid::Uuid;

use super::{
    Answer, EVERY_CLUSTER_OPERATION, EVERY_TOPIC_OPERATION, Malformed, OPERATIONS_OMITTED,
    RequestContext, decode, node_ids, wire_node, wire_text,
};
use crate::apis::errors::ApiError;
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let mut request: MetadataRequest = decode(context, body)?;
    if context.api_version < FIRST_WITH_IDS && names_by_id(&request) {
        return Ok(Answer::ready(context, &refused(&request)));
    }
    ask_once(&mut request);
    let created = create_missing(node, context, &request);
    let (node, asked) = (Arc::clone(node), context.clone());
    let respond = move || respond(&node, &asked, &request, &created.refused);
    Ok(super::after_commit(created.committed, context, respond))
}

/// Versions 10 and 11 have the field, and may not use it.
const FIRST_WITH_IDS: i16 = 12;

fn names_by_id(request: &MetadataRequest) -> bool {
    let mut topics = request.topics.iter().flatten();
    topics.any(|topic| topic.name.is_none() || !topic.topic_id.is_nil())
}

/// The request as a whole makes no sense.
fn refused(request: &MetadataRequest) -> MetadataResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        let named = MetadataRequestTopic::default()
            .with_topic_id(topic.topic_id)
            .with_name(Some(topic.name.clone().unwrap_or_default()));
        unknown(&named, ResponseError::InvalidRequest)
    });
    MetadataResponse::default()
        .with_topics(topics.collect())
        .with_cluster_authorized_operations(OPERATIONS_OMITTED)
}

/// Leaves each topic in the request once. One id makes names count for nothing.
fn ask_once(request: &mut MetadataRequest) {
    let Some(topics) = &mut request.topics else {
        return;
    };
    let by_id = topics.iter().any(|topic| !topic.topic_id.is_nil());
    if by_id {
        topics.retain(|topic| !topic.topic_id.is_nil());
        topics.iter_mut().for_each(|topic| topic.name = None);
    }
    let mut seen = BTreeSet::new();
    topics.retain(|topic| seen.insert((topic.topic_id, topic.name.clone())));
}

/// What became of the topics that were not there.
#[derive(Default)]
struct Created {
    refused: Vec<(StrBytes, ApiError)>,
    committed: crate::node::metadata::Committed,
}

fn create_missing(
    node: &Arc<Node>,
    context: &RequestContext,
    request: &MetadataRequest,
) -> Created {
    // Before version 4 every request allowed it.
    let allowed = context.api_version < 4 || request.allow_auto_topic_creation;
    if !allowed || !node.config.properties.is_on("auto.create.topics.enable") {
        return Created::default();
    }
    let image = node.metadata.image();
    let names = request
        .topics
        .iter()
        .flatten()
        .filter_map(|topic| topic.name.as_ref());
    let missing: BTreeSet<&StrBytes> = names
        .map(|name| &name.0)
        .filter(|name| image.topic(name).is_none() && validate_topic_name(name).is_ok())
        .collect();
    if missing.is_empty() {
        return Created::default();
    }
    let wanted: Vec<_> = missing
        .iter()
        .map(|name| node.automatic_topic(name))
        .collect();
    match node.create_topics(context.now, &wanted) {
        Ok((results, committed)) => {
            let refused = missing
                .into_iter()
                .zip(results)
                .filter_map(|(name, result)| Some((name.clone(), ApiError::from(result.err()?))));
            Created {
                refused: refused.collect(),
                committed,
            }
        }
        Err(error) => {
            let error = ApiError::from(error);
            let refused = missing
                .into_iter()
                .map(|name| (name.clone(), error.clone()))
                .collect();
            Created {
                refused,
                ..Created::default()
            }
        }
    }
}

fn respond(
    node: &Node,
    context: &RequestContext,
    request: &MetadataRequest,
    refused: &[(StrBytes, ApiError)],
) -> MetadataResponse {
    let image = node.metadata.image();
    let (host, port) = node.address_for(context.local);
    let broker = MetadataResponseBroker::default()
        .with_node_id(wire_node(node.config.node_id))
        .with_host(StrBytes::from_string(host))
        .with_port(i32::from(port));
    let mut topics = topics(&image, context.api_version, request, refused);
    if request.include_topic_authorized_operations {
        let named = topics.iter_mut().filter(|topic| topic.name.is_some());
        named.for_each(|topic| topic.topic_authorized_operations = EVERY_TOPIC_OPERATION);
    }
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(wire_text(&node.cluster_id)))
        .with_controller_id(wire_node(node.config.node_id))
        .with_topics(topics)
        .with_cluster_authorized_operations(if request.include_cluster_authorized_operations {
            EVERY_CLUSTER_OPERATION
        } else {
            OPERATIONS_OMITTED
        })
}

fn topics(
    image: &MetadataImage,
    version: i16,
    request: &MetadataRequest,
    refused: &[(StrBytes, ApiError)],
) -> Vec<MetadataResponseTopic> {
    let all = || {
        image
            .topics()
            .map(|topic| described(topic, version))
            .collect()
    };
    match &request.topics {
        None => all(),
        Some(topics) if topics.is_empty() && version == 0 => all(),
        Some(topics) => topics
            .iter()
            .map(|topic| one(image, version, topic, refused))
            .collect(),
    }
}

fn one(
    image: &MetadataImage,
    version: i16,
    wanted: &MetadataRequestTopic,
    refused: &[(StrBytes, ApiError)],
) -> MetadataResponseTopic {
    match &wanted.name {
        Some(name) => match image.topic(&name.0) {
            Some(topic) => described(topic, version),
            None => unknown(wanted, missing_by_name(&name.0, refused)),
        },
        None => match image.topic_by_id(TopicId(wanted.topic_id.into_bytes())) {
            Some(topic) => described(topic, version),
            None if wanted.topic_id.is_nil() => unknown(wanted, ResponseError::InvalidRequest),
            None => unknown(wanted, ResponseError::UnknownTopicId),
        },
    }
}

fn missing_by_name(name: &StrBytes, refused: &[(StrBytes, ApiError)]) -> ResponseError {
    if validate_topic_name(name).is_err() {
        return ResponseError::InvalidTopicException;
    }
    let refusal = refused.iter().find(|(refused, _)| refused == name);
    refusal.map_or(ResponseError::UnknownTopicOrPartition, |(_, error)| {
        error.code
    })
}

fn unknown(wanted: &MetadataRequestTopic, error: ResponseError) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        // Null names exist from version 12 on, where ids do.
        .with_name(wanted.name.clone())
        .with_topic_id(wanted.topic_id)
        .with_topic_authorized_operations(OPERATIONS_OMITTED)
}

fn described(topic: &TopicImage, version: i16) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().enumerate();
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(wire_text(&topic.name))))
        .with_topic_id(Uuid::from_bytes(topic.id.0))
        .with_is_internal(is_internal_topic(&topic.name))
        .with_partitions(
            partitions
                .map(|(index, one)| partition(index, one, version))
                .collect(),
        )
}

fn partition(index: usize, image: &PartitionImage, version: i16) -> MetadataResponsePartition {
    let error = image
        .leader
        .is_none()
        .then_some(ResponseError::LeaderNotAvailable);
    MetadataResponsePartition::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_partition_index(index as i32)
        .with_leader_id(image.leader.map_or_else(|| (-1).into(), wire_node))
        .with_leader_epoch(if version >= 7 {
            image.leader_epoch.0
        } else {
            -1
        })
        .with_replica_nodes(node_ids(&image.replicas))
        .with_isr_nodes(node_ids(&image.isr))
}
