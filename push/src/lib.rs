//! The push service: Kafka events become Web Push.
