//! An event with its identity: from a value to a record, and back from untrusted bytes.

use bytes::Bytes;

use super::{Event, Message};
use crate::bus::{Incoming, Record};
use crate::headers::{self, HeaderError, Headers};
use crate::{EventId, Timestamp, TraceParent};

/// An event with what its headers say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<E> {
    /// The event's identity; a retry keeps it.
    pub id: EventId,
    /// When the event happened.
    pub time: Timestamp,
    /// The trace it belongs to.
    pub trace: Option<TraceParent>,
    /// The event.
    pub event: E,
}

/// A record that is not the event it was read as: poison for its consumer.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// A header is missing or malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The record is of another type.
    #[error("event type is `{found}`, expected `{expected}`")]
    Type {
        /// What the header says, cut short.
        found: String,
        /// What the consumer reads.
        expected: &'static str,
    },
    /// The record's version is newer than this consumer knows.
    #[error("event version is {found}, this consumer reads {expected}")]
    Version {
        /// What the header says.
        found: u16,
        /// What the consumer reads.
        expected: u16,
    },
    /// The value is not the JSON of this type. The message tells the place, never the content.
    #[error("value is not the JSON of a {expected}: {place}")]
    Json {
        /// What the consumer reads.
        expected: &'static str,
        /// Line, column and category.
        place: String,
    },
}

impl<E> Envelope<E> {
    /// A new event that happens now and starts, or continues, `trace`.
    pub fn new(event: E, trace: Option<TraceParent>) -> Self {
        Self {
            id: EventId::random(),
            time: Timestamp::now(),
            trace,
            event,
        }
    }
}

impl<E: Event> Envelope<E> {
    /// The record to publish: the event's topic and key, its JSON, its headers.
    #[must_use]
    pub fn to_record(&self) -> Record {
        self.record(E::TOPIC, Some(self.event.key().into()))
    }
}

impl<M: Message> Envelope<M> {
    /// The record of this message for `topic`, ordered by `key`.
    #[must_use]
    pub fn record(&self, topic: &str, key: Option<Bytes>) -> Record {
        let value = serde_json::to_vec(&self.event).expect("messages have only string keys");
        Record {
            topic: topic.into(),
            partition: None,
            key,
            value: value.into(),
            headers: self.headers(),
        }
    }

    /// Reads a record as this type of message.
    ///
    /// # Errors
    /// When a header or the JSON is not what the contract says; such a record is poison.
    pub fn parse(record: &Incoming) -> Result<Self, EventError> {
        let headers = &record.headers;
        check_type(headers, M::TYPE, M::VERSION)?;
        Ok(Self {
            id: headers.event_id()?,
            time: headers.event_time()?,
            trace: headers.trace_parent(),
            event: parse_json(&record.value, M::TYPE)?,
        })
    }

    fn headers(&self) -> Headers {
        let headers = Headers::new()
            .with(headers::EVENT_ID, self.id.to_string())
            .with(headers::EVENT_TYPE, M::TYPE)
            .with(headers::EVENT_VERSION, M::VERSION.to_string())
            .with(headers::EVENT_TIME, self.time.to_string());
        match self.trace {
            Some(trace) => headers.with(headers::TRACEPARENT, trace.to_string()),
            None => headers,
        }
    }
}

/// Whether the headers announce this type in a version the reader knows.
fn check_type(headers: &Headers, expected: &'static str, version: u16) -> Result<(), EventError> {
    let found = headers.event_type()?;
    if found != expected {
        return Err(EventError::Type {
            found: found.chars().take(80).collect(),
            expected,
        });
    }
    match headers.event_version()? {
        known if known <= version => Ok(()),
        found => Err(EventError::Version {
            found,
            expected: version,
        }),
    }
}

/// Reads JSON without ever repeating its content in an error: it may hold a secret.
fn parse_json<T: serde::de::DeserializeOwned>(
    value: &Bytes,
    expected: &'static str,
) -> Result<T, EventError> {
    serde_json::from_slice(value).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let place = format!(
            "{:?} error at line {line} column {column}",
            error.classify()
        );
        EventError::Json { expected, place }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        CommentCreated, PushOutcome, SubscriptionReply, SubscriptionRequest, UserId, UserJoined,
        UserUpdated,
    };

    fn arrived(record: Record) -> Incoming {
        Incoming::at(record, 0, 0, Timestamp::from_millis(0))
    }

    fn joined() -> Envelope<UserJoined> {
        let event = UserJoined {
            user_id: UserId(1),
            name: "tester00".into(),
        };
        Envelope::new(event, Some(TraceParent::random()))
    }

    #[test]
    fn an_event_survives_the_journey_through_a_record() {
        let sent = joined();
        assert_eq!(Envelope::parse(&arrived(sent.to_record())).unwrap(), sent);
    }

    #[test]
    fn a_record_of_another_type_is_refused_by_name() {
        let error = Envelope::<UserUpdated>::parse(&arrived(joined().to_record())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "event type is `UserJoined`, expected `UserUpdated`"
        );
    }

    #[test]
    fn a_newer_version_is_refused() {
        let mut record = joined().to_record();
        record.headers.push(headers::EVENT_VERSION, "2");
        let error = Envelope::<UserJoined>::parse(&arrived(record)).unwrap_err();
        assert!(matches!(
            error,
            EventError::Version {
                found: 2,
                expected: 1
            }
        ));
    }

    #[test]
    fn an_error_about_json_never_repeats_it() {
        let mut record = joined().to_record();
        record.value = Bytes::from_static(br#"{"userId":"hunter2"}"#);
        let error = Envelope::<UserJoined>::parse(&arrived(record)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    fn any_value_is_read_or_refused<M: Message>(value: &[u8]) {
        let mut record = joined().to_record();
        record.headers.push(headers::EVENT_TYPE, M::TYPE);
        record.value = Bytes::copy_from_slice(value);
        let _ = Envelope::<M>::parse(&arrived(record));
    }

    proptest! {
        #[test]
        fn any_bytes_as_any_event_are_read_or_refused(value: Vec<u8>) {
            any_value_is_read_or_refused::<CommentCreated>(&value);
            any_value_is_read_or_refused::<UserJoined>(&value);
            any_value_is_read_or_refused::<UserUpdated>(&value);
            any_value_is_read_or_refused::<SubscriptionRequest>(&value);
            any_value_is_read_or_refused::<SubscriptionReply>(&value);
            any_value_is_read_or_refused::<PushOutcome>(&value);
        }
    }
}
