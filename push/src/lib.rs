//! The push service: Kafka events become Web Push.
//!
//! It owns subscriptions, the VAPID key and everything about sending; it knows users only by their
//! number and posts not at all. Inside, from the bus to the browser:
//!
//! ```text
//!   consumers ─► store ─► pusher ─► sending ─► transport ═══► push services ═══► browsers
//!                  └─► relay ─► v1.event.push-outcome, dead letters
//! ```
//!
//! - [`start`] runs one; [`Config`] says how.
//! - [`push_service`] is the other side: a push service for this machine, so that a browser gets
//!   real encrypted pushes offline. It shares nothing with the sender but this crate, and speaks
//!   to it over HTTP only. It lives here because both need the same crates, and it is off unless
//!   it is started.
//! - [`receiver`] is the part of a browser that gets pushes: for tests and the tour.

mod config;
mod console;
mod consumers;
#[cfg(test)]
mod crash_points;
pub mod data_dir;
pub mod endpoint;
pub mod keys;
mod loopback;
mod metrics;
pub mod notification;
pub mod push_service;
mod pusher;
pub mod receiver;
mod relay;
mod retries;
pub mod sending;
mod startup;
pub mod store;
pub mod text;
pub mod transport;
pub mod vapid;
mod web;

pub use config::{Config, SCHEMA};
pub use console::Console;
pub use startup::{Running, StartError, start};
