//! From what a producer sent to what is stored: everything that can be said and
//! done without knowing the partition's state, and so before any lock is taken.
//!
//! ```text
//!   bytes ─► check (header, checksum) ─► look at the records ─► other codec? ─► timestamps ─► stored
//! ```
//!
//! Nearly every batch leaves as it came: bytes are touched only where the topic
//! asks for another codec or for the append time, or where the header's largest
//! timestamp is not that of its records.

use std::borrow::Cow;

use bytes::BytesMut;

use super::check::{AppendOrigin, AppendRules, check_batch, check_size};
use super::records::{check_records, header_is_suspect};
use super::refusal::AppendRefusal;
use crate::batch::compression::{Compression, record_bytes};
use crate::batch::header::stamp_timestamps;
use crate::batch::{Attributes, BatchHeader, Codec, RecordBatchBuilder, TimestampType, records};
use crate::mutants::{self, Mutant};
use crate::time::Now;

/// To look inside a compressed batch it is inflated, up to this.
const INFLATED_BYTES_MAX: usize = 128 << 20;

/// A batch that may be appended, but for its place, as it will be stored.
#[derive(Debug, PartialEq, Eq)]
pub struct PreparedBatch<'a> {
    /// The header of `bytes`.
    pub header: BatchHeader,
    /// Exactly one batch.
    pub bytes: BatchBytes<'a>,
    /// The timestamp that was given to every record; −1 if they kept theirs.
    pub append_time_ms: i64,
}

/// Where the bytes of a prepared batch lie.
#[derive(Debug, PartialEq, Eq)]
pub enum BatchBytes<'a> {
    /// Where they were.
    Sent(&'a mut [u8]),
    /// They were made anew, in another codec.
    Rebuilt(BytesMut),
}

impl AsRef<[u8]> for BatchBytes<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            BatchBytes::Sent(bytes) => bytes,
            BatchBytes::Rebuilt(bytes) => bytes,
        }
    }
}

impl AsMut<[u8]> for BatchBytes<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            BatchBytes::Sent(bytes) => bytes,
            BatchBytes::Rebuilt(bytes) => bytes,
        }
    }
}

/// Checks the data of one partition in a Produce request, which must hold
/// exactly one batch, and makes of it what the topic stores.
pub fn prepare_batch<'a>(
    rules: &AppendRules,
    now: Now,
    origin: AppendOrigin,
    sent: &'a mut [u8],
) -> Result<PreparedBatch<'a>, AppendRefusal> {
    let (mut header, codec) = check_batch(rules, origin, sent)?;
    let sent = &mut sent[..header.size_bytes()];
    let compression = other_compression(rules, &header, codec);
    let (max_timestamp_ms, rebuilt) = match origin {
        AppendOrigin::Coordinator if compression.is_none() => (header.max_timestamp_ms, None),
        _ => look_at_records(rules, now, origin, &header, sent, compression)?,
    };
    let mut bytes = match rebuilt {
        None => BatchBytes::Sent(sent),
        Some(rebuilt) => {
            header = parsed(&rebuilt)?;
            check_size(rules, rebuilt.len())?;
            BatchBytes::Rebuilt(rebuilt)
        }
    };
    let stored = bytes.as_mut();
    let append_time_ms = set_timestamps(rules, now, max_timestamp_ms, &mut header, stored)?;
    check_stored(rules, &header)?;
    Ok(PreparedBatch {
        header,
        bytes,
        append_time_ms,
    })
}

/// The largest timestamp, and the batch in another codec if one was asked for.
fn look_at_records(
    rules: &AppendRules,
    now: Now,
    origin: AppendOrigin,
    header: &BatchHeader,
    batch: &[u8],
    compression: Option<Compression>,
) -> Result<(i64, Option<BytesMut>), AppendRefusal> {
    let Some(records) = look_inside(rules, now, header, batch, compression)? else {
        return Ok((header.max_timestamp_ms, None));
    };
    let max_timestamp_ms = match origin {
        AppendOrigin::Client { .. } => check_records(rules, now, header, &records)?,
        AppendOrigin::Coordinator => header.max_timestamp_ms,
    };
    let rebuilt = compression.map(|compression| rebuild(header, &records, compression));
    Ok((max_timestamp_ms, rebuilt.transpose()?))
}

/// What to compress the records with, if not with what they are compressed
/// with. The broker's own markers stay as they are.
fn other_compression(
    rules: &AppendRules,
    header: &BatchHeader,
    codec: Codec,
) -> Option<Compression> {
    let asked = rules.compression.filter(|asked| asked.codec != codec);
    asked.filter(|_| !header.attributes.is_control())
}

/// The records, uncompressed. `None` where they are compressed and nothing needs
/// them: inflating costs far more than everything else on the path.
fn look_inside<'a>(
    rules: &AppendRules,
    now: Now,
    header: &BatchHeader,
    batch: &'a [u8],
    compression: Option<Compression>,
) -> Result<Option<Cow<'a, [u8]>>, AppendRefusal> {
    let is_needed = rules.compacted
        || rules.validate_compressed
        || compression.is_some()
        || header.attributes.codec() == Some(Codec::None)
        || header_is_suspect(rules, now, header);
    if !is_needed {
        return Ok(None);
    }
    Ok(Some(record_bytes(header, batch, INFLATED_BYTES_MAX)?))
}

/// The same records in another codec. Offsets are counted anew, so that they
/// are dense whatever the producer wrote.
#[cold]
fn rebuild(
    header: &BatchHeader,
    record_bytes: &[u8],
    compression: Compression,
) -> Result<BytesMut, AppendRefusal> {
    let attributes = if header.attributes.is_transactional() {
        Attributes::default().with_transactional()
    } else {
        Attributes::default()
    };
    let mut builder = RecordBatchBuilder::new()
        .with_attributes(attributes)
        .with_producer(
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
        );
    let mut headers = Vec::new();
    for record in records(header, record_bytes) {
        let record = record?;
        headers.clear();
        headers.extend(record.headers);
        if mutants::on(Mutant::DropsRepeatedHeaders) {
            headers.dedup_by_key(|header| header.key);
        }
        builder
            .push(record.timestamp_ms, record.key, record.value, &headers)
            .expect("inflated records are bounded far below what a batch holds");
    }
    Ok(builder.build_compressed(compression)?)
}

/// Sets whose timestamps these are and the largest of them, where the header
/// says something else. Writing the checksum anew is the price.
fn set_timestamps(
    rules: &AppendRules,
    now: Now,
    max_timestamp_ms: i64,
    header: &mut BatchHeader,
    batch: &mut [u8],
) -> Result<i64, AppendRefusal> {
    let (max_timestamp_ms, append_time_ms) = match rules.timestamp_type {
        TimestampType::CreateTime => (max_timestamp_ms, -1),
        TimestampType::LogAppendTime => (now.wall_ms, now.wall_ms),
    };
    let is_set = header.attributes.timestamp_type() == rules.timestamp_type
        && header.max_timestamp_ms == max_timestamp_ms;
    if !is_set {
        stamp_timestamps(batch, rules.timestamp_type, max_timestamp_ms);
        *header = parsed(batch)?;
    }
    Ok(append_time_ms)
}

/// What is judged by what will be stored.
fn check_stored(rules: &AppendRules, header: &BatchHeader) -> Result<(), AppendRefusal> {
    let size_bytes = header.size_bytes();
    if size_bytes > rules.segment_bytes {
        return Err(AppendRefusal::LargerThanSegment {
            size_bytes,
            segment_bytes: rules.segment_bytes,
        });
    }
    if header.attributes.is_transactional() {
        return Err(AppendRefusal::Transactional);
    }
    Ok(())
}

fn parsed(batch: &[u8]) -> Result<BatchHeader, AppendRefusal> {
    BatchHeader::parse(batch).map_err(|_| AppendRefusal::NoWholeBatch)
}

#[cfg(test)]
mod tests;
