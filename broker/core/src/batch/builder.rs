//! Writes record batches: for producers, for the coordinators' own records,
//! and for tests.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use super::attributes::{Attributes, Codec};
use super::compression::{self, Compression, CompressionError};
use super::crc;
use super::header::{BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES, BatchHeader};
use super::record::RecordHeader;
use super::varint::{put_varint, put_varlong, varint_bytes, varlong_bytes};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

/// A batch's length is an `i32`. Half of that leaves room for a codec that makes
/// incompressible records a little longer.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// The record would make the batch too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a record batch holds at most {BATCH_BYTES_MAX} bytes; start another one")]
pub struct BatchFull;

/// Collects records into one batch. Its base offset is 0 and its leader epoch
/// −1, as a producer sends it; the broker that appends it stamps both.
#[derive(Clone, Debug)]
pub struct RecordBatchBuilder {
    /// Room for the header, then the records.
    bytes: BytesMut,
    attributes: Attributes,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: Sequence,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    record_count: i32,
}

impl Default for RecordBatchBuilder {
    fn default() -> Self {
        RecordBatchBuilder::new()
    }
}

impl RecordBatchBuilder {
    /// An empty batch of a producer that is not idempotent.
    pub fn new() -> Self {
        RecordBatchBuilder {
            bytes: BytesMut::zeroed(BATCH_HEADER_BYTES),
            attributes: Attributes::default(),
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            base_timestamp_ms: -1,
            max_timestamp_ms: -1,
            record_count: 0,
        }
    }

    /// Makes it a batch of an idempotent producer (KIP-98).
    pub fn with_producer(
        mut self,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        base_sequence: Sequence,
    ) -> Self {
        self.producer_id = producer_id;
        self.producer_epoch = producer_epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Sets flags: transactional, control. The codec comes with
    /// [`build_compressed`](Self::build_compressed).
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes.with_codec(Codec::None);
        self
    }

    /// Adds a record. The first one's timestamp becomes the batch's base.
    pub fn push(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader<'_>],
    ) -> Result<(), BatchFull> {
        let base_ms = if self.record_count == 0 {
            timestamp_ms
        } else {
            self.base_timestamp_ms
        };
        // Wraps as Java's does; the reader wraps back.
        let timestamp_delta = timestamp_ms.wrapping_sub(base_ms);
        let body_bytes = 1
            + varlong_bytes(timestamp_delta)
            + varint_bytes(self.record_count)
            + nullable_bytes(key)?
            + nullable_bytes(value)?
            + headers_bytes(headers)?;
        let body_length = length(body_bytes)?;
        if self.bytes.len() + varint_bytes(body_length) + body_bytes > BATCH_BYTES_MAX {
            return Err(BatchFull);
        }
        put_varint(&mut self.bytes, body_length);
        self.bytes.put_u8(0);
        put_varlong(&mut self.bytes, timestamp_delta);
        put_varint(&mut self.bytes, self.record_count);
        put_nullable(&mut self.bytes, key);
        put_nullable(&mut self.bytes, value);
        put_headers(&mut self.bytes, headers);
        self.base_timestamp_ms = base_ms;
        self.max_timestamp_ms = if self.record_count == 0 {
            timestamp_ms
        } else {
            self.max_timestamp_ms.max(timestamp_ms)
        };
        self.record_count += 1;
        Ok(())
    }

    /// Records so far.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes of the batch as it would be built without compression.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The whole batch, uncompressed, checksum written.
    pub fn build(self) -> BytesMut {
        let header = self.header(Codec::None, self.bytes.len());
        finish(self.bytes, &header)
    }

    /// The whole batch, its records compressed.
    pub fn build_compressed(
        self,
        compression: impl Into<Compression>,
    ) -> Result<BytesMut, CompressionError> {
        let compression = compression.into();
        let codec = compression.codec;
        if codec == Codec::None {
            return Ok(self.build());
        }
        let records = compression::compress(compression, &self.bytes[BATCH_HEADER_BYTES..])?;
        let size_bytes = BATCH_HEADER_BYTES + records.len();
        let header = self.header(codec, size_bytes);
        let mut batch = BytesMut::with_capacity(size_bytes);
        batch.put_bytes(0, BATCH_HEADER_BYTES);
        batch.extend_from_slice(&records);
        Ok(finish(batch, &header))
    }

    fn header(&self, codec: Codec, size_bytes: usize) -> BatchHeader {
        BatchHeader {
            base_offset: Offset(0),
            batch_length: i32::try_from(size_bytes - BATCH_PREFIX_BYTES)
                .expect("push keeps records below half of it, and no codec doubles them"),
            leader_epoch: LeaderEpoch::NONE,
            crc: 0,
            attributes: self.attributes.with_codec(codec),
            last_offset_delta: (self.record_count - 1).max(0),
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: self.record_count,
        }
    }
}

fn finish(mut batch: BytesMut, header: &BatchHeader) -> BytesMut {
    batch[..BATCH_HEADER_BYTES].copy_from_slice(&header.to_bytes());
    crc::write_checksum(&mut batch);
    batch
}

fn length(bytes: usize) -> Result<i32, BatchFull> {
    i32::try_from(bytes).map_err(|_| BatchFull)
}

fn nullable_bytes(bytes: Option<&[u8]>) -> Result<usize, BatchFull> {
    match bytes {
        Some(bytes) => Ok(varint_bytes(length(bytes.len())?) + bytes.len()),
        None => Ok(1),
    }
}

fn headers_bytes(headers: &[RecordHeader<'_>]) -> Result<usize, BatchFull> {
    let mut sum = varint_bytes(length(headers.len())?);
    for header in headers {
        sum += nullable_bytes(Some(header.key))? + nullable_bytes(header.value)?;
    }
    Ok(sum)
}

fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
        None => put_varint(out, -1),
    }
}

fn put_headers(out: &mut BytesMut, headers: &[RecordHeader<'_>]) {
    put_varint(out, headers.len() as i32);
    for header in headers {
        put_nullable(out, Some(header.key));
        put_nullable(out, header.value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::crc::checksum_fits;
    use super::super::record::records;
    use super::super::skim::skim_records;
    use super::*;

    type OwnedRecord = (
        i64,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Vec<(Vec<u8>, Option<Vec<u8>>)>,
    );

    fn any_record() -> impl Strategy<Value = OwnedRecord> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
        (
            any::<i64>(),
            proptest::option::of(bytes()),
            proptest::option::of(bytes()),
            proptest::collection::vec((bytes(), proptest::option::of(bytes())), 0..4),
        )
    }

    fn build(sent: &[OwnedRecord]) -> RecordBatchBuilder {
        let mut builder = RecordBatchBuilder::new();
        for (timestamp_ms, key, value, headers) in sent {
            let headers: Vec<_> = headers
                .iter()
                .map(|(key, value)| RecordHeader {
                    key,
                    value: value.as_deref(),
                })
                .collect();
            builder
                .push(*timestamp_ms, key.as_deref(), value.as_deref(), &headers)
                .unwrap();
        }
        builder
    }

    fn read(batch: &[u8]) -> Vec<OwnedRecord> {
        let header = BatchHeader::parse(batch).unwrap();
        let record_bytes = compression::record_bytes(&header, batch, 1 << 20).unwrap();
        records(&header, &record_bytes)
            .map(|record| {
                let record = record.unwrap();
                let headers = record
                    .headers
                    .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)));
                let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                (
                    record.timestamp_ms,
                    owned(record.key),
                    owned(record.value),
                    headers.collect(),
                )
            })
            .collect()
    }

    #[test]
    fn a_header_key_sent_twice_arrives_twice_and_in_order() {
        let mut builder = RecordBatchBuilder::new();
        let twice = [
            RecordHeader {
                key: b"trace",
                value: Some(b"1"),
            },
            RecordHeader {
                key: b"trace",
                value: None,
            },
        ];
        builder.push(0, None, None, &twice).unwrap();
        let batch = builder.build();
        let header = BatchHeader::parse(&batch).unwrap();
        let record = records(&header, &batch[BATCH_HEADER_BYTES..])
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(record.headers.collect::<Vec<_>>(), twice);
    }

    proptest! {
        #[test]
        fn records_read_back_as_they_were_sent_with_every_codec(
            sent in proptest::collection::vec(any_record(), 1..20),
            codec in prop::sample::select(vec![
                Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd,
            ]),
        ) {
            let batch = build(&sent).build_compressed(codec).unwrap();
            prop_assert!(checksum_fits(&batch));
            let header = BatchHeader::parse(&batch).unwrap();
            prop_assert_eq!(header.size_bytes(), batch.len());
            prop_assert_eq!(header.record_count as usize, sent.len());
            prop_assert_eq!(header.attributes.codec(), Some(codec));
            prop_assert_eq!(Some(header.max_timestamp_ms), sent.iter().map(|record| record.0).max());
            prop_assert_eq!(read(&batch), sent);
        }

        #[test]
        fn the_size_foretold_is_the_size_built(
            sent in proptest::collection::vec(any_record(), 1..20),
        ) {
            let builder = build(&sent);
            let foretold = builder.size_bytes();
            let batch = builder.build();
            prop_assert_eq!(foretold, batch.len());
            let count = sent.len() as i32;
            prop_assert_eq!(skim_records(count, &batch[BATCH_HEADER_BYTES..], |_, _| {}), Ok(()));
        }
    }
}
