//! The contract between the services: topics, event types, JSON, and the bus both speak it over.
//!
//! ```text
//!   api ──┐  event (typed) ── Envelope ── Record (key, JSON, headers) ──►  Bus ──┬─ Kafka (librdkafka)
//!  push ──┘                                                                      └─ Local (one process)
//! ```
//!
//! - [`topics`] names every topic, once.
//! - [`event`] owns the event types and their exact JSON; [`Envelope`] adds identity and time.
//! - [`headers`] owns the header names and their parsing.
//! - [`bus`] moves records between processes: publish, consume in a group, ask and await a reply.
//! - [`event_bus`] moves values between parts of one process; its handlers are found by event type.
//!
//! A consumer in any language needs the topic's JSON and nothing of this crate.
//! This crate decides nothing about users, posts or pushes, and never logs an endpoint or a key.

pub mod bus;
pub mod event;
pub mod event_bus;
pub mod headers;
mod ids;
mod moment;
mod murmur2;
#[cfg(feature = "openapi")]
mod openapi;
mod process_id;
mod secret;
mod timestamp;
pub mod topics;
mod trace_parent;

pub use bus::Bus;
pub use event::{
    CommentCreated, EmailAddress, Envelope, Event, EventError, Message, Notice, OffsetCommit,
    PUSHES_TOLD_MAX, PushJourney, PushOutcome, PushStep, PushVerdict, Reading, Refusal,
    RefusalReason, SentPush, Subscription, SubscriptionReply, SubscriptionRequest, UserDto,
    UserJoined, UserUpdated, Writer,
};
pub use event_bus::EventBus;
pub use ids::{CommentId, EventId, PostId, SubscriptionId, UserId};
pub use moment::Moment;
pub use process_id::ProcessId;
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use trace_parent::TraceParent;
