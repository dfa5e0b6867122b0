//! Topics, partitions and groups as one moment finds them.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::controller::TopicImage;
use ottla_core::ids::PartitionIndex;

use super::groups::{GroupState, groups};
use crate::node::Node;

/// What a cluster holds. The parts are read one after the other: a topic made
/// meanwhile may be missing, an offset may have moved on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// As clients see it in Metadata.
    pub cluster_id: String,
    /// Of the broker that was asked.
    pub node_id: i32,
    /// By name.
    pub topics: Vec<TopicState>,
    /// By id.
    pub groups: Vec<GroupState>,
}

/// One topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub name: String,
    /// Its id, as Kafka writes ids.
    pub id: String,
    /// By index.
    pub partitions: Vec<PartitionState>,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// Counts from 0.
    pub index: i32,
    /// Who leads, if anybody.
    pub leader: Option<i32>,
    /// Counts leaders.
    pub leader_epoch: i32,
    /// `None` while its storage does not work, and where another node leads.
    pub log: Option<LogState>,
}

/// One partition's log: offsets, and what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// The first offset that can be read.
    pub start_offset: i64,
    /// The end of what read_committed may read.
    pub last_stable_offset: i64,
    /// The end of what consumers may read.
    pub high_watermark: i64,
    /// Where the next record goes.
    pub end_offset: i64,
    /// In memory or on disk, indexes not counted.
    pub size_bytes: u64,
}

/// Whoever looks at a broker in trouble wants to see something.
const GROUPS_TIMEOUT: Duration = Duration::from_secs(1);

impl Cluster {
    pub(super) async fn of(node: &Arc<Node>) -> Cluster {
        let topics = topics(node);
        let groups = tokio::time::timeout(GROUPS_TIMEOUT, groups(node, &topics)).await;
        Cluster {
            cluster_id: node.cluster_id.clone(),
            node_id: node.config.node_id.0,
            topics,
            groups: groups.unwrap_or_default(),
        }
    }
}

/// Every topic, by name.
pub(crate) fn topics(node: &Node) -> Vec<TopicState> {
    let image = node.metadata.image();
    image
        .topics()
        .map(|topic| TopicState::of(node, topic))
        .collect()
}

impl TopicState {
    fn of(node: &Node, topic: &TopicImage) -> TopicState {
        let partitions = (0..)
            .zip(&topic.partitions)
            .map(|(index, partition)| PartitionState {
                index,
                leader: partition.leader.map(|leader| leader.0),
                leader_epoch: partition.leader_epoch.0,
                log: LogState::of(node, topic, PartitionIndex(index)),
            });
        TopicState {
            name: topic.name.to_string(),
            id: topic.id.to_string(),
            partitions: partitions.collect(),
        }
    }
}

impl LogState {
    fn of(node: &Node, topic: &TopicImage, index: PartitionIndex) -> Option<LogState> {
        let partition = node.partitions.find(topic.id, index)?;
        let marks = partition.marks().ok()?;
        Some(LogState {
            start_offset: marks.log_start.0,
            last_stable_offset: marks.last_stable.0,
            high_watermark: marks.high_watermark.0,
            end_offset: marks.log_end.0,
            size_bytes: partition.size_bytes().ok()?,
        })
    }
}
