//! CreatePartitions (37), versions 0–3.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};
use ottla_core::controller::{
    MetadataImage, MetadataRecord, decide_create_partitions, limit_added_partitions,
};
use ottla_core::ids::NodeId;

use super::errors::{ApiError, code_of, message_of};
use super::proposal::{propose, refuse_all};
use super::{Answer, Malformed, RequestContext, decode, when_committed};
use crate::node::Node;
use crate::node::metadata::Committed;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let mut request: CreatePartitionsRequest = decode(context, body)?;
    let repeated = drop_repeated(&mut request.topics);
    let wanted = request.topics.iter();
    let wanted = wanted.map(|topic| (topic.name.as_str(), topic.count));
    let (results, committed) = match limit_added_partitions(&node.metadata.image(), wanted) {
        Ok(()) => decide_all(node, context, &request, &repeated),
        Err(too_many) => (refuse_all(&request.topics, too_many), Committed::default()),
    };
    let answers = request.topics.iter().zip(results).map(|(topic, result)| {
        CreatePartitionsTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(code_of(&result))
            .with_error_message(message_of(&result))
    });
    let response = CreatePartitionsResponse::default().with_results(answers.collect());
    Ok(when_committed(committed, context, response))
}

/// A topic that is named more than once gets one answer, a refusal.
fn drop_repeated(topics: &mut Vec<CreatePartitionsTopic>) -> BTreeSet<TopicName> {
    let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    topics.retain(|topic| {
        let first = seen.insert(topic.name.clone());
        if !first {
            repeated.insert(topic.name.clone());
        }
        first
    });
    repeated
}

fn decide_all(
    node: &Arc<Node>,
    context: &RequestContext,
    request: &CreatePartitionsRequest,
    repeated: &BTreeSet<TopicName>,
) -> (Vec<Result<(), ApiError>>, Committed) {
    let brokers = [node.config.node_id];
    propose(
        node,
        context.now,
        request.validate_only,
        &request.topics,
        |image, topic| {
            if repeated.contains(&topic.name) {
                let message = "Duplicate topic name.";
                return Err(ApiError::new(ResponseError::InvalidRequest, message));
            }
            decide(image, &brokers, topic)
        },
    )
}

fn decide(
    image: &MetadataImage,
    brokers: &[NodeId],
    wanted: &CreatePartitionsTopic,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let missing = ResponseError::UnknownTopicOrPartition;
    let topic = image
        .topic(&wanted.name)
        .ok_or_else(|| ApiError::new(missing, missing.to_string()))?;
    // None at all is another wish than an empty list.
    let assignments: Option<Vec<Vec<NodeId>>> = wanted.assignments.as_ref().map(|all| {
        let one = |one: &CreatePartitionsAssignment| {
            let brokers = one.broker_ids.iter();
            brokers.map(|broker| NodeId(broker.0)).collect()
        };
        all.iter().map(one).collect()
    });
    Ok(decide_create_partitions(
        topic,
        brokers,
        wanted.count,
        assignments.as_deref(),
    )?)
}
