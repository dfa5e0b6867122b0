//! Which partition of this node a reader means, by what the metadata says now.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use ottla_core::controller::{MetadataImage, TopicImage};
use ottla_core::fetch_session::{SessionPartition, TopicKey};
use ottla_core::ids::PartitionIndex;

use crate::node::Node;
use crate::node::partition::Partition;

/// One partition's part in a request.
pub(super) struct Wanted {
    pub(super) asked: SessionPartition,
    /// Or why it cannot be read although its topic is there.
    pub(super) partition: Result<Arc<Partition>, ResponseError>,
}

/// A partition that the metadata does not know. It does not end a long poll
/// on others, and is answered behind them.
pub(super) struct Unknown {
    pub(super) asked: SessionPartition,
    pub(super) error: ResponseError,
}

/// Looks all of them up.
pub(super) fn find_all(
    node: &Node,
    image: &MetadataImage,
    asked: Vec<SessionPartition>,
) -> (Vec<Wanted>, Vec<Unknown>) {
    let (mut wanted, mut unknown) = (Vec::with_capacity(asked.len()), Vec::new());
    let mut topic = None;
    for asked in asked {
        // Partitions of a topic come together: it is looked up once. What they
        // know it by may differ, where it was deleted meanwhile.
        let known = topic
            .take()
            .filter(|(key, name, _)| *key == asked.key.topic && *name == asked.topic_name);
        let (key, name, found) = known.unwrap_or_else(|| {
            let found = find(image, &asked);
            (asked.key.topic.clone(), asked.topic_name.clone(), found)
        });
        match &found {
            Ok(found) if has_partition(found, asked.key.index) => {
                let partition = find_partition(node, found, &asked);
                wanted.push(Wanted { asked, partition });
            }
            Ok(_) => unknown.push(Unknown {
                asked,
                error: ResponseError::UnknownTopicOrPartition,
            }),
            Err(error) => unknown.push(Unknown {
                asked,
                error: *error,
            }),
        }
        topic = Some((key, name, found));
    }
    (wanted, unknown)
}

/// The topic of that name, though it may have another id by now.
fn find<'image>(
    image: &'image MetadataImage,
    asked: &SessionPartition,
) -> Result<&'image Arc<TopicImage>, ResponseError> {
    let name = asked.topic_name.as_deref();
    let name = name.ok_or(ResponseError::UnknownTopicId)?;
    let found = image.topic(name);
    found.ok_or(ResponseError::UnknownTopicOrPartition)
}

fn has_partition(topic: &TopicImage, index: i32) -> bool {
    usize::try_from(index).is_ok_and(|index| index < topic.partitions.len())
}

fn find_partition(
    node: &Node,
    topic: &TopicImage,
    asked: &SessionPartition,
) -> Result<Arc<Partition>, ResponseError> {
    if matches!(asked.key.topic, TopicKey::Id(id) if id != topic.id) {
        return Err(ResponseError::InconsistentTopicId);
    }
    let index = PartitionIndex(asked.key.index);
    let partition = node.partitions.find(topic.id, index);
    partition.ok_or(ResponseError::NotLeaderOrFollower)
}
