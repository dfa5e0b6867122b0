//! The API service: users, posts, comments, subscriptions; an outbox that feeds Kafka.
//!
//! ```text
//!  HTTP ─ router ─ handler ─┬─ store: comment + outbox row, one transaction
//!                           ├─ event bus ─ listener ─ relay ─ outbox ─────► v1.event.comment-created …
//!                           └─ push service ◄─ request / reply ───────────► v1.event.subscription.*
//!  outcomes ◄──────────────────────────────────────────────────────────── v1.event.push-outcome
//! ```
//!
//! [`domain`] says what is legal, [`store`] keeps it, `routes` translate HTTP, [`outbox`] brings
//! events to Kafka. [`start`] wires and runs it all; it needs a [`Bus`](social_events::Bus).
//! It never sends a push and never reads the push service's database.

mod answers;
mod app;
mod auth;
mod backend;
mod checker;
pub mod config;
pub mod domain;
mod error;
pub mod events;
mod extract;
mod gate;
mod metrics;
mod observe;
pub mod outbox;
mod outcomes;
mod page;
mod patient;
mod push_service;
mod response;
mod router;
mod routes;
mod seed;
mod server;
mod startup;
pub mod store;
mod stream;

pub use auth::PasswordCost;
pub use backend::BesideBroker;
pub use config::Config;
pub use router::OPENAPI_PATH;
pub use startup::{Running, Service, StartError, start};
