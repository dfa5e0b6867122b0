//! Rows as both databases give them, and the values they become. No statements.

pub(crate) mod comments;
pub(crate) mod connections;
pub(crate) mod journeys;
pub(crate) mod outbox;
pub(crate) mod outcomes;
pub(crate) mod posts;
pub(crate) mod users;
