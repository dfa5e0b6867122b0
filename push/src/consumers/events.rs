//! Events become pushes.
//!
//! A record is done when its pushes are settled or wait durably for another try; only then may its
//! offset move. Poison is handed back, for the dead-letter topic.

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{Delivery, Handled, Incoming};
use social_events::{
    CommentCreated, Envelope, EventError, Moment, Reading, Timestamp, UserJoined, UserUpdated,
    topics,
};

use super::{EVENTS_GROUP, retry};
use crate::notification::Notification;
use crate::pusher::{Pusher, later};
use crate::store::{Audience, NewPush};

/// What this consumer reads.
pub(crate) const TOPICS: &[&str] = &[
    topics::COMMENT_CREATED,
    topics::USER_JOINED,
    topics::USER_UPDATED,
];

/// Handles one record; its pushes are worth sending for `ttl`.
pub(crate) async fn handle(pusher: Arc<Pusher>, ttl: Duration, delivery: Delivery) -> Handled {
    let reading = reading(&pusher, &delivery);
    let push = match read(&delivery.record, reading, ttl) {
        Ok(Some(push)) => push,
        Ok(None) => return Handled::Done,
        Err(error) => {
            return Handled::DeadLetter {
                cause: error.to_string(),
            };
        }
    };
    pusher.metrics.event();
    if let Err(error) = pusher.store.begin(&push).await {
        return retry(&error);
    }
    match pusher.push_event(push.event_id).await {
        Ok(()) => Handled::Done,
        Err(error) => retry(&error),
    }
}

fn reading(pusher: &Pusher, delivery: &Delivery) -> Reading {
    let waited_us = delivery
        .arrival
        .waited
        .map(|waited| i64::try_from(waited.as_micros()).unwrap_or(i64::MAX));
    Reading {
        process: pusher.process,
        group: EVENTS_GROUP.to_owned(),
        // librdkafka tells these to nobody who asks in safe Rust.
        member: None,
        generation: None,
        fetched_at: delivery.arrival.at,
        waited_us,
        consumed_at: Moment::now(),
    }
}

/// The record as a push; `None` for an event that causes none.
fn read(record: &Incoming, reading: Reading, ttl: Duration) -> Result<Option<NewPush>, EventError> {
    let source = Source {
        record,
        reading,
        ttl,
    };
    match record.position.topic.as_str() {
        topics::USER_JOINED => Ok(Some(joined(source, Envelope::parse(record)?))),
        // A comment carries its writer's name, so no copy of names is kept here.
        topics::USER_UPDATED => Envelope::<UserUpdated>::parse(record).map(|_| None),
        _ => Ok(Some(commented(source, Envelope::parse(record)?))),
    }
}

/// Where a push comes from, and for how long it is worth sending.
struct Source<'a> {
    record: &'a Incoming,
    reading: Reading,
    ttl: Duration,
}

fn commented(source: Source<'_>, envelope: Envelope<CommentCreated>) -> NewPush {
    let Envelope {
        id, event, trace, ..
    } = envelope;
    let author = event.post_writer.seq;
    // Somebody without a name still is somebody: the address's first part, as the page shows it.
    let name = event.comment_writer.name.unwrap_or_else(|| {
        let address = event.comment_writer.email.address;
        address.split('@').next().unwrap_or_default().to_owned()
    });
    let own = event.user_id == author;
    let received_at = Timestamp::now();
    NewPush {
        event_id: id,
        audience: if own {
            Audience::Nobody
        } else {
            Audience::User(author)
        },
        notified: author,
        comment_id: Some(event.comment_id),
        notification: Notification::comment(id, event.post_id, &name).traced(trace),
        console_name: Some(name),
        record: source.record.clone(),
        reading: source.reading,
        received_at,
        expires_at: later(received_at, source.ttl),
    }
}

fn joined(source: Source<'_>, envelope: Envelope<UserJoined>) -> NewPush {
    let Envelope {
        id, event, trace, ..
    } = envelope;
    let received_at = Timestamp::now();
    NewPush {
        event_id: id,
        audience: Audience::EverybodyBut(event.user_id),
        notified: event.user_id,
        comment_id: None,
        console_name: None,
        notification: Notification::join(id, event.user_id, &event.name).traced(trace),
        record: source.record.clone(),
        reading: source.reading,
        received_at,
        expires_at: later(received_at, source.ttl),
    }
}
