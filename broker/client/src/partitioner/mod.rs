//! Which partition a record goes to when its producer does not say.

mod month;
mod region;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use month::month_number;
pub use ottla_core::murmur2::{murmur2, partition_of_key};
pub use region::region_number;

/// A way to spread records over partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partitioner {
    /// Kafka's default: murmur2 of the key, so that a key keeps its partition
    /// while their number does not change; sticky without a key.
    #[default]
    KeyHash,
    /// One after the other, whatever the key.
    RoundRobin,
    /// Stays with one partition until a batch is sent, whatever the key
    /// (KIP-480): larger batches, and no order per key.
    Sticky,
    /// The month of the record's timestamp (UTC) modulo the partitions.
    Month,
    /// The Korean province the key begins with, modulo the partitions; other
    /// keys as in [`Partitioner::KeyHash`].
    Region,
}

impl Partitioner {
    /// Every partitioner with the name people type.
    pub const ALL: [(&'static str, Partitioner); 5] = [
        ("key-hash", Partitioner::KeyHash),
        ("round-robin", Partitioner::RoundRobin),
        ("sticky", Partitioner::Sticky),
        ("month", Partitioner::Month),
        ("region", Partitioner::Region),
    ];
}

impl FromStr for Partitioner {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Partitioner::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, partitioner)| *partitioner).ok_or_else(|| {
            let known: Vec<_> = Partitioner::ALL.iter().map(|(known, _)| *known).collect();
            format!("unknown partitioner; known are {}", known.join(", "))
        })
    }
}

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's timestamp, Unix milliseconds.
    pub timestamp_ms: i64,
    /// How many partitions the topic has; at least 1.
    pub partition_count: i32,
    /// A random number, for the partition to stick to.
    pub random: u64,
}

/// A partitioner with what it remembers between records.
#[derive(Clone, Debug, Default)]
pub struct Chooser {
    partitioner: Partitioner,
    /// Topic → the next partition in turn.
    turns: BTreeMap<String, i32>,
    /// Topic → the partition that keyless records go to for now.
    sticky: BTreeMap<String, i32>,
}

impl Chooser {
    /// Starts with nothing remembered.
    pub fn new(partitioner: Partitioner) -> Self {
        Chooser {
            partitioner,
            ..Chooser::default()
        }
    }

    /// The record's partition, from 0 up to the topic's number of partitions.
    pub fn choose(&mut self, record: Placement<'_>) -> i32 {
        let count = record.partition_count.max(1);
        match (self.partitioner, record.key) {
            (Partitioner::RoundRobin, _) => self.take_turn(record.topic, count),
            (Partitioner::Month, _) => month_number(record.timestamp_ms) % count,
            (Partitioner::Region, Some(key)) => {
                region_number(key).map_or_else(|| partition_of_key(key, count), |n| n % count)
            }
            (Partitioner::KeyHash, Some(key)) => partition_of_key(key, count),
            (Partitioner::KeyHash | Partitioner::Region, None) | (Partitioner::Sticky, _) => {
                self.stick(record.topic, count, record.random)
            }
        }
    }

    /// Lets keyless records move on: a batch of the topic was sent.
    pub fn batch_sent(&mut self, topic: &str) {
        self.sticky.remove(topic);
    }

    fn take_turn(&mut self, topic: &str, count: i32) -> i32 {
        let turn = self.turns.entry(topic.to_owned()).or_insert(0);
        let chosen = *turn % count;
        *turn = (chosen + 1) % count;
        chosen
    }

    fn stick(&mut self, topic: &str, count: i32, random: u64) -> i32 {
        let drawn = (random % u64::from(count.unsigned_abs())) as i32;
        let sticky = self.sticky.entry(topic.to_owned()).or_insert(drawn);
        if *sticky >= count {
            *sticky = drawn;
        }
        *sticky
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placement(key: Option<&[u8]>, partition_count: i32, random: u64) -> Placement<'_> {
        Placement {
            topic: "t",
            key,
            timestamp_ms: 1_709_251_200_000,
            partition_count,
            random,
        }
    }

    #[test]
    fn round_robin_visits_every_partition_in_turn() {
        let mut chooser = Chooser::new(Partitioner::RoundRobin);
        let chosen: Vec<_> = (0..7)
            .map(|_| chooser.choose(placement(Some(b"same"), 3, 0)))
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn sticky_stays_until_a_batch_is_sent() {
        let mut chooser = Chooser::new(Partitioner::Sticky);
        assert_eq!(chooser.choose(placement(None, 10, 7)), 7);
        assert_eq!(chooser.choose(placement(Some(b"key"), 10, 3)), 7);
        chooser.batch_sent("t");
        assert_eq!(chooser.choose(placement(None, 10, 3)), 3);
    }

    #[test]
    fn a_key_keeps_its_partition_and_keyless_records_stick() {
        let mut chooser = Chooser::new(Partitioner::KeyHash);
        assert_eq!(chooser.choose(placement(Some(b"21"), 1000, 5)), 340);
        assert_eq!(chooser.choose(placement(None, 1000, 5)), 5);
        assert_eq!(chooser.choose(placement(Some(b"21"), 1000, 6)), 340);
    }

    #[test]
    fn month_and_region_take_their_number_modulo_the_partitions() {
        let mut chooser = Chooser::new(Partitioner::Month);
        assert_eq!(chooser.choose(placement(None, 12, 0)), 2, "March");
        let mut chooser = Chooser::new(Partitioner::Region);
        let key = "제주도".as_bytes();
        assert_eq!(chooser.choose(placement(Some(key), 10, 0)), 6);
        assert_eq!(chooser.choose(placement(Some(b"21"), 1000, 0)), 340);
    }

    #[test]
    fn every_name_is_understood_and_others_are_refused_with_the_known_ones() {
        for (name, partitioner) in Partitioner::ALL {
            assert_eq!(name.parse(), Ok(partitioner));
        }
        let refused = "modulo".parse::<Partitioner>().unwrap_err();
        assert!(refused.contains("key-hash, round-robin"), "{refused}");
    }

    proptest! {
        #[test]
        fn every_partitioner_stays_within_the_topic(
            kind in 0usize..5,
            keys: Vec<Option<Vec<u8>>>,
            count in 1i32..40,
            timestamp_ms: i64,
            random: u64,
        ) {
            let mut chooser = Chooser::new(Partitioner::ALL[kind].1);
            for key in &keys {
                let record = Placement { timestamp_ms, ..placement(key.as_deref(), count, random) };
                prop_assert!((0..count).contains(&chooser.choose(record)));
            }
        }
    }
}
