//! The records of `__consumer_offsets`, byte for byte as Kafka writes them.
//!
//! A key opens with two bytes that name its kind: 0 and 1 a committed offset,
//! 2 a classic group, 3 to 8 and 16 the parts of a KIP-848 group. A record
//! without a value deletes what its key names.
//!
//! Decoding trusts nothing: any bytes give a record, "unknown", or an error.

pub mod classic;
pub mod consumer;
mod field;
pub mod offset;

use bytes::Bytes;
use thiserror::Error;

pub use classic::ClassicRecord;
pub use consumer::ConsumerRecord;
pub use offset::OffsetRecord;

/// One change of a shard's hard state.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecord {
    /// A committed offset, or its deletion: key types 0 and 1.
    Offset(OffsetRecord),
    /// A classic group, or its deletion: key type 2.
    Classic(ClassicRecord),
    /// Part of a KIP-848 group, or its deletion: key types 3 to 8 and 16.
    Consumer(ConsumerRecord),
}

/// A record as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedRecord {
    /// Never empty: it opens with the record's type.
    pub key: Bytes,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// Why bytes are no record of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Fewer bytes than the fields ask for.
    #[error("the record ends before its fields do")]
    Truncated,
    /// A length, text or version no writer produces.
    #[error("the record's {0} is not valid")]
    Invalid(&'static str),
}

impl GroupRecord {
    /// The bytes to append.
    pub fn encode(&self) -> EncodedRecord {
        match self {
            GroupRecord::Offset(record) => record.encode(),
            GroupRecord::Classic(record) => record.encode(),
            GroupRecord::Consumer(record) => record.encode(),
        }
    }

    /// Reads what [`encode`](Self::encode) or Apache Kafka wrote. `Ok(None)` is
    /// a type or version this broker does not know; Kafka skips those too, so
    /// that a log a newer broker wrote can be read.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, RecordError> {
        let kind = key.get(..2).ok_or(RecordError::Truncated)?;
        match i16::from_be_bytes([kind[0], kind[1]]) {
            0 | 1 => Ok(OffsetRecord::decode(key, value)?.map(GroupRecord::Offset)),
            2 => Ok(ClassicRecord::decode(key, value)?.map(GroupRecord::Classic)),
            kind @ (3..=8 | 16) => {
                Ok(ConsumerRecord::decode(kind, key, value)?.map(GroupRecord::Consumer))
            }
            _ => Ok(None),
        }
    }
}
