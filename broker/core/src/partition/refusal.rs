//! Why a batch may not be appended. The broker maps each to the error code
//! Kafka answers with.

use thiserror::Error;

use crate::batch::compression::CompressionError;
use crate::batch::record::RecordError;
use crate::ids::{Offset, ProducerEpoch, ProducerId, Sequence};

/// So many refused records of a batch are named: a hostile batch can hold
/// millions.
pub const REPORTED_RECORDS_MAX: usize = 1_000;

/// A record that breaks a rule of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRecord {
    /// Which one, counted from 0 in its batch.
    pub index: i32,
    /// What is wrong with it.
    pub rule: RecordRule,
}

/// What a topic demands of each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordRule {
    /// A compacted topic keeps the last value per key.
    #[error("a compacted topic needs a key")]
    Key,
    /// `message.timestamp.before.max.ms` and `…after.max.ms`.
    #[error("timestamp {timestamp_ms} is outside {earliest_ms} to {latest_ms}")]
    Timestamp {
        /// The record's.
        timestamp_ms: i64,
        /// The earliest the topic allows now.
        earliest_ms: i64,
        /// The latest the topic allows now.
        latest_ms: i64,
    },
    /// Only the broker sets the append time.
    #[error("a producer must not mark its batch LogAppendTime")]
    TimestampType,
}

fn first_rule(invalid: &[InvalidRecord]) -> String {
    let first = invalid.first();
    first.map_or_else(String::new, |record| record.rule.to_string())
}

/// Why a batch may not be appended; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppendRefusal {
    /// No whole batch: nothing at all, or a length beyond the bytes sent.
    #[error("the partition's data does not hold one whole record batch")]
    NoWholeBatch,
    /// More than one batch for one partition.
    #[error("the partition's data holds more than one record batch")]
    SeveralBatches,
    /// A length too small for any batch.
    #[error("the record batch claims a length of {0} bytes, too few for any batch")]
    Length(i32),
    /// Not a record format at all.
    #[error("record batch has magic {0}, which is no record format")]
    UnknownMagic(i8),
    /// The formats before magic 2, gone since Apache Kafka 4.0 (KIP-724).
    #[error("record batch has magic {0}; only magic 2 can be appended")]
    OldMagic(i8),
    /// Larger than `max.message.bytes`.
    #[error("record batch of {size_bytes} bytes is larger than max.message.bytes, {max_bytes}")]
    TooLarge {
        /// Of the whole batch.
        size_bytes: usize,
        /// The topic's limit.
        max_bytes: usize,
    },
    /// Larger than `segment.bytes`, so no segment could hold it.
    #[error("record batch of {size_bytes} bytes is larger than segment.bytes, {segment_bytes}")]
    LargerThanSegment {
        /// Of the whole batch.
        size_bytes: usize,
        /// The topic's limit.
        segment_bytes: usize,
    },
    /// The checksum does not fit the bytes.
    #[error("record batch is corrupt: its checksum does not fit its bytes")]
    Checksum,
    /// A codec id nobody gave out.
    #[error("record batch names a codec that does not exist")]
    UnknownCodec,
    /// Zstandard in a request version that does not know it (KIP-110).
    #[error("zstd needs a Produce request of version 7 or later")]
    ZstdNotAllowed,
    /// A client counts from 0; the broker assigns offsets.
    #[error("record batch begins at offset {0}; a producer must send 0")]
    BaseOffset(Offset),
    /// Record count and offsets do not fit each other, or there is no record.
    #[error(
        "record batch claims {record_count} records and a last offset delta of {last_offset_delta}"
    )]
    Counts {
        /// As claimed.
        record_count: i32,
        /// As claimed.
        last_offset_delta: i32,
    },
    /// Markers are the broker's to write.
    #[error("clients may not write control batches")]
    ControlBatch,
    /// An idempotent producer must number its records.
    #[error("record batch of producer {producer_id} has base sequence {base_sequence}")]
    BaseSequence {
        /// As sent.
        producer_id: ProducerId,
        /// As sent; negative.
        base_sequence: Sequence,
    },
    /// Transactions are not supported by this broker yet.
    #[error("transactional record batches are not supported by this broker yet")]
    Transactional,
    /// The bytes behind the header are not the claimed records.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// The records could not be inflated to check them.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// Some records break a rule of their topic.
    #[error(
        "{total} records were refused, one of them because {}",
        first_rule(invalid)
    )]
    InvalidRecords {
        /// Which ones, up to [`REPORTED_RECORDS_MAX`].
        invalid: Vec<InvalidRecord>,
        /// How many there are in all.
        total: usize,
        /// Whether one of them was refused for its timestamp.
        has_timestamp: bool,
    },
    /// A newer incarnation of the producer has written (KIP-98).
    #[error("producer {producer_id} has epoch {sent}, but epoch {current} has written since")]
    ProducerEpoch {
        /// Whose.
        producer_id: ProducerId,
        /// The batch's.
        sent: ProducerEpoch,
        /// The latest seen.
        current: ProducerEpoch,
    },
    /// Records between the last one appended and this one are missing.
    #[error("producer {producer_id} sent sequence {sent} after {last}")]
    OutOfOrderSequence {
        /// Whose.
        producer_id: ProducerId,
        /// The batch's first.
        sent: Sequence,
        /// The last one appended; −1 is none in this epoch.
        last: Sequence,
    },
}

/// Why records may not be deleted; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("records before {before} cannot be deleted: the high watermark is {high_watermark}")]
pub struct DeleteRefusal {
    /// The offset asked for.
    pub before: Offset,
    /// The end of what may be deleted.
    pub high_watermark: Offset,
}
