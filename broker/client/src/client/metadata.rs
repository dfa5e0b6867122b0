//! What the client knows of the cluster: brokers, and the topics somebody
//! asked for, with their ids, leaders and epochs. A plain value; the client
//! swaps it whole.

use std::collections::BTreeMap;

use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_core::ids::TopicId;
use uuid::Uuid;

use crate::error_code::ErrorCode;

/// A broker and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its node id.
    pub id: i32,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: i32,
    /// Its rack, when it has one.
    pub rack: Option<String>,
}

impl Broker {
    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A topic as its brokers describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// The id of this life of the topic (KIP-516); zero from old brokers.
    pub id: TopicId,
    /// Whether the brokers keep it for themselves.
    pub is_internal: bool,
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
}

impl Topic {
    /// The partition with that index.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let place = self
            .partitions
            .binary_search_by_key(&index, |partition| partition.index);
        self.partitions.get(place.ok()?)
    }

    /// How many partitions there are.
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its place in the topic.
    pub index: i32,
    /// The broker that leads it, if any does.
    pub leader: Option<i32>,
    /// How many leaders it has had; −1 when unknown.
    pub leader_epoch: i32,
    /// Every replica's broker; the preferred leader comes first.
    pub replicas: Vec<i32>,
    /// The replicas that are in sync.
    pub isr: Vec<i32>,
    /// The replicas that are offline.
    pub offline: Vec<i32>,
}

/// The cluster, as last heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// A broker that passes on requests for the controller.
    pub controller: Option<i32>,
    /// By node id.
    pub brokers: BTreeMap<i32, Broker>,
    /// The topics that were asked for, by name.
    pub topics: BTreeMap<String, Topic>,
    /// Topics that were asked for and refused, and why.
    pub refused_topics: BTreeMap<String, ErrorCode>,
}

impl Metadata {
    /// The broker that leads the partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.topics.get(topic)?.partition(partition)?.leader
    }

    /// The name behind a topic id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Topic> {
        self.topics.values().find(|topic| topic.id == id)
    }

    /// What is known after `response`: brokers as it says, its topics replaced
    /// and the others kept.
    pub(crate) fn updated(&self, response: &MetadataResponse) -> Metadata {
        let mut updated = Metadata {
            cluster_id: response.cluster_id.as_ref().map(ToString::to_string),
            controller: Some(response.controller_id.0).filter(|id| *id >= 0),
            brokers: brokers(response),
            topics: self.topics.clone(),
            refused_topics: self.refused_topics.clone(),
        };
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let name = name.to_string();
            updated.topics.remove(&name);
            updated.refused_topics.remove(&name);
            match ErrorCode(topic.error_code).check() {
                Ok(()) => {
                    updated.topics.insert(name.clone(), topic_of(name, topic));
                }
                Err(code) => {
                    updated.refused_topics.insert(name, code);
                }
            }
        }
        updated
    }
}

fn brokers(response: &MetadataResponse) -> BTreeMap<i32, Broker> {
    let brokers = response.brokers.iter().map(|broker| {
        let known = Broker {
            id: broker.node_id.0,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.as_ref().map(ToString::to_string),
        };
        (known.id, known)
    });
    brokers.collect()
}

fn topic_of(name: String, topic: &MetadataResponseTopic) -> Topic {
    let mut partitions: Vec<_> = topic.partitions.iter().map(partition_of).collect();
    partitions.sort_by_key(|partition| partition.index);
    Topic {
        name,
        id: topic_id(topic.topic_id),
        is_internal: topic.is_internal,
        partitions,
    }
}

fn partition_of(partition: &MetadataResponsePartition) -> Partition {
    let ids = |nodes: &[kafka_protocol::messages::BrokerId]| nodes.iter().map(|id| id.0).collect();
    Partition {
        index: partition.partition_index,
        leader: Some(partition.leader_id.0).filter(|id| *id >= 0),
        leader_epoch: partition.leader_epoch,
        replicas: ids(&partition.replica_nodes),
        isr: ids(&partition.isr_nodes),
        offline: ids(&partition.offline_replicas),
    }
}

pub(crate) fn topic_id(id: Uuid) -> TopicId {
    TopicId(id.into_bytes())
}

pub(crate) fn uuid(id: TopicId) -> Uuid {
    Uuid::from_bytes(id.0)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn response(topic: &'static str, partitions: i32, error_code: i16) -> MetadataResponse {
        let partitions = (0..partitions)
            .rev()
            .map(|index| {
                MetadataResponsePartition::default()
                    .with_partition_index(index)
                    .with_leader_id((index - 1).into())
            })
            .collect();
        MetadataResponse::default().with_topics(vec![
            MetadataResponseTopic::default()
                .with_name(Some(StrBytes::from_static_str(topic).into()))
                .with_error_code(error_code)
                .with_partitions(partitions),
        ])
    }

    #[test]
    fn an_update_replaces_the_topics_it_names_and_keeps_the_others() {
        let known = Metadata::default()
            .updated(&response("a", 1, 0))
            .updated(&response("b", 2, 0))
            .updated(&response("a", 3, 0));
        assert_eq!(known.topics["a"].partitions.len(), 3);
        assert_eq!(known.topics["b"].partitions.len(), 2);
    }

    #[test]
    fn partitions_are_in_order_and_leader_minus_one_is_none() {
        let known = Metadata::default().updated(&response("a", 3, 0));
        assert_eq!(known.leader("a", 0), None);
        assert_eq!(known.leader("a", 2), Some(1));
        assert_eq!(known.leader("a", 3), None);
        assert_eq!(known.leader("a", -1), None);
    }

    #[test]
    fn a_refused_topic_is_forgotten_until_it_is_back() {
        let known = Metadata::default()
            .updated(&response("a", 1, 0))
            .updated(&response("a", 0, 3));
        assert!(known.topics.is_empty());
        assert_eq!(
            known.refused_topics["a"],
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        );
        assert!(
            known
                .updated(&response("a", 1, 0))
                .refused_topics
                .is_empty()
        );
    }

    #[test]
    fn an_ipv6_address_gets_brackets() {
        let mut broker = Broker {
            id: 0,
            host: "::1".to_owned(),
            port: 9092,
            rack: None,
        };
        assert_eq!(broker.address(), "[::1]:9092");
        broker.host = "localhost".to_owned();
        assert_eq!(broker.address(), "localhost:9092");
    }
}
