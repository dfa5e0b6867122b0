//! CreatePartitions (37), versions 0–3.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use ottla_core::controller::{
    MetadataImage, MetadataRecord, decide_create_partitions, limit_added_partitions,
};
use ottla_core::ids::NodeId;

use super::errors::{ApiError, code_of, message_of};
use super::{Answer, Malformed, RequestContext, decode, when_committed};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: CreatePartitionsRequest = decode(context, body)?;
    let brokers = [node.config.node_id];
    let limit = |image: &MetadataImage| {
        let wanted = request.topics.iter();
        limit_added_partitions(
            image,
            wanted.map(|topic| (topic.name.as_str(), topic.count)),
        )
    };
    let (results, committed) = if request.validate_only {
        let image = node.metadata.image();
        let results = match limit(&image) {
            Ok(()) => decide_all(&request, |topic| decide(&image, &brokers, topic).map(drop)),
            Err(too_many) => refuse_all(&request, too_many),
        };
        (results, Default::default())
    } else {
        let proposed = node.propose(context.now, |draft| match limit(draft.image()) {
            Ok(()) => decide_all(&request, |topic| {
                let records = decide(draft.image(), &brokers, topic)?;
                draft.write(records);
                Ok(())
            }),
            Err(too_many) => refuse_all(&request, too_many),
        });
        proposed.unwrap_or_else(|error| (refuse_all(&request, error), Default::default()))
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

fn refuse_all(
    request: &CreatePartitionsRequest,
    error: impl Into<ApiError>,
) -> Vec<Result<(), ApiError>> {
    let error = error.into();
    request.topics.iter().map(|_| Err(error.clone())).collect()
}

fn decide_all(
    request: &CreatePartitionsRequest,
    mut decide: impl FnMut(&CreatePartitionsTopic) -> Result<(), ApiError>,
) -> Vec<Result<(), ApiError>> {
    let mut seen = BTreeSet::new();
    let mut decide_once = |topic: &CreatePartitionsTopic| {
        if !seen.insert(topic.name.clone()) {
            return Err(ApiError::new(
                ResponseError::InvalidRequest,
                "Duplicate topic name.",
            ));
        }
        decide(topic)
    };
    request.topics.iter().map(&mut decide_once).collect()
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
    let assignments: Vec<Vec<NodeId>> = wanted
        .assignments
        .iter()
        .flatten()
        .map(|one| {
            one.broker_ids
                .iter()
                .map(|broker| NodeId(broker.0))
                .collect()
        })
        .collect();
    Ok(decide_create_partitions(
        topic,
        brokers,
        wanted.count,
        &assignments,
    )?)
}
