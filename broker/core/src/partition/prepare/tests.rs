//! What of a batch is changed before it is stored, and what of its records
//! refuses it.

use proptest::prelude::*;

use super::*;
use crate::batch::compression::{CompressionError, decompress};
use crate::batch::crc::{checksum, checksum_fits};
use crate::batch::header::BATCH_HEADER_BYTES;
use crate::batch::{Record, RecordHeader};
use crate::ids::{ProducerEpoch, ProducerId, Sequence};
use crate::partition::refusal::{InvalidRecord, REPORTED_RECORDS_MAX, RecordRule};

const NOW: Now = Now {
    monotonic_ms: 0,
    wall_ms: 1_700_000_000_000,
};
const CLIENT: AppendOrigin = AppendOrigin::Client { zstd_allowed: true };
const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

fn rules() -> AppendRules {
    AppendRules::default()
}

fn append_time() -> AppendRules {
    AppendRules {
        timestamp_type: TimestampType::LogAppendTime,
        ..rules()
    }
}

fn compacted() -> AppendRules {
    AppendRules {
        compacted: true,
        ..rules()
    }
}

fn in_codec(codec: Codec) -> AppendRules {
    AppendRules {
        compression: Some(codec.into()),
        ..rules()
    }
}

/// A prepared batch that owns its bytes.
#[derive(Debug, PartialEq)]
struct Stored {
    header: BatchHeader,
    bytes: BytesMut,
    append_time_ms: i64,
}

fn prepare(rules: &AppendRules, batch: &BytesMut) -> Result<Stored, AppendRefusal> {
    prepare_from(CLIENT, rules, batch)
}

fn prepare_from(
    origin: AppendOrigin,
    rules: &AppendRules,
    batch: &BytesMut,
) -> Result<Stored, AppendRefusal> {
    let mut sent = batch.clone();
    let mut prepared = prepare_batch(rules, NOW, origin, &mut sent)?;
    Ok(Stored {
        header: prepared.header,
        bytes: BytesMut::from(&*prepared.bytes.as_mut()),
        append_time_ms: prepared.append_time_ms,
    })
}

/// A batch of records at these times after now.
fn at(offsets_ms: &[i64]) -> RecordBatchBuilder {
    let mut builder = RecordBatchBuilder::new();
    for offset_ms in offsets_ms {
        let timestamp_ms = NOW.wall_ms.saturating_add(*offset_ms);
        builder.push(timestamp_ms, Some(b"k"), None, &[]).unwrap();
    }
    builder
}

/// The batch with another header, and a checksum that fits.
fn with_header(batch: &BytesMut, change: impl FnOnce(&mut BatchHeader)) -> BytesMut {
    let mut header = BatchHeader::parse(batch).unwrap();
    change(&mut header);
    let mut changed = batch.clone();
    changed[..BATCH_HEADER_BYTES].copy_from_slice(&header.to_bytes());
    let sum = checksum(&changed);
    changed[17..21].copy_from_slice(&sum.to_be_bytes());
    changed
}

fn marked_append_time(batch: &BytesMut, max_timestamp_ms: i64) -> BytesMut {
    with_header(batch, |header| {
        header.attributes = header
            .attributes
            .with_timestamp_type(TimestampType::LogAppendTime);
        header.max_timestamp_ms = max_timestamp_ms;
    })
}

/// The indexes of the refused records, and whether the code is INVALID_TIMESTAMP.
fn refused(result: Result<Stored, AppendRefusal>) -> (Vec<i32>, bool) {
    match result {
        Err(AppendRefusal::InvalidRecords {
            invalid,
            has_timestamp,
            ..
        }) => {
            let indexes = invalid.iter().map(|record| record.index);
            (indexes.collect(), has_timestamp)
        }
        other => panic!("records should have been refused: {other:?}"),
    }
}

#[test]
fn a_batch_without_a_fault_is_stored_byte_by_byte_as_it_came() {
    for codec in CODECS {
        let sent = at(&[0, 5, 3]).build_compressed(codec).unwrap();
        for rules in [rules(), in_codec(codec), compacted()] {
            let stored = prepare(&rules, &sent).unwrap();
            assert_eq!(stored.bytes, sent, "{codec:?}");
            assert_eq!(stored.append_time_ms, -1);
        }
    }
}

#[test]
fn each_record_outside_of_the_limits_is_named_whatever_the_header_claims() {
    const LIMIT: i64 = 3_600_000;
    let sent = at(&[0, LIMIT, LIMIT + 1, -LIMIT, 2 * LIMIT]).build();
    assert_eq!(refused(prepare(&rules(), &sent)), (vec![2, 4], true));
    let lying = with_header(&sent, |header| header.max_timestamp_ms = NOW.wall_ms);
    assert_eq!(refused(prepare(&rules(), &lying)), (vec![2, 4], true));
    let only_recent = AppendRules {
        timestamp_before_max_ms: 60_000,
        ..rules()
    };
    assert_eq!(refused(prepare(&only_recent, &sent)), (vec![2, 3, 4], true));
    assert!(
        prepare(&append_time(), &sent).is_ok(),
        "the broker sets them"
    );
}

#[test]
fn a_record_without_a_timestamp_is_never_too_old() {
    let mut builder = RecordBatchBuilder::new();
    builder.push(-1, None, None, &[]).unwrap();
    let only_recent = AppendRules {
        timestamp_before_max_ms: 0,
        ..rules()
    };
    assert!(prepare(&only_recent, &builder.build()).is_ok());
}

#[test]
fn the_wildest_timestamps_are_judged_as_javas_arithmetic_does() {
    let judged = |timestamp_ms| {
        let mut builder = RecordBatchBuilder::new();
        builder.push(timestamp_ms, None, None, &[]).unwrap();
        prepare(&rules(), &builder.build()).is_ok()
    };
    assert!(judged(0) && judged(-5));
    assert!(!judged(i64::MAX));
    assert!(!judged(i64::MIN), "so old that its age is negative");
}

#[test]
fn a_largest_timestamp_that_is_not_the_records_is_set_right() {
    let sent = at(&[0, 5, 3]).build();
    for claimed in [-1, NOW.wall_ms + 4, NOW.wall_ms + 6] {
        let lying = with_header(&sent, |header| header.max_timestamp_ms = claimed);
        let stored = prepare(&rules(), &lying).unwrap();
        assert_eq!(stored.bytes, sent);
        assert_eq!(stored.header, BatchHeader::parse(&sent).unwrap());
    }
}

#[test]
fn a_batch_marked_with_the_append_time_is_judged_by_that_time() {
    let sent = at(&[0, 5]).build();
    let marked = marked_append_time(&sent, NOW.wall_ms + 7);
    let stored = prepare(&rules(), &marked).unwrap();
    assert_eq!(
        stored.header.attributes.timestamp_type(),
        TimestampType::CreateTime
    );
    assert_eq!(stored.header.max_timestamp_ms, NOW.wall_ms + 7);
    assert!(checksum_fits(&stored.bytes));
    let future = marked_append_time(&sent, i64::MAX);
    assert_eq!(refused(prepare(&rules(), &future)), (vec![0, 1], true));
    let none = marked_append_time(&sent, -1);
    assert_eq!(refused(prepare(&rules(), &none)), (vec![0, 1], true));
    assert_eq!(
        refused(prepare(&append_time(), &marked)),
        (vec![0, 1], true)
    );
}

#[test]
fn the_append_time_becomes_every_records_in_any_codec() {
    for codec in CODECS {
        let sent = at(&[0, 9_000_000]).build_compressed(codec).unwrap();
        let stored = prepare(&append_time(), &sent).unwrap();
        assert_eq!(stored.append_time_ms, NOW.wall_ms);
        assert_eq!(stored.header.max_timestamp_ms, NOW.wall_ms);
        assert!(checksum_fits(&stored.bytes));
        let inflated = record_bytes(&stored.header, &stored.bytes, 1 << 20).unwrap();
        for record in records(&stored.header, &inflated) {
            assert_eq!(record.unwrap().timestamp_ms, NOW.wall_ms);
        }
        let unchanged = BatchHeader::parse(&sent).unwrap().base_timestamp_ms;
        assert_eq!(stored.header.base_timestamp_ms, unchanged);
    }
}

#[test]
fn a_compacted_topic_names_every_record_without_a_key() {
    for codec in CODECS {
        let mut builder = RecordBatchBuilder::new();
        for key in [Some(&b"k"[..]), None, Some(b""), None] {
            builder.push(NOW.wall_ms, key, None, &[]).unwrap();
        }
        let keyless = builder.build_compressed(codec).unwrap();
        let invalid = [1, 3].map(|index| InvalidRecord {
            index,
            rule: RecordRule::Key,
        });
        let refusal = AppendRefusal::InvalidRecords {
            invalid: invalid.to_vec(),
            total: 2,
            has_timestamp: false,
        };
        assert_eq!(prepare(&compacted(), &keyless), Err(refusal));
        assert!(prepare(&rules(), &keyless).is_ok());
    }
}

#[test]
fn one_wrong_timestamp_among_missing_keys_decides_the_code() {
    let mut builder = RecordBatchBuilder::new();
    builder.push(NOW.wall_ms, None, None, &[]).unwrap();
    builder.push(i64::MAX, Some(b"k"), None, &[]).unwrap();
    assert_eq!(
        refused(prepare(&compacted(), &builder.build())),
        (vec![0, 1], true)
    );
}

#[test]
fn not_every_record_of_a_hostile_batch_is_named() {
    let mut builder = RecordBatchBuilder::new();
    for _ in 0..REPORTED_RECORDS_MAX + 5 {
        builder.push(NOW.wall_ms, None, None, &[]).unwrap();
    }
    match prepare(&compacted(), &builder.build()) {
        Err(AppendRefusal::InvalidRecords { invalid, total, .. }) => {
            assert_eq!(invalid.len(), REPORTED_RECORDS_MAX);
            assert_eq!(total, REPORTED_RECORDS_MAX + 5);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_compressed_batch_whose_header_tells_of_the_future_is_looked_into() {
    let future = at(&[0, 9_000_000]).build_compressed(Codec::Lz4).unwrap();
    assert_eq!(refused(prepare(&rules(), &future)), (vec![1], true));
    let hidden = with_header(&future, |header| header.max_timestamp_ms = NOW.wall_ms);
    assert!(prepare(&rules(), &hidden).is_ok(), "the header is believed");
    let looking = AppendRules {
        validate_compressed: true,
        ..rules()
    };
    assert_eq!(refused(prepare(&looking, &hidden)), (vec![1], true));
}

#[test]
fn what_another_codec_makes_too_large_is_refused_then() {
    let mut builder = RecordBatchBuilder::new();
    builder
        .push(NOW.wall_ms, None, Some(&[0; 5_000]), &[])
        .unwrap();
    let small = builder.build_compressed(Codec::Gzip).unwrap();
    let limited = AppendRules {
        max_message_bytes: 1_000,
        ..in_codec(Codec::None)
    };
    assert!(small.len() < 1_000);
    assert!(matches!(
        prepare(&limited, &small),
        Err(AppendRefusal::TooLarge { .. })
    ));
}

#[test]
fn inflating_for_another_codec_is_bounded() {
    // Zstandard blocks of 128 KiB of one byte, more than there may be.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for _ in 0..(INFLATED_BYTES_MAX >> 17) + 100 {
        bomb.extend_from_slice(&[0x02, 0x00, 0x10, 0x00]);
    }
    let mut batch = at(&[0]).build_compressed(Codec::Zstd).unwrap();
    batch.truncate(BATCH_HEADER_BYTES);
    batch.extend_from_slice(&bomb);
    let length = batch.len() as i32 - 12;
    let batch = with_header(&batch, |header| header.batch_length = length);
    let refused = prepare(&in_codec(Codec::None), &batch);
    let too_large = CompressionError::TooLarge {
        max_bytes: INFLATED_BYTES_MAX,
    };
    assert_eq!(refused, Err(AppendRefusal::Compression(too_large)));
}

#[test]
fn the_brokers_own_markers_keep_their_codec() {
    let control = at(&[0])
        .with_attributes(Attributes::default().with_control())
        .build();
    let rules = in_codec(Codec::Gzip);
    let stored = prepare_from(AppendOrigin::Coordinator, &rules, &control);
    assert_eq!(stored.unwrap().bytes, control);
    let plain = at(&[0]).build();
    let stored = prepare_from(AppendOrigin::Coordinator, &rules, &plain);
    assert_eq!(stored.unwrap().header.attributes.codec(), Some(Codec::Gzip));
}

type OwnedRecord = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, bool)>);

fn owned_record() -> impl Strategy<Value = OwnedRecord> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    // Few, so that they come twice.
    let header_key = || proptest::collection::vec(0..2u8, 0..2);
    (
        -100_000..100_000i64,
        proptest::option::of(bytes()),
        proptest::option::of(bytes()),
        proptest::collection::vec((header_key(), any::<bool>()), 0..4),
    )
}

fn read<'a>(header: &BatchHeader, inflated: &'a [u8]) -> Vec<Record<'a>> {
    records(header, inflated).map(Result::unwrap).collect()
}

proptest! {
    // Encoders take their time to begin.
    #![proptest_config(crate::testing::cases(64))]

    #[test]
    fn another_codec_changes_nothing_a_consumer_sees(
        sent_records in proptest::collection::vec(owned_record(), 1..20),
        from in prop::sample::select(CODECS.to_vec()),
        to in prop::sample::select(CODECS.to_vec()),
    ) {
        let mut builder = RecordBatchBuilder::new()
            .with_producer(ProducerId(7), ProducerEpoch(3), Sequence(i32::MAX));
        for (offset_ms, key, value, headers) in &sent_records {
            let headers: Vec<_> = headers.iter().map(|(bytes, is_null)| RecordHeader {
                key: bytes,
                value: (!is_null).then_some(&bytes[..]),
            }).collect();
            let timestamp_ms = NOW.wall_ms + offset_ms;
            builder.push(timestamp_ms, key.as_deref(), value.as_deref(), &headers).unwrap();
        }
        let sent = builder.build_compressed(from).unwrap();
        let stored = prepare(&in_codec(to), &sent).unwrap();
        prop_assert!(checksum_fits(&stored.bytes));
        prop_assert_eq!(stored.header, BatchHeader::parse(&stored.bytes).unwrap());
        prop_assert_eq!(stored.header.size_bytes(), stored.bytes.len());
        prop_assert_eq!(stored.header.attributes.codec(), Some(to));
        let sent_header = BatchHeader::parse(&sent).unwrap();
        let unchanged = |header: &BatchHeader| BatchHeader {
            batch_length: 0,
            crc: 0,
            attributes: Attributes::default(),
            ..*header
        };
        prop_assert_eq!(unchanged(&stored.header), unchanged(&sent_header));
        let before = record_bytes(&sent_header, &sent, 1 << 20).unwrap();
        let after = record_bytes(&stored.header, &stored.bytes, 1 << 20).unwrap();
        prop_assert_eq!(read(&sent_header, &before), read(&stored.header, &after));
        if from != to && to != Codec::None {
            let alone = decompress(to, &stored.bytes[BATCH_HEADER_BYTES..], 1 << 20).unwrap();
            prop_assert_eq!(&alone[..], &before[..], "the very same bytes");
        }
    }
}
