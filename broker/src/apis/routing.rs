//! Which partition a request means: from a topic's name or id, and an index,
//! to the partition this node leads.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use ottla_core::controller::{MetadataImage, TopicImage};
use ottla_core::ids::PartitionIndex;

use super::errors::ApiError;
use crate::node::Node;
use crate::node::partition::Partition;
use crate::wire::produce::TopicRef;

/// The topic of that name or id, or the code Kafka answers with.
pub(super) fn find_topic<'image>(
    image: &'image MetadataImage,
    topic: TopicRef<'_>,
) -> Result<&'image Arc<TopicImage>, ApiError> {
    match topic {
        TopicRef::Name(name) => image.topic(name).ok_or_else(|| {
            ApiError::new(
                ResponseError::UnknownTopicOrPartition,
                "there is no topic of this name",
            )
        }),
        TopicRef::Id(id) => image.topic_by_id(id).ok_or_else(|| {
            ApiError::new(
                ResponseError::UnknownTopicId,
                "there is no topic of this id",
            )
        }),
    }
}

/// The topic's partition of that index.
pub(super) fn find_partition(
    node: &Node,
    topic: &TopicImage,
    index: i32,
) -> Result<Arc<Partition>, ApiError> {
    node.partitions
        .find(topic.id, PartitionIndex(index))
        .ok_or_else(|| {
            ApiError::new(
                ResponseError::UnknownTopicOrPartition,
                "the topic has no partition of this index",
            )
        })
}
