//! A small pure-Rust Kafka client for tools, tests and simulation.

pub mod connection;
pub mod environment;
mod error;
mod error_code;

pub use connection::{Connection, ConnectionConfig};
pub use environment::Environment;
pub use error::ClientError;
pub use error_code::ErrorCode;
