//! Configuration by Kafka's property names: what exists, what values are
//! valid, and what a topic ends up with.
//!
//! ```text
//! default ◄── broker property (log.retention.ms) ◄── topic property (retention.ms)
//! ```

mod broker;
mod definition;
mod documentation;
mod topic;
mod values;

pub use broker::{BROKER_CONFIGS, BrokerConfigs, INTERNAL_BROKER_CONFIGS};
pub use definition::{ConfigDefinition, ConfigError, ConfigKind, find_definition};
pub use documentation::topic_documentation;
pub use topic::{TOPIC_CONFIGS, TopicConfig, check_topic_configs, is_list_config};
pub use values::{ConfigSource, ConfigValue, Overrides};
