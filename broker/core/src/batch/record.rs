//! The records inside a batch, read whole.
//!
//! Works on uncompressed record bytes; [`super::compression`] makes them from
//! compressed ones. Nothing here trusts a length or a count, and no memory is
//! set aside for a number that came from outside.

use thiserror::Error;

use super::attributes::TimestampType;
use super::header::BatchHeader;
use super::varint::Cursor;
use crate::ids::Offset;

/// A record without key, value or headers still has six one-byte fields.
const SMALLEST_RECORD_BYTES: i32 = 6;

/// Why the bytes behind a header are not the records it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The header claims a negative number of records.
    #[error("record batch claims {0} records")]
    Count(i32),
    /// The bytes ended before the claimed number of records.
    #[error("record batch ends before its record number {index}")]
    Missing {
        /// Counted from 0.
        index: i32,
    },
    /// A record's own lengths do not fit each other or the batch.
    #[error("record number {index} of the batch has lengths that do not fit")]
    Lengths {
        /// Counted from 0.
        index: i32,
    },
    /// Bytes are left behind the last claimed record.
    #[error("record batch has {bytes} bytes behind its last record")]
    Leftover {
        /// How many.
        bytes: usize,
    },
}

/// A record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// Where it lies in its partition.
    pub offset: Offset,
    /// Unix milliseconds; −1 is none.
    pub timestamp_ms: i64,
    /// `None` is Kafka's null, which differs from empty.
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone where the topic is compacted.
    pub value: Option<&'a [u8]>,
    /// In the order they were sent; the same key may come twice (KIP-82).
    pub headers: RecordHeaders<'a>,
}

/// A record's header: a key, which is UTF-8 by convention, and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// UTF-8 by convention; not checked.
    pub key: &'a [u8],
    /// `None` is Kafka's null, which differs from empty.
    pub value: Option<&'a [u8]>,
}

/// Iterates over a record's headers; they were checked when the record was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeaders<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Iterator for RecordHeaders<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.count = self.count.checked_sub(1)?;
        let mut cursor = Cursor { bytes: self.bytes };
        let header = read_header(&mut cursor)?;
        self.bytes = cursor.bytes;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for RecordHeaders<'_> {}

/// The records of a batch, given its header and its uncompressed record bytes.
///
/// Ends after the claimed count, or with one error.
pub fn records<'a>(header: &BatchHeader, record_bytes: &'a [u8]) -> Records<'a> {
    Records {
        cursor: Cursor {
            bytes: record_bytes,
        },
        base_offset: header.base_offset,
        base_timestamp_ms: header.base_timestamp_ms,
        append_time_ms: (header.attributes.timestamp_type() == TimestampType::LogAppendTime)
            .then_some(header.max_timestamp_ms),
        count: header.record_count,
        index: 0,
        ended: false,
    }
}

/// See [`records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    base_offset: Offset,
    base_timestamp_ms: i64,
    append_time_ms: Option<i64>,
    count: i32,
    index: i32,
    ended: bool,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.index >= self.count {
            self.ended = true;
            return ending(self.count, self.cursor.bytes.len()).err().map(Err);
        }
        let record = self.read_record();
        self.ended = record.is_err();
        self.index += 1;
        Some(record)
    }
}

impl<'a> Records<'a> {
    /// The next record, and all of its bytes, its length in front.
    pub fn next_with_bytes(&mut self) -> Option<Result<(Record<'a>, &'a [u8]), RecordError>> {
        let before = self.cursor.bytes;
        let record = self.next()?;
        let length = before.len() - self.cursor.bytes.len();
        Some(record.map(|record| (record, &before[..length])))
    }

    fn read_record(&mut self) -> Result<Record<'a>, RecordError> {
        let index = self.index;
        let body = next_body(&mut self.cursor, index)?;
        self.parse_body(body).ok_or(RecordError::Lengths { index })
    }

    fn parse_body(&self, body: &'a [u8]) -> Option<Record<'a>> {
        let mut cursor = Cursor { bytes: body };
        cursor.byte()?; // attributes: none are defined
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let key = read_nullable(&mut cursor)?;
        let value = read_nullable(&mut cursor)?;
        let count = usize::try_from(cursor.varint()?).ok()?;
        let headers = RecordHeaders {
            count,
            bytes: cursor.bytes,
        };
        for _ in 0..count {
            read_header(&mut cursor)?;
        }
        cursor.bytes.is_empty().then(|| Record {
            offset: Offset(self.base_offset.0.wrapping_add(i64::from(offset_delta))),
            // Java's arithmetic wraps; wild timestamps must come out as they went in.
            timestamp_ms: self
                .append_time_ms
                .unwrap_or_else(|| self.base_timestamp_ms.wrapping_add(timestamp_delta)),
            key,
            value,
            headers,
        })
    }
}

/// The bytes of the next record, without its length.
#[inline]
pub(super) fn next_body<'a>(cursor: &mut Cursor<'a>, index: i32) -> Result<&'a [u8], RecordError> {
    if cursor.bytes.is_empty() {
        return Err(RecordError::Missing { index });
    }
    match cursor.varint() {
        Some(length) if length >= SMALLEST_RECORD_BYTES => cursor.take(length as usize),
        _ => None,
    }
    .ok_or(RecordError::Lengths { index })
}

/// What is to be said after the last claimed record.
pub(super) fn ending(record_count: i32, bytes_left: usize) -> Result<(), RecordError> {
    if record_count < 0 {
        Err(RecordError::Count(record_count))
    } else if bytes_left > 0 {
        Err(RecordError::Leftover { bytes: bytes_left })
    } else {
        Ok(())
    }
}

fn read_header<'a>(cursor: &mut Cursor<'a>) -> Option<RecordHeader<'a>> {
    let key_length = usize::try_from(cursor.varint()?).ok()?;
    Some(RecordHeader {
        key: cursor.take(key_length)?,
        value: read_nullable(cursor)?,
    })
}

/// Any negative length is null, as Kafka reads it.
fn read_nullable<'a>(cursor: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    match usize::try_from(cursor.varint()?) {
        Ok(length) => cursor.take(length).map(Some),
        Err(_) => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::builder::RecordBatchBuilder;
    use super::super::header::BATCH_HEADER_BYTES;
    use super::*;

    fn three_records() -> Vec<u8> {
        let mut builder = RecordBatchBuilder::new();
        for value in [&b"one"[..], b"two", b"three"] {
            builder.push(1_000, None, Some(value), &[]).unwrap();
        }
        builder.build().to_vec()
    }

    #[test]
    fn a_record_whose_inner_lengths_do_not_fill_it_is_refused() {
        let mut batch = three_records();
        // length · attributes · timestamp · offset · key · value length
        batch[BATCH_HEADER_BYTES + 5] -= 2;
        let header = BatchHeader::parse(&batch).unwrap();
        let walked: Vec<_> = records(&header, &batch[BATCH_HEADER_BYTES..]).collect();
        assert_eq!(walked, [Err(RecordError::Lengths { index: 0 })]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_or_refused_and_never_more_than_claimed(
            bytes: Vec<u8>, count: i32, base: i64, time: i64,
        ) {
            let mut header = BatchHeader::parse(&three_records()).unwrap();
            header.record_count = count;
            header.base_offset = Offset(base);
            header.base_timestamp_ms = time;
            let walked = records(&header, &bytes).count();
            prop_assert!(walked <= bytes.len() + 1);
            for record in records(&header, &bytes).flatten() {
                prop_assert_eq!(record.headers.len(), record.headers.count());
            }
        }
    }
}
