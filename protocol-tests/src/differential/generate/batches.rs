//! Record batches, most of them as a producer writes them, some with one thing
//! wrong.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use ottla_core::batch::crc::checksum;
use ottla_core::batch::{Attributes, Codec, RecordBatchBuilder, RecordHeader, TimestampType};
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};

use crate::differential::dice::Dice;

/// Timestamps of records are near this moment of the past, 2025-06-15.
pub const BASE_TIMESTAMP_MS: i64 = 1_750_000_000_000;

/// Later than any server's clock.
const FUTURE_MS: i64 = 4_000_000_000_000;

const LENGTH: usize = 8;
const MAGIC: usize = 16;
const CRC: Range<usize> = 17..21;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: Range<usize> = 23..27;
/// Where a batch holds its producer's id.
pub const PRODUCER_ID: Range<usize> = 43..51;
const RECORD_COUNT: Range<usize> = 57..61;
const FIRST_RECORD: usize = 61;

/// Who writes, for an idempotent batch.
#[derive(Clone, Copy, Debug)]
pub struct Producer {
    /// Or a placeholder for it.
    pub id: i64,
    /// Of the producer.
    pub epoch: i16,
    /// Of the batch's first record.
    pub sequence: i32,
}

/// Writes the checksum that fits a batch's bytes.
pub fn write_checksum(batch: &mut [u8]) {
    let sum = checksum(batch);
    batch[CRC].copy_from_slice(&sum.to_be_bytes());
}

/// A batch of so many records.
pub fn batch(dice: &mut Dice, records: i32, producer: Option<Producer>) -> Bytes {
    let mut builder = RecordBatchBuilder::new();
    if let Some(producer) = producer {
        builder = builder.with_producer(
            ProducerId(producer.id),
            ProducerEpoch(producer.epoch),
            Sequence(producer.sequence),
        );
    }
    builder = builder.with_attributes(attributes(dice));
    let value = dice.pick(&[10, 10, 10, 100, 300, 3000]);
    let start = timestamp(dice);
    for record in 0..records {
        let key = format!("key-{}", dice.below(4));
        let key = (!dice.once_in(6)).then_some(key.as_bytes());
        let value = vec![b'v'; value];
        let value = (!dice.once_in(8)).then_some(value.as_slice());
        let headers = [RecordHeader {
            key: b"h",
            value: None,
        }];
        let headers = if dice.once_in(5) { &headers[..] } else { &[] };
        let step = dice.pick(&[0, 10, 10, -10]);
        // Kafka stumbles over times before 1970 where it compresses again.
        let step = if start > 0 { step } else { 0 };
        let timestamp = start + i64::from(record) * step;
        builder
            .push(timestamp, key, value, headers)
            .expect("so few records fit");
    }
    let codec = dice.pick(&[
        Codec::None,
        Codec::None,
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ]);
    builder
        .build_compressed(codec)
        .expect("every codec can be written")
        .freeze()
}

fn attributes(dice: &mut Dice) -> Attributes {
    match dice.below(60) {
        0 => Attributes::default().with_control(),
        1 => Attributes::default().with_timestamp_type(TimestampType::LogAppendTime),
        _ => Attributes::default(),
    }
}

fn timestamp(dice: &mut Dice) -> i64 {
    match dice.below(30) {
        0 => FUTURE_MS,
        1 => -1,
        2 => 0,
        _ => BASE_TIMESTAMP_MS + 100 * i64::try_from(dice.below(20)).expect("small"),
    }
}

/// Something wrong with a batch.
type Fault = fn(&mut BytesMut);

/// The faults that a broker must refuse, and a few it must live with, all to be
/// seen from outside of the records.
const FAULTS: &[Fault] = &[
    // The checksum, or what it covers.
    |batch| batch[CRC.start] ^= 1,
    |batch| {
        let last = batch.len() - 1;
        batch[last] ^= 1;
    },
    // The length: beyond what was sent, too small for any batch, negative.
    |batch| batch[LENGTH + 2] ^= 1,
    |batch| batch[LENGTH..LENGTH + 4].copy_from_slice(&13_i32.to_be_bytes()),
    |batch| batch[LENGTH..LENGTH + 4].copy_from_slice(&(-1_i32).to_be_bytes()),
    // Formats that are gone, and one that never was.
    |batch| batch[MAGIC] = 1,
    |batch| batch[MAGIC] = 0,
    |batch| batch[MAGIC] = 3,
    |batch| batch[MAGIC] = 0xff,
    // A codec that nobody gave out.
    |batch| {
        batch[ATTRIBUTES + 1] |= 7;
        write_checksum(batch);
    },
    // Counts that do not fit.
    |batch| {
        batch[RECORD_COUNT.end - 1] += 1;
        write_checksum(batch);
    },
    |batch| {
        batch[LAST_OFFSET_DELTA.end - 1] += 1;
        write_checksum(batch);
    },
    |batch| {
        batch[RECORD_COUNT].copy_from_slice(&(-1_i32).to_be_bytes());
        write_checksum(batch);
    },
    |batch| {
        batch[RECORD_COUNT].copy_from_slice(&0_i32.to_be_bytes());
        write_checksum(batch);
    },
    // A base offset that is not 0.
    |batch| batch[7] = 1,
    // Cut off, and with something behind.
    |batch| batch.truncate(batch.len() - 1),
    |batch| batch.truncate(30),
    |batch| batch.extend_from_slice(&[0; 3]),
    |batch| {
        let again = batch.clone();
        batch.extend_from_slice(&again);
    },
];

/// The faults that only a look at the records shows. Ottla does not take one into
/// every compressed batch.
const INNER_FAULTS: &[Fault] = &[
    // A codec that is not the records'.
    |batch| {
        batch[ATTRIBUTES + 1] ^= 1;
        write_checksum(batch);
    },
    // A first record that is longer, or shorter, than it says.
    |batch| {
        batch[FIRST_RECORD] = batch[FIRST_RECORD].wrapping_add(2);
        write_checksum(batch);
    },
];

/// The same batch with one thing wrong. `is_answered` says whether the sender is
/// told what came of it: what is taken here and refused there has to show at once,
/// not in the offset of a later batch.
pub fn faulty(dice: &mut Dice, batch: &Bytes, is_answered: bool) -> Bytes {
    let mut batch = BytesMut::from(batch.as_ref());
    let inner = if is_answered { INNER_FAULTS } else { &[] };
    dice.pick(&[FAULTS, inner].concat())(&mut batch);
    batch.freeze()
}
