//! What the cluster knows: an immutable picture that readers share.
//!
//! The maps are persistent: a change copies the path to one entry, so a new
//! image costs the same with ten topics or ten thousand.

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use super::configs::ConfigResource;
use super::record::MetadataRecord;
use super::topic_name::metric_name;
use crate::config::{BROKER_CONFIGS, Overrides, TOPIC_CONFIGS};
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, TopicId};

/// The cluster's metadata after some record of the metadata log.
#[derive(Clone, Debug, Default)]
pub struct MetadataImage {
    topics: RedBlackTreeMapSync<Arc<str>, Arc<TopicImage>>,
    names: RedBlackTreeMapSync<TopicId, Arc<str>>,
    /// Names that others may collide with, by what their metrics are called.
    metric_names: RedBlackTreeMapSync<String, Arc<str>>,
    /// Dynamic configuration of one broker, or of all under the empty name.
    broker_configs: RedBlackTreeMapSync<Arc<str>, Overrides>,
    next_producer_id: i64,
    topics_version: u64,
}

/// One topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicImage {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id.
    pub id: TopicId,
    /// By partition index, without holes.
    pub partitions: Vec<PartitionImage>,
    /// Properties set on the topic.
    pub configs: Overrides,
}

/// One partition: where it lives and who leads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// All replicas, the preferred leader first.
    pub replicas: Arc<[NodeId]>,
    /// The replicas in sync with the leader.
    pub isr: Arc<[NodeId]>,
    /// Who leads, if anybody.
    pub leader: Option<NodeId>,
    /// Counts leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes of any kind.
    pub partition_epoch: i32,
}

impl PartitionImage {
    /// Keeps one list where two are equal: most partitions of a topic have the
    /// same replicas, and all of them in sync.
    fn share_nodes_of(&mut self, other: &PartitionImage) {
        if self.replicas == other.replicas {
            self.replicas = Arc::clone(&other.replicas);
        }
        if self.isr == self.replicas {
            self.isr = Arc::clone(&self.replicas);
        }
    }
}

impl MetadataImage {
    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// The topic of that id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topic(self.names.get(&id)?)
    }

    /// The other topic whose name differs from this one in `.` and `_` only.
    pub(super) fn colliding_with(&self, name: &str) -> Option<&Arc<str>> {
        let existing = self.metric_names.get(&metric_name(name)?)?;
        (**existing != *name).then_some(existing)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topics.values()
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.size()
    }

    /// The first producer id that nobody was given.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Grows with every change of topics and their partitions: equal versions
    /// have equal topics.
    pub fn topics_version(&self) -> u64 {
        self.topics_version
    }

    /// Properties set while the cluster ran: of the broker with that id as
    /// text, or of every broker under the empty name.
    pub fn broker_configs(&self, broker: &str) -> Overrides {
        self.broker_configs.get(broker).cloned().unwrap_or_default()
    }

    /// The only way the image changes.
    ///
    /// A record about a topic that is not there changes nothing: its removal
    /// came before it in the log.
    pub fn replay(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::Topic { name, id } => self.add_topic(name, *id),
            MetadataRecord::Partition {
                topic_id,
                index,
                partition,
            } => {
                self.topics_version += 1;
                self.set_partition(*topic_id, *index, partition);
            }
            MetadataRecord::RemoveTopic { topic_id } => {
                self.topics_version += 1;
                self.remove_topic(*topic_id);
            }
            MetadataRecord::Config {
                resource,
                name,
                value,
            } => {
                self.set_config(resource, name, value.as_deref());
            }
            MetadataRecord::ProducerIds {
                next_producer_id, ..
            } => {
                self.next_producer_id = *next_producer_id;
            }
        }
    }

    fn add_topic(&mut self, name: &Arc<str>, id: TopicId) {
        let topic = TopicImage {
            name: Arc::clone(name),
            id,
            partitions: Vec::new(),
            configs: Overrides::default(),
        };
        self.topics.insert_mut(Arc::clone(name), Arc::new(topic));
        self.names.insert_mut(id, Arc::clone(name));
        if let Some(metric_name) = metric_name(name) {
            self.metric_names.insert_mut(metric_name, Arc::clone(name));
        }
    }

    fn set_partition(&mut self, id: TopicId, index: PartitionIndex, partition: &PartitionImage) {
        self.change_topic(id, |topic| {
            let position = index.0 as usize;
            if let Some(known) = topic.partitions.get_mut(position) {
                known.clone_from(partition);
            } else if position == topic.partitions.len() {
                // The controller writes partitions in order: only the next one
                // can be new.
                let mut partition = partition.clone();
                if let Some(last) = topic.partitions.last() {
                    partition.share_nodes_of(last);
                }
                topic.partitions.push(partition);
            }
        });
    }

    fn remove_topic(&mut self, id: TopicId) {
        if let Some(name) = self.names.get(&id).cloned() {
            self.topics.remove_mut(&name);
            self.names.remove_mut(&id);
            if let Some(metric_name) = metric_name(&name) {
                self.metric_names.remove_mut(&metric_name);
            }
        }
    }

    fn set_config(&mut self, resource: &ConfigResource, name: &str, value: Option<&str>) {
        match resource {
            ConfigResource::Topic(topic_name) => {
                let id = self.topic(topic_name).map(|topic| topic.id);
                if let Some(id) = id {
                    self.change_topic(id, |topic| {
                        change(&mut topic.configs, TOPIC_CONFIGS, name, value);
                    });
                }
            }
            ConfigResource::Broker(broker) => {
                let mut overrides = self.broker_configs(broker);
                change(&mut overrides, BROKER_CONFIGS, name, value);
                self.broker_configs
                    .insert_mut(Arc::clone(broker), overrides);
            }
        }
    }

    fn change_topic(&mut self, id: TopicId, change: impl FnOnce(&mut TopicImage)) {
        let Some(name) = self.names.get(&id) else {
            return;
        };
        if let Some(topic) = self.topics.get_mut(name) {
            change(Arc::make_mut(topic));
        }
    }
}

fn change(
    overrides: &mut Overrides,
    table: &'static [crate::config::ConfigDefinition],
    name: &str,
    value: Option<&str>,
) {
    match value {
        // A property that an older or newer release wrote and this one does not
        // know has no effect here; the record stays in the log.
        Some(value) => drop(overrides.set(table, name, value)),
        None => overrides.remove(name),
    }
}
