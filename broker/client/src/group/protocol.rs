//! ConsumerProtocol: the bytes that members of a classic group pass each other
//! through JoinGroup and SyncGroup. Brokers do not look inside; every client
//! does, so they are parsed as hostile.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::record::TopicPartition;

/// Written versions: 2 carries the generation that owned partitions are of.
const SUBSCRIPTION_VERSION: i16 = 2;
const ASSIGNMENT_VERSION: i16 = 0;

/// What a member wants, and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The topics it wants.
    pub topics: Vec<String>,
    /// The partitions it still holds (cooperative rebalancing, KIP-429).
    pub owned: Vec<TopicPartition>,
    /// The generation it got them in; −1 when it does not say.
    pub generation: i32,
}

/// Bytes that are no subscription or assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no consumer protocol of any version")]
pub struct InvalidProtocol;

impl Subscription {
    /// The bytes for JoinGroup.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_i16(SUBSCRIPTION_VERSION);
        bytes.put_i32(count(self.topics.len()));
        for topic in &self.topics {
            put_string(&mut bytes, topic);
        }
        bytes.put_i32(-1); // no user data
        put_partitions(&mut bytes, &self.owned);
        bytes.put_i32(self.generation);
        bytes.freeze()
    }

    /// Reads any version; fields of later ones are left alone.
    ///
    /// # Errors
    /// When the bytes end early or claim what they do not hold.
    pub fn parse(mut bytes: Bytes) -> Result<Subscription, InvalidProtocol> {
        let version = bytes.try_get_i16().map_err(|_| InvalidProtocol)?;
        if version < 0 {
            return Err(InvalidProtocol);
        }
        let mut topics = Vec::new();
        for _ in 0..take_count(&mut bytes)? {
            topics.push(take_string(&mut bytes)?);
        }
        take_nullable_bytes(&mut bytes)?;
        let owned = match version {
            1.. => take_partitions(&mut bytes)?,
            _ => Vec::new(),
        };
        let generation = match version {
            2.. => bytes.try_get_i32().map_err(|_| InvalidProtocol)?,
            _ => -1,
        };
        Ok(Subscription {
            topics,
            owned,
            generation,
        })
    }
}

/// The bytes for SyncGroup: the partitions a member gets.
pub fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(ASSIGNMENT_VERSION);
    put_partitions(&mut bytes, partitions);
    bytes.put_i32(-1); // no user data
    bytes.freeze()
}

/// Reads an assignment of any version. Empty bytes are an empty assignment:
/// that is what a member gets that is not part of the generation yet.
///
/// # Errors
/// When the bytes end early or claim what they do not hold.
pub fn parse_assignment(mut bytes: Bytes) -> Result<Vec<TopicPartition>, InvalidProtocol> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let version = bytes.try_get_i16().map_err(|_| InvalidProtocol)?;
    if version < 0 {
        return Err(InvalidProtocol);
    }
    take_partitions(&mut bytes)
}

fn put_partitions(bytes: &mut BytesMut, partitions: &[TopicPartition]) {
    let mut by_topic: Vec<(&str, Vec<i32>)> = Vec::new();
    for partition in partitions {
        match by_topic
            .iter_mut()
            .find(|(topic, _)| *topic == partition.topic)
        {
            Some((_, indexes)) => indexes.push(partition.partition),
            None => by_topic.push((&partition.topic, vec![partition.partition])),
        }
    }
    bytes.put_i32(count(by_topic.len()));
    for (topic, indexes) in by_topic {
        put_string(bytes, topic);
        bytes.put_i32(count(indexes.len()));
        for index in indexes {
            bytes.put_i32(index);
        }
    }
}

fn take_partitions(bytes: &mut Bytes) -> Result<Vec<TopicPartition>, InvalidProtocol> {
    let mut partitions = Vec::new();
    for _ in 0..take_count(bytes)? {
        let topic = take_string(bytes)?;
        for _ in 0..take_count(bytes)? {
            let index = bytes.try_get_i32().map_err(|_| InvalidProtocol)?;
            partitions.push(TopicPartition::new(topic.clone(), index));
        }
    }
    Ok(partitions)
}

fn count(len: usize) -> i32 {
    i32::try_from(len).expect("a group has fewer than 2³¹ topics and partitions")
}

fn put_string(bytes: &mut BytesMut, text: &str) {
    let length = i16::try_from(text.len()).expect("topic names have at most 249 characters");
    bytes.put_i16(length);
    bytes.put_slice(text.as_bytes());
}

/// A count; each element has at least one byte, so that a false one ends the
/// loop over it soon.
fn take_count(bytes: &mut Bytes) -> Result<usize, InvalidProtocol> {
    let claimed = bytes.try_get_i32().map_err(|_| InvalidProtocol)?;
    let claimed = usize::try_from(claimed).map_err(|_| InvalidProtocol)?;
    if claimed > bytes.len() {
        return Err(InvalidProtocol);
    }
    Ok(claimed)
}

fn take_string(bytes: &mut Bytes) -> Result<String, InvalidProtocol> {
    let length = bytes.try_get_i16().map_err(|_| InvalidProtocol)?;
    let length = usize::try_from(length).map_err(|_| InvalidProtocol)?;
    let text = take(bytes, length)?;
    String::from_utf8(text.to_vec()).map_err(|_| InvalidProtocol)
}

fn take_nullable_bytes(bytes: &mut Bytes) -> Result<(), InvalidProtocol> {
    let length = bytes.try_get_i32().map_err(|_| InvalidProtocol)?;
    if let Ok(length) = usize::try_from(length) {
        take(bytes, length)?;
    }
    Ok(())
}

fn take(bytes: &mut Bytes, length: usize) -> Result<Bytes, InvalidProtocol> {
    if length > bytes.len() {
        return Err(InvalidProtocol);
    }
    Ok(bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
    use kafka_protocol::protocol::{Decodable, Encodable};
    use proptest::prelude::*;

    use super::*;

    fn partitions() -> impl Strategy<Value = Vec<TopicPartition>> {
        let partition = ("[a-c]{1,3}", 0..9).prop_map(|(t, p)| TopicPartition::new(t, p));
        proptest::collection::btree_set(partition, 0..20)
            .prop_map(|partitions| partitions.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_subscription_is_read_as_it_was_written(
            topics in proptest::collection::vec("[a-z.-]{1,20}", 0..5),
            owned in partitions(),
            generation: i32,
        ) {
            let subscription = Subscription { topics, owned, generation };
            let bytes = subscription.encode();
            prop_assert_eq!(Subscription::parse(bytes.clone()), Ok(subscription.clone()));
            // And as the schema says.
            let mut behind_version = bytes.slice(2..);
            let theirs = ConsumerProtocolSubscription::decode(&mut behind_version, 2).unwrap();
            prop_assert_eq!(theirs.topics.len(), subscription.topics.len());
            prop_assert_eq!(theirs.generation_id, generation);
            prop_assert!(behind_version.is_empty());
        }

        #[test]
        fn later_versions_are_read_too(owned in partitions()) {
            let mut bytes = BytesMut::new();
            bytes.put_i16(3);
            let theirs = ConsumerProtocolSubscription::default().with_generation_id(7);
            theirs.encode(&mut bytes, 3).unwrap();
            let parsed = Subscription::parse(bytes.freeze()).unwrap();
            prop_assert_eq!(parsed.generation, 7);
            let ours = encode_assignment(&owned);
            let theirs = ConsumerProtocolAssignment::decode(&mut ours.slice(2..), 0).unwrap();
            let sum: usize = theirs.assigned_partitions.iter().map(|t| t.partitions.len()).sum();
            prop_assert_eq!(sum, owned.len());
        }

        #[test]
        fn an_assignment_is_read_as_it_was_written(partitions in partitions()) {
            prop_assert_eq!(parse_assignment(encode_assignment(&partitions)), Ok(partitions));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Subscription::parse(bytes.clone().into());
            let _ = parse_assignment(bytes.into());
        }
    }

    #[test]
    fn no_bytes_are_no_partitions() {
        assert_eq!(parse_assignment(Bytes::new()), Ok(Vec::new()));
    }
}
