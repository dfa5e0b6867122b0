//! DescribeTopicPartitions (75), version 0 (KIP-966): Metadata in pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName,
};
use ottla_core::controller::{
    MetadataImage, PartitionImage, TopicImage, is_internal_topic, validate_topic_name,
};
use uuid::Uuid;

use super::{
    Answer, EVERY_TOPIC_OPERATION, Malformed, OPERATIONS_OMITTED, RequestContext, decode, node_ids,
    wire_node, wire_text,
};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DescribeTopicPartitionsRequest = decode(context, body)?;
    if !cursor_is_valid(&request) {
        let topics = request.topics.iter().map(|topic| {
            DescribeTopicPartitionsResponseTopic::default()
                .with_error_code(ResponseError::InvalidRequest.code())
                .with_name(Some(topic.name.clone()))
                .with_topic_authorized_operations(OPERATIONS_OMITTED)
        });
        let refused = DescribeTopicPartitionsResponse::default().with_topics(topics.collect());
        return Ok(Answer::ready(context, &refused));
    }
    let limit = node
        .config
        .properties
        .number("max.request.partition.size.limit");
    let limit = usize::try_from(limit.min(i64::from(request.response_partition_limit)));
    let mut page = Page {
        room: limit.unwrap_or(0).max(1),
        topics: Vec::new(),
        next: None,
    };
    let image = node.metadata.image();
    for (name, first_partition) in wanted(&image, &request) {
        if !page.add(&image, &name, first_partition) {
            break;
        }
    }
    let response = DescribeTopicPartitionsResponse::default()
        .with_topics(page.topics)
        .with_next_cursor(page.next);
    Ok(Answer::ready(context, &response))
}

/// Whether the page begins at a partition of a topic that is asked for.
fn cursor_is_valid(request: &DescribeTopicPartitionsRequest) -> bool {
    let Some(cursor) = &request.cursor else {
        return true;
    };
    let mut topics = request.topics.iter();
    let asked_for = topics.any(|topic| topic.name == cursor.topic_name);
    (request.topics.is_empty() || asked_for) && cursor.partition_index >= 0
}

/// The topics from the cursor on, by name, each with its first partition.
fn wanted(image: &MetadataImage, request: &DescribeTopicPartitionsRequest) -> Vec<(String, usize)> {
    let mut names: BTreeSet<String> = request
        .topics
        .iter()
        .map(|topic| topic.name.to_string())
        .collect();
    if names.is_empty() {
        names = image.topics().map(|topic| topic.name.to_string()).collect();
    }
    let Some(cursor) = &request.cursor else {
        return names.into_iter().map(|name| (name, 0)).collect();
    };
    let start = cursor.topic_name.as_str();
    let first = usize::try_from(cursor.partition_index).unwrap_or(0);
    let from_cursor = names.into_iter().filter(|name| name.as_str() >= start);
    from_cursor
        .map(|name| {
            if name == start {
                (name, first)
            } else {
                (name, 0)
            }
        })
        .collect()
}

struct Page {
    /// Partitions that still fit.
    room: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next: Option<Cursor>,
}

impl Page {
    /// Adds what fits of a topic; false when the page is full.
    fn add(&mut self, image: &MetadataImage, name: &str, first: usize) -> bool {
        // Whether the topic of the cursor exists shows on the next page.
        if self.room == 0 {
            self.next = Some(cursor(name, 0));
            return false;
        }
        let Some(topic) = image.topic(name) else {
            self.topics.push(unknown(name));
            return true;
        };
        let rest = topic.partitions.iter().enumerate().skip(first);
        let partitions: Vec<_> = rest
            .take(self.room)
            .map(|(at, one)| partition(at, one))
            .collect();
        let end = first + partitions.len();
        self.room -= partitions.len();
        self.topics
            .push(described(topic).with_partitions(partitions));
        if end < topic.partitions.len() {
            self.next = Some(cursor(name, end));
            return false;
        }
        true
    }
}

fn cursor(name: &str, partition_index: usize) -> Cursor {
    Cursor::default()
        .with_topic_name(TopicName(wire_text(name)))
        .with_partition_index(partition_index as i32)
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match validate_topic_name(name) {
        Ok(()) => ResponseError::UnknownTopicOrPartition,
        Err(_) => ResponseError::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(TopicName(wire_text(name))))
        .with_topic_authorized_operations(EVERY_TOPIC_OPERATION)
}

fn described(topic: &TopicImage) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(wire_text(&topic.name))))
        .with_topic_id(Uuid::from_bytes(topic.id.0))
        .with_is_internal(is_internal_topic(&topic.name))
        .with_topic_authorized_operations(EVERY_TOPIC_OPERATION)
}

fn partition(index: usize, image: &PartitionImage) -> DescribeTopicPartitionsResponsePartition {
    let error = image
        .leader
        .is_none()
        .then_some(ResponseError::LeaderNotAvailable);
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_partition_index(index as i32)
        .with_leader_id(image.leader.map_or_else(|| (-1).into(), wire_node))
        .with_leader_epoch(image.leader_epoch.0)
        .with_replica_nodes(node_ids(&image.replicas))
        .with_isr_nodes(node_ids(&image.isr))
        .with_eligible_leader_replicas(Some(Vec::new()))
        .with_last_known_elr(Some(Vec::new()))
}
