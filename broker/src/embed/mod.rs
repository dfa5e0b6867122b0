//! A broker inside a test or another program: waits that explain themselves,
//! faults on demand, a clock to move, records to begin with, and a reset
//! between tests. What `ottla serve` does not need stays switched off there.
//!
//! ```
//! # use std::time::Duration;
//! # use ottla::{Broker, embed::Api};
//! # use ottla_client::{Client, ClientConfig, Environment, GroupConfig, GroupConsumer};
//! # /// The program under test: reads, commits, and bears what comes.
//! # async fn start_the_program(config: Vec<(String, String)>) {
//! #     let client = Client::connect(ClientConfig::new(&config[0].1), Environment::system());
//! #     let client = client.await.expect("the broker is ready");
//! #     let config = || GroupConfig {
//! #         auto_commit_interval_ms: Some(20),
//! #         session_timeout_ms: 30_000,
//! #         ..GroupConfig::new("push", &["v1.event.comment-created"])
//! #     };
//! #     tokio::spawn(async move {
//! #         let mut consumer = GroupConsumer::new(&client, config());
//! #         while consumer.poll(Duration::from_millis(20)).await.is_ok() {}
//! #     });
//! # }
//! # tokio::runtime::Runtime::new().expect("threads").block_on(async {
//! let b = Broker::builder()
//!     .topic("v1.event.comment-created", 3)
//!     .start()
//!     .await?; // 127.0.0.1:0, in memory
//! start_the_program(b.client_config()).await; // bootstrap.servers, short pauses
//!
//! b.group("push").wait_stable(1).await?; // ends the race
//! let comment = ("author", "a comment");
//! b.topic("v1.event.comment-created").append(comment).await?;
//! b.group("push").wait_caught_up().await?;
//! let r = b.topic("v1.event.comment-created").wait_records(1).await?;
//! assert_eq!(r[0].key.as_deref(), Some(&b"author"[..]));
//!
//! b.fault(Api::Fetch).times(2).disconnect();
//! b.clock().advance(Duration::from_secs(45)); // sessions expire
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! // Dropping it stops everything and leaves nothing behind.
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
