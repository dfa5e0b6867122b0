//! What the tests of this folder share: batches as a producer would send them.

use ottla_core::batch::{Attributes, BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES, BatchHeader};
use ottla_core::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicId};

use super::{Log, ReadError, StorageError};

/// Whose logs these are.
pub(super) const TOPIC: TopicId = TopicId([7; 16]);

/// A batch of `count` empty records at `timestamp_ms`, each with `padding`
/// bytes of value.
pub(super) fn batch(
    base: i64,
    count: i32,
    timestamp_ms: i64,
    padding: usize,
) -> (BatchHeader, Vec<u8>) {
    let mut records = Vec::new();
    for delta in 0..count {
        let mut body = vec![0];
        write_varint(&mut body, 0);
        write_varint(&mut body, i64::from(delta));
        write_varint(&mut body, -1);
        write_varint(&mut body, padding as i64);
        body.extend((0..padding).map(|at| (at as u8) ^ (base as u8)));
        write_varint(&mut body, 0);
        write_varint(&mut records, body.len() as i64);
        records.extend(body);
    }
    let length = BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES + records.len();
    let mut header = BatchHeader {
        base_offset: Offset(base),
        batch_length: length as i32,
        leader_epoch: LeaderEpoch(0),
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: count - 1,
        base_timestamp_ms: timestamp_ms,
        max_timestamp_ms: timestamp_ms,
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch(-1),
        base_sequence: Sequence(-1),
        record_count: count,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&records);
    header.crc = ottla_core::batch::crc::checksum(&bytes);
    bytes[..BATCH_HEADER_BYTES].copy_from_slice(&header.to_bytes());
    (header, bytes)
}

fn write_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Appends a batch at the log's end and returns its bytes.
pub(super) fn append(
    log: &mut Log,
    count: i32,
    timestamp_ms: i64,
    padding: usize,
) -> Result<Vec<u8>, StorageError> {
    let (header, bytes) = batch(log.log_end().0, count, timestamp_ms, padding);
    log.append(timestamp_ms, &header, &bytes)?;
    Ok(bytes)
}

/// Reads at least one batch from `from` on.
pub(super) fn read(log: &Log, from: i64, max_bytes: usize) -> Result<Vec<u8>, ReadError> {
    let plan = log.plan_read(Offset(from), log.log_end(), max_bytes, true)?;
    Ok(plan.read()?.into_bytes().to_vec())
}

/// Deletes the records before `offset`, as a partition does.
pub(super) fn delete_before(log: &mut Log, offset: Offset) {
    if offset > log.log_start() {
        log.start_mark(offset).save().unwrap();
        log.raise_start(offset);
    }
}

/// Removes what retention does not keep, as a partition does.
pub(super) fn expire(log: &mut Log, wall_ms: i64, high_watermark: Offset) {
    let mut expiry = log.expiry(high_watermark).unwrap();
    expiry.judge(wall_ms).unwrap();
    if expiry.reaches_end() && !log.roll_at_end(wall_ms, &expiry).unwrap() {
        expiry.spare_last();
    }
    expiry.set_aside().unwrap();
    log.forget_oldest(&expiry);
    expiry.unlink_later();
}
