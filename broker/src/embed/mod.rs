//! A broker inside a test or another program: waits that explain themselves,
//! faults on demand, a clock to move, records to begin with, and a reset
//! between tests. What `ottla serve` does not need stays switched off there.
//!
//! ```no_run
//! # async fn example(broker: ottla::Broker) -> Result<(), ottla::embed::EmbedError> {
//! broker.group("push").wait_stable(1).await?;
//! broker.group("push").wait_caught_up().await?;
//! let records = broker.topic("orders").wait_records(1).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here polls or sleeps: waits are woken by what they wait for. They
//! run on the broker's own threads, so that they need no runtime, may be used
//! in any, and keep real time even where a test has paused its own.

mod append;
mod client_config;
mod clock;
mod control;
mod error;
mod faults;
mod group;
mod initial;
mod read;
mod record;
mod report;
mod requests;
mod reset;
mod topic;
mod wait;

pub use append::Placed;
pub use clock::BrokerClock;
pub use control::Control;
pub use error::EmbedError;
pub use faults::{Api, ErrorCode, FaultBuilder, FaultHandle, UnknownApi, UnknownErrorCode};
pub use group::GroupHandle;
pub use record::{NewRecord, Record};
pub use topic::TopicHandle;
pub use wait::{Wait, Waiting};

pub(crate) use client_config::client_config;
pub(crate) use faults::{Faults, answer as answer_with_faults};
pub(crate) use initial::Initial;
pub(crate) use requests::RecentRequests;
pub(crate) use wait::Waits;

/// What only an embedded broker has; `ottla serve` starts with the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct EmbedConfig {
    /// Whether each connection's last requests are kept, for explanations.
    pub(crate) keeps_requests: bool,
    /// Whether time stands still until somebody advances it.
    pub(crate) paused_clock: bool,
    /// What is there from the first moment on, and after a reset.
    pub(crate) initial: Initial,
}
