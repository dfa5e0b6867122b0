//! The broker's properties as the rules of groups want them.

use ottla_core::config::BrokerConfigs;
use ottla_core::group::GroupConfig;
use ottla_core::group::assignor::Assignor;

pub(super) fn group_config(properties: &BrokerConfigs) -> GroupConfig {
    let milliseconds = |name| u64::try_from(properties.number(name)).unwrap_or(0);
    let count = |name| usize::try_from(properties.number(name)).unwrap_or(usize::MAX);
    let int = |name| i32::try_from(properties.number(name)).unwrap_or(i32::MAX);
    let defaults = GroupConfig::default();
    let mut consumer = defaults.consumer;
    consumer.session_timeout_ms = milliseconds("group.consumer.session.timeout.ms");
    consumer.heartbeat_interval_ms = int("group.consumer.heartbeat.interval.ms");
    consumer.max_size = count("group.consumer.max.size");
    consumer.assignment_interval_ms = milliseconds("group.consumer.assignment.interval.ms");
    let assignors = assignors(properties);
    if !assignors.is_empty() {
        consumer.assignors = assignors;
    }
    GroupConfig {
        min_session_timeout_ms: int("group.min.session.timeout.ms"),
        max_session_timeout_ms: int("group.max.session.timeout.ms"),
        initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms"),
        max_size: count("group.max.size"),
        offset_metadata_max_bytes: count("offset.metadata.max.bytes"),
        offsets_retention_ms: properties.number("offsets.retention.minutes") * 60_000,
        offsets_retention_check_interval_ms: milliseconds("offsets.retention.check.interval.ms"),
        consumer,
    }
}

/// Those of `group.consumer.assignors` that exist here; Kafka lets it name
/// classes too.
fn assignors(properties: &BrokerConfigs) -> Vec<Assignor> {
    let names = properties
        .text("group.consumer.assignors")
        .unwrap_or_default();
    let known = names
        .split(',')
        .map(str::trim)
        .filter_map(Assignor::from_name);
    known.collect()
}
