//! The service from outside: its router without a socket, its process with one.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod authentication;
mod comments;
mod connections;
mod docs;
mod errors;
mod journeys;
mod on_kafka;
mod outbox;
mod page;
mod posts;
mod process;
mod profile;
mod readiness;
mod several_instances;
mod stream;
mod subscriptions;
mod support;
