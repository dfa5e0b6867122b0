//! What can be said about a batch without knowing the partition's state: the
//! checks of the Produce path that may run before any lock is taken.
//!
//! The order is Kafka's, so that a batch with several faults gets the same
//! error from both.

use super::refusal::AppendRefusal;
use crate::batch::compression;
use crate::batch::crc::checksum_fits;
use crate::batch::header::{BATCH_PREFIX_BYTES, BatchHeader, HeaderError, MAGIC};
use crate::batch::record::{check_record_lengths, records};
use crate::batch::{BATCH_HEADER_BYTES, Codec, TimestampType};
use crate::ids::{Offset, Sequence};
use crate::time::Now;

/// The overhead of Kafka's oldest record format: no length may be smaller.
const SMALLEST_LENGTH: i32 = 14;

/// The length and the magic byte lie within these.
const BYTES_UP_TO_MAGIC: usize = 17;

/// To look inside a compressed batch it is inflated, up to this.
const INFLATED_BYTES_MAX: usize = 128 << 20;

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer: everything is checked.
    Client {
        /// Produce 7 and later know Zstandard (KIP-110).
        zstd_allowed: bool,
    },
    /// A coordinator of this broker; it may write control batches.
    Coordinator,
}

/// The topic's settings that decide what may be appended, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendRules {
    /// `max.message.bytes`: the largest batch, header included.
    pub max_message_bytes: usize,
    /// `segment.bytes`: no batch may be larger than a segment.
    pub segment_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms` (KIP-937).
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy` has `compact`: every record needs a key.
    pub compacted: bool,
    /// `ottla.validate.compressed`: look inside compressed batches too. Kafka
    /// always does; here it is a choice, because inflating costs far more
    /// than everything else on the path.
    pub validate_compressed: bool,
}

impl Default for AppendRules {
    /// Kafka's defaults.
    fn default() -> Self {
        AppendRules {
            max_message_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
            validate_compressed: false,
        }
    }
}

/// Checks the data of one partition in a Produce request. It must hold exactly
/// one batch; bytes behind it that are not another whole one are ignored, as
/// Kafka does, and [`BatchHeader::size_bytes`] says where it ends.
pub fn check_batch(
    rules: &AppendRules,
    now: Now,
    origin: AppendOrigin,
    bytes: &[u8],
) -> Result<BatchHeader, AppendRefusal> {
    let (header, batch) = only_batch(bytes)?;
    let codec = check_envelope(rules, origin, &header, batch)?;
    if let AppendOrigin::Client { .. } = origin {
        check_client_header(&header)?;
        check_records(rules, codec, &header, batch)?;
        check_timestamps(rules, now, &header)?;
    }
    if batch.len() > rules.segment_bytes {
        return Err(AppendRefusal::LargerThanSegment {
            size_bytes: batch.len(),
            segment_bytes: rules.segment_bytes,
        });
    }
    if header.attributes.is_transactional() {
        return Err(AppendRefusal::Transactional);
    }
    Ok(header)
}

/// The one batch at the front of `bytes`.
fn only_batch(bytes: &[u8]) -> Result<(BatchHeader, &[u8]), AppendRefusal> {
    let size_bytes = whole_batch_bytes(bytes)?.ok_or(AppendRefusal::NoWholeBatch)?;
    let (batch, rest) = bytes.split_at(size_bytes);
    let magic = batch[BYTES_UP_TO_MAGIC - 1] as i8;
    if magic != MAGIC {
        return Err(AppendRefusal::OldMagic(magic));
    }
    if whole_batch_bytes(rest)?.is_some() {
        return Err(AppendRefusal::SeveralBatches);
    }
    match BatchHeader::parse(batch) {
        Ok(header) => Ok((header, batch)),
        Err(HeaderError::Length(length)) => Err(AppendRefusal::Length(length)),
        Err(HeaderError::Magic(magic)) => Err(AppendRefusal::UnknownMagic(magic)),
        Err(HeaderError::Incomplete { have }) => Err(AppendRefusal::Length(
            (have.saturating_sub(BATCH_PREFIX_BYTES)) as i32,
        )),
    }
}

/// How many bytes the batch at the front has, if it is there whole. The same
/// distinctions as Kafka's `ByteBufferLogInputStream`, because they decide
/// between CORRUPT_MESSAGE and INVALID_RECORD.
fn whole_batch_bytes(bytes: &[u8]) -> Result<Option<usize>, AppendRefusal> {
    let Some(length) = bytes.get(8..).and_then(|rest| rest.first_chunk::<4>()) else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    if length < SMALLEST_LENGTH {
        return Err(AppendRefusal::Length(length));
    }
    let Some(&magic) = bytes.get(BYTES_UP_TO_MAGIC - 1) else {
        return Ok(None);
    };
    if !(0..=MAGIC).contains(&(magic as i8)) {
        return Err(AppendRefusal::UnknownMagic(magic as i8));
    }
    let size_bytes = BATCH_PREFIX_BYTES + length as usize;
    Ok((size_bytes <= bytes.len()).then_some(size_bytes))
}

/// Base offset, size, checksum and codec.
fn check_envelope(
    rules: &AppendRules,
    origin: AppendOrigin,
    header: &BatchHeader,
    batch: &[u8],
) -> Result<Codec, AppendRefusal> {
    let codec = header.attributes.codec();
    if origin
        == (AppendOrigin::Client {
            zstd_allowed: false,
        })
        && codec == Some(Codec::Zstd)
    {
        return Err(AppendRefusal::ZstdNotAllowed);
    }
    if header.base_offset != Offset(0) {
        return Err(AppendRefusal::BaseOffset(header.base_offset));
    }
    if batch.len() > rules.max_message_bytes {
        return Err(AppendRefusal::TooLarge {
            size_bytes: batch.len(),
            max_bytes: rules.max_message_bytes,
        });
    }
    if !checksum_fits(batch) {
        return Err(AppendRefusal::Checksum);
    }
    codec.ok_or(AppendRefusal::UnknownCodec)
}

/// What a producer's header must say.
fn check_client_header(header: &BatchHeader) -> Result<(), AppendRefusal> {
    let counts_fit = header.record_count > 0
        && i64::from(header.last_offset_delta) + 1 == i64::from(header.record_count);
    if !counts_fit {
        return Err(AppendRefusal::Counts {
            record_count: header.record_count,
            last_offset_delta: header.last_offset_delta,
        });
    }
    if header.attributes.is_control() {
        return Err(AppendRefusal::ControlBatch);
    }
    if header.has_producer_id() && header.base_sequence < Sequence(0) {
        return Err(AppendRefusal::BaseSequence {
            producer_id: header.producer_id,
            base_sequence: header.base_sequence,
        });
    }
    Ok(())
}

/// Hops over the records; reads them only where a rule is about them.
fn check_records(
    rules: &AppendRules,
    codec: Codec,
    header: &BatchHeader,
    batch: &[u8],
) -> Result<(), AppendRefusal> {
    if rules.compacted {
        let record_bytes = compression::record_bytes(header, batch, INFLATED_BYTES_MAX)?;
        return check_keys(header, &record_bytes);
    }
    if codec == Codec::None {
        return Ok(check_record_lengths(
            header.record_count,
            &batch[BATCH_HEADER_BYTES..],
        )?);
    }
    if rules.validate_compressed {
        let record_bytes = compression::record_bytes(header, batch, INFLATED_BYTES_MAX)?;
        for record in records(header, &record_bytes) {
            record?;
        }
    }
    Ok(())
}

fn check_keys(header: &BatchHeader, record_bytes: &[u8]) -> Result<(), AppendRefusal> {
    let mut record_indexes = Vec::new();
    for (index, record) in (0..).zip(records(header, record_bytes)) {
        if record?.key.is_none() {
            record_indexes.push(index);
        }
    }
    if record_indexes.is_empty() {
        Ok(())
    } else {
        Err(AppendRefusal::MissingKeys { record_indexes })
    }
}

/// Judges a batch by the first and the largest timestamp its header claims;
/// Kafka reads every record's.
fn check_timestamps(
    rules: &AppendRules,
    now: Now,
    header: &BatchHeader,
) -> Result<(), AppendRefusal> {
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(AppendRefusal::AppendTimeFromClient);
    }
    if rules.timestamp_type == TimestampType::LogAppendTime {
        return Ok(());
    }
    let earliest_ms = now.wall_ms.saturating_sub(rules.timestamp_before_max_ms);
    let latest_ms = now.wall_ms.saturating_add(rules.timestamp_after_max_ms);
    for timestamp_ms in [header.base_timestamp_ms, header.max_timestamp_ms] {
        let is_none = timestamp_ms == -1;
        if !is_none && !(earliest_ms..=latest_ms).contains(&timestamp_ms) {
            return Err(AppendRefusal::Timestamp {
                timestamp_ms,
                earliest_ms,
                latest_ms,
            });
        }
    }
    Ok(())
}
