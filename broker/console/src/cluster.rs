//! `/api/cluster`: what [`ottla::observe::Cluster`] says, as JSON.
//!
//! The JSON is this crate's own: what the broker shows may change its shape
//! without changing what pages and scripts read.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ottla::observe::{self, Observer};
use serde::Serialize;

use crate::health;

pub(crate) async fn json(State(observer): State<Observer>) -> Response {
    match observer.cluster().await {
        Some(cluster) => Json(Cluster::from(cluster)).into_response(),
        None => health::stopped().into_response(),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    cluster_id: String,
    node_id: i32,
    topics: Vec<Topic>,
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Topic {
    name: String,
    id: String,
    partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Partition {
    index: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    /// Null while the partition is offline.
    log: Option<Log>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    start_offset: i64,
    last_stable_offset: i64,
    high_watermark: i64,
    end_offset: i64,
    size_bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    id: String,
    /// "classic" or "consumer".
    kind: String,
    protocol_type: String,
    state: String,
    offsets: Vec<Offset>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Offset {
    topic: String,
    partition: i32,
    committed: i64,
    /// Null while the partition's end is not known.
    lag: Option<i64>,
}

impl From<observe::Cluster> for Cluster {
    fn from(cluster: observe::Cluster) -> Self {
        Cluster {
            cluster_id: cluster.cluster_id,
            node_id: cluster.node_id,
            topics: cluster.topics.into_iter().map(Topic::from).collect(),
            groups: cluster.groups.into_iter().map(Group::from).collect(),
        }
    }
}

impl From<observe::TopicState> for Topic {
    fn from(topic: observe::TopicState) -> Self {
        let partitions = topic.partitions.into_iter().map(|partition| Partition {
            index: partition.index,
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            log: partition.log.map(|log| Log {
                start_offset: log.start_offset,
                last_stable_offset: log.last_stable_offset,
                high_watermark: log.high_watermark,
                end_offset: log.end_offset,
                size_bytes: log.size_bytes,
            }),
        });
        Topic {
            name: topic.name,
            id: topic.id,
            partitions: partitions.collect(),
        }
    }
}

impl From<observe::GroupState> for Group {
    fn from(group: observe::GroupState) -> Self {
        let offsets = group.offsets.into_iter().map(|offset| Offset {
            topic: offset.topic,
            partition: offset.partition,
            committed: offset.committed,
            lag: offset.lag,
        });
        Group {
            id: group.id,
            kind: group.kind.to_owned(),
            protocol_type: group.protocol_type,
            state: group.state.to_owned(),
            offsets: offsets.collect(),
        }
    }
}
