//! Topics: create, delete, add partitions. Listing and describing them is
//! [`Client::refresh_all_topics`].

use std::collections::BTreeMap;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;

use crate::client::{Client, Topic};
use crate::error::ClientError;

/// How long brokers may take to carry a change out, in milliseconds.
const TIMEOUT_MS: i32 = 30_000;

/// From this version on DeleteTopics can name topics by id.
const FIRST_VERSION_WITH_STATES: i16 = 6;

/// A topic to create.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    name: String,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's default number of partitions and replicas.
    pub fn new(name: impl Into<String>) -> Self {
        NewTopic {
            name: name.into(),
            ..NewTopic::default()
        }
    }

    /// The same with that many partitions.
    #[must_use]
    pub fn with_partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// The same with that many replicas of each partition.
    #[must_use]
    pub fn with_replication_factor(mut self, replicas: i16) -> Self {
        self.replication_factor = Some(replicas);
        self
    }

    /// The same with a property of its own, by Kafka's name.
    #[must_use]
    pub fn with_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }

    fn to_wire(&self) -> CreatableTopic {
        let configs = self.configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        });
        CreatableTopic::default()
            .with_name(StrBytes::from_string(self.name.clone()).into())
            // −1 asks for the broker's default (KIP-464).
            .with_num_partitions(self.partitions.unwrap_or(-1))
            .with_replication_factor(self.replication_factor.unwrap_or(-1))
            .with_configs(configs.collect())
    }
}

impl Client {
    /// Creates a topic and waits until its partitions have leaders, for as
    /// long as the client tries anything again.
    ///
    /// # Errors
    /// The broker's refusal, such as TOPIC_ALREADY_EXISTS.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<Topic, ClientError> {
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic.to_wire()])
            .with_timeout_ms(TIMEOUT_MS);
        let response = self.ask_any(&request).await?;
        for created in &response.topics {
            ClientError::check(
                || format!("topic {}", topic.name),
                created.error_code,
                created.error_message.as_deref(),
            )?;
        }
        let leads = |topic: &Topic| topic.partitions.iter().all(|p| p.leader.is_some());
        self.topic_becomes(&topic.name, |seen| seen.is_some_and(leads))
            .await?
            .ok_or_else(|| ClientError::NoLeader {
                topic: topic.name.clone(),
                partition: 0,
            })
    }

    /// Deletes a topic and its records, and waits until it is gone.
    ///
    /// # Errors
    /// The broker's refusal, such as UNKNOWN_TOPIC_OR_PARTITION.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        let connection = self.any_connection().await?;
        let wire_name = StrBytes::from_string(name.to_owned());
        let request = match connection.version_of::<DeleteTopicsRequest>()? {
            FIRST_VERSION_WITH_STATES.. => DeleteTopicsRequest::default().with_topics(vec![
                DeleteTopicState::default().with_name(Some(wire_name.into())),
            ]),
            _ => DeleteTopicsRequest::default().with_topic_names(vec![wire_name.into()]),
        }
        .with_timeout_ms(TIMEOUT_MS);
        let response = self.ask_any(&request).await?;
        for deleted in &response.responses {
            ClientError::check(
                || format!("topic {name}"),
                deleted.error_code,
                deleted.error_message.as_deref(),
            )?;
        }
        self.topic_becomes(name, |seen| seen.is_none()).await?;
        Ok(())
    }

    /// Gives a topic more partitions, `count` in all, and waits until they are
    /// there. Keys move to other partitions by that; it cannot be undone.
    ///
    /// # Errors
    /// The broker's refusal, such as INVALID_PARTITIONS for fewer than before.
    pub async fn create_partitions(&self, name: &str, count: i32) -> Result<(), ClientError> {
        let topic = CreatePartitionsTopic::default()
            .with_name(StrBytes::from_string(name.to_owned()).into())
            .with_count(count)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT_MS);
        let response = self.ask_any(&request).await?;
        for grown in &response.results {
            ClientError::check(
                || format!("topic {name}"),
                grown.error_code,
                grown.error_message.as_deref(),
            )?;
        }
        let has_grown = |topic: &Topic| topic.partition_count() >= count;
        self.topic_becomes(name, |seen| seen.is_some_and(has_grown))
            .await?;
        Ok(())
    }

    /// Asks for the topic until it is as the controller has decided: brokers
    /// hear of a change a moment later. Gives up after the client's retry
    /// timeout, with what was seen last.
    async fn topic_becomes(
        &self,
        name: &str,
        fits: impl Fn(Option<&Topic>) -> bool,
    ) -> Result<Option<Topic>, ClientError> {
        let mut backoff = self.backoff();
        loop {
            let metadata = self.refresh(&[name], false).await?;
            let seen = metadata.topics.get(name);
            if fits(seen) || !backoff.pause().await {
                return Ok(seen.cloned());
            }
        }
    }
}
