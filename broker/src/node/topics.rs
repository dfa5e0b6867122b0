//! What a node does to topics: decides with the core, writes to the metadata
//! log, and brings its partitions in line.

use std::sync::Arc;

use ottla_core::config::{BrokerConfigs, TopicConfig};
use ottla_core::controller::{
    ConfigResource, CreateTopic, CreateTopicError, CreatedTopic, MetadataImage, MetadataRecord,
    TopicDefaults, TopicImage, decide_create_topic, decide_delete_topic, limit_partitions,
};
use ottla_core::ids::{LeaderEpoch, PartitionIndex, TopicId};
use ottla_core::time::Now;
use uuid::Uuid;

use super::Node;
use super::metadata::{Committed, Draft, MetadataError, Proposal};
use super::partition::PartitionSettings;
use super::partitions::folder_name;
use crate::storage::Log;

/// One result a topic, in the order they were asked for.
pub(crate) type CreateResults = Vec<Result<CreatedTopic, CreateTopicError>>;

impl Node {
    /// Decides and writes one proposal to the metadata. It is seen once it is
    /// committed: at once where nothing has to be synced.
    pub(crate) fn propose<T>(
        self: &Arc<Node>,
        now: Now,
        decide: impl FnOnce(&mut Draft) -> T,
    ) -> Result<(T, Committed), MetadataError> {
        let (decided, is_committed) = self.metadata.propose(now, decide)?;
        if is_committed {
            self.publish();
        }
        Ok((decided, self.metadata.committed()?))
    }

    /// Lets everybody see what was committed. May block on the disk.
    pub(super) fn publish(self: &Arc<Node>) {
        let apply = |proposal: &Proposal| self.apply(&proposal.image, &proposal.records);
        let after = |before: &MetadataImage, proposal: &Proposal| {
            let removed = proposal.records.iter().filter_map(|record| match record {
                MetadataRecord::RemoveTopic { topic_id } => before.topic_by_id(*topic_id).cloned(),
                _ => None,
            });
            let removed: Vec<_> = removed.collect();
            if !removed.is_empty() {
                self.forget_offsets_of(self.clock.now(), &removed);
            }
            self.changes.tell();
        };
        self.metadata.publish(apply, after);
    }

    /// Creates those topics that can be created.
    pub(crate) fn create_topics(
        self: &Arc<Node>,
        now: Now,
        wanted: &[CreateTopic],
    ) -> Result<(CreateResults, Committed), MetadataError> {
        if let Err(too_many) = limit_partitions(self.topic_defaults(), wanted) {
            return Ok((refuse_all(wanted, &too_many), Committed::default()));
        }
        self.propose(now, |draft| {
            let mut create = |topic| {
                let (records, created) = self.decide_create(draft.image(), topic)?;
                draft.write(records);
                Ok(created)
            };
            wanted.iter().map(&mut create).collect()
        })
    }

    /// Says what creating these topics would do, each on its own.
    pub(crate) fn validate_topics(&self, wanted: &[CreateTopic]) -> CreateResults {
        if let Err(too_many) = limit_partitions(self.topic_defaults(), wanted) {
            return refuse_all(wanted, &too_many);
        }
        let image = self.metadata.image();
        let validate = |topic| {
            self.decide_create(&image, topic)
                .map(|(_, created)| created)
        };
        wanted.iter().map(validate).collect()
    }

    fn decide_create(
        &self,
        image: &MetadataImage,
        topic: &CreateTopic,
    ) -> Result<(Vec<MetadataRecord>, CreatedTopic), CreateTopicError> {
        decide_create_topic(
            image,
            &[self.config.node_id],
            self.topic_defaults(),
            new_topic_id(),
            topic,
        )
    }

    fn topic_defaults(&self) -> TopicDefaults {
        let properties = &self.config.properties;
        TopicDefaults {
            partitions: properties.number("num.partitions") as i32,
            replication_factor: properties.number("default.replication.factor") as i16,
        }
    }

    /// The topic that is made when a client asks for one that is not there.
    pub(crate) fn automatic_topic(&self, name: &str) -> CreateTopic {
        if name == OFFSETS_TOPIC {
            return self.offsets_topic();
        }
        CreateTopic {
            name: Arc::from(name),
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: Vec::new(),
        }
    }

    /// `__consumer_offsets` as Kafka makes it on first use.
    pub(crate) fn offsets_topic(&self) -> CreateTopic {
        let properties = &self.config.properties;
        let segment_bytes = properties.number("offsets.topic.segment.bytes").to_string();
        let config = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        CreateTopic {
            name: Arc::from(OFFSETS_TOPIC),
            partitions: properties.number("offsets.topic.num.partitions") as i32,
            // As many as there are brokers, up to what was asked for.
            replication_factor: 1,
            assignments: Vec::new(),
            configs: vec![
                config("cleanup.policy", "compact"),
                config("compression.type", "producer"),
                config("segment.bytes", &segment_bytes),
            ],
        }
    }

    /// Deletes topics and closes their partitions.
    pub(crate) fn delete_topics(
        self: &Arc<Node>,
        now: Now,
        doomed: &[Arc<TopicImage>],
    ) -> Result<Committed, MetadataError> {
        let ((), committed) = self.propose(now, |draft| {
            for topic in doomed {
                // Another request may have been faster.
                if draft.image().topic_by_id(topic.id).is_some() {
                    draft.write(decide_delete_topic(topic));
                }
            }
        })?;
        Ok(committed)
    }

    /// Deletes every topic, groups and their offsets with it, and creates
    /// `wanted`: one proposal, so that nobody sees a part of it. Blocks on the
    /// disk.
    pub(crate) fn begin_anew(
        self: &Arc<Node>,
        now: Now,
        wanted: &[CreateTopic],
    ) -> Result<(CreateResults, Committed), MetadataError> {
        self.propose(now, |draft| {
            let doomed: Vec<_> = draft.image().topics().cloned().collect();
            for topic in doomed {
                draft.write(decide_delete_topic(&topic));
            }
            let mut create = |topic| {
                let (records, created) = self.decide_create(draft.image(), topic)?;
                draft.write(records);
                Ok(created)
            };
            wanted.iter().map(&mut create).collect()
        })
    }

    /// The properties of this broker, those set while it ran included.
    pub(crate) fn broker_configs(&self) -> BrokerConfigs {
        let image = self.metadata.image();
        BrokerConfigs {
            fixed: self.config.properties.fixed.clone(),
            dynamic: image.broker_configs(&self.config.node_id.to_string()),
            dynamic_default: image.broker_configs(""),
        }
    }

    /// Brings partitions in line with `records`, which made `image`.
    fn apply(&self, image: &MetadataImage, records: &[MetadataRecord]) {
        // A topic's partitions come one after the other, and there may be many.
        let mut of_topic: Option<(TopicId, Arc<PartitionSettings>)> = None;
        for record in records {
            match record {
                MetadataRecord::Partition {
                    topic_id,
                    index,
                    partition,
                } => {
                    if let Some(topic) = image.topic_by_id(*topic_id) {
                        let known = of_topic.take_if(|(id, _)| *id == topic.id);
                        let known =
                            known.unwrap_or_else(|| (topic.id, self.partition_settings(topic)));
                        self.open_partition(topic, &known.1, *index, partition.leader_epoch);
                        of_topic = Some(known);
                    }
                }
                MetadataRecord::RemoveTopic { topic_id } => self.close_topic(*topic_id),
                MetadataRecord::Config {
                    resource: ConfigResource::Topic(name),
                    ..
                } => {
                    if let Some(topic) = image.topic(name) {
                        self.partitions
                            .configure(topic.id, &self.partition_settings(topic));
                    }
                }
                MetadataRecord::Topic { .. }
                | MetadataRecord::Config { .. }
                | MetadataRecord::ProducerIds { .. } => {}
            }
        }
    }

    pub(super) fn open_partition(
        &self,
        topic: &TopicImage,
        settings: &Arc<PartitionSettings>,
        index: PartitionIndex,
        leader_epoch: LeaderEpoch,
    ) {
        let (name, settings) = (&topic.name, Arc::clone(settings));
        self.partitions
            .open(name, topic.id, index, leader_epoch, settings);
    }

    fn close_topic(&self, id: TopicId) {
        let logs = self.partitions.delete_topic(id);
        // After its partitions, so that no shard can be made on one of them.
        self.coordinators.forget(id);
        let removed = logs.len();
        logs.into_iter().for_each(Log::remove);
        // Not published yet: the image is the one that still has the topic.
        if let Some(topic) = self.metadata.image().topic_by_id(id)
            && removed < topic.partitions.len()
        {
            // A partition that is offline has no log, but may have files, which
            // a topic made again under this name must not find.
            for index in 0..topic.partitions.len() as i32 {
                let folder = folder_name(&topic.name, PartitionIndex(index));
                self.storage.remove_stray(&folder);
            }
        }
    }

    /// What applies to the partitions of `topic`.
    pub(super) fn partition_settings(&self, topic: &TopicImage) -> Arc<PartitionSettings> {
        let properties = &self.config.properties;
        Arc::new(PartitionSettings::new(
            &TopicConfig::resolve(properties, &topic.configs),
            properties.number("producer.id.expiration.ms"),
            properties.is_on("ottla.validate.compressed"),
        ))
    }
}

fn refuse_all(wanted: &[CreateTopic], error: &CreateTopicError) -> CreateResults {
    wanted.iter().map(|_| Err(error.clone())).collect()
}

/// Where committed offsets and groups live.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A random id. Kafka leaves out ids whose text begins with a dash, because
/// command lines would take them for options.
fn new_topic_id() -> TopicId {
    loop {
        let id = TopicId(Uuid::new_v4().into_bytes());
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}
