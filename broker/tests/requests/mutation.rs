//! Damage done to a valid body.

use proptest::prelude::*;
use proptest::sample::Index;

/// One way to spoil a body. The lengths are those that end processes.
#[derive(Clone, Debug)]
pub enum Mutation {
    Truncate(Index),
    SetByte(Index, u8),
    Remove(Index),
    Insert(Index, Vec<u8>),
    /// Overwrites four bytes with a count.
    SetCount(Index, i32),
    /// Repeats a piece, as a count that is too small for it would leave it.
    Repeat(Index, Index),
}

impl Mutation {
    pub fn any() -> impl Strategy<Value = Self> {
        let place = any::<Index>;
        let compact_count = Just(vec![0xff, 0xff, 0xff, 0xff, 0x0f]);
        let few_bytes = prop::collection::vec(any::<u8>(), 1..6);
        let count = prop_oneof![
            Just(i32::MAX),
            Just(-1),
            Just(-2),
            Just(1 << 20),
            any::<i32>()
        ];
        prop_oneof![
            place().prop_map(Self::Truncate),
            (place(), any::<u8>()).prop_map(|(at, byte)| Self::SetByte(at, byte)),
            place().prop_map(Self::Remove),
            (place(), prop_oneof![compact_count, few_bytes])
                .prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            (place(), count).prop_map(|(at, count)| Self::SetCount(at, count)),
            (place(), place()).prop_map(|(from, to)| Self::Repeat(from, to)),
        ]
    }

    pub fn apply(&self, body: &mut Vec<u8>) {
        let length = body.len();
        if length == 0 {
            return;
        }
        match self {
            Self::Truncate(at) => body.truncate(at.index(length)),
            Self::SetByte(at, byte) => body[at.index(length)] = *byte,
            Self::Remove(at) => {
                body.remove(at.index(length));
            }
            Self::Insert(at, bytes) => {
                let at = at.index(length);
                body.splice(at..at, bytes.iter().copied());
            }
            Self::SetCount(at, count) => {
                for (byte, new) in body
                    .iter_mut()
                    .skip(at.index(length))
                    .zip(count.to_be_bytes())
                {
                    *byte = new;
                }
            }
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                body.extend_from_within(from.min(to)..from.max(to));
            }
        }
    }
}
