//! `ottla topic describe`: the lines of Kafka's own tool.

use std::fmt::Write as _;

use clap::Args;
use ottla_client::admin::{ConfigResource, ConfigSource};
use ottla_client::{Client, Partition, Topic};
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, printable};

/// Arguments of `ottla topic describe`.
#[derive(Debug, Args)]
pub struct DescribeArguments {
    /// Which topics [default: all]
    names: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Topics {
    topics: Vec<DescribedTopic>,
}

#[derive(Debug, Serialize)]
struct DescribedTopic {
    topic: String,
    topic_id: String,
    internal: bool,
    partition_count: i32,
    replication_factor: usize,
    /// Set on the topic itself, by Kafka's name.
    configs: Vec<(String, String)>,
    partitions: Vec<DescribedPartition>,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
}

impl Report for Topics {
    fn text(&self, _: Language) -> String {
        let mut text = String::new();
        for topic in &self.topics {
            topic.write(&mut text);
        }
        text
    }
}

impl DescribedTopic {
    fn of(topic: &Topic, configs: Vec<(String, String)>) -> Self {
        let replicas = topic.partitions.first().map_or(0, |p| p.replicas.len());
        DescribedTopic {
            topic: topic.name.clone(),
            topic_id: topic.id.to_string(),
            internal: topic.is_internal,
            partition_count: topic.partition_count(),
            replication_factor: replicas,
            configs,
            partitions: topic
                .partitions
                .iter()
                .map(DescribedPartition::of)
                .collect(),
        }
    }

    /// As `kafka-topics.sh --describe` prints it: fields between tabs.
    fn write(&self, text: &mut String) {
        let configs: Vec<_> = self
            .configs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let name = printable(&self.topic);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "Topic: {name}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}",
            self.topic_id,
            self.partition_count,
            self.replication_factor,
            printable(&configs.join(",")),
        );
        for partition in &self.partitions {
            let leader = partition
                .leader
                .map_or_else(|| "none".to_owned(), |leader| leader.to_string());
            let _ = writeln!(
                text,
                "\tTopic: {name}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}",
                partition.partition,
                joined(&partition.replicas),
                joined(&partition.isr),
            );
        }
    }
}

impl DescribedPartition {
    fn of(partition: &Partition) -> Self {
        DescribedPartition {
            partition: partition.index,
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
        }
    }
}

fn joined(ids: &[i32]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}

pub async fn run(arguments: &DescribeArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let mut topics = Vec::new();
    if arguments.names.is_empty() {
        let metadata = session.check(client.refresh_all_topics().await)?;
        topics.extend(metadata.topics.values().cloned());
    }
    for name in &arguments.names {
        topics.push(session.check(client.topic(name, false).await)?);
    }
    let mut described = Vec::new();
    for topic in &topics {
        let configs = own_configs(&client, session, &topic.name).await?;
        described.push(DescribedTopic::of(topic, configs));
    }
    let topics = Topics { topics: described };
    session.output.report(&topics).map(drop)
}

/// What is set on the topic itself.
async fn own_configs(
    client: &Client,
    session: &Session,
    name: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let resource = ConfigResource::Topic(name.to_owned());
    let entries = session.check(client.describe_configs(&resource).await)?;
    let own = entries
        .into_iter()
        .filter(|entry| entry.source == ConfigSource::Topic);
    Ok(own
        .map(|entry| (entry.name, entry.value.unwrap_or_default()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_kafkas_tool() {
        let topic = DescribedTopic {
            topic: "event.purchase".to_owned(),
            topic_id: "AAAAAAAAAAEAAAAAAAAAAg".to_owned(),
            internal: false,
            partition_count: 1,
            replication_factor: 2,
            configs: vec![("retention.ms".to_owned(), "1".to_owned())],
            partitions: vec![DescribedPartition {
                partition: 0,
                leader: Some(1),
                leader_epoch: 0,
                replicas: vec![1, 2],
                isr: vec![1],
            }],
        };
        let text = Topics {
            topics: vec![topic],
        }
        .text(Language::En);
        assert_eq!(
            text,
            "Topic: event.purchase\tTopicId: AAAAAAAAAAEAAAAAAAAAAg\tPartitionCount: 1\t\
             ReplicationFactor: 2\tConfigs: retention.ms=1\n\
             \tTopic: event.purchase\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1\n"
        );
    }
}
