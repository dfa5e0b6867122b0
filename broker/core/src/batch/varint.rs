//! Zigzag varints as records use them: small numbers of either sign in few
//! bytes, at most five for an `i32` and ten for an `i64`.

use bytes::BufMut;

/// Takes numbers and byte strings off the front of a slice; `None` as soon as
/// the bytes run out or a varint is longer than its type allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(front)
    }

    /// A zigzag varint of 32 bits.
    #[inline]
    pub fn varint(&mut self) -> Option<i32> {
        match self.short() {
            Some(short) => Some(unzigzag32(short)),
            None => self.long_varint(),
        }
    }

    /// A zigzag varint of 64 bits.
    #[inline]
    pub fn varlong(&mut self) -> Option<i64> {
        match self.short() {
            Some(short) => Some(unzigzag64(u64::from(short))),
            None => self.long_varlong(),
        }
    }

    /// A number of one or two bytes, as nearly every length and delta of a
    /// record is; nothing is taken where it is longer.
    #[inline]
    fn short(&mut self) -> Option<u32> {
        match *self.bytes {
            [first @ ..0x80, ref rest @ ..] => {
                self.bytes = rest;
                Some(u32::from(first))
            }
            [first, second @ ..0x80, ref rest @ ..] => {
                self.bytes = rest;
                Some(u32::from(first & 0x7f) | u32::from(second) << 7)
            }
            _ => None,
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Option<i32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(unzigzag32(value));
            }
        }
        None
    }

    #[cold]
    fn long_varlong(&mut self) -> Option<i64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(unzigzag64(value));
            }
        }
        None
    }
}

/// Appends a zigzag varint of 32 bits.
pub(super) fn put_varint(out: &mut impl BufMut, value: i32) {
    put_unsigned(out, u64::from(zigzag32(value)));
}

/// Appends a zigzag varint of 64 bits.
pub(super) fn put_varlong(out: &mut impl BufMut, value: i64) {
    put_unsigned(out, zigzag64(value));
}

/// Bytes `put_varint` would append.
pub(super) fn varint_bytes(value: i32) -> usize {
    unsigned_bytes(u64::from(zigzag32(value)))
}

/// Bytes `put_varlong` would append.
pub(super) fn varlong_bytes(value: i64) -> usize {
    unsigned_bytes(zigzag64(value))
}

fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag32(value: u32) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}

fn unzigzag64(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

fn put_unsigned(out: &mut impl BufMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value as u8) | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn unsigned_bytes(value: u64) -> usize {
    // Seven bits a byte; zero takes one too.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn varints_lie_as_kafka_writes_them() {
        // java: ByteUtils.writeVarint
        for (value, bytes) in [
            (0, vec![0x00]),
            (-1, vec![0x01]),
            (63, vec![0x7e]),
            (64, vec![0x80, 0x01]),
            (i32::MAX, vec![0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn a_varint_that_never_ends_is_refused() {
        assert_eq!(Cursor { bytes: &[0x80; 12] }.varint(), None);
        assert_eq!(Cursor { bytes: &[0x80; 12] }.varlong(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_in_the_bytes_foretold(small: i32, large: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, small);
            prop_assert_eq!(out.len(), varint_bytes(small));
            put_varlong(&mut out, large);
            prop_assert_eq!(out.len(), varint_bytes(small) + varlong_bytes(large));
            let mut cursor = Cursor { bytes: &out };
            prop_assert_eq!(cursor.varint(), Some(small));
            prop_assert_eq!(cursor.varlong(), Some(large));
            prop_assert!(cursor.bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Cursor { bytes: &bytes }.varint();
            let _ = Cursor { bytes: &bytes }.varlong();
        }
    }
}
