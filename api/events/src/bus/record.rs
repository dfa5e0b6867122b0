//! Records as both buses carry them, and how a reply is made from its request.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::event::{Envelope, Message};
use crate::headers::{self, HeaderError, Headers};
use crate::{Timestamp, topics};

/// A record to publish.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// To which topic.
    pub topic: String,
    /// To which partition; by the key's hash when `None`.
    pub partition: Option<i32>,
    /// What orders it; records without a key are spread.
    pub key: Option<Bytes>,
    /// The JSON.
    pub value: Bytes,
    /// What it says about itself.
    pub headers: Headers,
}

/// Where a record is: together, its three parts name it for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset, from 0.
    pub offset: i64,
}

/// A record that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where it is.
    pub position: Position,
    /// The broker's or the producer's time, as the topic is configured.
    pub timestamp: Timestamp,
    /// What orders it.
    pub key: Option<Bytes>,
    /// The value; an absent one (a tombstone) is empty.
    pub value: Bytes,
    /// What it says about itself.
    pub headers: Headers,
}

impl Incoming {
    /// `record` as it arrives from `partition` at `offset`.
    #[must_use]
    pub fn at(record: Record, partition: i32, offset: i64, timestamp: Timestamp) -> Self {
        let Record {
            topic,
            key,
            value,
            headers,
            ..
        } = record;
        Self {
            position: Position {
                topic,
                partition,
                offset,
            },
            timestamp,
            key,
            value,
            headers,
        }
    }

    /// The record that answers this one: to the topic it names, with its key and correlation id.
    ///
    /// # Errors
    /// When the request says not, or not legibly, where its reply is expected.
    pub fn reply<M: Message>(&self, reply: &Envelope<M>) -> Result<Record, HeaderError> {
        let correlation_id = self.headers.correlation_id()?;
        let mut record = reply.record(self.headers.reply_topic()?, self.key.clone());
        record.headers.push(headers::CORRELATION_ID, correlation_id);
        Ok(record)
    }

    /// The record to put on the dead-letter topic: the same bytes on the same partition, and in
    /// its headers where it was and why it is there.
    #[must_use]
    pub fn dead_letter(&self, cause: &str, attempts: u32) -> Record {
        let Position {
            topic,
            partition,
            offset,
        } = &self.position;
        let headers = self
            .headers
            .clone()
            .with(headers::DLT_TOPIC, topic.clone())
            .with(headers::DLT_PARTITION, partition.to_string())
            .with(headers::DLT_OFFSET, offset.to_string())
            .with(
                headers::DLT_CAUSE,
                cause.chars().take(500).collect::<String>(),
            )
            .with(headers::DLT_ATTEMPTS, attempts.to_string());
        Record {
            topic: topics::dead_letter(topic),
            partition: Some(*partition),
            key: self.key.clone(),
            value: self.value.clone(),
            headers,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// Values may hold endpoints and keys: only their size is shown.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("value_bytes", &self.value.len())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Values may hold endpoints and keys: only their size is shown.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("position", &self.position)
            .field("value_bytes", &self.value.len())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SubscriptionReply, SubscriptionRequest, UserId};

    fn request() -> Incoming {
        let asked = Envelope::new(SubscriptionRequest::List { user_id: UserId(7) }, None);
        Incoming::at(asked.to_record(), 2, 11, Timestamp::from_millis(0))
    }

    fn reply() -> Envelope<SubscriptionReply> {
        Envelope::new(
            SubscriptionReply::Subscriptions {
                subscriptions: Vec::new(),
            },
            None,
        )
    }

    #[test]
    fn a_reply_goes_where_its_request_says_and_echoes_its_correlation_id() {
        let mut request = request();
        request.headers.push(headers::REPLY_TOPIC, "replies");
        request
            .headers
            .push(headers::CORRELATION_ID, &b"\xff\x00opaque"[..]);
        let record = request.reply(&reply()).unwrap();
        assert_eq!(record.topic, "replies");
        assert_eq!(record.key.as_deref(), Some(&b"7"[..]));
        assert_eq!(
            record.headers.correlation_id().unwrap(),
            &b"\xff\x00opaque"[..]
        );
    }

    #[test]
    fn a_request_without_a_reply_topic_cannot_be_answered() {
        let mut request = request();
        request.headers.push(headers::CORRELATION_ID, "1");
        assert_eq!(
            request.reply(&reply()).unwrap_err(),
            HeaderError::Missing(headers::REPLY_TOPIC)
        );
    }

    #[test]
    fn a_dead_letter_keeps_its_bytes_and_tells_where_it_was() {
        let letter = request().dead_letter("not JSON", 3);
        assert_eq!(letter.topic, "v1.event.subscription.request.DLT");
        assert_eq!(letter.partition, Some(2));
        assert_eq!(letter.value, request().value);
        let text = |name| letter.headers.last(name).unwrap().clone();
        assert_eq!(text(headers::DLT_OFFSET), "11");
        assert_eq!(text(headers::DLT_CAUSE), "not JSON");
        assert_eq!(text(headers::DLT_ATTEMPTS), "3");
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", request());
        assert!(!shown.contains("userId"), "{shown}");
    }
}
