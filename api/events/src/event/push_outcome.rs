//! `PushOutcome`: what became of one event's pushes, told by the push service.
//!
//! It is published once the event's offset is committed, from an outbox of its own. Only the
//! counts and the steps were there from the start; what was added since may be absent.

use serde::{Deserialize, Serialize};

use super::{Envelope, Message};
use crate::bus::Record;
use crate::{CommentId, EventId, Moment, ProcessId, Secret, SubscriptionId, UserId, topics};

/// How many pushes one outcome tells of singly; of an event for everybody, the first.
pub const PUSHES_TOLD_MAX: usize = 20;

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
    /// The same journey in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journey: Option<PushJourney>,
}

/// One step of a push's journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushStep {
    /// Such as `received`, `claimed`, `sent`, `accepted`.
    pub name: String,
    /// When it happened.
    pub at: Moment,
}

/// An event's way through the push service, in full. It holds endpoints: see [`Secret`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushJourney {
    /// How its record was read.
    pub reading: Reading,
    /// The first pushes, at most [`PUSHES_TOLD_MAX`], in the order of their last sending.
    pub pushes: Vec<SentPush>,
    /// What a browser shows.
    pub notice: Notice,
    /// The offset's commit; absent when it is not known to have happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<OffsetCommit>,
}

/// How a record was read from the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reading {
    /// By which process.
    pub process: ProcessId,
    /// As a member of which group.
    pub group: String,
    /// The member's name in the group, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The group's generation or epoch, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i32>,
    /// When it arrived.
    pub fetched_at: Moment,
    /// How long the poll that brought it had waited; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<i64>,
    /// When its handling began.
    pub consumed_at: Moment,
}

/// One push that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SentPush {
    /// To which subscription.
    pub subscription: SubscriptionId,
    /// When its last request left.
    pub sent_at: Moment,
    /// When that was answered, or the absence of an answer was certain.
    pub answered_at: Moment,
    /// The HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What became of it.
    pub verdict: PushVerdict,
    /// How often it was tried.
    pub tries: u32,
    /// The whole endpoint, for its owner only; absent when the subscription was gone before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Secret>,
    /// What of the endpoint anybody may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_shown: Option<String>,
    /// The seed's line, with the whole endpoint; absent for events that print none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_line: Option<Secret>,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PushVerdict {
    /// A push service took it.
    Accepted,
    /// The subscription was gone.
    Gone,
    /// It will be tried again.
    Later,
    /// It was given up.
    Dead,
}

/// What a browser shows of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notice {
    /// The first line.
    pub title: String,
    /// The second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What a repeat replaces on screen.
    pub tag: String,
    /// Where a click leads.
    pub target: String,
}

/// The commit of a record's offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OffsetCommit {
    /// When Kafka confirmed it.
    pub at: Moment,
    /// The next offset to read.
    pub next: i64,
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

    fn outcome() -> PushOutcome {
        PushOutcome {
            event_id: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
            comment_id: Some(CommentId(9)),
            accepted: 1,
            gone: 0,
            dead_lettered: 0,
            folded: 0,
            steps: vec![PushStep {
                name: "received".into(),
                at: Moment::from_micros(0),
            }],
            journey: None,
        }
    }

    #[test]
    fn its_json_has_exactly_the_documented_fields() {
        let expected = json!({
            "eventId": "00000000-0000-4000-8000-000000000001", "commentId": 9,
            "accepted": 1, "gone": 0, "deadLettered": 0, "folded": 0,
            "steps": [{"name": "received", "at": "1970-01-01T00:00:00.000000Z"}]
        });
        assert_eq!(serde_json::to_value(outcome()).unwrap(), expected);
        let record = Envelope::new(outcome(), None).to_record_for(UserId(4));
        assert_eq!(record.key.as_deref(), Some(&b"4"[..]));
    }

    #[test]
    fn an_outcome_of_a_service_that_told_only_milliseconds_and_no_journey_is_read() {
        let old = json!({
            "eventId": "00000000-0000-4000-8000-000000000001", "commentId": 9,
            "accepted": 1, "gone": 0, "deadLettered": 0, "folded": 0,
            "steps": [{"name": "received", "at": "1970-01-01T00:00:00.000Z"}]
        });
        assert_eq!(
            serde_json::from_value::<PushOutcome>(old).unwrap(),
            outcome()
        );
    }

    #[test]
    fn debug_shows_no_endpoint() {
        let push = SentPush {
            subscription: SubscriptionId(1),
            sent_at: Moment::from_micros(0),
            answered_at: Moment::from_micros(0),
            status: Some(201),
            verdict: PushVerdict::Accepted,
            tries: 1,
            endpoint: Some(Secret::new("https://push.example/whole-endpoint")),
            endpoint_shown: Some("https://push.example/…oint".into()),
            console_line: Some(Secret::new("https://push.example/whole-endpoint -> …")),
        };
        assert!(!format!("{push:?}").contains("whole"), "{push:?}");
    }
}
