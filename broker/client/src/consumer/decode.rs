//! From the bytes of a Fetch answer to records. Trusts no length, checksum or
//! offset in them.

use std::borrow::Cow;

use bytes::Bytes;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::crc::checksum_fits;
use ottla_core::batch::{BatchHeader, Record, TimestampType, batches, records};

use crate::record::{ConsumerRecord, Header, TopicPartition};

/// What one partition's bytes held.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Decoded {
    /// The records from the position on, in order.
    pub(super) records: Vec<ConsumerRecord>,
    /// Where to read on: past the last whole batch.
    pub(super) next_offset: i64,
}

/// Reads the whole batches in `bytes`, from `position` on. Answers hold whole
/// batches, so records before the position may come along, and the last batch
/// may be cut off.
pub(super) fn decode(
    partition: &TopicPartition,
    bytes: &Bytes,
    position: i64,
    inflated_bytes_max: usize,
) -> Result<Decoded, String> {
    let mut decoded = Decoded {
        records: Vec::new(),
        next_offset: position,
    };
    for batch in batches(bytes) {
        let (header, batch) = batch.map_err(|error| error.to_string())?;
        if header.next_offset().0 <= decoded.next_offset {
            continue;
        }
        if !checksum_fits(batch) {
            return Err("a batch's checksum does not fit its bytes".to_owned());
        }
        // Markers of transactions are not for readers.
        if !header.attributes.is_control() {
            read_batch(
                partition,
                bytes,
                &header,
                batch,
                inflated_bytes_max,
                &mut decoded,
            )?;
        }
        decoded.next_offset = header.next_offset().0;
    }
    Ok(decoded)
}

fn read_batch(
    partition: &TopicPartition,
    bytes: &Bytes,
    header: &BatchHeader,
    batch: &[u8],
    inflated_bytes_max: usize,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let plain =
        record_bytes(header, batch, inflated_bytes_max).map_err(|error| error.to_string())?;
    let plain = match plain {
        Cow::Borrowed(part) => bytes.slice_ref(part),
        Cow::Owned(inflated) => Bytes::from(inflated),
    };
    let position = decoded.next_offset;
    for record in records(header, &plain) {
        let record = record.map_err(|error| error.to_string())?;
        if record.offset.0 >= position {
            decoded
                .records
                .push(owned(partition, header, &plain, &record));
        }
    }
    Ok(())
}

fn owned(
    partition: &TopicPartition,
    header: &BatchHeader,
    plain: &Bytes,
    record: &Record<'_>,
) -> ConsumerRecord {
    let slice = |part: &[u8]| plain.slice_ref(part);
    let headers = record.headers.map(|header| Header {
        key: String::from_utf8_lossy(header.key).into_owned(),
        value: header.value.map(slice),
    });
    ConsumerRecord {
        topic: partition.topic.clone(),
        partition: partition.partition,
        offset: record.offset.0,
        leader_epoch: header.leader_epoch.0,
        timestamp_ms: record.timestamp_ms,
        timestamp_type: match header.attributes.timestamp_type() {
            TimestampType::LogAppendTime => TimestampType::LogAppendTime,
            TimestampType::CreateTime => TimestampType::CreateTime,
        },
        key: record.key.map(slice),
        value: record.value.map(slice),
        headers: headers.collect(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use ottla_core::batch::header::stamp_position;
    use ottla_core::batch::{Attributes, Codec, RecordBatchBuilder, RecordHeader};
    use ottla_core::ids::{LeaderEpoch, Offset};
    use proptest::prelude::*;

    use super::*;

    const INFLATED_MAX: usize = 1 << 20;

    fn batch(base_offset: i64, values: &[&str], codec: Codec) -> BytesMut {
        let mut builder = RecordBatchBuilder::new();
        let headers = [b"a", b"a"].map(|key| RecordHeader {
            key,
            value: Some(b"1"),
        });
        for value in values {
            builder
                .push(1_000, Some(b"key"), Some(value.as_bytes()), &headers)
                .unwrap();
        }
        let mut bytes = builder.build_compressed(codec).unwrap();
        stamp_position(&mut bytes, Offset(base_offset), LeaderEpoch(4));
        bytes
    }

    fn decode_at(bytes: BytesMut, position: i64) -> Result<Decoded, String> {
        let partition = TopicPartition::new("t", 0);
        decode(&partition, &bytes.freeze(), position, INFLATED_MAX)
    }

    #[test]
    fn records_before_the_position_are_left_out_and_repeated_headers_kept() {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            let mut bytes = batch(10, &["a", "b", "c"], codec);
            bytes.extend_from_slice(&batch(13, &["d"], codec));
            let decoded = decode_at(bytes, 11).unwrap();
            let offsets: Vec<_> = decoded.records.iter().map(|r| r.offset).collect();
            assert_eq!(offsets, [11, 12, 13], "{codec:?}");
            assert_eq!(decoded.next_offset, 14);
            assert_eq!(decoded.records[0].value.as_deref(), Some(&b"b"[..]));
            assert_eq!(decoded.records[0].headers.len(), 2);
            assert_eq!(decoded.records[0].leader_epoch, 4);
        }
    }

    #[test]
    fn a_batch_that_is_cut_off_is_left_for_the_next_fetch() {
        let mut bytes = batch(0, &["a"], Codec::None);
        let second = batch(1, &["b"], Codec::None);
        bytes.extend_from_slice(&second[..second.len() - 1]);
        let decoded = decode_at(bytes, 0).unwrap();
        assert_eq!((decoded.records.len(), decoded.next_offset), (1, 1));
    }

    #[test]
    fn a_flipped_bit_is_an_error_and_not_a_record() {
        let mut bytes = batch(0, &["a"], Codec::None);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(decode_at(bytes, 0).unwrap_err().contains("checksum"));
    }

    #[test]
    fn control_batches_move_the_position_and_show_nothing() {
        let mut builder =
            RecordBatchBuilder::new().with_attributes(Attributes::default().with_control());
        builder.push(0, Some(b"\0\0\0\0"), Some(b""), &[]).unwrap();
        let decoded = decode_at(builder.build(), 0).unwrap();
        assert_eq!((decoded.records.len(), decoded.next_offset), (0, 1));
    }

    #[test]
    fn offsets_that_go_backwards_never_move_the_position_back() {
        let decoded = decode_at(batch(i64::MIN, &["a"], Codec::None), 5).unwrap();
        assert_eq!((decoded.records.len(), decoded.next_offset), (0, 5));
        let _ = decode_at(batch(i64::MAX, &["a", "b"], Codec::None), 5);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, position: i64) {
            let _ = decode_at(BytesMut::from(&bytes[..]), position);
        }

        #[test]
        fn a_batch_with_one_byte_changed_never_panics(place in 0usize..200, byte: u8) {
            let mut bytes = batch(0, &["some value", "another"], Codec::Lz4);
            let place = place % bytes.len();
            bytes[place] = byte;
            let _ = decode_at(bytes, 0);
        }
    }
}
