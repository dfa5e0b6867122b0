//! What carries the events: found out from the cluster, looked at again now and then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use social_events::bus::{Cluster, ClusterKind, PartitionFacts};
use social_events::{Bus, topics};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// How often the cluster is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// The same, as long as it has not answered.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(1);

/// What the one who embeds the service knows of the broker beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BesideBroker {
    /// How long it took to start.
    pub start: Duration,
}

/// What is known of the cluster. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    seen: Arc<Mutex<Option<Cluster>>>,
    beside: Option<BesideBroker>,
    one_process: bool,
}

/// What carries the events, as people are told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackendDto {
    /// `ottla`, `kafka` or `in-process`; absent until the cluster has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Where clients find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// How many brokers it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    brokers: Option<usize>,
    /// How long a broker in this process took to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_millis: Option<f64>,
    /// What this process has in memory, the broker in it included.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_bytes: Option<usize>,
    /// Whether the services run in `one` process or are `separate`.
    processes: &'static str,
    /// The topic of comments; absent while it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<TopicDto>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct TopicDto {
    name: &'static str,
    partitions: usize,
}

impl Backend {
    pub(crate) fn new(one_process: bool, beside: Option<BesideBroker>) -> Self {
        Self {
            seen: Arc::default(),
            beside,
            one_process,
        }
    }

    /// Looks at the cluster until `stop`.
    pub(crate) async fn watch(self, bus: Bus, stop: CancellationToken) {
        loop {
            let again = match bus.cluster(topics::COMMENT_CREATED).await {
                Ok(cluster) => {
                    let complete = !cluster.partitions.is_empty();
                    *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster);
                    if complete {
                        LOOK_AGAIN
                    } else {
                        LOOK_AGAIN_SOON
                    }
                }
                Err(reason) => {
                    tracing::debug!(%reason, "the cluster does not say what it is");
                    LOOK_AGAIN_SOON
                }
            };
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// The partition that a comment's record with this key goes to.
    pub(crate) fn partition_of(&self, key: &str) -> Option<u32> {
        let cluster = self
            .cluster()
            .filter(|seen| seen.kind != ClusterKind::InProcess)?;
        let partitions = u32::try_from(cluster.partitions.len()).ok()?;
        (partitions > 0).then(|| Bus::partition_of(key.as_bytes(), partitions))
    }

    /// How a partition of the topic of comments lies on its brokers, and how many of them there
    /// are.
    pub(crate) fn partition(&self, partition: i32) -> Option<(usize, PartitionFacts)> {
        let cluster = self
            .cluster()
            .filter(|seen| seen.kind != ClusterKind::InProcess)?;
        let facts = cluster.partitions.iter();
        let facts = facts.copied().find(|facts| facts.partition == partition)?;
        Some((cluster.brokers, facts))
    }

    /// The numbers of the partitions of the topic of comments.
    pub(crate) fn partitions(&self) -> Vec<i32> {
        let cluster = self.cluster();
        let facts = cluster.iter().flat_map(|cluster| &cluster.partitions);
        facts.map(|facts| facts.partition).collect()
    }

    pub(crate) fn view(&self) -> BackendDto {
        let cluster = self.cluster();
        let partitions = cluster.as_ref().map_or(0, |seen| seen.partitions.len());
        let brokers = cluster.as_ref().map(|seen| seen.brokers);
        BackendDto {
            kind: cluster.as_ref().map(|seen| match seen.kind {
                ClusterKind::Ottla => "ottla",
                ClusterKind::Kafka => "kafka",
                ClusterKind::InProcess => "in-process",
            }),
            brokers: brokers.filter(|brokers| *brokers > 0),
            address: cluster.and_then(|seen| seen.address),
            start_millis: self
                .beside
                .map(|beside| beside.start.as_secs_f64() * 1000.0),
            resident_bytes: self
                .one_process
                .then(memory_stats::memory_stats)
                .flatten()
                .map(|stats| stats.physical_mem),
            processes: if self.one_process { "one" } else { "separate" },
            topic: (partitions > 0).then_some(TopicDto {
                name: topics::COMMENT_CREATED,
                partitions,
            }),
        }
    }

    fn cluster(&self) -> Option<Cluster> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
