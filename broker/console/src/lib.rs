//! Metrics, health and state of an Ottla broker over HTTP.
//!
//! | path | what |
//! |---|---|
//! | `/healthz` | the process answers |
//! | `/readyz` | the broker serves clients |
//! | `/metrics` | counters and gauges in Prometheus' text format |
//! | `/api/cluster` | topics, partitions, offsets and groups as JSON |
//! | `/control/…` | faults, the clock, a reset: only with [`ConsoleBuilder::control`] |
//!
//! Besides `/control` it reads what [`ottla::observe`] shows and changes nothing. It listens on
//! loopback unless told otherwise, and answers only requests that name a host
//! it knows: a page on the web must not reach a broker on the reader's machine.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let broker = ottla::Broker::builder().start().await?;
//! let console = ottla_console::Console::builder(broker.observer()).start().await?;
//! println!("http://{}/metrics", console.address());
//! console.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod cluster;
mod control;
mod health;
mod hosts;
mod metrics;
mod router;
mod server;

pub use hosts::Hosts;
pub use router::router;
pub use server::{Console, ConsoleBuilder, StartError};
