//! DescribeLogDirs (35), versions 1–4 (KIP-113).
//!
//! - 2: flexible. 3: a top-level error code. 4: the size of the file system
//!   (KIP-827); −1 in memory.
//! - There is one log directory, and it holds every partition, so nothing ever
//!   moves to another one: no partition is a future one, and none lags.
//! - No list of topics asks for all; a partition that is not there is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};
use ottla_core::controller::TopicImage;

use super::{Answer, Malformed, RequestContext, decode, wire_text};
use crate::node::Node;

/// What a directory is called that is none.
const MEMORY: &str = "memory";

/// A size nobody can tell.
const UNKNOWN_BYTES: i64 = -1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DescribeLogDirsRequest = decode(context, body)?;
    let directory = DescribeLogDirsResult::default().with_log_dir(wire_text(&log_dir(node)));
    let directory = if node.storage().is_online() {
        let space = node.storage().space();
        let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        directory
            .with_topics(topics(node, &request))
            .with_total_bytes(space.map_or(UNKNOWN_BYTES, |space| bytes(space.total_bytes)))
            .with_usable_bytes(space.map_or(UNKNOWN_BYTES, |space| bytes(space.usable_bytes)))
    } else {
        directory.with_error_code(ResponseError::KafkaStorageError.code())
    };
    let response = DescribeLogDirsResponse::default().with_results(vec![directory]);
    Ok(Answer::ready(context, &response))
}

/// Absolute, as Kafka tells it.
fn log_dir(node: &Node) -> String {
    let Some(data) = &node.config.data else {
        return MEMORY.to_owned();
    };
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.clone());
    absolute.display().to_string()
}

fn topics(node: &Node, request: &DescribeLogDirsRequest) -> Vec<DescribeLogDirsTopic> {
    let image = node.metadata.image();
    let described: Vec<_> = match wanted(request) {
        None => {
            let topics = image.topics();
            topics
                .map(|topic| describe(node, topic, |_| true))
                .collect()
        }
        Some(wanted) => {
            let found = wanted.into_iter().filter_map(|(name, indexes)| {
                let topic = image.topic(name)?;
                Some(describe(node, topic, |index| indexes.contains(&index)))
            });
            found.collect()
        }
    };
    let has_partitions = |topic: &DescribeLogDirsTopic| !topic.partitions.is_empty();
    described.into_iter().filter(has_partitions).collect()
}

/// Each topic once, however often it is named; `None` is every one.
fn wanted(request: &DescribeLogDirsRequest) -> Option<BTreeMap<&str, BTreeSet<i32>>> {
    let topics = request.topics.as_ref()?;
    let mut wanted = BTreeMap::<&str, BTreeSet<i32>>::new();
    for topic in topics {
        let indexes = wanted.entry(topic.topic.as_str()).or_default();
        indexes.extend(&topic.partitions);
    }
    Some(wanted)
}

/// A partition that is offline is left out.
fn describe(
    node: &Node,
    topic: &TopicImage,
    is_wanted: impl Fn(i32) -> bool,
) -> DescribeLogDirsTopic {
    let partitions = node.partitions.of_topic(topic.id).into_iter();
    let described = partitions.filter(|partition| is_wanted(partition.index().0));
    let described = described.filter_map(|partition| {
        let size_bytes = partition.size_bytes().ok()?;
        let described = DescribeLogDirsPartition::default()
            .with_partition_index(partition.index().0)
            .with_partition_size(i64::try_from(size_bytes).unwrap_or(i64::MAX));
        Some(described)
    });
    DescribeLogDirsTopic::default()
        .with_name(TopicName(wire_text(&topic.name)))
        .with_partitions(described.collect())
}
