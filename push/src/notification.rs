//! What the service worker gets: a small JSON, and how it shrinks when a push service says 413.

use serde::{Deserialize, Serialize};
use social_events::{EventId, PostId, TraceParent, UserId};

use crate::text;

/// The longest payload that web-push encrypts, in bytes (RFC 8291 itself allows 3993).
pub const PAYLOAD_BYTES_MAX: usize = 3052;

/// How much of a title is left when a push service refuses the payload as too large.
const SMALL_TITLE_CHARS: usize = 40;

/// The payload of a push, in the fields that the service worker reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The first line.
    pub title: String,
    /// The second line; absent in the small form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The event again, in the 32 characters that the `Topic` header takes (RFC 8030, section
    /// 5.4): a push that a crash repeats replaces the first one, on its way and on screen, and
    /// no push replaces that of another event.
    pub tag: String,
    /// Where a click leads, relative to the page's origin.
    pub target: String,
    /// The event that caused it; the receipt names it.
    pub event_id: EventId,
    /// The W3C `traceparent` of the request that caused it; the receipt repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Whom it is for: a browser may have changed hands since it subscribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

impl Notification {
    /// For the author of `post`: somebody commented on it.
    #[must_use]
    pub fn comment(event_id: EventId, post: PostId, commenter: &str) -> Self {
        Self {
            title: text::comment_title(commenter),
            body: Some(text::COMMENT_BODY.to_owned()),
            tag: tag(event_id),
            target: format!("/posts/{post}"),
            event_id,
            traceparent: None,
            user_id: None,
        }
    }

    /// For everybody else: `user` joined.
    #[must_use]
    pub fn join(event_id: EventId, user: UserId, name: &str) -> Self {
        Self {
            title: text::join_title(name),
            body: Some(text::JOIN_BODY.to_owned()),
            tag: tag(event_id),
            target: format!("/friends/{user}"),
            event_id,
            traceparent: None,
            user_id: None,
        }
    }

    /// As a part of the trace of the request that caused it.
    #[must_use]
    pub fn traced(self, trace: Option<TraceParent>) -> Self {
        let traceparent = trace.map(|trace| trace.to_string());
        Self {
            traceparent,
            ..self
        }
    }

    /// For one of those who get it.
    #[must_use]
    pub fn for_user(self, user: UserId) -> Self {
        Self {
            user_id: Some(user),
            ..self
        }
    }

    /// The same notification in as few bytes as make sense.
    #[must_use]
    pub fn smaller(&self) -> Self {
        let title = self.title.chars().take(SMALL_TITLE_CHARS).collect();
        Self {
            title,
            body: None,
            ..self.clone()
        }
    }

    /// The JSON to encrypt.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a notification has only string keys")
    }
}

fn tag(event: EventId) -> String {
    event.to_string().replace('-', "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_json_has_exactly_the_documented_fields() {
        let id: EventId = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        let expected = serde_json::json!({
            "title": "민지가 댓글을 달았어요.", "body": "한번 확인해 보세요.", "tag": "00000000000040008000000000000001",
            "target": "/posts/7", "eventId": "00000000-0000-4000-8000-000000000001",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "userId": 3
        });
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse();
        let json = Notification::comment(id, PostId(7), "민지")
            .traced(trace.ok())
            .for_user(UserId(3))
            .to_json();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            expected
        );
        assert_eq!(Notification::join(id, UserId(3), "b").target, "/friends/3");
    }

    proptest! {
        #[test]
        fn every_notification_fits_and_its_tag_is_a_topic(name in any::<String>(), seq in any::<i64>()) {
            let id = EventId::random();
            for full in [
                Notification::comment(id, PostId(seq), &name),
                Notification::join(id, UserId(seq), &name),
            ] {
                let full = full.traced(Some(TraceParent::random())).for_user(UserId(seq));
                prop_assert!(full.to_json().len() <= PAYLOAD_BYTES_MAX);
                prop_assert!(full.smaller().to_json().len() < full.to_json().len());
                prop_assert!(full.tag.len() <= 32);
                prop_assert!(full.tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
            }
        }
    }
}
