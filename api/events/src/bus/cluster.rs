//! What carries the events, as it says of itself.

/// A cluster, and one of its topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What it is.
    pub kind: ClusterKind,
    /// Where clients find it; `None` inside one process.
    pub address: Option<String>,
    /// How many brokers it has.
    pub brokers: usize,
    /// The topic's partitions, by number; empty while it does not exist.
    pub partitions: Vec<PartitionFacts>,
}

/// What a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterKind {
    /// This repository's broker.
    Ottla,
    /// Apache Kafka, or another broker that speaks its protocol.
    Kafka,
    /// No cluster: the bus of this process.
    InProcess,
}

/// How a partition lies on its brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionFacts {
    /// Its number.
    pub partition: i32,
    /// How many copies it has.
    pub replicas: usize,
    /// How many of them are in sync.
    pub in_sync: usize,
}

/// A group's place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupOffset {
    /// The partition.
    pub partition: i32,
    /// The next offset the group will read; `None` when it has committed nothing.
    pub committed: Option<i64>,
    /// The next offset that will be written.
    pub end: i64,
}
