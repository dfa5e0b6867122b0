//! Values drawn from a tape of bytes, so that a shorter tape is a smaller
//! request and proptest can shrink it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// Tags below this are known to some struct; those drawn are known to none.
const FIRST_UNKNOWN_TAG: i32 = 64;

pub struct Draw<'a> {
    tape: std::slice::Iter<'a, u8>,
}

impl<'a> Draw<'a> {
    /// Past its end the tape reads as zeros: empty, null, false.
    pub fn new(tape: &'a [u8]) -> Self {
        Self { tape: tape.iter() }
    }

    pub fn byte(&mut self) -> u8 {
        self.tape.next().copied().unwrap_or(0)
    }

    pub fn bool(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn int8(&mut self) -> i8 {
        self.byte().cast_signed()
    }

    pub fn int16(&mut self) -> i16 {
        i16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn int32(&mut self) -> i32 {
        i32::from(self.int16()) * i32::from(self.int16())
    }

    pub fn int64(&mut self) -> i64 {
        i64::from(self.int32()) * i64::from(self.int32())
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.int64().cast_unsigned()))
    }

    /// Empty, short, and long enough for a length of two varint bytes.
    pub fn string(&mut self) -> StrBytes {
        let text = match self.byte() % 8 {
            0 => String::new(),
            1 => "댓글".to_owned(),
            2 => "x".repeat(usize::from(self.byte()) * 4),
            letters => "topic-"[..usize::from(letters) - 2].to_owned(),
        };
        StrBytes::from_string(text)
    }

    pub fn bytes(&mut self) -> Bytes {
        let length = usize::from(self.byte()) * if self.bool() { 1 } else { 30 };
        Bytes::from(vec![self.byte(); length])
    }

    pub fn maybe<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.bool() { Some(some(self)) } else { None }
    }

    pub fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.byte() % 4;
        (0..count).map(|_| element(self)).collect()
    }

    /// Sometimes more than one varint byte can count.
    pub fn int32s(&mut self) -> Vec<i32> {
        let count = match self.byte() {
            count @ 0..200 => usize::from(count % 4),
            count => usize::from(count),
        };
        (0..count).map(|_| self.int32()).collect()
    }

    /// Unknown tagged fields, in versions that have them.
    pub fn tags(&mut self, flexible: bool) -> BTreeMap<i32, Bytes> {
        if !flexible || self.byte() < 128 {
            return BTreeMap::new();
        }
        let count = self.byte() % 30;
        (0..count)
            .map(|_| {
                let tag = FIRST_UNKNOWN_TAG + i32::from(self.int16().cast_unsigned());
                (tag, Bytes::from(vec![7; usize::from(self.byte() % 16)]))
            })
            .collect()
    }
}
