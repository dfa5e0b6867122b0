//! What a log can be told, by Kafka's names and with Kafka's defaults.

use ottla_core::partition::compaction::CompactionPolicy;

/// A topic's settings that its logs obey. `−1` means "no limit" where Kafka
/// says so.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogConfig {
    /// `segment.bytes`: an append that would make a segment larger rolls first.
    pub segment_bytes: u32,
    /// `segment.ms`: how far a batch's timestamp may be from the segment's
    /// first one.
    pub segment_ms: i64,
    /// `segment.index.bytes`: a full index rolls the segment.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: bytes between two index entries.
    pub index_interval_bytes: u32,
    /// Whether `cleanup.policy` has `compact`: then offsets may be missing
    /// between two batches.
    pub is_compacted: bool,
    /// When and how it is compacted, if it is.
    pub compaction: CompactionPolicy,
    /// `retention.ms`, or −1.
    pub retention_ms: i64,
    /// `retention.bytes`, or −1.
    pub retention_bytes: i64,
    /// `flush.messages`: appended records after which a sync is asked for.
    pub flush_messages: u64,
    /// `flush.ms`: how long an appended record may wait for a sync.
    pub flush_ms: u64,
    /// How many bytes are appended between two *verified* marks: what a restart
    /// after a crash has to check at most, while the system runs on.
    pub verify_bytes: u64,
    /// `file.delete.delay.ms`: how long a removed segment's file stays for
    /// reads that were planned before.
    pub file_delete_delay_ms: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            is_compacted: false,
            compaction: CompactionPolicy::default(),
            retention_ms: 7 * 24 * 60 * 60 * 1000,
            retention_bytes: -1,
            flush_messages: u64::MAX,
            flush_ms: u64::MAX,
            verify_bytes: 64 << 20,
            file_delete_delay_ms: 60_000,
        }
    }
}
