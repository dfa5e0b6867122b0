//! DeleteTopics (20), versions 1–6.
//!
//! - 1–5: by name. 5: error messages. 6: by name or id.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
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
    let image = node.metadata.image();
    let counted = by_one_name(counted(request), &image);
    let found: Vec<_> = counted
        .iter()
        .map(|(topic, count)| find(node, context, &image, topic, *count))
        .collect();
    let doomed: Vec<_> = found
        .iter()
        .filter_map(|topic| topic.as_ref().ok().cloned())
        .collect();
    let (failure, committed) = match node.delete_topics(context.now, &doomed) {
        Ok(committed) => (None, committed),
        Err(error) => (Some(ApiError::from(error)), Default::default()),
    };
    let responses = counted.keys().zip(found).map(|(wanted, found)| {
        let result = found.and_then(|topic| match &failure {
            None => Ok(topic),
            Some(error) => Err(error.clone()),
        });
        outcome(wanted, &result)
    });
    let response = DeleteTopicsResponse::default().with_responses(responses.collect());
    Ok(when_committed(committed, context, response))
}

/// A topic by name, by id, by both or by neither: only the first two are right.
type Wanted = (Option<TopicName>, Uuid);

/// What was asked for, by name alone before version 6, and how often.
fn counted(request: DeleteTopicsRequest) -> BTreeMap<Wanted, usize> {
    let by_name = request.topic_names.into_iter();
    let by_name = by_name.map(|name| (Some(name), Uuid::nil()));
    let topics = request.topics.into_iter();
    let mut counts = BTreeMap::new();
    for wanted in topics
        .map(|topic| (topic.name, topic.topic_id))
        .chain(by_name)
    {
        *counts.entry(wanted).or_insert(0) += 1;
    }
    counts
}

/// A topic that is named by its name and again by its id is named twice.
fn by_one_name(counted: BTreeMap<Wanted, usize>, image: &MetadataImage) -> BTreeMap<Wanted, usize> {
    let mut counts = counted.clone();
    for (wanted, count) in counted {
        let (Some(name), true) = (&wanted.0, wanted.1.is_nil()) else {
            continue;
        };
        let Some(topic) = image.topic(name) else {
            continue;
        };
        let id = Uuid::from_bytes(topic.id.0);
        if let Some(again) = counts.remove(&(None, id)) {
            counts.remove(&wanted);
            counts.insert((wanted.0, id), again + count);
        }
    }
    counts
}

fn find(
    node: &Node,
    context: &RequestContext,
    image: &MetadataImage,
    (name, id): &Wanted,
    count: usize,
) -> Result<Arc<TopicImage>, ApiError> {
    if !node.config.properties.is_on("delete.topic.enable") {
        let code = match context.api_version {
            // The code is younger than these versions.
            ..3 => ResponseError::InvalidRequest,
            _ => ResponseError::TopicDeletionDisabled,
        };
        let message = "topics cannot be deleted here: delete.topic.enable is false";
        return Err(ApiError::new(code, message));
    }
    let invalid = |message| Err(ApiError::new(ResponseError::InvalidRequest, message));
    let (found, missing) = match name {
        Some(_) if !id.is_nil() => {
            return invalid("You may not specify both topic name and topic id.");
        }
        None if id.is_nil() => return invalid("Neither topic name nor id were specified."),
        Some(_) if count > 1 => return invalid("Duplicate topic name."),
        None if count > 1 => return invalid("Duplicate topic id."),
        Some(name) => (image.topic(name), ResponseError::UnknownTopicOrPartition),
        None => (
            image.topic_by_id(TopicId(id.into_bytes())),
            ResponseError::UnknownTopicId,
        ),
    };
    found
        .cloned()
        .ok_or_else(|| ApiError::new(missing, missing.to_string()))
}

fn outcome(
    (name, id): &Wanted,
    result: &Result<Arc<TopicImage>, ApiError>,
) -> DeletableTopicResult {
    let answer = DeletableTopicResult::default()
        .with_error_code(code_of(result))
        .with_error_message(message_of(result));
    match result {
        Ok(topic) => answer
            .with_name(Some(TopicName(wire_text(&topic.name))))
            .with_topic_id(Uuid::from_bytes(topic.id.0)),
        Err(_) => answer.with_name(name.clone()).with_topic_id(*id),
    }
}
