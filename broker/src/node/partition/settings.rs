//! What a partition is told by its topic's configuration.

use ottla_core::batch::compression::Compression;
use ottla_core::config::TopicConfig;
use ottla_core::partition::AppendRules;
use ottla_core::partition::compaction::CompactionPolicy;

use crate::storage::LogConfig;

/// What a partition is told by its topic's configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartitionSettings {
    pub(crate) rules: AppendRules,
    pub(crate) log: LogConfig,
    /// `producer.id.expiration.ms`, of the broker.
    pub(crate) producer_id_expiration_ms: i64,
}

impl PartitionSettings {
    /// From the topic's configuration and the broker's own properties.
    pub(crate) fn new(
        topic: &TopicConfig,
        producer_id_expiration_ms: i64,
        validate_compressed: bool,
    ) -> PartitionSettings {
        PartitionSettings {
            rules: append_rules(topic, validate_compressed),
            log: log_config(topic),
            producer_id_expiration_ms,
        }
    }

    /// Whether a record may be read, and acknowledged, only once it is synced.
    pub(super) fn syncs_every_append(&self) -> bool {
        self.log.flush_messages <= 1
    }
}

fn append_rules(topic: &TopicConfig, validate_compressed: bool) -> AppendRules {
    AppendRules {
        max_message_bytes: usize::try_from(topic.max_message_bytes).unwrap_or(0),
        segment_bytes: usize::try_from(topic.segment_bytes).unwrap_or(0),
        timestamp_type: topic.timestamp_type,
        timestamp_before_max_ms: topic.timestamp_before_max_ms,
        timestamp_after_max_ms: topic.timestamp_after_max_ms,
        compacted: topic.cleanup_compact,
        compression: compression(topic),
        validate_compressed,
    }
}

/// What to store batches in, if not in what they were sent.
fn compression(topic: &TopicConfig) -> Option<Compression> {
    let gzip_level = u32::try_from(topic.compression_gzip_level).ok();
    topic
        .compression_type
        .map(|codec| Compression { codec, gzip_level })
}

fn log_config(topic: &TopicConfig) -> LogConfig {
    let deletes = topic.cleanup_delete;
    LogConfig {
        segment_bytes: u32::try_from(topic.segment_bytes).unwrap_or(0),
        // What must be compacted by then must lie in a closed segment by then.
        segment_ms: match topic.cleanup_compact {
            true => topic.segment_ms.min(topic.max_compaction_lag_ms),
            false => topic.segment_ms,
        },
        segment_index_bytes: u32::try_from(topic.segment_index_bytes).unwrap_or(0),
        index_interval_bytes: u32::try_from(topic.index_interval_bytes).unwrap_or(0),
        retention_ms: if deletes { topic.retention_ms } else { -1 },
        retention_bytes: if deletes { topic.retention_bytes } else { -1 },
        flush_messages: u64::try_from(topic.flush_messages).unwrap_or(0),
        flush_ms: u64::try_from(topic.flush_ms).unwrap_or(0),
        file_delete_delay_ms: u64::try_from(topic.file_delete_delay_ms).unwrap_or(0),
        is_compacted: topic.cleanup_compact,
        compaction: CompactionPolicy {
            min_dirty_ratio: topic.min_cleanable_dirty_ratio,
            min_lag_ms: topic.min_compaction_lag_ms,
            max_lag_ms: topic.max_compaction_lag_ms,
            delete_retention_ms: topic.delete_retention_ms,
        },
        ..LogConfig::default()
    }
}
