//! Overrides, and where the value in force comes from.

use std::collections::BTreeMap;

use super::definition::{ConfigDefinition, ConfigError, find_definition};

/// Properties that somebody set, by name; every one is known and valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<&'static str, String>);

/// Where the value in force comes from, as DescribeConfigs reports it; what comes
/// first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set while the cluster ran, for one broker.
    DynamicBroker,
    /// Set while the cluster ran, for all brokers.
    DynamicDefaultBroker,
    /// Set in the broker's own configuration at start.
    StaticBroker,
    /// Nobody set it.
    Default,
}

/// A value and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue {
    /// The property that carries the value: a synonym has another name.
    pub name: &'static str,
    /// `None` where Kafka's default is null.
    pub value: Option<String>,
    /// Where it was set.
    pub source: ConfigSource,
}

impl Overrides {
    /// Checks and keeps one property.
    pub fn set(
        &mut self,
        table: &'static [ConfigDefinition],
        name: &str,
        value: &str,
    ) -> Result<(), ConfigError> {
        let definition = find_definition(table, name)?;
        definition.validate(value)?;
        self.0.insert(definition.name, value.trim().to_owned());
        Ok(())
    }

    /// Goes back to what applies without it.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The value somebody set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every property that was set, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// True when nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
