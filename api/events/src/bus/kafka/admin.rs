//! Topics on Kafka: looked up, and created explicitly; never by auto-creation.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer;

use super::context::ServiceContext;
use super::detached::{self, Detached};
use super::{KafkaBus, config};
use crate::bus::{BusError, TopicsMode};
use crate::topics;

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);
/// With more brokers than this a topic still gets no more replicas.
const REPLICAS_MAX: usize = 3;

/// What the cluster says about itself: its size, and each topic's number of partitions.
pub(super) struct Cluster {
    brokers: usize,
    topics: BTreeMap<String, i32>,
}

impl Cluster {
    /// A topic's number of partitions; `None` while it does not exist.
    pub(super) fn partitions(&self, topic: &str) -> Option<i32> {
        self.topics.get(topic).copied()
    }
}

impl KafkaBus {
    /// Makes sure that `topics` exist, each with the configured number of partitions if it has
    /// to be created.
    pub(in crate::bus) async fn ensure_topics(&self, names: &[&str]) -> Result<(), BusError> {
        let partitions = self.shared.config.partitions;
        self.ensure(
            names
                .iter()
                .map(|name| ((*name).to_owned(), partitions))
                .collect(),
        )
        .await
    }

    /// Makes sure that each of `sources`, which exist, has a dead-letter topic with at least as
    /// many partitions: a dead letter keeps its partition.
    pub(super) async fn ensure_dead_letters(&self, sources: &[String]) -> Result<(), BusError> {
        let cluster = self.cluster().await?;
        let missing = || BusError::MissingTopics(sources.to_vec());
        let wanted = sources.iter().map(|source| {
            let partitions = cluster.partitions(source).ok_or_else(missing)?;
            Ok((topics::dead_letter(source), partitions))
        });
        let wanted = wanted.collect::<Result<Vec<_>, BusError>>()?;
        self.ensure(wanted.clone()).await?;
        match wanted.iter().find(|(name, partitions)| {
            cluster
                .partitions(name)
                .is_some_and(|actual| actual < *partitions)
        }) {
            Some((topic, partitions)) => Err(BusError::Topic {
                topic: topic.clone(),
                reason: format!("it exists with fewer than its source's {partitions} partitions"),
            }),
            None => Ok(()),
        }
    }

    /// Whether the cluster answers.
    pub(in crate::bus) async fn check(&self, deadline: Duration) -> Result<(), BusError> {
        self.look(deadline).await.map(drop)
    }

    pub(super) async fn cluster(&self) -> Result<Cluster, BusError> {
        self.look(METADATA_TIMEOUT).await
    }

    async fn look(&self, timeout: Duration) -> Result<Cluster, BusError> {
        let bus = self.clone();
        let look = move || bus.shared.producer.client().fetch_metadata(None, timeout);
        let gone = || BusError::Unreachable {
            reason: "no thread for the request".into(),
        };
        let metadata = detached::blocking(look)
            .await
            .ok_or_else(gone)?
            .map_err(|error| BusError::Unreachable {
                reason: error.to_string(),
            })?;
        let topics = metadata
            .topics()
            .iter()
            .filter(|topic| topic.error().is_none());
        let count = |topics: usize| i32::try_from(topics).unwrap_or(i32::MAX);
        Ok(Cluster {
            brokers: metadata.brokers().len(),
            topics: topics
                .map(|topic| (topic.name().to_owned(), count(topic.partitions().len())))
                .collect(),
        })
    }

    async fn ensure(&self, wanted: Vec<(String, i32)>) -> Result<(), BusError> {
        let cluster = self.cluster().await?;
        let missing = wanted
            .into_iter()
            .filter(|(name, _)| cluster.partitions(name).is_none());
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        match self.shared.config.topics {
            TopicsMode::Create => self.create(&missing, &cluster).await,
            TopicsMode::Require => Err(BusError::MissingTopics(
                missing.into_iter().map(|(name, _)| name).collect(),
            )),
        }
    }

    async fn create(&self, missing: &[(String, i32)], cluster: &Cluster) -> Result<(), BusError> {
        let replicas =
            self.shared.config.replication_factor.unwrap_or_else(|| {
                i32::try_from(cluster.brokers.clamp(1, REPLICAS_MAX)).unwrap_or(1)
            });
        let admin: AdminClient<ServiceContext> = self
            .shared
            .config
            .admin()
            .create_with_context(ServiceContext::default())
            .map_err(|error| config::refusal(&error))?;
        let admin = Detached::new(admin);
        let topics = missing.iter().map(|(name, partitions)| {
            NewTopic::new(name, *partitions, TopicReplication::Fixed(replicas))
        });
        let topics: Vec<_> = topics.collect();
        let options = AdminOptions::new()
            .request_timeout(Some(CREATE_TIMEOUT))
            .operation_timeout(Some(CREATE_TIMEOUT));
        let results = admin
            .create_topics(&topics, &options)
            .await
            .map_err(|error| BusError::Unreachable {
                reason: error.to_string(),
            })?;
        for result in results {
            match result {
                Ok(topic) => tracing::info!(topic, replicas, "created the topic"),
                // Another instance was faster.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(BusError::Topic {
                        topic,
                        reason: code.to_string(),
                    });
                }
            }
        }
        Ok(())
    }
}
