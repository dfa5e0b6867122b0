//! The request/reply vocabulary about subscriptions.
//!
//! | HTTP | request | replies |
//! |---|---|---|
//! | `POST /api/subscribe` | `subscribe` | `subscribed`, `refused` |
//! | `DELETE /api/subscriptions/{seq}` | `unsubscribe` | `unsubscribed`, `refused` |
//! | `GET /api/subscriptions` | `list` | `subscriptions` |
//! | `GET /api/push/key` | `publicKey` | `publicKey` |
//! | – (the verdict's checker) | `known` | `known` |
//!
//! `action` and `result` tell the kinds apart; a subscription's fields stand beside them.
//! Repeating a request has the effect of one: the endpoint names the subscription.

use serde::{Deserialize, Serialize};

use super::{Event, Message};
use crate::{EventId, Secret, SubscriptionId, Timestamp, UserId, topics};

/// What the API asks of the push service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum SubscriptionRequest {
    /// Store this browser for this user; an endpoint that another user had moves here.
    Subscribe {
        /// Whose device it is.
        user_id: UserId,
        /// The push service's URL for this browser.
        notification_end_point: Secret,
        /// The browser's P-256 key (`p256dh`), URL-safe base64.
        public_key: Secret,
        /// The browser's authentication secret, URL-safe base64.
        auth: Secret,
    },
    /// Forget one of the user's devices.
    Unsubscribe {
        /// Whose device it is; another user's is not found.
        user_id: UserId,
        /// Which.
        seq: SubscriptionId,
    },
    /// Name all of the user's devices.
    List {
        /// Whose.
        user_id: UserId,
    },
    /// Tell the server's VAPID public key. It is the same for everybody.
    PublicKey {
        /// On whose behalf; it only chooses the partition.
        user_id: UserId,
    },
    /// Tell which of these events have arrived and are kept. What has arrived and is not settled
    /// is on its way, however long that takes.
    Known {
        /// On whose behalf; it only chooses the partition.
        user_id: UserId,
        /// The events.
        event_ids: Vec<EventId>,
    },
}

impl SubscriptionRequest {
    /// On whose behalf the request is made.
    #[must_use]
    pub const fn user_id(&self) -> UserId {
        match self {
            Self::Subscribe { user_id, .. }
            | Self::Unsubscribe { user_id, .. }
            | Self::List { user_id }
            | Self::PublicKey { user_id }
            | Self::Known { user_id, .. } => *user_id,
        }
    }
}

impl Message for SubscriptionRequest {
    const TYPE: &'static str = "SubscriptionRequest";
    const VERSION: u16 = 1;
}

impl Event for SubscriptionRequest {
    const TOPIC: &'static str = topics::SUBSCRIPTION_REQUEST;

    fn key(&self) -> String {
        self.user_id().to_string()
    }
}

/// A stored subscription: one browser of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscription {
    /// Its number in the push service's database.
    pub seq: SubscriptionId,
    /// The push service's URL for this browser.
    pub notification_end_point: Secret,
    /// The browser's P-256 key.
    pub public_key: Secret,
    /// The browser's authentication secret.
    pub auth: Secret,
    /// Whose device it is.
    pub user_id: UserId,
    /// When it was first stored.
    pub create_at: Timestamp,
}

/// What the push service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "result",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum SubscriptionReply {
    /// Stored, or it was there already.
    Subscribed(Subscription),
    /// Forgotten.
    Unsubscribed {
        /// Which.
        seq: SubscriptionId,
    },
    /// All of the user's devices, newest first.
    Subscriptions {
        /// The devices.
        subscriptions: Vec<Subscription>,
    },
    /// The server's VAPID public key.
    PublicKey {
        /// The uncompressed P-256 point, URL-safe base64 without padding.
        public_key: String,
    },
    /// Those of the events in question that have arrived.
    Known {
        /// The events.
        event_ids: Vec<EventId>,
    },
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why the push service refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, for programs.
    pub reason: RefusalReason,
    /// The sentence, for people; it never holds an endpoint or a key.
    pub message: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalReason {
    /// The request could not be read, or its endpoint or keys are not acceptable.
    Invalid,
    /// The user has no such subscription.
    NotFound,
    /// The user has as many devices as are allowed.
    TooMany,
    /// The push service cannot answer now; asking again later may help.
    Unavailable,
}

/// No [`Event`]: its topic and its key are the request's to choose, so it is sent by
/// [`Incoming::reply`](crate::bus::Incoming::reply).
impl Message for SubscriptionReply {
    const TYPE: &'static str = "SubscriptionReply";
    const VERSION: u16 = 1;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_to_subscribe_has_the_documented_json() {
        let request = SubscriptionRequest::Subscribe {
            user_id: UserId(3),
            notification_end_point: Secret::new("https://push.example/x"),
            public_key: Secret::new("key"),
            auth: Secret::new("auth"),
        };
        let expected = json!({
            "action": "subscribe", "userId": 3,
            "notificationEndPoint": "https://push.example/x", "publicKey": "key", "auth": "auth"
        });
        assert_eq!(serde_json::to_value(&request).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<SubscriptionRequest>(expected).unwrap(),
            request
        );
        assert_eq!(request.key(), "3");
    }

    #[test]
    fn a_stored_subscription_stands_beside_its_result() {
        let reply = SubscriptionReply::Subscribed(Subscription {
            seq: SubscriptionId(5),
            notification_end_point: Secret::new("https://push.example/x"),
            public_key: Secret::new("key"),
            auth: Secret::new("auth"),
            user_id: UserId(3),
            create_at: Timestamp::from_millis(0),
        });
        let expected = json!({
            "result": "subscribed", "seq": 5, "notificationEndPoint": "https://push.example/x",
            "publicKey": "key", "auth": "auth", "userId": 3,
            "createAt": "1970-01-01T00:00:00.000Z"
        });
        assert_eq!(serde_json::to_value(&reply).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<SubscriptionReply>(expected).unwrap(),
            reply
        );
    }

    #[test]
    fn a_refusal_tells_kind_and_sentence() {
        let reply = SubscriptionReply::Refused(Refusal {
            reason: RefusalReason::NotFound,
            message: "no such subscription".into(),
        });
        assert_eq!(
            serde_json::to_value(&reply).unwrap(),
            json!({"result": "refused", "reason": "notFound", "message": "no such subscription"})
        );
    }

    #[test]
    fn debug_shows_neither_endpoint_nor_keys() {
        let request = SubscriptionRequest::Subscribe {
            user_id: UserId(3),
            notification_end_point: Secret::new("https://push.example/x"),
            public_key: Secret::new("p256dh"),
            auth: Secret::new("sixteen"),
        };
        let shown = format!("{request:?}");
        for secret in ["push.example", "p256dh", "sixteen"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
