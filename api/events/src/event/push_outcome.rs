//! `PushOutcome`: what became of one event's pushes, told by the push service.

use serde::{Deserialize, Serialize};

use super::{Envelope, Message};
use crate::bus::Record;
use crate::{CommentId, EventId, Timestamp, UserId, topics};

/// The outcome of one event for one notified user; a later one of the same event replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushOutcome {
    /// The event that asked for the pushes.
    pub event_id: EventId,
    /// The comment, when the event was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment_id: Option<CommentId>,
    /// Pushes that a push service accepted.
    pub accepted: u32,
    /// Subscriptions that were gone and have been removed.
    pub gone: u32,
    /// Pushes given up and put on the dead-letter topic.
    pub dead_lettered: u32,
    /// Pushes that needed no sending of their own, because another one stands for them.
    pub folded: u32,
    /// The journey inside the push service, oldest first.
    pub steps: Vec<PushStep>,
}

/// One step of a push's journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushStep {
    /// Such as `received`, `claimed`, `sent`, `accepted`.
    pub name: String,
    /// When it happened.
    pub at: Timestamp,
}

impl Message for PushOutcome {
    const TYPE: &'static str = "PushOutcome";
    const VERSION: u16 = 1;
}

impl Envelope<PushOutcome> {
    /// The record to publish. Its key is the user who was notified, who is not in the JSON.
    #[must_use]
    pub fn to_record_for(&self, notified_user: UserId) -> Record {
        self.record(topics::PUSH_OUTCOME, Some(notified_user.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn its_json_has_exactly_the_documented_fields() {
        let outcome = PushOutcome {
            event_id: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
            comment_id: Some(CommentId(9)),
            accepted: 1,
            gone: 0,
            dead_lettered: 0,
            folded: 0,
            steps: vec![PushStep {
                name: "received".into(),
                at: Timestamp::from_millis(0),
            }],
        };
        let expected = json!({
            "eventId": "00000000-0000-4000-8000-000000000001", "commentId": 9,
            "accepted": 1, "gone": 0, "deadLettered": 0, "folded": 0,
            "steps": [{"name": "received", "at": "1970-01-01T00:00:00.000Z"}]
        });
        assert_eq!(serde_json::to_value(&outcome).unwrap(), expected);
        let record = Envelope::new(outcome, None).to_record_for(UserId(4));
        assert_eq!(record.key.as_deref(), Some(&b"4"[..]));
    }
}
