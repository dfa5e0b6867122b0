//! The settings KIP-848 groups obey.

use crate::group::assignor::Assignor;

/// Settings of KIP-848 groups, by Kafka's names and with Kafka's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupConfig {
    /// `group.consumer.session.timeout.ms`: a member that is silent for longer
    /// is put out of its group.
    pub session_timeout_ms: u64,
    /// `group.consumer.heartbeat.interval.ms`: what members are told to keep to.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`: members a group may have.
    pub max_size: usize,
    /// `group.consumer.assignors`: those on offer; the first one is used when
    /// no member asks for another. Never empty.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.assignment.interval.ms`: how long at least lies between
    /// two computations of a group's assignment (KIP-1263); 0 means none. Members that join
    /// meanwhile wait for the next heartbeat after it, and are assigned together.
    pub assignment_interval_ms: u64,
    /// How long at least lies between two looks for new topics that match the
    /// regular expressions of a group. Kafka has it fixed at ten seconds.
    pub regex_refresh_interval_ms: u64,
}

impl Default for ConsumerGroupConfig {
    fn default() -> Self {
        ConsumerGroupConfig {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            max_size: i32::MAX as usize,
            assignors: Assignor::ALL.to_vec(),
            assignment_interval_ms: 1_000,
            regex_refresh_interval_ms: 10_000,
        }
    }
}
