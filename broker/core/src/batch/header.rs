//! The 61 bytes in front of every record batch (magic 2, KIP-98).
//!
//! Owns their layout: parse them, write them, and change in place what a
//! broker may change. It never looks at the records behind them.
//!
//! ```text
//!  0 base offset      8 length          12 leader epoch   16 magic   17 crc
//! 21 attributes      23 last delta      27 base time      35 max time
//! 43 producer id     51 producer epoch  53 base sequence  57 record count   61 records …
//!    ╰── the checksum covers everything from 21 on
//! ```

use thiserror::Error;

use super::attributes::{Attributes, TimestampType};
use super::crc;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

/// Bytes in front of a batch's first record.
pub const BATCH_HEADER_BYTES: usize = 61;

/// Bytes the length field does not count: base offset and the length itself.
pub const BATCH_PREFIX_BYTES: usize = 12;

/// The only record format since Apache Kafka 4.0 (KIP-724).
pub const MAGIC: i8 = 2;

/// Where each field begins.
pub(super) mod field {
    pub const BASE_OFFSET: usize = 0;
    pub const LENGTH: usize = 8;
    pub const LEADER_EPOCH: usize = 12;
    pub const MAGIC: usize = 16;
    pub const CRC: usize = 17;
    pub const ATTRIBUTES: usize = 21;
    pub const LAST_OFFSET_DELTA: usize = 23;
    pub const BASE_TIMESTAMP: usize = 27;
    pub const MAX_TIMESTAMP: usize = 35;
    pub const PRODUCER_ID: usize = 43;
    pub const PRODUCER_EPOCH: usize = 51;
    pub const BASE_SEQUENCE: usize = 53;
    pub const RECORD_COUNT: usize = 57;
}

/// Why bytes are not the beginning of a record batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The bytes end inside the header; more may make it whole.
    #[error("a batch header has {BATCH_HEADER_BYTES} bytes, only {have} are there")]
    Incomplete {
        /// How many bytes there were.
        have: usize,
    },
    /// Not magic 2.
    #[error("record batch has magic {0}, only {MAGIC} is supported")]
    Magic(i8),
    /// The length does not even hold the header.
    #[error("record batch claims a length of {0} bytes, less than its own header")]
    Length(i32),
}

/// A parsed batch header. Counts and offsets are as claimed by whoever wrote
/// them: only magic and the smallest length have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record the batch was written with.
    pub base_offset: Offset,
    /// Bytes after the length field; at least 49.
    pub batch_length: i32,
    /// Epoch of the leader that appended it; −1 from a client.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, kind of timestamp, flags.
    pub attributes: Attributes,
    /// Offset of the last record, counted from the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are counted from; Unix milliseconds.
    pub base_timestamp_ms: i64,
    /// The largest timestamp of the records, or the append time; −1 is none.
    pub max_timestamp_ms: i64,
    /// −1 when the producer is not idempotent.
    pub producer_id: ProducerId,
    /// Fences older incarnations of the producer; −1 is none.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record; −1 is none.
    pub base_sequence: Sequence,
    /// How many records follow.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`; what follows is not looked at
    /// and may be missing.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, HeaderError> {
        let Some(header) = bytes.first_chunk::<BATCH_HEADER_BYTES>() else {
            return Err(HeaderError::Incomplete { have: bytes.len() });
        };
        let magic = header[field::MAGIC] as i8;
        if magic != MAGIC {
            return Err(HeaderError::Magic(magic));
        }
        let batch_length = i32::from_be_bytes(at(header, field::LENGTH));
        if batch_length < (BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) as i32 {
            return Err(HeaderError::Length(batch_length));
        }
        Ok(BatchHeader {
            base_offset: Offset(i64::from_be_bytes(at(header, field::BASE_OFFSET))),
            batch_length,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(at(header, field::LEADER_EPOCH))),
            crc: u32::from_be_bytes(at(header, field::CRC)),
            attributes: Attributes(i16::from_be_bytes(at(header, field::ATTRIBUTES))),
            last_offset_delta: i32::from_be_bytes(at(header, field::LAST_OFFSET_DELTA)),
            base_timestamp_ms: i64::from_be_bytes(at(header, field::BASE_TIMESTAMP)),
            max_timestamp_ms: i64::from_be_bytes(at(header, field::MAX_TIMESTAMP)),
            producer_id: ProducerId(i64::from_be_bytes(at(header, field::PRODUCER_ID))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(at(header, field::PRODUCER_EPOCH))),
            base_sequence: Sequence(i32::from_be_bytes(at(header, field::BASE_SEQUENCE))),
            record_count: i32::from_be_bytes(at(header, field::RECORD_COUNT)),
        })
    }

    /// The header as it lies in front of its records.
    pub fn to_bytes(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut header = [0; BATCH_HEADER_BYTES];
        put(
            &mut header,
            field::BASE_OFFSET,
            self.base_offset.0.to_be_bytes(),
        );
        put(&mut header, field::LENGTH, self.batch_length.to_be_bytes());
        put(
            &mut header,
            field::LEADER_EPOCH,
            self.leader_epoch.0.to_be_bytes(),
        );
        put(&mut header, field::MAGIC, MAGIC.to_be_bytes());
        put(&mut header, field::CRC, self.crc.to_be_bytes());
        put(
            &mut header,
            field::ATTRIBUTES,
            self.attributes.0.to_be_bytes(),
        );
        put(
            &mut header,
            field::LAST_OFFSET_DELTA,
            self.last_offset_delta.to_be_bytes(),
        );
        put(
            &mut header,
            field::BASE_TIMESTAMP,
            self.base_timestamp_ms.to_be_bytes(),
        );
        put(
            &mut header,
            field::MAX_TIMESTAMP,
            self.max_timestamp_ms.to_be_bytes(),
        );
        put(
            &mut header,
            field::PRODUCER_ID,
            self.producer_id.0.to_be_bytes(),
        );
        put(
            &mut header,
            field::PRODUCER_EPOCH,
            self.producer_epoch.0.to_be_bytes(),
        );
        put(
            &mut header,
            field::BASE_SEQUENCE,
            self.base_sequence.0.to_be_bytes(),
        );
        put(
            &mut header,
            field::RECORD_COUNT,
            self.record_count.to_be_bytes(),
        );
        header
    }

    /// Bytes of the whole batch, header included.
    pub fn size_bytes(&self) -> usize {
        // `parse` refused lengths below 49, and an i32 fits.
        BATCH_PREFIX_BYTES + self.batch_length.max(0) as usize
    }

    /// Offset of the last record the batch was written with.
    pub fn last_offset(&self) -> Offset {
        Offset(
            self.base_offset
                .0
                .saturating_add(i64::from(self.last_offset_delta)),
        )
    }

    /// Where the batch after this one begins.
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// Sequence of the last record; −1 when the batch has none.
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence == Sequence::NONE {
            Sequence::NONE
        } else {
            self.base_sequence.plus(self.last_offset_delta)
        }
    }

    /// Whether it comes from an idempotent or transactional producer.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > ProducerId::NONE
    }

    /// When tombstones and transaction markers in it may go, once a compaction
    /// has said so (KIP-534). The base timestamp holds it then.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes
            .has_delete_horizon()
            .then_some(self.base_timestamp_ms)
    }
}

/// Gives a batch its place in a log: base offset and leader epoch, neither of
/// which the checksum covers.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn stamp_position(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    put(batch, field::BASE_OFFSET, base_offset.0.to_be_bytes());
    put(batch, field::LEADER_EPOCH, leader_epoch.0.to_be_bytes());
}

/// Says whose clock the records' timestamps come from, and the largest of them;
/// with `LogAppendTime` that is the timestamp of every one. Writes the checksum
/// anew.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn stamp_timestamps(batch: &mut [u8], timestamp_type: TimestampType, max_timestamp_ms: i64) {
    let attributes = Attributes(i16::from_be_bytes(at(batch, field::ATTRIBUTES)))
        .with_timestamp_type(timestamp_type);
    put(batch, field::ATTRIBUTES, attributes.0.to_be_bytes());
    put(batch, field::MAX_TIMESTAMP, max_timestamp_ms.to_be_bytes());
    crc::write_checksum(batch);
}

fn at<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[start..start + N]);
    field
}

fn put<const N: usize>(bytes: &mut [u8], start: usize, field: [u8; N]) {
    bytes[start..start + N].copy_from_slice(&field);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::attributes::Codec;
    use super::super::crc::checksum_fits;
    use super::*;

    /// One record, key `k`, value `v`, at 1 000 ms.
    fn one_record_batch() -> Vec<u8> {
        let records = [0x10, 0, 0, 0, 2, b'k', 2, b'v', 0];
        let header = BatchHeader {
            base_offset: Offset(0),
            batch_length: 49 + records.len() as i32,
            leader_epoch: LeaderEpoch(-1),
            crc: 0,
            attributes: Attributes::default().with_codec(Codec::None),
            last_offset_delta: 0,
            base_timestamp_ms: 1_000,
            max_timestamp_ms: 1_000,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch(-1),
            base_sequence: Sequence::NONE,
            record_count: 1,
        };
        let mut batch = header.to_bytes().to_vec();
        batch.extend_from_slice(&records);
        crc::write_checksum(&mut batch);
        batch
    }

    #[test]
    fn a_place_in_the_log_is_stamped_without_touching_the_checksum() {
        let mut batch = one_record_batch();
        stamp_position(&mut batch, Offset(42), LeaderEpoch(7));
        let header = BatchHeader::parse(&batch).unwrap();
        assert_eq!(header.base_offset, Offset(42));
        assert_eq!(header.leader_epoch, LeaderEpoch(7));
        assert!(checksum_fits(&batch));
    }

    #[test]
    fn the_append_time_is_stamped_with_a_new_checksum() {
        let mut batch = one_record_batch();
        stamp_timestamps(&mut batch, TimestampType::LogAppendTime, 5_000);
        let header = BatchHeader::parse(&batch).unwrap();
        assert_eq!(
            header.attributes.timestamp_type(),
            TimestampType::LogAppendTime
        );
        assert_eq!(header.max_timestamp_ms, 5_000);
        assert_eq!(header.base_timestamp_ms, 1_000);
        assert!(checksum_fits(&batch));
    }

    #[test]
    fn any_flipped_bit_behind_the_checksum_is_noticed() {
        let batch = one_record_batch();
        for byte in field::CRC..batch.len() {
            let mut broken = batch.clone();
            broken[byte] ^= 0x10;
            assert!(!checksum_fits(&broken), "byte {byte}");
        }
    }

    #[test]
    fn another_magic_and_a_length_below_the_header_are_refused() {
        let mut batch = one_record_batch();
        batch[field::MAGIC] = 9;
        assert_eq!(BatchHeader::parse(&batch), Err(HeaderError::Magic(9)));
        let mut batch = one_record_batch();
        batch[field::LENGTH..field::LENGTH + 4].copy_from_slice(&48i32.to_be_bytes());
        assert_eq!(BatchHeader::parse(&batch), Err(HeaderError::Length(48)));
    }

    #[test]
    fn the_last_offset_and_sequence_follow_from_the_first() {
        let mut header = BatchHeader::parse(&one_record_batch()).unwrap();
        assert_eq!(header.last_sequence(), Sequence::NONE);
        header.base_offset = Offset(10);
        header.last_offset_delta = 4;
        header.base_sequence = Sequence(i32::MAX - 1);
        assert_eq!(header.last_offset(), Offset(14));
        assert_eq!(header.next_offset(), Offset(15));
        assert_eq!(header.last_sequence(), Sequence(2));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused_and_what_parses_writes_back_the_same(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..80),
            fix_magic in any::<bool>(),
        ) {
            if fix_magic && bytes.len() > field::MAGIC {
                bytes[field::MAGIC] = 2;
            }
            let _ = checksum_fits(&bytes);
            if let Ok(header) = BatchHeader::parse(&bytes) {
                prop_assert_eq!(&header.to_bytes()[..], &bytes[..BATCH_HEADER_BYTES]);
                let _ = (header.size_bytes(), header.next_offset(), header.last_sequence());
            }
        }
    }
}
