//! The command line's part about Kafka, the same for every service.

use super::KafkaConfig;
use crate::bus::{BusError, TopicsMode};
use crate::topics;

/// How to reach Kafka. Every `KAFKA_*` variable that names a librdkafka property is read too:
/// `KAFKA_SASL_USERNAME` sets `sasl.username`.
#[derive(Debug, Clone, clap::Args)]
pub struct KafkaOptions {
    /// Kafka's addresses, HOST:PORT,…
    #[arg(
        long = "bootstrap",
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "127.0.0.1:9092",
        value_name = "HOST:PORT"
    )]
    pub bootstrap: String,

    /// Create missing topics, or require that they exist
    #[arg(long, env = "TOPICS", value_enum, default_value_t)]
    pub topics: TopicsMode,

    /// Partitions of topics that are created
    #[arg(
        long,
        env = "TOPIC_PARTITIONS",
        default_value_t = topics::DEFAULT_PARTITIONS,
        value_parser = clap::value_parser!(i32).range(1..=1000),
        value_name = "COUNT"
    )]
    pub partitions: i32,

    /// Replicas of topics that are created [default: the number of brokers, at most 3]
    #[arg(
        long,
        env = "TOPIC_REPLICATION_FACTOR",
        value_parser = clap::value_parser!(i32).range(1..=32),
        value_name = "COUNT"
    )]
    pub replication_factor: Option<i32>,

    /// A librdkafka property; may be repeated
    #[arg(long = "kafka", value_name = "KEY=VALUE")]
    pub properties: Vec<String>,
}

impl KafkaOptions {
    /// The configuration, and a warning for every `KAFKA_*` variable that names no property.
    /// Flags go before variables.
    ///
    /// # Errors
    /// When a `--kafka` property is unknown or refused.
    pub fn config(
        &self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(KafkaConfig, Vec<String>), BusError> {
        let mut config = KafkaConfig::new(self.bootstrap.clone());
        config.topics = self.topics;
        config.partitions = self.partitions;
        config.replication_factor = self.replication_factor;
        let (mut config, warnings) = config.with_environment(environment);
        for argument in &self.properties {
            config = config.with_argument(argument)?;
        }
        Ok((config, warnings))
    }
}
