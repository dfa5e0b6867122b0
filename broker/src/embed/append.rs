//! Appends a record from inside the process, the way a producer's would go.

use std::sync::Arc;

use bytes::BytesMut;
use ottla_core::batch::{RecordBatchBuilder, RecordHeader};
use ottla_core::controller::{TopicImage, is_internal_topic};
use ottla_core::ids::PartitionIndex;
use ottla_core::murmur2::partition_of_key;
use ottla_core::partition::AppendOrigin;
use ottla_core::time::Now;

use super::error::EmbedError;
use super::record::NewRecord;
use crate::node::Node;
use crate::node::partition::Appended;

/// Where a record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The partition's index.
    pub partition: i32,
    /// Where it lies in the partition.
    pub offset: i64,
}

/// Appends `record` to `topic`, which is made if it is not there, and returns
/// when it is as durable as the topic promises.
pub(super) async fn append(
    node: &Arc<Node>,
    topic: &str,
    record: NewRecord,
) -> Result<Placed, EmbedError> {
    let refused = |problem: String| EmbedError::Append {
        topic: topic.to_owned(),
        problem,
    };
    let (appending, name) = (Arc::clone(node), topic.to_owned());
    // The topic may have to be made first, and to be synced.
    let appended = tokio::task::spawn_blocking(move || append_now(&appending, &name, &record));
    // It was cancelled, because the broker's threads end.
    let appended = appended.await.map_err(|_| EmbedError::Stopped)?;
    let (partition, appended) = appended.map_err(refused)?;
    if let Some(ticket) = appended.ticket {
        ticket.await.map_err(|error| refused(error.to_string()))?;
    }
    Ok(Placed {
        partition,
        offset: appended.base_offset.0,
    })
}

/// Appends without waiting for the record to be durable. Tells the partition,
/// or the problem. Blocks where the topic has to be made.
pub(super) fn append_now(
    node: &Arc<Node>,
    topic: &str,
    record: &NewRecord,
) -> Result<(i32, Appended), String> {
    let now = node.clock.now();
    let topic = existing(node, topic)?;
    let partition = partition_for(record, &topic)?;
    let found = node
        .partitions
        .find(topic.id, PartitionIndex(partition))
        .ok_or_else(|| format!("it has no partition {partition}"))?;
    let origin = AppendOrigin::Client { zstd_allowed: true };
    let appended = found
        .append(now, batch_of(now, record)?, origin)
        .map_err(|error| error.to_string())?;
    Ok((partition, appended))
}

fn existing(node: &Arc<Node>, name: &str) -> Result<Arc<TopicImage>, String> {
    if is_internal_topic(name) {
        return Err("it is internal: only the broker writes to it".to_owned());
    }
    if node.metadata.image().topic(name).is_none() {
        let wanted = (name.to_owned(), -1);
        node.create_at_start(&[wanted])
            .map_err(|(_, problem)| problem)?;
    }
    let topic = node.metadata.image().topic(name).cloned();
    topic.ok_or_else(|| "it was deleted meanwhile".to_owned())
}

fn partition_for(record: &NewRecord, topic: &TopicImage) -> Result<i32, String> {
    let count = i32::try_from(topic.partitions.len()).map_err(|error| error.to_string())?;
    let by_key = || {
        let key = record.key.as_deref();
        key.map_or(0, |key| partition_of_key(key, count))
    };
    Ok(record.partition.unwrap_or_else(by_key))
}

fn batch_of(now: Now, record: &NewRecord) -> Result<BytesMut, String> {
    let headers = record.headers.iter().map(|(name, value)| RecordHeader {
        key: name.as_bytes(),
        value: value.as_deref(),
    });
    let headers: Vec<_> = headers.collect();
    let mut batch = RecordBatchBuilder::new();
    let timestamp_ms = record.timestamp_ms.unwrap_or(now.wall_ms);
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    batch
        .push(timestamp_ms, key, value, &headers)
        .map_err(|error| error.to_string())?;
    Ok(batch.build())
}
