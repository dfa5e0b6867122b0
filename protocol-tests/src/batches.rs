//! Record batches as producers send them, out of records that own their bytes.
//!
//! Owns only the step from a value that a generator can make and shrink to the
//! builder of `ottla_core`, and back. What it builds is always valid; whoever
//! wants an invalid batch changes the bytes afterwards.

use bytes::Bytes;
use ottla_core::batch::crc::checksum;
use ottla_core::batch::{BatchHeader, Codec, RecordBatchBuilder, RecordHeader, compression};
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};

/// Where a batch's checksum stands.
const CRC: std::ops::Range<usize> = 17..21;

/// More than any test inflates.
const INFLATED_BYTES_MAX: usize = 256 << 20;

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Unix milliseconds.
    pub timestamp_ms: i64,
    /// Null is not the same as empty.
    pub key: Option<Vec<u8>>,
    /// Null on a compacted topic is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; a key may come twice.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl OwnedRecord {
    /// A record with a value and nothing else.
    pub fn of_value(timestamp_ms: i64, value: impl Into<Vec<u8>>) -> OwnedRecord {
        OwnedRecord {
            timestamp_ms,
            value: Some(value.into()),
            ..OwnedRecord::default()
        }
    }
}

/// What makes a batch idempotent: producer id, epoch and first sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// From InitProducerId.
    pub producer_id: i64,
    /// Fences older incarnations.
    pub epoch: i16,
    /// The number of the batch's first record, per partition.
    pub base_sequence: i32,
}

/// A batch of these records; the base offset is 0, as a producer sends it.
///
/// # Panics
/// When there are more bytes than a batch holds.
pub fn batch(records: &[OwnedRecord], codec: Codec, producer: Option<ProducerStamp>) -> Bytes {
    let mut builder = RecordBatchBuilder::new();
    if let Some(stamp) = producer {
        builder = builder.with_producer(
            ProducerId(stamp.producer_id),
            ProducerEpoch(stamp.epoch),
            Sequence(stamp.base_sequence),
        );
    }
    for record in records {
        let headers: Vec<RecordHeader<'_>> = record
            .headers
            .iter()
            .map(|(key, value)| RecordHeader {
                key,
                value: value.as_deref(),
            })
            .collect();
        builder
            .push(
                record.timestamp_ms,
                record.key.as_deref(),
                record.value.as_deref(),
                &headers,
            )
            .expect("a test's records fit into one batch");
    }
    builder
        .build_compressed(codec)
        .expect("the core writes every codec")
        .freeze()
}

/// The same batch with another byte at `at` and a checksum that fits: a fault
/// that only a rule can see.
///
/// # Panics
/// When the batch has no such byte.
pub fn with_byte(batch: &[u8], at: usize, value: u8) -> Bytes {
    let mut changed = batch.to_vec();
    changed[at] = value;
    let sum = checksum(&changed);
    changed[CRC].copy_from_slice(&sum.to_be_bytes());
    changed.into()
}

/// The records of every whole batch at the front of `bytes`, with their
/// offsets, inflated.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub fn records_of(bytes: &[u8]) -> Result<Vec<(i64, OwnedRecord)>, String> {
    let mut found = Vec::new();
    for batch in ottla_core::batch::batches(bytes) {
        let (header, batch) = batch.map_err(|error| error.to_string())?;
        records_of_batch(&header, batch, &mut found)?;
    }
    Ok(found)
}

fn records_of_batch(
    header: &BatchHeader,
    batch: &[u8],
    found: &mut Vec<(i64, OwnedRecord)>,
) -> Result<(), String> {
    let inflated = compression::record_bytes(header, batch, INFLATED_BYTES_MAX)
        .map_err(|error| error.to_string())?;
    for record in ottla_core::batch::records(header, &inflated) {
        let record = record.map_err(|error| error.to_string())?;
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let headers = record.headers;
        found.push((
            record.offset.0,
            OwnedRecord {
                timestamp_ms: record.timestamp_ms,
                key: owned(record.key),
                value: owned(record.value),
                headers: headers
                    .map(|header| (header.key.to_vec(), owned(header.value)))
                    .collect(),
            },
        ));
    }
    Ok(())
}
