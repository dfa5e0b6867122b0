//! Offsets, epochs and ids as types of their own, so that one cannot be
//! passed where another belongs. Wire numbers become these at the edge.

use std::fmt;

use crate::mutants::{self, Mutant};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A position in a partition: of a record, or one past the last one.
    Offset(i64)
}
number! {
    /// Counts the leaders a partition has had; stamped into every batch.
    LeaderEpoch(i32)
}
number! {
    /// A broker or controller.
    NodeId(i32)
}
number! {
    /// A partition's place in its topic, from 0.
    PartitionIndex(i32)
}
number! {
    /// Names a producer across its retries; −1 means none (KIP-98).
    ProducerId(i64)
}
number! {
    /// Fences older incarnations of the same producer id.
    ProducerEpoch(i16)
}
number! {
    /// A producer's count of records per partition; wraps from 2³¹−1 to 0.
    Sequence(i32)
}

impl ProducerId {
    /// A batch that is not idempotent.
    pub const NONE: ProducerId = ProducerId(-1);
}

impl ProducerEpoch {
    /// A batch that is not idempotent.
    pub const NONE: ProducerEpoch = ProducerEpoch(-1);
}

impl LeaderEpoch {
    /// Not known, or not asked about.
    pub const NONE: LeaderEpoch = LeaderEpoch(-1);
}

impl Offset {
    /// The offset `count` records further on.
    pub fn plus(self, count: i64) -> Offset {
        Offset(self.0 + count)
    }
}

impl Sequence {
    /// A batch that is not idempotent.
    pub const NONE: Sequence = Sequence(-1);

    /// The sequence `count` records further on, wrapping past 2³¹−1 to 0 as
    /// Kafka's `DefaultRecordBatch.incrementSequence` does.
    pub fn plus(self, count: i32) -> Sequence {
        if mutants::on(Mutant::NeverWrapsSequences) {
            return Sequence(self.0.wrapping_add(count));
        }
        Sequence(((i64::from(self.0) + i64::from(count)) & 0x7fff_ffff) as i32)
    }
}

/// Identifies one life of a topic: a topic deleted and made again under the
/// same name has another id (KIP-516).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// All zero: "no id given".
    pub const ZERO: TopicId = TopicId([0; 16]);

    /// Reads the text form that `Display` writes; `None` when it is another.
    #[must_use]
    pub fn parse(text: &str) -> Option<TopicId> {
        if text.len() != 22 {
            return None;
        }
        let mut bits = 0u128;
        for (number, digit) in text.bytes().enumerate() {
            let digit = BASE64_URL.iter().position(|&known| known == digit)? as u128;
            match number {
                21 if digit & 0xf != 0 => return None,
                21 => bits = bits << 2 | digit >> 4,
                _ => bits = bits << 6 | digit,
            }
        }
        Some(TopicId(bits.to_be_bytes()))
    }
}

/// The digits of base64 as they are in URLs (RFC 4648, section 5).
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for TopicId {
    /// Kafka's text form: URL-safe base64 without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        // 22 digits of 6 bits: the last digit carries the 2 remaining bits.
        for digit in 0..21 {
            let shift = 122 - 6 * digit;
            write!(
                f,
                "{}",
                char::from(BASE64_URL[(bits >> shift) as usize & 63])
            )?;
        }
        write!(f, "{}", char::from(BASE64_URL[((bits << 4) & 63) as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_wraps_to_zero_after_the_largest_one() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(3), Sequence(1));
        assert_eq!(Sequence(0).plus(5), Sequence(5));
    }

    #[test]
    fn a_topic_id_prints_as_kafka_prints_it() {
        // java: new Uuid(1, 2).toString()
        let mut id = [0u8; 16];
        id[7] = 1;
        id[15] = 2;
        assert_eq!(TopicId(id).to_string(), "AAAAAAAAAAEAAAAAAAAAAg");
        assert_eq!(TopicId::parse("AAAAAAAAAAEAAAAAAAAAAg"), Some(TopicId(id)));
        // A bit that no id has, a digit that is none, and a length.
        assert_eq!(TopicId::parse("AAAAAAAAAAEAAAAAAAAAAh"), None);
        assert_eq!(TopicId::parse("AAAAAAAAAA+AAAAAAAAAAg"), None);
        assert_eq!(TopicId::parse("AAAAAAAAAAEAAAAAAAAAAgA"), None);
    }
}
