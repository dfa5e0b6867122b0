//! A quick look at every record of a batch: that its lengths fit, and what the
//! rules of an append are about.
//!
//! On the hot path, so nothing is kept of a record and nothing is allocated:
//! the cost is a few nanoseconds a record. [`super::record`] reads records
//! whole, and accepts exactly what is accepted here.

use super::record::{RecordError, ending, next_body};
use super::varint::Cursor;

/// What the rules of an append need to know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkimmedRecord {
    /// Counted from the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Counted from the batch's base offset.
    pub offset_delta: i32,
    /// Whether its key is not null.
    pub has_key: bool,
}

/// Proves that exactly `record_count` well-formed records fill `record_bytes`,
/// and tells `see` of each, with its index.
#[inline]
pub fn skim_records(
    record_count: i32,
    record_bytes: &[u8],
    mut see: impl FnMut(i32, SkimmedRecord),
) -> Result<(), RecordError> {
    let mut cursor = Cursor {
        bytes: record_bytes,
    };
    for index in 0..record_count {
        let body = next_body(&mut cursor, index)?;
        let record = skim(body).ok_or(RecordError::Lengths { index })?;
        see(index, record);
    }
    ending(record_count, cursor.bytes.len())
}

#[inline]
fn skim(body: &[u8]) -> Option<SkimmedRecord> {
    let mut cursor = Cursor { bytes: body };
    cursor.byte()?; // attributes: none are defined
    let timestamp_delta = cursor.varlong()?;
    let offset_delta = cursor.varint()?;
    let has_key = skip_nullable(&mut cursor)?;
    skip_nullable(&mut cursor)?;
    if cursor.bytes != [0] {
        skip_headers(&mut cursor)?;
    }
    Some(SkimmedRecord {
        timestamp_delta,
        offset_delta,
        has_key,
    })
}

/// Whether something was there: any negative length is null.
#[inline]
fn skip_nullable(cursor: &mut Cursor<'_>) -> Option<bool> {
    let length = usize::try_from(cursor.varint()?);
    if let Ok(length) = length {
        cursor.take(length)?;
    }
    Some(length.is_ok())
}

/// The headers, and nothing behind them.
fn skip_headers(cursor: &mut Cursor<'_>) -> Option<()> {
    let count = u32::try_from(cursor.varint()?).ok()?;
    for _ in 0..count {
        let key_length = usize::try_from(cursor.varint()?).ok()?;
        cursor.take(key_length)?;
        skip_nullable(cursor)?;
    }
    cursor.bytes.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::builder::RecordBatchBuilder;
    use super::super::header::{BATCH_HEADER_BYTES, BatchHeader};
    use super::super::record::{RecordHeader, records};
    use super::*;

    fn three_records() -> Vec<u8> {
        let mut builder = RecordBatchBuilder::new();
        for value in [&b"one"[..], b"two", b"three"] {
            builder.push(1_000, None, Some(value), &[]).unwrap();
        }
        builder.build().to_vec()
    }

    fn check(record_count: i32, record_bytes: &[u8]) -> Result<(), RecordError> {
        skim_records(record_count, record_bytes, |_, _| {})
    }

    #[test]
    fn exactly_the_claimed_count_is_accepted() {
        let batch = three_records();
        let records = &batch[BATCH_HEADER_BYTES..];
        assert_eq!(check(3, records), Ok(()));
        assert_eq!(check(2, records), Err(RecordError::Leftover { bytes: 12 }));
        assert_eq!(check(4, records), Err(RecordError::Missing { index: 3 }));
        assert_eq!(check(-1, records), Err(RecordError::Count(-1)));
    }

    #[test]
    fn a_record_length_that_is_one_off_is_refused() {
        for change in [2, -2i8] {
            let mut batch = three_records();
            // Zigzag: one byte longer, one byte shorter.
            batch[BATCH_HEADER_BYTES] = batch[BATCH_HEADER_BYTES].wrapping_add_signed(change);
            let refused = Err(RecordError::Lengths { index: 0 });
            assert_eq!(check(3, &batch[BATCH_HEADER_BYTES..]), refused);
        }
    }

    #[test]
    fn what_the_rules_need_is_seen() {
        let mut builder = RecordBatchBuilder::new();
        let header = RecordHeader {
            key: b"h",
            value: None,
        };
        builder.push(1_000, Some(b""), None, &[header; 3]).unwrap();
        builder.push(i64::MIN, None, Some(b"v"), &[]).unwrap();
        let batch = builder.build();
        let mut seen = Vec::new();
        skim_records(2, &batch[BATCH_HEADER_BYTES..], |index, record| {
            seen.push((index, record));
        })
        .unwrap();
        let record = |timestamp_delta, offset_delta, has_key| SkimmedRecord {
            timestamp_delta,
            offset_delta,
            has_key,
        };
        let wrapped = i64::MIN.wrapping_sub(1_000);
        assert_eq!(
            seen,
            [(0, record(0, 0, true)), (1, record(wrapped, 1, false))]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_seen_as_the_whole_reading_sees_them(
            mut bytes in proptest::collection::vec(prop_oneof![0u8..20, any::<u8>()], 0..80),
            count in -2i32..6,
            is_genuine: bool,
            change in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut batch = three_records();
            if is_genuine {
                bytes = batch.split_off(BATCH_HEADER_BYTES);
            }
            if let (Some((at, byte)), false) = (change, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut header = BatchHeader::parse(&three_records()).unwrap();
            header.record_count = count;
            let mut skimmed = Vec::new();
            let whole = skim_records(count, &bytes, |_, record| skimmed.push(record));
            let read: Vec<_> = records(&header, &bytes).collect();
            let first_error = read.iter().find_map(|record| record.as_ref().err());
            prop_assert_eq!(whole.as_ref().err(), first_error);
            for (skimmed, read) in skimmed.iter().zip(read.iter().flatten()) {
                let timestamp_ms = header.base_timestamp_ms.wrapping_add(skimmed.timestamp_delta);
                prop_assert_eq!(timestamp_ms, read.timestamp_ms);
                prop_assert_eq!(skimmed.has_key, read.key.is_some());
                prop_assert_eq!(i64::from(skimmed.offset_delta), read.offset.0);
            }
        }
    }
}
