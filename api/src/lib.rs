//! The API service: users, posts, comments, subscriptions; an outbox that feeds Kafka.

pub mod domain;
pub mod store;
