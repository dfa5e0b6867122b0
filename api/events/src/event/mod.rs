//! Event types, one file per topic, and the envelope that gives an event identity and time.
//!
//! An event is a fact in the past tense. Its JSON is plain: what a type serializes to is the
//! whole value of the Kafka record, and everything about the event itself stands in headers.

mod comment_created;
mod envelope;
mod push_outcome;
mod subscription;
mod user;

pub use comment_created::CommentCreated;
pub use envelope::{Envelope, EventError};
pub use push_outcome::{
    Notice, OffsetCommit, PUSHES_TOLD_MAX, PushJourney, PushOutcome, PushStep, PushVerdict,
    Reading, SentPush,
};
pub use subscription::{
    Refusal, RefusalReason, Subscription, SubscriptionReply, SubscriptionRequest,
};
pub use user::{EmailAddress, UserDto, UserJoined, UserUpdated, Writer};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What travels as a record: a name and a version for its JSON.
pub trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The `event-type` header.
    const TYPE: &'static str;
    /// The `event-version` header: rises when a consumer of the old JSON would misread the new.
    const VERSION: u16;
}

/// A message that knows where it is published and what orders it.
pub trait Event: Message {
    /// The topic it is published to.
    const TOPIC: &'static str;

    /// The record's key: events of one key keep their order.
    fn key(&self) -> String;
}
