//! A small Kafka-compatible broker that embeds in any Rust program or test.
//!
//! ```text
//! socket ─ frame ─ guard ─ table ─ handler ─┬─ decide (ottla-core, pure)
//!  wire/    wire/   wire/   apis/   apis/   ├─ write   storage/
//!  server/                                  ├─ replay (ottla-core, pure)
//!                                           └─ reply now, or park a ticket   node/
//! ```

mod apis;
mod broker;
mod config;
pub mod embed;
#[cfg(all(fuzzing, feature = "faulty-disk"))]
pub mod fuzzing;
mod node;
pub mod observe;
mod server;
mod storage;
#[cfg(test)]
mod testing;
mod wire;

pub use broker::{Broker, BrokerBuilder, StartError};
pub use config::{InvalidConfig, parse_properties};
#[cfg(feature = "faulty-disk")]
pub use storage::faulty::{Faults, FaultyDisk, History, Loss};
