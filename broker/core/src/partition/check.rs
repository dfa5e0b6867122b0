//! What must hold of a batch whatever its records are: its length, checksum,
//! codec, and what its header claims.
//!
//! The order is Kafka's, so that a batch with several faults gets the same
//! error from both.

use super::refusal::AppendRefusal;
use crate::batch::compression::Compression;
use crate::batch::crc::checksum_fits;
use crate::batch::header::{BATCH_PREFIX_BYTES, BatchHeader, HeaderError, MAGIC};
use crate::batch::{Attributes, Codec, TimestampType};
use crate::ids::{Offset, Sequence};

/// The overhead of Kafka's oldest record format: no length may be smaller.
const SMALLEST_LENGTH: i32 = 14;

/// The length and the magic byte lie within these.
const BYTES_UP_TO_MAGIC: usize = 17;

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
    /// `compression.type` and its level; `None` stores what was sent.
    pub compression: Option<Compression>,
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
            compression: None,
            validate_compressed: false,
        }
    }
}

/// The attributes of the first batch in the data of one partition, if there is a
/// whole one. Kafka looks at these of every partition before it appends to any:
/// what is refused here refuses the whole request.
pub fn peek_batch(bytes: &[u8]) -> Result<Option<Attributes>, AppendRefusal> {
    let is_whole = whole_batch_bytes(bytes)?.is_some();
    let attributes = bytes.get(21..).and_then(|rest| rest.first_chunk());
    let attributes = attributes.map(|bits| Attributes(i16::from_be_bytes(*bits)));
    Ok(attributes.filter(|_| is_whole))
}

/// What the request's version demands of the data of one partition. Judged
/// before anything of the partition is: `prepare_batch` includes it.
pub fn check_for_version(origin: AppendOrigin, bytes: &[u8]) -> Result<BatchHeader, AppendRefusal> {
    let (header, rest) = first_batch(bytes)?;
    let no_zstd = AppendOrigin::Client {
        zstd_allowed: false,
    };
    if origin == no_zstd {
        match header.attributes.codec() {
            Some(Codec::Zstd) => return Err(AppendRefusal::ZstdNotAllowed),
            None => return Err(AppendRefusal::UnknownCodec),
            Some(_) => {}
        }
    }
    refuse_another_batch(rest)?;
    Ok(header)
}

/// Checks everything about the batch at the front of `bytes` but its records.
/// Bytes behind it that are not another whole one are ignored, as Kafka does,
/// and [`BatchHeader::size_bytes`] says where it ends.
pub(super) fn check_batch(
    rules: &AppendRules,
    origin: AppendOrigin,
    bytes: &[u8],
) -> Result<(BatchHeader, Codec), AppendRefusal> {
    let header = check_for_version(origin, bytes)?;
    let codec = check_envelope(rules, &header, &bytes[..header.size_bytes()])?;
    if let AppendOrigin::Client { .. } = origin {
        check_client_header(&header)?;
    }
    Ok((header, codec))
}

fn refuse_another_batch(rest: &[u8]) -> Result<(), AppendRefusal> {
    match whole_batch_bytes(rest)? {
        Some(_) => Err(AppendRefusal::SeveralBatches),
        None => Ok(()),
    }
}

/// The header of the batch at the front of `bytes`, all of which is there, and
/// what follows that batch.
fn first_batch(bytes: &[u8]) -> Result<(BatchHeader, &[u8]), AppendRefusal> {
    let size_bytes = whole_batch_bytes(bytes)?.ok_or(AppendRefusal::NoWholeBatch)?;
    let (batch, rest) = bytes.split_at(size_bytes);
    let magic = batch[BYTES_UP_TO_MAGIC - 1] as i8;
    if magic != MAGIC {
        return Err(AppendRefusal::OldMagic(magic));
    }
    let header = BatchHeader::parse(batch).map_err(|error| match error {
        HeaderError::Length(length) => AppendRefusal::Length(length),
        HeaderError::Magic(magic) => AppendRefusal::UnknownMagic(magic),
        HeaderError::Incomplete { have } => {
            AppendRefusal::Length(have.saturating_sub(BATCH_PREFIX_BYTES) as i32)
        }
    })?;
    Ok((header, rest))
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
    header: &BatchHeader,
    batch: &[u8],
) -> Result<Codec, AppendRefusal> {
    if header.base_offset != Offset(0) {
        return Err(AppendRefusal::BaseOffset(header.base_offset));
    }
    check_size(rules, batch.len())?;
    if !checksum_fits(batch) {
        return Err(AppendRefusal::Checksum);
    }
    let codec = header.attributes.codec();
    codec.ok_or(AppendRefusal::UnknownCodec)
}

/// `max.message.bytes`, header included.
pub(super) fn check_size(rules: &AppendRules, size_bytes: usize) -> Result<(), AppendRefusal> {
    if size_bytes > rules.max_message_bytes {
        return Err(AppendRefusal::TooLarge {
            size_bytes,
            max_bytes: rules.max_message_bytes,
        });
    }
    Ok(())
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
