//! What a tour found, as JSON. Two reports of the same story are equal once
//! addresses, ids, offsets, partitions and times are left out; the list of
//! those fields is `.ci/normalise-tour.jq`.

use serde::Serialize;
use serde_json::Value;

use super::verdict::Verdict;

/// One tour.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) users: Vec<UserFacts>,
    pub(crate) subscription: SubscriptionFacts,
    pub(crate) post: PostFacts,
    pub(crate) comments: Vec<CommentFacts>,
    pub(crate) verdict: Verdict,
}

/// A user who joined.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserFacts {
    pub(crate) name: String,
    pub(crate) user_id: i64,
}

/// A subscription, and how its request went over Kafka and back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscriptionFacts {
    pub(crate) seq: i64,
    /// Without the part that makes it a secret.
    pub(crate) endpoint_origin: String,
    pub(crate) correlation_id: String,
    pub(crate) request: RecordFacts,
    pub(crate) reply: RecordFacts,
    pub(crate) round_trip_ms: f64,
}

/// A post.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostFacts {
    pub(crate) post_id: i64,
    pub(crate) contents: String,
}

/// A record, as Kafka returned it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordFacts {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    /// The names of its headers, in order.
    pub(crate) headers: Vec<String>,
    /// The fields of its JSON value, sorted.
    pub(crate) fields: Vec<String>,
}

/// A comment and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentFacts {
    pub(crate) comment_id: i64,
    pub(crate) event_id: String,
    pub(crate) traceparent: String,
    pub(crate) bus_event: Value,
    pub(crate) outbox_seq: i64,
    pub(crate) record: RecordFacts,
    /// What the push service said about it; `None` when it never did.
    pub(crate) outcome: Option<OutcomeFacts>,
    /// As the receiver decrypted it; `None` when it never arrived.
    pub(crate) push: Option<PushFacts>,
}

/// What the push service said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutcomeFacts {
    pub(crate) accepted: i64,
    pub(crate) gone: i64,
    pub(crate) dead_lettered: i64,
    pub(crate) folded: i64,
}

/// A decrypted push.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PushFacts {
    pub(crate) title: String,
    pub(crate) body: Option<String>,
}
