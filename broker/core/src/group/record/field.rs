//! The primitive fields Kafka's record schemas are made of, in both the plain
//! and the flexible (compact, tagged: KIP-482) encoding.
//!
//! Reading never allocates more than the bytes that are there: a count is
//! believed only if that many elements could still follow.

use bytes::{Buf, Bytes};

use super::RecordError;
use crate::ids::TopicId;

/// Appends fields to a record's key or value.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A key: its type is its first field.
    pub(super) fn key(kind: i16) -> Self {
        let mut writer = Writer::default();
        writer.i16(kind);
        writer
    }

    /// A value: the version of its schema is its first field.
    pub(super) fn value(version: i16) -> Self {
        Writer::key(version)
    }

    pub(super) fn i8(&mut self, value: i8) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn uuid(&mut self, id: TopicId) {
        self.bytes.extend_from_slice(&id.0);
    }

    pub(super) fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A text with a length of two bytes. Every text comes off the wire, where
    /// its length had two bytes too.
    pub(super) fn string(&mut self, text: &str) {
        let length = i16::try_from(text.len()).expect("a text of the protocol fits its length");
        self.i16(length);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.i16(-1),
        }
    }

    pub(super) fn compact_string(&mut self, text: &str) {
        self.compact_length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn compact_nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.compact_string(text),
            None => self.unsigned_varint(0),
        }
    }

    pub(super) fn byte_array(&mut self, bytes: &[u8]) {
        self.array_length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn compact_byte_array(&mut self, bytes: &[u8]) {
        self.compact_length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn array_length(&mut self, length: usize) {
        self.i32(i32::try_from(length).expect("a record is smaller than 2 GiB"));
    }

    /// The length of a compact text or array that is not null.
    pub(super) fn compact_length(&mut self, length: usize) {
        let length = u32::try_from(length).expect("a record is smaller than 2 GiB");
        self.unsigned_varint(length + 1);
    }

    /// Closes a flexible structure that has no tagged field set.
    pub(super) fn no_tagged_fields(&mut self) {
        self.unsigned_varint(0);
    }

    /// Adds what `other` has written.
    pub(super) fn append(&mut self, other: &Writer) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn finish(self) -> Bytes {
        self.bytes.into()
    }
}

/// Reads fields off a record's key or value.
pub(super) struct Reader {
    bytes: Bytes,
}

impl Reader {
    pub(super) fn new(bytes: &Bytes) -> Self {
        Reader {
            bytes: bytes.clone(),
        }
    }

    pub(super) fn i8(&mut self) -> Result<i8, RecordError> {
        Ok(self.take(1)?.get_i8())
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        Ok(self.take(2)?.get_i16())
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        Ok(self.take(4)?.get_i32())
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(self.take(8)?.get_i64())
    }

    pub(super) fn uuid(&mut self) -> Result<TopicId, RecordError> {
        let mut id = [0; 16];
        id.copy_from_slice(&self.take(16)?);
        Ok(TopicId(id))
    }

    pub(super) fn unsigned_varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u32::from(byte & 0x7f);
            if shift == 28 && part > 0x0f {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::Invalid("varint"))
    }

    pub(super) fn string(&mut self) -> Result<String, RecordError> {
        self.nullable_string()?.ok_or(RecordError::Invalid("text"))
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        match self.i16()? {
            -1 => Ok(None),
            length => Ok(Some(self.text(i32::from(length))?)),
        }
    }

    pub(super) fn compact_string(&mut self) -> Result<String, RecordError> {
        self.compact_nullable_string()?
            .ok_or(RecordError::Invalid("text"))
    }

    pub(super) fn compact_nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        match self.unsigned_varint()? {
            0 => Ok(None),
            length => {
                let bytes = self.take(length as usize - 1)?;
                Ok(Some(text_of(&bytes)?))
            }
        }
    }

    pub(super) fn byte_array(&mut self) -> Result<Bytes, RecordError> {
        let length = self.i32()?;
        let length = usize::try_from(length).map_err(|_| RecordError::Invalid("byte array"))?;
        self.take(length)
    }

    pub(super) fn compact_byte_array(&mut self) -> Result<Bytes, RecordError> {
        let length = self.compact_count(1)?;
        self.take(length)
    }

    /// The count of an array whose elements take at least `element_bytes_min`.
    pub(super) fn count(&mut self, element_bytes_min: usize) -> Result<usize, RecordError> {
        let count = self.i32()?;
        let count = usize::try_from(count).map_err(|_| RecordError::Invalid("array"))?;
        self.believable(count, element_bytes_min)
    }

    /// The count of a compact array that is not null.
    pub(super) fn compact_count(&mut self, element_bytes_min: usize) -> Result<usize, RecordError> {
        self.compact_nullable_count(element_bytes_min)?
            .ok_or(RecordError::Invalid("array"))
    }

    /// The count of a compact array; `None` is the null array.
    pub(super) fn compact_nullable_count(
        &mut self,
        element_bytes_min: usize,
    ) -> Result<Option<usize>, RecordError> {
        match self.unsigned_varint()? {
            0 => Ok(None),
            length => self
                .believable(length as usize - 1, element_bytes_min)
                .map(Some),
        }
    }

    /// Reads the tagged fields of a flexible structure, giving each to `visit`.
    pub(super) fn tagged_fields(
        &mut self,
        mut visit: impl FnMut(u32, &Bytes) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            visit(tag, &self.take(length)?)?;
        }
        Ok(())
    }

    /// Reads past tagged fields nobody here knows.
    pub(super) fn skip_tagged_fields(&mut self) -> Result<(), RecordError> {
        self.tagged_fields(|_, _| Ok(()))
    }

    fn text(&mut self, length: i32) -> Result<String, RecordError> {
        let length = usize::try_from(length).map_err(|_| RecordError::Invalid("text"))?;
        text_of(&self.take(length)?)
    }

    fn believable(&self, count: usize, element_bytes_min: usize) -> Result<usize, RecordError> {
        if count.saturating_mul(element_bytes_min.max(1)) > self.bytes.len() {
            return Err(RecordError::Truncated);
        }
        Ok(count)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, RecordError> {
        if length > self.bytes.len() {
            return Err(RecordError::Truncated);
        }
        Ok(self.bytes.split_to(length))
    }
}

fn text_of(bytes: &[u8]) -> Result<String, RecordError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(RecordError::Invalid("text")),
    }
}
