//! What a Kafka cluster says about itself, and how far a group has read.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::context::ServiceContext;
use super::detached::{self, Detached};
use super::{KafkaBus, config};
use crate::bus::{BusError, Cluster, ClusterKind, GroupOffset, PartitionFacts};

const TIMEOUT: Duration = Duration::from_secs(5);
/// A broker property that this repository's broker has and no other.
const OUR_PROPERTY: &str = "ottla.validate.compressed";

/// The cluster's brokers, by number, and a topic's partitions.
struct Metadata {
    brokers: Vec<i32>,
    partitions: Vec<PartitionFacts>,
}

impl KafkaBus {
    pub(in crate::bus) async fn describe(&self, topic: &str) -> Result<Cluster, BusError> {
        let metadata = self.metadata_of(topic).await?;
        let kind = match metadata.brokers.first() {
            Some(broker) => self.kind(*broker).await?,
            None => ClusterKind::Kafka,
        };
        Ok(Cluster {
            kind,
            address: Some(self.shared.config.bootstrap().to_owned()),
            brokers: metadata.brokers.len(),
            partitions: metadata.partitions,
        })
    }

    pub(in crate::bus) async fn group_offsets(
        &self,
        group: &str,
        topic: &str,
    ) -> Result<Vec<GroupOffset>, BusError> {
        let partitions = self.metadata_of(topic).await?.partitions;
        if partitions.is_empty() {
            return Err(BusError::MissingTopics(vec![topic.to_owned()]));
        }
        // It asks in the group's name and never joins it.
        let client: BaseConsumer<ServiceContext> = self
            .shared
            .config
            .reply_consumer(group)
            .create_with_context(ServiceContext::default())
            .map_err(|error| config::refusal(&error))?;
        let client = Detached::new(client);
        let topic = topic.to_owned();
        blocking(move || ask_offsets(&client, &topic, &partitions)).await
    }

    async fn metadata_of(&self, topic: &str) -> Result<Metadata, BusError> {
        let (bus, topic) = (self.clone(), topic.to_owned());
        blocking(move || {
            let client = bus.shared.producer.client();
            // The whole cluster's: asking for one topic would create it where brokers do that.
            let metadata = client.fetch_metadata(None, TIMEOUT)?;
            let found = metadata.topics().iter().find(|each| each.name() == topic);
            let mut partitions: Vec<_> = found
                .into_iter()
                .flat_map(|topic| topic.partitions())
                .map(|partition| PartitionFacts {
                    partition: partition.id(),
                    replicas: partition.replicas().len(),
                    in_sync: partition.isr().len(),
                })
                .collect();
            partitions.sort_by_key(|facts| facts.partition);
            let brokers = metadata.brokers().iter().map(|broker| broker.id());
            Ok(Metadata {
                brokers: brokers.collect(),
                partitions,
            })
        })
        .await
    }

    /// Whoever may not read a broker's configuration is told that it is Kafka.
    async fn kind(&self, broker: i32) -> Result<ClusterKind, BusError> {
        let admin: AdminClient<ServiceContext> = self
            .shared
            .config
            .admin()
            .create_with_context(ServiceContext::default())
            .map_err(|error| config::refusal(&error))?;
        let admin = Detached::new(admin);
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let answer = admin
            .describe_configs([&ResourceSpecifier::Broker(broker)], &options)
            .await
            .map_err(|error| unreachable(&error))?;
        let ours = answer.iter().flatten().any(|resource| {
            resource
                .entries
                .iter()
                .any(|entry| entry.name == OUR_PROPERTY)
        });
        Ok(if ours {
            ClusterKind::Ottla
        } else {
            ClusterKind::Kafka
        })
    }
}

fn ask_offsets(
    client: &Detached<BaseConsumer<ServiceContext>>,
    topic: &str,
    partitions: &[PartitionFacts],
) -> KafkaResult<Vec<GroupOffset>> {
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for facts in partitions {
        asked.add_partition(topic, facts.partition);
    }
    let committed = client.committed_offsets(asked, TIMEOUT)?;
    let mut offsets = Vec::with_capacity(partitions.len());
    for facts in partitions {
        let partition = facts.partition;
        let found = committed.find_partition(topic, partition);
        let committed = found.and_then(|element| match element.offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        });
        let (_, end) = client.fetch_watermarks(topic, partition, TIMEOUT)?;
        offsets.push(GroupOffset {
            partition,
            committed,
            end,
        });
    }
    Ok(offsets)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> Result<T, BusError> {
    let gone = || BusError::Unreachable {
        reason: "no thread for the request".into(),
    };
    let done = detached::blocking(work).await.ok_or_else(gone)?;
    done.map_err(|error| unreachable(&error))
}

fn unreachable(error: &KafkaError) -> BusError {
    BusError::Unreachable {
        reason: error.to_string(),
    }
}
