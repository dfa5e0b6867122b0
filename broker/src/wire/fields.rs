//! The wire's primitive fields, for the codecs written by hand.
//!
//! Owns how strings, bytes, arrays and tagged fields lie in both encodings,
//! the one with fixed lengths and the *flexible* one with varints (KIP-482).
//! Reading borrows from the frame: no copy, no reference count.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

/// Why a body written by a peer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum FieldError {
    #[error("the body ends inside a field")]
    Short,
    #[error("{0} more bytes than the request has fields")]
    Leftover(usize),
    #[error("a field is null that must not be")]
    Null,
    #[error("a length is negative or longer than 32 bits")]
    Length,
    #[error("a string is not UTF-8")]
    NotUtf8,
    #[error("more than {0} topics and partitions in one request")]
    TooManyEntries(usize),
}

/// Reads a body from front to back. Strings and bytes are slices of it.
pub(super) struct Reader<'body> {
    rest: &'body mut [u8],
    flexible: bool,
}

impl<'body> Reader<'body> {
    pub(super) fn new(body: &'body mut [u8], flexible: bool) -> Reader<'body> {
        Reader {
            rest: body,
            flexible,
        }
    }

    pub(super) fn i16(&mut self) -> Result<i16, FieldError> {
        self.array_of().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, FieldError> {
        self.array_of().map(i32::from_be_bytes)
    }

    pub(super) fn uuid(&mut self) -> Result<[u8; 16], FieldError> {
        self.array_of()
    }

    pub(super) fn string(&mut self) -> Result<&'body str, FieldError> {
        self.nullable_string()?.ok_or(FieldError::Null)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<&'body str>, FieldError> {
        let length = if self.flexible {
            self.compact_length()?
        } else {
            length_of(i32::from(self.i16()?))?
        };
        let Some(length) = length else {
            return Ok(None);
        };
        let text = std::str::from_utf8(self.take(length)?);
        text.map(Some).map_err(|_| FieldError::NotUtf8)
    }

    pub(super) fn nullable_bytes(&mut self) -> Result<Option<&'body mut [u8]>, FieldError> {
        match self.length()? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    /// How many elements the array claims; nothing may be set aside for them.
    pub(super) fn array(&mut self) -> Result<usize, FieldError> {
        self.length()?.ok_or(FieldError::Null)
    }

    /// Tagged fields, none of which is known here.
    pub(super) fn skip_tags(&mut self) -> Result<(), FieldError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()? as usize;
            self.take(size)?;
        }
        Ok(())
    }

    pub(super) fn end(self) -> Result<(), FieldError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(FieldError::Leftover(left)),
        }
    }

    fn length(&mut self) -> Result<Option<usize>, FieldError> {
        if self.flexible {
            self.compact_length()
        } else {
            length_of(self.i32()?)
        }
    }

    fn compact_length(&mut self) -> Result<Option<usize>, FieldError> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    fn take(&mut self, length: usize) -> Result<&'body mut [u8], FieldError> {
        if length > self.rest.len() {
            return Err(FieldError::Short);
        }
        let (taken, rest) = std::mem::take(&mut self.rest).split_at_mut(length);
        self.rest = rest;
        Ok(taken)
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        let taken = self.take(N)?.first_chunk::<N>();
        taken.copied().ok_or(FieldError::Short)
    }

    fn varint(&mut self) -> Result<u32, FieldError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array_of()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(FieldError::Length)
    }
}

fn length_of(claimed: i32) -> Result<Option<usize>, FieldError> {
    match claimed {
        -1 => Ok(None),
        _ => usize::try_from(claimed)
            .map(Some)
            .map_err(|_| FieldError::Length),
    }
}

/// Appends fields to a body.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) out: BytesMut,
    pub(super) flexible: bool,
}

impl Writer {
    pub(super) fn i16(&mut self, value: i16) {
        self.out.put_i16(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.out.put_i64(value);
    }

    pub(super) fn string(&mut self, value: &str) {
        if self.flexible {
            self.varint(value.len() as u32 + 1);
        } else {
            // Longer ones cannot be written; none of ours comes near.
            debug_assert!(value.len() <= i16::MAX as usize);
            self.out.put_i16(value.len() as i16);
        }
        self.out.put_slice(value.as_bytes());
    }

    pub(super) fn nullable_string(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.string(value),
            None if self.flexible => self.varint(0),
            None => self.out.put_i16(-1),
        }
    }

    /// The length in front of bytes or of an array's elements.
    pub(super) fn length(&mut self, length: usize) {
        if self.flexible {
            self.varint(length as u32 + 1);
        } else {
            self.out.put_i32(length as i32);
        }
    }

    pub(super) fn null_length(&mut self) {
        if self.flexible {
            self.varint(0);
        } else {
            self.out.put_i32(-1);
        }
    }

    /// The end of a structure without tagged fields.
    pub(super) fn no_tags(&mut self) {
        if self.flexible {
            self.varint(0);
        }
    }

    /// One tagged field; `write` writes its content.
    pub(super) fn tagged(&mut self, tag: u32, write: impl FnOnce(&mut Writer)) {
        let mut content = Writer {
            out: BytesMut::new(),
            flexible: self.flexible,
        };
        write(&mut content);
        self.varint(tag);
        self.varint(content.out.len() as u32);
        self.out.put_slice(&content.out);
    }

    pub(super) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.put_u8((value as u8) | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }
}
