//! A small pure-Rust Kafka client for tools, tests and simulation.

mod client;
pub mod connection;
pub mod consumer;
pub mod environment;
mod error;
mod error_code;
mod offsets;
pub mod partitioner;
pub mod producer;
mod record;

pub use client::{Broker, Client, ClientConfig, Metadata, Partition, Topic};
pub use connection::{Connection, ConnectionConfig};
pub use consumer::{Consumer, ConsumerConfig, OffsetSpec};
pub use environment::Environment;
pub use error::ClientError;
pub use error_code::ErrorCode;
pub use partitioner::Partitioner;
pub use producer::{Acks, Producer, ProducerConfig};
pub use record::{
    ConsumerRecord, Delivery, Header, ProducerRecord, TimestampType, TopicPartition,
};
