//! Configuration by Kafka's property names: what exists, what values are
//! valid, and what a topic ends up with.
//!
//! ```text
//! default ◄── broker property (log.retention.ms) ◄── topic property (retention.ms)
//! ```

mod broker;
mod definition;
mod topic;
mod values;

pub use broker::{BROKER_CONFIGS, BrokerConfigs};
pub use definition::{ConfigDefinition, ConfigError, ConfigKind, find_definition};
pub use topic::{TOPIC_CONFIGS, TopicConfig, is_list_config};
pub use values::{ConfigSource, ConfigValue, Overrides};
