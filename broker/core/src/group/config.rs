//! The settings groups obey, by Kafka's names and with Kafka's defaults.

use super::consumer::ConsumerGroupConfig;

/// Settings of every group a shard coordinates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for
    /// more members before its first generation; 0 means not at all.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`: members a classic group may have.
    pub max_size: usize,
    /// `offset.metadata.max.bytes`: the longest note beside an offset.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`, in milliseconds: how long offsets outlive
    /// the last member or the last commit (KIP-211).
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`: how often expired ones are
    /// looked for.
    pub offsets_retention_check_interval_ms: u64,
    /// Settings of KIP-848 groups.
    pub consumer: ConsumerGroupConfig,
}

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            max_size: i32::MAX as usize,
            offset_metadata_max_bytes: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_retention_check_interval_ms: 10 * 60 * 1_000,
            consumer: ConsumerGroupConfig::default(),
        }
    }
}
