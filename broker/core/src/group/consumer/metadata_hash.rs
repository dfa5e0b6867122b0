//! A hash of the topics a group reads: another hash calls for a new assignment.
//!
//! The same bytes through the same function as Apache Kafka's (XXH3, KIP-1101),
//! because the hash is part of a group's record: a log that moves between the
//! two must not set every group rebalancing.

use twox_hash::XxHash3_64;

use crate::group::{TopicInfo, TopicsView};

/// Bumped by Kafka should it ever hash something else.
const TOPIC_HASH_VERSION: u8 = 0;

/// The hash of those of `names` (sorted, no repetitions) that exist; 0 if none.
pub(super) fn of_topics<'a>(
    names: impl IntoIterator<Item = &'a str>,
    topics: &dyn TopicsView,
) -> i64 {
    let mut hashes = Vec::new();
    for topic in names.into_iter().filter_map(|name| topics.by_name(name)) {
        hashes.extend_from_slice(&of_topic(topic).to_le_bytes());
    }
    if hashes.is_empty() {
        return 0;
    }
    XxHash3_64::oneshot(&hashes) as i64
}

/// Id, name, and every partition. Kafka adds the partitions' racks, of which a
/// broker without racks has none.
fn of_topic(topic: TopicInfo<'_>) -> u64 {
    let (high, low) = topic.id.0.split_at(8);
    let mut bytes = vec![TOPIC_HASH_VERSION];
    // The id as two numbers, which the hash takes with the low byte first.
    bytes.extend(high.iter().rev());
    bytes.extend(low.iter().rev());
    let mut units = 0i32;
    for unit in topic.name.encode_utf16() {
        bytes.extend_from_slice(&unit.to_le_bytes());
        units += 1;
    }
    bytes.extend_from_slice(&units.to_le_bytes());
    bytes.extend_from_slice(&topic.partitions.to_le_bytes());
    for partition in 0..topic.partitions {
        bytes.extend_from_slice(&partition.to_le_bytes());
    }
    XxHash3_64::oneshot(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TopicId;

    #[test]
    fn a_topic_hashes_as_apache_kafka_hashes_it() {
        // Kafka 4.3.1, Utils.computeTopicHash of new Uuid(1, 2), "orders", 3.
        let topic = TopicInfo {
            id: TopicId([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]),
            name: "orders",
            partitions: 3,
        };
        assert_eq!(of_topic(topic) as i64, 2_779_785_129_666_336_701);
    }

    #[test]
    fn hashes_of_topics_combine_as_in_apache_kafka() {
        // hash4j 0.22: xxh3_64 stream of putLong(2779785129666336701), putLong(42).
        let mut bytes = 2_779_785_129_666_336_701_i64.to_le_bytes().to_vec();
        bytes.extend(42_i64.to_le_bytes());
        assert_eq!(XxHash3_64::oneshot(&bytes) as i64, 941_218_800_939_912_043);
    }
}
