//! A small pure-Rust Kafka client for tools, tests and simulation.
