//! The same batch once more, with some of its records.
//!
//! Owns what a rewritten batch keeps: its place, its offsets, its producer and
//! its sequences stay, so that a gap in it is a gap and no retry is taken for
//! something new. Which records stay is decided elsewhere.

use bytes::{BufMut, BytesMut};

use super::attributes::{Codec, TimestampType};
use super::compression::{self, CompressionError};
use super::crc;
use super::header::{BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES, BatchHeader};
use super::record::Record;
use super::varint::{Cursor, put_varint, put_varlong, varlong_bytes};

/// Kafka's "no timestamp".
const NO_TIMESTAMP: i64 = -1;

/// A batch being written again.
#[derive(Debug)]
pub struct BatchRewrite {
    header: BatchHeader,
    /// Room for the header, then the records that stay.
    bytes: BytesMut,
    original_base_ms: i64,
    max_timestamp_ms: i64,
}

impl BatchRewrite {
    /// Begins with none of the batch's records. Its base timestamp becomes the
    /// delete horizon if there is one now (KIP-534); what the records' own
    /// timestamps are does not change by that.
    pub fn new(original: &BatchHeader, delete_horizon_ms: Option<i64>) -> Self {
        let attributes = original
            .attributes
            .with_delete_horizon(delete_horizon_ms.is_some());
        BatchRewrite {
            header: BatchHeader {
                attributes,
                base_timestamp_ms: delete_horizon_ms.unwrap_or(original.base_timestamp_ms),
                record_count: 0,
                ..*original
            },
            bytes: BytesMut::zeroed(BATCH_HEADER_BYTES),
            original_base_ms: original.base_timestamp_ms,
            max_timestamp_ms: NO_TIMESTAMP,
        }
    }

    /// Keeps a record of the original; `record_bytes` are all of its bytes.
    pub fn keep(&mut self, record: &Record<'_>, record_bytes: &[u8]) {
        if self.header.base_timestamp_ms == self.original_base_ms {
            self.bytes.extend_from_slice(record_bytes);
        } else {
            self.keep_with_delta(record, record_bytes);
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(record.timestamp_ms);
        self.header.record_count += 1;
    }

    /// The whole batch, its records compressed as the original's were.
    pub fn build(self) -> Result<BytesMut, CompressionError> {
        let BatchRewrite {
            mut header,
            mut bytes,
            max_timestamp_ms,
            ..
        } = self;
        if header.attributes.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp_ms = max_timestamp_ms;
        }
        let codec = header.attributes.codec();
        let codec = codec.ok_or(CompressionError::UnknownCodec)?;
        if codec != Codec::None {
            let compressed = compression::compress(codec, &bytes[BATCH_HEADER_BYTES..])?;
            bytes.truncate(BATCH_HEADER_BYTES);
            bytes.extend_from_slice(&compressed);
        }
        header.batch_length = i32::try_from(bytes.len() - BATCH_PREFIX_BYTES).map_err(|_| {
            CompressionError::TooLarge {
                max_bytes: i32::MAX as usize,
            }
        })?;
        Ok(finished(&header, bytes))
    }

    /// The same record, its timestamp told from the new base. Everything behind
    /// the timestamp is copied: key, value and headers stay byte for byte.
    fn keep_with_delta(&mut self, record: &Record<'_>, record_bytes: &[u8]) {
        let (attributes, rest) = parts(record_bytes).expect("a record that was just read");
        let delta = record
            .timestamp_ms
            .wrapping_sub(self.header.base_timestamp_ms);
        let length = 1 + varlong_bytes(delta) + rest.len();
        put_varint(
            &mut self.bytes,
            i32::try_from(length).expect("at most nine bytes longer than a part of a batch"),
        );
        self.bytes.put_u8(attributes);
        put_varlong(&mut self.bytes, delta);
        self.bytes.extend_from_slice(rest);
    }
}

/// The batch without any record, kept for its offsets and its producer.
pub fn emptied(original: &BatchHeader) -> BytesMut {
    let header = BatchHeader {
        batch_length: (BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) as i32,
        attributes: original
            .attributes
            .with_codec(Codec::None)
            .with_delete_horizon(false),
        base_timestamp_ms: NO_TIMESTAMP,
        record_count: 0,
        ..*original
    };
    finished(&header, BytesMut::zeroed(BATCH_HEADER_BYTES))
}

fn finished(header: &BatchHeader, mut batch: BytesMut) -> BytesMut {
    batch[..BATCH_HEADER_BYTES].copy_from_slice(&header.to_bytes());
    crc::write_checksum(&mut batch);
    batch
}

/// A record's attributes, and what lies behind its timestamp.
fn parts(record_bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut cursor = Cursor {
        bytes: record_bytes,
    };
    cursor.varint()?;
    let attributes = cursor.byte()?;
    cursor.varlong()?;
    Some((attributes, cursor.bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::builder::RecordBatchBuilder;
    use super::super::compression::record_bytes;
    use super::super::crc::checksum_fits;
    use super::super::header::stamp_position;
    use super::super::record::{RecordHeader, records};
    use super::*;
    use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

    const CODECS: [Codec; 5] = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];

    fn batch(codec: Codec, timestamps: &[i64]) -> BytesMut {
        let mut builder =
            RecordBatchBuilder::new().with_producer(ProducerId(7), ProducerEpoch(1), Sequence(40));
        for (number, timestamp_ms) in timestamps.iter().enumerate() {
            let headers = [RecordHeader {
                key: b"trace",
                value: None,
            }];
            let value = number.to_string();
            builder
                .push(
                    *timestamp_ms,
                    Some(b"key"),
                    Some(value.as_bytes()),
                    &headers,
                )
                .unwrap();
        }
        let mut batch = builder.build_compressed(codec).unwrap();
        stamp_position(&mut batch, Offset(1_000), LeaderEpoch(3));
        batch
    }

    type Seen = (i64, i64, Vec<u8>, Vec<u8>, usize);

    fn read(batch: &[u8]) -> (BatchHeader, Vec<Seen>) {
        assert!(checksum_fits(batch));
        let header = BatchHeader::parse(batch).unwrap();
        assert_eq!(header.size_bytes(), batch.len());
        let bytes = record_bytes(&header, batch, 1 << 20).unwrap();
        let seen = records(&header, &bytes).map(|record| {
            let record = record.unwrap();
            let owned = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
            let headers = record.headers.count();
            (
                record.offset.0,
                record.timestamp_ms,
                owned(record.key),
                owned(record.value),
                headers,
            )
        });
        (header, seen.collect())
    }

    #[test]
    fn an_emptied_batch_keeps_its_offsets_and_its_producer() {
        let original = BatchHeader::parse(&batch(Codec::Lz4, &[5, 9, 7])).unwrap();
        let empty = emptied(&original);
        assert_eq!(empty.len(), BATCH_HEADER_BYTES);
        let (header, records) = read(&empty);
        assert!(records.is_empty());
        assert_eq!(header.last_offset(), Offset(1_002));
        assert_eq!(header.last_sequence(), Sequence(42));
        assert_eq!(header.producer_id, ProducerId(7));
        assert_eq!(header.leader_epoch, LeaderEpoch(3));
        assert_eq!(header.max_timestamp_ms, 9);
        assert_eq!(header.base_timestamp_ms, -1);
    }

    proptest! {
        #[test]
        fn what_is_kept_reads_as_before_and_the_batch_keeps_its_place(
            records_and_kept in proptest::collection::vec((any::<i64>(), any::<bool>()), 1..20),
            horizon_ms in proptest::option::of(any::<i64>()),
            codec in prop::sample::select(CODECS.to_vec()),
        ) {
            let timestamps: Vec<i64> = records_and_kept.iter().map(|(timestamp, _)| *timestamp).collect();
            let original = batch(codec, &timestamps);
            let (header, all) = read(&original);
            let mut rewrite = BatchRewrite::new(&header, horizon_ms);
            let bytes = record_bytes(&header, &original, 1 << 20).unwrap();
            let mut walk = records(&header, &bytes);
            let mut wanted = Vec::new();
            for (number, (_, is_kept)) in records_and_kept.iter().enumerate() {
                let (record, bytes) = walk.next_with_bytes().unwrap().unwrap();
                if *is_kept {
                    rewrite.keep(&record, bytes);
                    wanted.push(all[number].clone());
                }
            }
            let (rewritten, kept) = read(&rewrite.build().unwrap());
            prop_assert_eq!(&kept, &wanted);
            prop_assert_eq!(rewritten.delete_horizon_ms(), horizon_ms);
            prop_assert_eq!(rewritten.attributes.codec(), Some(codec));
            prop_assert_eq!(rewritten.next_offset(), header.next_offset());
            prop_assert_eq!(rewritten.last_sequence(), header.last_sequence());
            let newest = kept.iter().map(|record| record.1).max().unwrap_or(-1);
            prop_assert_eq!(rewritten.max_timestamp_ms, newest.max(-1));
        }
    }
}
