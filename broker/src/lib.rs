//! A small Kafka-compatible broker that embeds in any Rust program or test.
