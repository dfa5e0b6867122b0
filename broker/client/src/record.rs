//! Records as callers give and get them, and the places they lie at.

use std::fmt;

use bytes::Bytes;
pub use ottla_core::batch::TimestampType;

/// A partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's place in it.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    /// Kafka's way: `topic-0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A record's header. The same key may come twice; order is kept (KIP-82).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// UTF-8 by convention.
    pub key: String,
    /// `None` is Kafka's null.
    pub value: Option<Bytes>,
}

/// A record to produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Where to.
    pub topic: String,
    /// Which partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Unix milliseconds; `None` is now.
    pub timestamp_ms: Option<i64>,
    /// `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// `None` is a tombstone on a compacted topic.
    pub value: Option<Bytes>,
    /// In order; keys may repeat.
    pub headers: Vec<Header>,
}

impl ProducerRecord {
    /// A record without a key.
    pub fn new(topic: impl Into<String>, value: impl Into<Bytes>) -> Self {
        ProducerRecord {
            topic: topic.into(),
            value: Some(value.into()),
            ..ProducerRecord::default()
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same for a given partition.
    #[must_use]
    pub fn with_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push(Header {
            key: key.into(),
            value: Some(value.into()),
        });
        self
    }

    /// Bytes the record adds to a batch, never too few.
    pub(crate) fn size_bytes_max(&self) -> usize {
        /// Seven varints and the attributes.
        const OVERHEAD: usize = 40;
        /// Two varints.
        const HEADER_OVERHEAD: usize = 10;
        let headers = self.headers.iter().map(|header| {
            HEADER_OVERHEAD + header.key.len() + header.value.as_ref().map_or(0, Bytes::len)
        });
        OVERHEAD
            + self.key.as_ref().map_or(0, Bytes::len)
            + self.value.as_ref().map_or(0, Bytes::len)
            + headers.sum::<usize>()
    }
}

/// Where an acknowledged record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset; `None` when the broker was not asked to say (acks=0), or
    /// only knows that it has the record already.
    pub offset: Option<i64>,
    /// The record's timestamp, Unix milliseconds: the broker's if the topic
    /// says LogAppendTime.
    pub timestamp_ms: i64,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Epoch of the leader that appended it; −1 when unknown.
    pub leader_epoch: i32,
    /// Unix milliseconds; −1 is none.
    pub timestamp_ms: i64,
    /// Whose clock the timestamp is of.
    pub timestamp_type: TimestampType,
    /// `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
    /// In order; keys may repeat. Keys that are no UTF-8 are read with
    /// replacement characters.
    pub headers: Vec<Header>,
}
