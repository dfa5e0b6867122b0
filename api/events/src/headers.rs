//! Header names and their parsing: what every record says about itself, beside its value.
//!
//! | header | text |
//! |---|---|
//! | `event-id` | a UUID, the same for every retry |
//! | `event-type`, `event-version` | `CommentCreated`, `1` |
//! | `event-time` | ISO-8601 with milliseconds |
//! | `traceparent` | W3C Trace Context |
//! | `kafka_replyTopic`, `kafka_correlationId` | on requests; a reply echoes the correlation id |
//! | `dlt-*` | on dead letters: where the record came from, and the cause |
//!
//! The two `kafka_` names are Spring Kafka's, whose correlation id is opaque bytes: so it is here.

use std::fmt;

use bytes::Bytes;

use crate::{EventId, Timestamp, TraceParent, topics};

/// The event's identity.
pub const EVENT_ID: &str = "event-id";
/// The event's type.
pub const EVENT_TYPE: &str = "event-type";
/// The version of the event's JSON.
pub const EVENT_VERSION: &str = "event-version";
/// When the event happened.
pub const EVENT_TIME: &str = "event-time";
/// The trace the event belongs to.
pub const TRACEPARENT: &str = "traceparent";
/// Where the reply is expected.
pub const REPLY_TOPIC: &str = "kafka_replyTopic";
/// Which request a reply answers.
pub const CORRELATION_ID: &str = "kafka_correlationId";
/// The topic a dead letter comes from.
pub const DLT_TOPIC: &str = "dlt-original-topic";
/// The partition a dead letter comes from.
pub const DLT_PARTITION: &str = "dlt-original-partition";
/// The offset a dead letter had.
pub const DLT_OFFSET: &str = "dlt-original-offset";
/// Why a record became a dead letter: one sentence without secrets.
pub const DLT_CAUSE: &str = "dlt-cause";
/// How often its handling had been tried.
pub const DLT_ATTEMPTS: &str = "dlt-attempts";

/// A record's headers, in order. Names may repeat; the last one counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Bytes)>);

/// A header that is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It must be there and is not.
    #[error("header `{0}` is missing")]
    Missing(&'static str),
    /// It is there and is not what it must be.
    #[error("header `{name}` is not {expected}")]
    Malformed {
        /// The header's name.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Bytes>) {
        self.0.push((name.into(), value.into()));
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.push(name, value);
        self
    }

    /// The last header of that name.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Bytes> {
        self.0
            .iter()
            .rev()
            .find(|(each, _)| each == name)
            .map(|(_, value)| value)
    }

    /// All headers in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Bytes)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The event's identity.
    ///
    /// # Errors
    /// When `event-id` is missing or no UUID.
    pub fn event_id(&self) -> Result<EventId, HeaderError> {
        self.parsed(EVENT_ID, "a UUID")
    }

    /// The version of the event's JSON.
    ///
    /// # Errors
    /// When `event-version` is missing or no number below 65,536.
    pub fn event_version(&self) -> Result<u16, HeaderError> {
        self.parsed(EVENT_VERSION, "a number below 65536")
    }

    /// When the event happened.
    ///
    /// # Errors
    /// When `event-time` is missing or no ISO-8601 moment.
    pub fn event_time(&self) -> Result<Timestamp, HeaderError> {
        self.parsed(EVENT_TIME, "an ISO-8601 time")
    }

    /// The event's type.
    ///
    /// # Errors
    /// When `event-type` is missing or not UTF-8.
    pub fn event_type(&self) -> Result<&str, HeaderError> {
        self.text(EVENT_TYPE)
    }

    /// The trace; a missing or broken one is no reason to refuse an event (W3C, section 3.2).
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.parsed(TRACEPARENT, "").ok()
    }

    /// Where the reply is expected.
    ///
    /// # Errors
    /// When `kafka_replyTopic` is missing or no legal topic name.
    pub fn reply_topic(&self) -> Result<&str, HeaderError> {
        let topic = self.text(REPLY_TOPIC)?;
        let expected = "a topic name";
        let malformed = HeaderError::Malformed {
            name: REPLY_TOPIC,
            expected,
        };
        topics::is_legal(topic).then_some(topic).ok_or(malformed)
    }

    /// Which request a reply answers: opaque bytes, echoed as they came.
    ///
    /// # Errors
    /// When `kafka_correlationId` is missing, empty or longer than 256 bytes.
    pub fn correlation_id(&self) -> Result<Bytes, HeaderError> {
        let id = self
            .last(CORRELATION_ID)
            .ok_or(HeaderError::Missing(CORRELATION_ID))?;
        let expected = "1 to 256 bytes";
        let malformed = HeaderError::Malformed {
            name: CORRELATION_ID,
            expected,
        };
        (1..=256)
            .contains(&id.len())
            .then(|| id.clone())
            .ok_or(malformed)
    }

    fn text(&self, name: &'static str) -> Result<&str, HeaderError> {
        let value = self.last(name).ok_or(HeaderError::Missing(name))?;
        std::str::from_utf8(value).map_err(|_| HeaderError::Malformed {
            name,
            expected: "UTF-8 text",
        })
    }

    fn parsed<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, HeaderError> {
        self.text(name)?
            .parse()
            .map_err(|_| HeaderError::Malformed { name, expected })
    }
}

impl FromIterator<(String, Bytes)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Bytes)>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

/// Shows names and text values; headers carry no secrets, by the contract above.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .0
            .iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(value)));
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_header_of_a_name_counts() {
        let headers = Headers::new().with(EVENT_TYPE, "A").with(EVENT_TYPE, "B");
        assert_eq!(headers.event_type(), Ok("B"));
    }

    #[test]
    fn a_reply_topic_that_kafka_would_refuse_is_malformed() {
        let headers = Headers::new().with(REPLY_TOPIC, "../etc");
        assert!(matches!(
            headers.reply_topic(),
            Err(HeaderError::Malformed { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_header_are_read_or_refused(value: Vec<u8>) {
            for name in [EVENT_ID, EVENT_TYPE, EVENT_VERSION, EVENT_TIME, TRACEPARENT, REPLY_TOPIC,
                CORRELATION_ID] {
                let headers = Headers::new().with(name, value.clone());
                let _ = headers.event_id();
                let _ = headers.event_type();
                let _ = headers.event_version();
                let _ = headers.event_time();
                let _ = headers.trace_parent();
                let _ = headers.reply_topic();
                let _ = headers.correlation_id();
            }
        }
    }
}
