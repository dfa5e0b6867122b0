//! A small pure-Rust Kafka client for tools, tests and simulation.
//!
//! It speaks to Ottla and to Apache Kafka alike: produce, consume assigned
//! partitions, consume as a member of a group by the classic protocol or by
//! KIP-848's, and ask a cluster about its topics, groups and offsets.
//!
//! ```no_run
//! # async fn example() -> Result<(), ottla_client::ClientError> {
//! use ottla_client::{Client, ClientConfig, Environment, Producer, ProducerConfig, ProducerRecord};
//!
//! let config = ClientConfig::new("127.0.0.1:9092");
//! let client = Client::connect(config, Environment::system()).await?;
//! let mut producer = Producer::new(client, ProducerConfig::default())?;
//! let delivery = producer.send(ProducerRecord::new("t", "value").with_key("key")).await?;
//! println!("{}-{} at {:?}", delivery.topic, delivery.partition, delivery.offset);
//! # Ok(())
//! # }
//! ```
//!
//! Where things live:
//!
//! ```text
//! connection   frames, versions, correlation ids, deadlines; one stream
//! client       brokers, metadata, coordinators; which connection to ask
//! producer     partitioner → batches → rounds of requests → results
//! consumer     positions → fetches → records
//! group        membership of either protocol around the consumer's fetch loop
//! admin        topics, configuration, groups, offsets
//! environment  the seam: sockets, wall clock and random numbers come from it
//! ```
//!
//! Answers are hostile until proven otherwise: no count in them reserves
//! memory before bytes cover it, no length, checksum or offset is believed.

pub mod admin;
mod client;
mod committed;
pub mod connection;
pub mod consumer;
pub mod environment;
mod error;
mod error_code;
pub mod group;
mod offsets;
pub mod partitioner;
pub mod producer;
mod record;

pub use client::{Broker, Client, ClientConfig, Metadata, Partition, Topic};
pub use committed::Committed;
pub use connection::{Connection, ConnectionConfig};
pub use consumer::{Consumer, ConsumerConfig, OffsetSpec};
pub use environment::Environment;
pub use error::ClientError;
pub use error_code::ErrorCode;
pub use group::{GroupConfig, GroupConsumer, GroupProtocol};
/// How a producer compresses its batches.
pub use ottla_core::batch::Codec;
pub use partitioner::Partitioner;
pub use producer::{Acks, Producer, ProducerConfig};
pub use record::{ConsumerRecord, Delivery, Header, ProducerRecord, TimestampType, TopicPartition};
