//! Events inside this process, and who listens.
//!
//! ```text
//!  handler ─ one transaction: comment + outbox row ─ commit ─► EventBus ─► listener ─► wakes the relay
//!                                     │                                                    │
//!                                     └───────────── outbox (on disk) ◄── reads ───────────┘──► Kafka
//! ```
//!
//! The event is raised after the commit, so nobody hears of a comment that was rolled back. The
//! listener brings it to Kafka by waking the relay, which publishes from the outbox. A listener
//! that is late, fails, or dies with the process delays the event; the outbox keeps it.

use std::sync::Arc;

use social_events::{CommentCreated, Envelope, EventBus, UserJoined, UserUpdated};
use tokio::sync::Notify;

/// Somebody wrote a comment.
#[derive(Debug)]
pub struct CommentCreatedEvent(pub Envelope<CommentCreated>);

/// Somebody joined.
#[derive(Debug)]
pub struct UserJoinedEvent(pub Envelope<UserJoined>);

/// Somebody changed their name.
#[derive(Debug)]
pub struct UserUpdatedEvent(pub Envelope<UserUpdated>);

/// The name the listeners below subscribe under.
const KAFKA_RELAY: &str = "kafka-relay";

/// Subscribes the listeners that bring events to Kafka.
pub(crate) fn subscribe_relay(event_bus: &EventBus, wake: &Arc<Notify>) {
    let relay = Arc::clone(wake);
    event_bus.subscribe(KAFKA_RELAY, move |event: Arc<CommentCreatedEvent>| {
        tracing::debug!(event_id = %event.0.id, "comment created");
        relay.notify_one();
        async { Ok(()) }
    });
    let relay = Arc::clone(wake);
    event_bus.subscribe(KAFKA_RELAY, move |event: Arc<UserJoinedEvent>| {
        tracing::debug!(event_id = %event.0.id, "user joined");
        relay.notify_one();
        async { Ok(()) }
    });
    let relay = Arc::clone(wake);
    event_bus.subscribe(KAFKA_RELAY, move |event: Arc<UserUpdatedEvent>| {
        tracing::debug!(event_id = %event.0.id, "user updated");
        relay.notify_one();
        async { Ok(()) }
    });
}
