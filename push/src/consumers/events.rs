//! Events become pushes.
//!
//! A record is done when its pushes are settled or wait durably for another try; only then may its
//! offset move. Poison is handed back, for the dead-letter topic.

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{Delivery, Handled, Incoming};
use social_events::{
    CommentCreated, Envelope, EventError, Timestamp, UserJoined, UserUpdated, topics,
};

use super::retry;
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
    let push = match read(&delivery.record, ttl) {
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

/// The record as a push; `None` for an event that causes none.
fn read(record: &Incoming, ttl: Duration) -> Result<Option<NewPush>, EventError> {
    match record.position.topic.as_str() {
        topics::USER_JOINED => Ok(Some(joined(record, Envelope::parse(record)?, ttl))),
        // A comment carries its writer's name, so no copy of names is kept here.
        topics::USER_UPDATED => Envelope::<UserUpdated>::parse(record).map(|_| None),
        _ => Ok(Some(commented(record, Envelope::parse(record)?, ttl))),
    }
}

fn commented(record: &Incoming, envelope: Envelope<CommentCreated>, ttl: Duration) -> NewPush {
    let Envelope { id, event, .. } = envelope;
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
        notification: Notification::comment(id, event.post_id, &name),
        console_name: Some(name),
        record: record.clone(),
        received_at,
        expires_at: later(received_at, ttl),
    }
}

fn joined(record: &Incoming, envelope: Envelope<UserJoined>, ttl: Duration) -> NewPush {
    let Envelope { id, event, .. } = envelope;
    let received_at = Timestamp::now();
    NewPush {
        event_id: id,
        audience: Audience::EverybodyBut(event.user_id),
        notified: event.user_id,
        comment_id: None,
        console_name: None,
        notification: Notification::join(id, event.user_id, &event.name),
        record: record.clone(),
        received_at,
        expires_at: later(received_at, ttl),
    }
}
