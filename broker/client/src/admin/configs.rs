//! Properties of topics and brokers, by Kafka's names.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::client::Client;
use crate::error::ClientError;

/// What properties belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// A broker, by node id.
    Broker(i32),
}

impl ConfigResource {
    fn wire_type(&self) -> i8 {
        match self {
            ConfigResource::Topic(_) => 2,
            ConfigResource::Broker(_) => 4,
        }
    }

    fn wire_name(&self) -> StrBytes {
        StrBytes::from_string(match self {
            ConfigResource::Topic(name) => name.clone(),
            ConfigResource::Broker(id) => id.to_string(),
        })
    }

    fn subject(&self) -> String {
        match self {
            ConfigResource::Topic(name) => format!("topic {name}"),
            ConfigResource::Broker(id) => format!("broker {id}"),
        }
    }
}

/// Where a property's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on the broker while it runs.
    DynamicBroker,
    /// Set on all brokers while they run.
    DynamicDefaultBroker,
    /// From the broker's properties file or flags.
    StaticBroker,
    /// Kafka's default.
    Default,
    /// Something this client does not know.
    Other(i8),
}

impl ConfigSource {
    fn from_wire(source: i8) -> Self {
        match source {
            1 => ConfigSource::Topic,
            2 => ConfigSource::DynamicBroker,
            3 => ConfigSource::DynamicDefaultBroker,
            4 => ConfigSource::StaticBroker,
            5 => ConfigSource::Default,
            other => ConfigSource::Other(other),
        }
    }
}

/// A property and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Kafka's name.
    pub name: String,
    /// `None` when there is none, or it is a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it can be changed while the broker runs.
    pub read_only: bool,
    /// Whether its value is a secret.
    pub sensitive: bool,
}

impl ConfigEntry {
    fn of(entry: &DescribeConfigsResourceResult) -> Self {
        ConfigEntry {
            name: entry.name.to_string(),
            value: entry.value.as_ref().map(ToString::to_string),
            source: ConfigSource::from_wire(entry.config_source),
            read_only: entry.read_only,
            sensitive: entry.is_sensitive,
        }
    }
}

impl Client {
    /// Every property of a topic or broker, in order of name.
    ///
    /// # Errors
    /// The broker's refusal, such as UNKNOWN_TOPIC_OR_PARTITION.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let wanted = DescribeConfigsResource::default()
            .with_resource_type(resource.wire_type())
            .with_resource_name(resource.wire_name())
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![wanted]);
        let response = self.ask_about(resource, &request).await?;
        let mut entries = Vec::new();
        for result in &response.results {
            ClientError::check(
                || resource.subject(),
                result.error_code,
                result.error_message.as_deref(),
            )?;
            entries.extend(result.configs.iter().map(ConfigEntry::of));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Sets properties; `None` goes back to the default. All or none.
    ///
    /// # Errors
    /// The broker's refusal, such as INVALID_CONFIG.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Result<(), ClientError> {
        const SET: i8 = 0;
        const DELETE: i8 = 1;
        let configs = changes.iter().map(|(name, value)| {
            AlterableConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_config_operation(if value.is_some() { SET } else { DELETE })
                .with_value(value.clone().map(StrBytes::from_string))
        });
        let altered = AlterConfigsResource::default()
            .with_resource_type(resource.wire_type())
            .with_resource_name(resource.wire_name())
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![altered]);
        let response = self.ask_about(resource, &request).await?;
        for result in &response.responses {
            ClientError::check(
                || resource.subject(),
                result.error_code,
                result.error_message.as_deref(),
            )?;
        }
        Ok(())
    }

    /// A broker knows only itself; any broker knows all topics.
    async fn ask_about<R: Request>(
        &self,
        resource: &ConfigResource,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        match resource {
            ConfigResource::Topic(_) => self.ask_any(request).await,
            ConfigResource::Broker(id) => self.ask_node(*id, request, Duration::ZERO).await,
        }
    }
}
