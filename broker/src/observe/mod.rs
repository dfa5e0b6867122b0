//! What can be seen of a running broker from outside: its traffic, its topics,
//! its groups. Plain data at one moment; changes nothing.

mod cluster;
mod counters;
mod groups;
mod histogram;
mod members;

use std::sync::{Arc, Weak};

pub use cluster::{Cluster, LogState, PartitionState, TopicState};
pub use groups::{GroupOffset, GroupState};
pub use histogram::Durations;
pub use members::{AssignedPartitions, GroupMember};

pub(crate) use cluster::topics;
pub(crate) use counters::Counters;
pub(crate) use groups::{group, groups};

use crate::node::Node;

/// Looks at a broker without keeping it alive: once the broker has stopped,
/// there is nothing to see.
#[derive(Clone, Debug)]
pub struct Observer {
    node: Weak<Node>,
}

impl Observer {
    pub(crate) fn new(node: &Arc<Node>) -> Observer {
        Observer {
            node: Arc::downgrade(node),
        }
    }

    /// Whether the broker is still there. It is from when `start` returned.
    pub fn is_serving(&self) -> bool {
        self.node.strong_count() > 0
    }

    /// What it has received and answered; `None` once it has stopped.
    pub fn traffic(&self) -> Option<Traffic> {
        Some(self.node.upgrade()?.counters.snapshot())
    }

    /// What it holds; `None` once it has stopped. Answers within a second or
    /// so, if need be without groups: their coordinators say nothing that is
    /// not committed yet.
    pub async fn cluster(&self) -> Option<Cluster> {
        let node = self.node.upgrade()?;
        Some(Cluster::of(&node).await)
    }
}

/// What a broker has received and answered since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections accepted so far.
    pub connections_opened: u64,
    /// Of those, how many are still there.
    pub connections_open: u64,
    /// Connections turned away by `max.connections` and its kin.
    pub connections_refused: u64,
    /// Bytes read from clients, framing included.
    pub received_bytes: u64,
    /// Bytes written to clients, framing included.
    pub sent_bytes: u64,
    /// Frames that are no request of the API they name; each closed its
    /// connection.
    pub malformed_requests: u64,
    /// Requests for an API or version that is not served.
    pub unsupported_requests: u64,
    /// By API, those never asked for included.
    pub apis: Vec<ApiTraffic>,
}

/// The requests of one API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiTraffic {
    /// Kafka's API key.
    pub key: i16,
    /// Kafka's name for it.
    pub name: String,
    /// Version and how many requests came in it; versions nobody used are
    /// left out.
    pub requests: Vec<(i16, u64)>,
    /// From a request being parsed to its reply being ready to leave, waiting
    /// that the client asked for (long polls, acks, rebalances) included.
    pub latency: Durations,
}
