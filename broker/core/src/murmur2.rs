//! The hash Kafka's own producers place keys with: 32-bit MurmurHash2, read as
//! a signed number. Every client that wants a key in the same partition as
//! Java's must compute exactly this.

use crate::mutants::{self, Mutant};

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const ROTATION: u32 = 24;

/// MurmurHash2 of `key` with Kafka's seed.
pub fn murmur2(key: &[u8]) -> i32 {
    // Java's length is an i32 too; longer keys cannot be sent.
    let mut hash = SEED ^ key.len() as u32;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> ROTATION;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of `key` among `partition_count`: Kafka's
/// `toPositive(murmur2(key)) % N`, where `toPositive` drops the sign bit.
pub fn partition_of_key(key: &[u8], partition_count: i32) -> i32 {
    let hash = murmur2(key);
    let positive = if mutants::on(Mutant::NegatesTheHash) {
        hash.saturating_abs()
    } else {
        hash & i32::MAX
    };
    positive % partition_count.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_equal_those_of_kafkas_own_tests() {
        // org.apache.kafka.common.utils.UtilsTest.testMurmur2
        assert_eq!(murmur2(b"21"), -973_932_308);
        assert_eq!(murmur2(b"foobar"), -790_332_482);
        assert_eq!(murmur2(b"abc"), 479_470_107);
        assert_eq!(murmur2(b"a-little-bit-long-string"), -985_981_536);
        assert_eq!(murmur2(b"a-little-bit-longer-string"), -1_486_304_829);
        assert_eq!(
            murmur2(b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"),
            -58_897_971
        );
    }

    #[test]
    fn a_negative_hash_loses_its_sign_bit_and_is_not_negated() {
        // -973932308 & 0x7fffffff = 1173551340
        assert_eq!(partition_of_key(b"21", 1000), 340);
    }

    proptest! {
        #[test]
        fn every_key_has_one_partition_within_range(key: Vec<u8>, count in 1i32..5000) {
            let partition = partition_of_key(&key, count);
            prop_assert!((0..count).contains(&partition));
            prop_assert_eq!(partition, partition_of_key(&key, count));
        }
    }
}
