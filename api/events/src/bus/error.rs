//! What can go wrong on a bus, one enum per operation.

use std::time::Duration;

/// The bus could not be set up, or does not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// A librdkafka property is unknown or has a value it refuses.
    #[error("Kafka property `{key}` was refused: {reason}")]
    Property {
        /// The property.
        key: String,
        /// librdkafka's sentence.
        reason: String,
    },
    /// librdkafka makes no client of properties that are fine one by one.
    #[error("no Kafka client can be made with these properties: {reason}")]
    Client {
        /// librdkafka's sentence.
        reason: String,
    },
    /// A property that the service's promises rest on.
    #[error("Kafka property `{key}` is set by the service itself and cannot be changed")]
    Reserved {
        /// The property.
        key: String,
    },
    /// Not of the form `key=value`.
    #[error("`{argument}` is not of the form key=value")]
    NotAProperty {
        /// The argument up to its first `=`; what follows may be a password.
        argument: String,
    },
    /// Kafka could not be reached, or did not answer in time.
    #[error("Kafka does not answer: {reason}")]
    Unreachable {
        /// librdkafka's sentence.
        reason: String,
    },
    /// A topic could not be created.
    #[error("topic `{topic}` could not be created: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// Kafka's sentence.
        reason: String,
    },
    /// Topics that must exist do not.
    #[error("topics are missing: {}; create them, or start with --topics create", .0.join(", "))]
    MissingTopics(Vec<String>),
}

/// A record was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// Kafka did not acknowledge it in time, or refused it.
    #[error("the record was not acknowledged: {0}")]
    Kafka(String),
    /// A record that no retry can help: it is larger than the topic allows.
    #[error("the record was refused for good: {0}")]
    Refused(String),
    /// The local bus has no such topic.
    #[error("topic `{0}` does not exist")]
    UnknownTopic(String),
    /// The local bus keeps as many records as it may, because a consumer is behind.
    #[error("topic `{topic}` is full: a consumer is {limit} records behind")]
    Full {
        /// The topic.
        topic: String,
        /// How many records a partition keeps.
        limit: usize,
    },
}

/// A request was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    /// Replies cannot be read yet, so asking would be useless.
    #[error("replies cannot be read yet: Kafka has not answered since the start")]
    NotReady,
    /// As many requests as may be are waiting already.
    #[error("{limit} requests are waiting for replies already")]
    TooMany {
        /// How many may wait.
        limit: usize,
    },
    /// The request itself was not acknowledged.
    #[error("the request could not be sent: {0}")]
    Publish(#[from] PublishError),
    /// No reply came in time. The request may have been, or may yet be, carried out.
    #[error("no reply within {0:?}")]
    Timeout(Duration),
}
