//! DeleteTopics (20), versions 1–6.
//!
//! - 1–5: by name. 5: error messages. 6: by name or id.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use ottla_core::controller::{MetadataImage, TopicImage};
use ottla_core::ids::TopicId;
use uuid::Uuid;

use super::errors::{ApiError, code_of, message_of};
use super::{Answer, Malformed, RequestContext, decode, when_committed, wire_text};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DeleteTopicsRequest = decode(context, body)?;
    let wanted = wanted(request);
    let image = node.metadata.image();
    let found: Vec<_> = wanted
        .iter()
        .map(|topic| find(node, &image, topic))
        .collect();
    let doomed: Vec<_> = found
        .iter()
        .filter_map(|topic| topic.as_ref().ok().cloned())
        .collect();
    let (failure, committed) = match node.delete_topics(context.now, &doomed) {
        Ok(committed) => (None, committed),
        Err(error) => (Some(ApiError::from(error)), Default::default()),
    };
    let responses = wanted.iter().zip(found).map(|(wanted, found)| {
        let result = found.and_then(|topic| match &failure {
            None => Ok(topic),
            Some(error) => Err(error.clone()),
        });
        outcome(wanted, &result)
    });
    let response = DeleteTopicsResponse::default().with_responses(responses.collect());
    Ok(when_committed(committed, context, response))
}

/// One form for both: by name alone before version 6.
fn wanted(request: DeleteTopicsRequest) -> Vec<DeleteTopicState> {
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| DeleteTopicState::default().with_name(Some(name)));
    request.topics.into_iter().chain(by_name).collect()
}

fn find(
    node: &Node,
    image: &MetadataImage,
    wanted: &DeleteTopicState,
) -> Result<Arc<TopicImage>, ApiError> {
    if !node.config.properties.is_on("delete.topic.enable") {
        return Err(ApiError::new(
            ResponseError::TopicDeletionDisabled,
            "topics cannot be deleted here: delete.topic.enable is false",
        ));
    }
    let (found, missing) = match &wanted.name {
        Some(_) if !wanted.topic_id.is_nil() => {
            return Err(ApiError::new(
                ResponseError::InvalidRequest,
                "You may not specify both topic name and topic id.",
            ));
        }
        Some(name) => (image.topic(name), ResponseError::UnknownTopicOrPartition),
        None => {
            let id = TopicId(wanted.topic_id.into_bytes());
            (image.topic_by_id(id), ResponseError::UnknownTopicId)
        }
    };
    found
        .cloned()
        .ok_or_else(|| ApiError::new(missing, missing.to_string()))
}

fn outcome(
    wanted: &DeleteTopicState,
    result: &Result<Arc<TopicImage>, ApiError>,
) -> DeletableTopicResult {
    let answer = DeletableTopicResult::default()
        .with_error_code(code_of(result))
        .with_error_message(message_of(result));
    match result {
        Ok(topic) => answer
            .with_name(Some(TopicName(wire_text(&topic.name))))
            .with_topic_id(Uuid::from_bytes(topic.id.0)),
        Err(_) => answer
            .with_name(wanted.name.clone())
            .with_topic_id(wanted.topic_id),
    }
}
