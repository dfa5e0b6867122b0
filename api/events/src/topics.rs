//! Every topic's name, written once. Never spell one out elsewhere.

/// A comment was written; key: the post author's seq.
pub const COMMENT_CREATED: &str = "v1.event.comment-created";
/// A user joined; key: the user's seq.
pub const USER_JOINED: &str = "v1.event.user-joined";
/// A user changed their name; key: the user's seq.
pub const USER_UPDATED: &str = "v1.event.user-updated";
/// Asks the push service about subscriptions; key: the user's seq.
pub const SUBSCRIPTION_REQUEST: &str = "v1.event.subscription.request";
/// The push service's answers; key: as the request's.
pub const SUBSCRIPTION_RESPONSE: &str = "v1.event.subscription.response";
/// What became of an event's pushes; key: the seq of the user who was notified.
pub const PUSH_OUTCOME: &str = "v1.event.push-outcome";

/// What the API service publishes, and therefore owns. An owner publishes nothing before its topics
/// are there. A reader makes sure of them as well, so that whichever service starts first is ready
/// without the other.
pub const OWNED_BY_API: &[&str] = &[
    COMMENT_CREATED,
    USER_JOINED,
    USER_UPDATED,
    SUBSCRIPTION_REQUEST,
];
/// What the push service publishes, and therefore owns.
pub const OWNED_BY_PUSH: &[&str] = &[SUBSCRIPTION_RESPONSE, PUSH_OUTCOME];
/// What the API service reads.
pub const READ_BY_API: &[&str] = &[SUBSCRIPTION_RESPONSE, PUSH_OUTCOME];
/// What the push service reads.
pub const READ_BY_PUSH: &[&str] = &[
    COMMENT_CREATED,
    USER_JOINED,
    USER_UPDATED,
    SUBSCRIPTION_REQUEST,
];

/// How many partitions a topic is created with unless a flag says otherwise.
pub const DEFAULT_PARTITIONS: i32 = 3;

/// Where the poison records of `topic` go; it has as many partitions as its source.
#[must_use]
pub fn dead_letter(topic: &str) -> String {
    format!("{topic}.DLT")
}

/// Whether Kafka accepts `name` as a topic: 1–249 of `[a-zA-Z0-9._-]`, neither `.` nor `..`.
#[must_use]
pub fn is_legal(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_and_its_dead_letter_topic_is_legal() {
        for topic in OWNED_BY_API.iter().chain(OWNED_BY_PUSH) {
            assert!(is_legal(topic), "{topic}");
            assert!(is_legal(&dead_letter(topic)), "{topic}");
        }
    }

    #[test]
    fn what_kafka_refuses_is_not_legal() {
        for name in ["", ".", "..", "a/b", "댓글", &"a".repeat(250)] {
            assert!(!is_legal(name), "{name}");
        }
    }
}
