//! Stories and properties of KIP-848 groups.
//!
//! [`World`] is a shard with its log, its timers and its clock; [`Client`] does
//! what a consumer does. Stories are told by hand, properties by proptest.

mod client;
mod properties;
mod stories;
mod world;

use client::Client;
use world::{World, topic_id};
