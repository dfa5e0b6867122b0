//! Creating, growing and deleting topics.

use std::sync::Arc;

use super::image::{MetadataImage, PartitionImage, TopicImage};
use super::record::MetadataRecord;
use super::topic_name::{TopicNameError, validate_topic_name};
use crate::config::{ConfigError, Overrides, TOPIC_CONFIGS, check_topic_configs, find_definition};
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, TopicId};

/// One request may not ask for more: Kafka's controller has the same limit.
const PARTITIONS_PER_REQUEST_MAX: i32 = 10_000;

/// Topics that the brokers write; clients may read them, not change them.
pub fn is_internal_topic(name: &str) -> bool {
    matches!(
        name,
        "__consumer_offsets" | "__transaction_state" | "__share_group_state"
    )
}

/// The metadata log's own name: not a topic that anybody can make, since its
/// folder is that of the log every other topic is recorded in.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A topic somebody wants. Numbers are as on the wire: −1 asks for defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// The topic's name.
    pub name: Arc<str>,
    /// How many partitions; −1: `num.partitions`, or one per assignment.
    pub partitions: i32,
    /// How many replicas each; −1: `default.replication.factor`.
    pub replication_factor: i16,
    /// Replicas by partition, when the client places them itself.
    pub assignments: Vec<(PartitionIndex, Vec<NodeId>)>,
    /// Properties to set; a null value means the default.
    pub configs: Vec<(String, Option<String>)>,
}

/// What was decided about a topic, for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// The new topic's id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each.
    pub replication_factor: i16,
    /// What was set on it.
    pub configs: Overrides,
}

/// Why a topic was not created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateTopicError {
    /// The name is not a topic name.
    #[error(transparent)]
    Name(#[from] TopicNameError),
    /// The name is the metadata log's.
    #[error("Creation of internal topic {METADATA_TOPIC} is prohibited.")]
    MetadataTopic,
    /// The name is as good as taken.
    #[error("Topic '{new}' collides with existing topic: {existing}")]
    Collision {
        /// The name asked for.
        new: Arc<str>,
        /// The topic that has it, but for `.` and `_`.
        existing: Arc<str>,
    },
    /// The name is taken.
    #[error("Topic '{0}' already exists.")]
    AlreadyExists(Arc<str>),
    /// Zero or negative partitions.
    #[error("Number of partitions was set to an invalid non-positive value.")]
    Partitions,
    /// More partitions than one request may make.
    #[error("Excessively large number of partitions per request.")]
    TooManyPartitions,
    /// Zero or negative replicas, or more than there are brokers.
    #[error(
        "Unable to replicate the partition {wanted} time(s): The target replication factor of \
         {wanted} cannot be reached because only {brokers} broker(s) are registered."
    )]
    ReplicationFactor {
        /// Replicas asked for.
        wanted: i16,
        /// Brokers there are.
        brokers: usize,
    },
    /// The manual placement makes no sense.
    #[error("{0}")]
    Assignment(String),
    /// Placement and numbers were both given.
    #[error("A manual partition assignment was specified, but {0} was not set to -1.")]
    AssignmentAndNumbers(&'static str),
    /// A property is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What applies when a request asks for defaults.
#[derive(Clone, Copy, Debug)]
pub struct TopicDefaults {
    /// `num.partitions`
    pub partitions: i32,
    /// `default.replication.factor`
    pub replication_factor: i16,
}

/// Refuses a request whose topics have more partitions in all than one request
/// may make. To be asked before any of them is decided: a short request could
/// otherwise fill the memory.
pub fn limit_partitions(
    defaults: TopicDefaults,
    wanted: &[CreateTopic],
) -> Result<(), CreateTopicError> {
    let partitions = |topic: &CreateTopic| match (topic.assignments.len(), topic.partitions) {
        (0, -1) => i64::from(defaults.partitions),
        (0, given) => i64::from(given.max(0)),
        (assigned, _) => assigned as i64,
    };
    let in_all: i64 = wanted.iter().map(partitions).sum();
    if in_all > i64::from(PARTITIONS_PER_REQUEST_MAX) {
        return Err(CreateTopicError::TooManyPartitions);
    }
    Ok(())
}

/// Decides a new topic on `brokers`. `id` is drawn by the shell.
pub fn decide_create_topic(
    image: &MetadataImage,
    brokers: &[NodeId],
    defaults: TopicDefaults,
    id: TopicId,
    request: &CreateTopic,
) -> Result<(Vec<MetadataRecord>, CreatedTopic), CreateTopicError> {
    validate_topic_name(&request.name)?;
    if &*request.name == METADATA_TOPIC {
        return Err(CreateTopicError::MetadataTopic);
    }
    refuse_taken_name(image, &request.name)?;
    let configs = overrides(&request.configs)?;
    let placement = match request.assignments.as_slice() {
        [] => automatic_placement(brokers, defaults, request)?,
        assignments => manual_placement(brokers, request, assignments)?,
    };
    let created = CreatedTopic {
        id,
        partitions: placement.len() as i32,
        replication_factor: placement[0].len() as i16,
        configs,
    };
    Ok((
        records_of(request, id, &placement, &created.configs),
        created,
    ))
}

fn refuse_taken_name(image: &MetadataImage, name: &Arc<str>) -> Result<(), CreateTopicError> {
    if image.topic(name).is_some() {
        return Err(CreateTopicError::AlreadyExists(Arc::clone(name)));
    }
    match image.colliding_with(name) {
        Some(existing) => Err(CreateTopicError::Collision {
            new: Arc::clone(name),
            existing: Arc::clone(existing),
        }),
        None => Ok(()),
    }
}

fn automatic_placement(
    brokers: &[NodeId],
    defaults: TopicDefaults,
    request: &CreateTopic,
) -> Result<Vec<Vec<NodeId>>, CreateTopicError> {
    let partitions = match request.partitions {
        -1 => defaults.partitions,
        given => given,
    };
    let replication_factor = match request.replication_factor {
        -1 => defaults.replication_factor,
        given => given,
    };
    let wanted = usize::try_from(replication_factor).unwrap_or(0);
    let unreachable = || CreateTopicError::ReplicationFactor {
        wanted: replication_factor,
        brokers: brokers.len(),
    };
    // In Kafka's order: what no cluster could do, then what this one cannot.
    if wanted == 0 {
        return Err(unreachable());
    }
    if partitions < 1 {
        return Err(CreateTopicError::Partitions);
    }
    if partitions > PARTITIONS_PER_REQUEST_MAX {
        return Err(CreateTopicError::TooManyPartitions);
    }
    if wanted > brokers.len() {
        return Err(unreachable());
    }
    Ok((0..partitions as usize)
        .map(|first| place(brokers, first, wanted))
        .collect())
}

/// `count` brokers from `first` on, round and round: leaders are spread evenly.
fn place(brokers: &[NodeId], first: usize, count: usize) -> Vec<NodeId> {
    (first..first + count)
        .map(|position| brokers[position % brokers.len()])
        .collect()
}

fn manual_placement(
    brokers: &[NodeId],
    request: &CreateTopic,
    assignments: &[(PartitionIndex, Vec<NodeId>)],
) -> Result<Vec<Vec<NodeId>>, CreateTopicError> {
    if request.replication_factor != -1 {
        return Err(CreateTopicError::AssignmentAndNumbers("replication factor"));
    }
    if request.partitions != -1 {
        return Err(CreateTopicError::AssignmentAndNumbers("partitions"));
    }
    let mut by_index = assignments.to_vec();
    by_index.sort();
    let expected = (0..by_index.len() as i32).map(PartitionIndex);
    if !by_index.iter().map(|(index, _)| *index).eq(expected) {
        return Err(CreateTopicError::Assignment(
            "partitions should be a consecutive 0-based integer sequence".to_owned(),
        ));
    }
    let placement: Vec<_> = by_index.into_iter().map(|(_, replicas)| replicas).collect();
    for replicas in &placement {
        validate_replicas(brokers, replicas).map_err(CreateTopicError::Assignment)?;
        if replicas.len() != placement[0].len() {
            return Err(CreateTopicError::Assignment(
                "every partition must have the same number of replicas".to_owned(),
            ));
        }
    }
    Ok(placement)
}

fn validate_replicas(brokers: &[NodeId], replicas: &[NodeId]) -> Result<(), String> {
    if replicas.is_empty() {
        return Err("the manual partition assignment includes an empty replica list".to_owned());
    }
    for (position, replica) in replicas.iter().enumerate() {
        if !brokers.contains(replica) {
            return Err(format!(
                "the manual partition assignment includes broker {replica}, \
                 but no such broker is registered"
            ));
        }
        if replicas[..position].contains(replica) {
            return Err(format!(
                "the manual partition assignment includes the broker {replica} more than once"
            ));
        }
    }
    Ok(())
}

fn overrides(configs: &[(String, Option<String>)]) -> Result<Overrides, ConfigError> {
    let mut overrides = Overrides::default();
    for (name, value) in configs {
        let Some(value) = value else {
            return Err(ConfigError::InvalidValue {
                name: find_definition(TOPIC_CONFIGS, name)?.name,
                value: "null".to_owned(),
                reason: "null is no value".to_owned(),
            });
        };
        overrides.set(TOPIC_CONFIGS, name, value)?;
    }
    check_topic_configs(&overrides)?;
    Ok(overrides)
}

fn records_of(
    request: &CreateTopic,
    id: TopicId,
    placement: &[Vec<NodeId>],
    configs: &Overrides,
) -> Vec<MetadataRecord> {
    let topic = MetadataRecord::Topic {
        name: Arc::clone(&request.name),
        id,
    };
    let partitions = placement
        .iter()
        .enumerate()
        .map(|(index, replicas)| new_partition(id, PartitionIndex(index as i32), replicas));
    let configs = configs.iter().map(|(name, value)| MetadataRecord::Config {
        resource: super::ConfigResource::Topic(Arc::clone(&request.name)),
        name: name.into(),
        value: Some(value.into()),
    });
    std::iter::once(topic)
        .chain(partitions)
        .chain(configs)
        .collect()
}

fn new_partition(topic_id: TopicId, index: PartitionIndex, replicas: &[NodeId]) -> MetadataRecord {
    let leader = replicas.first().copied();
    let replicas: Arc<[NodeId]> = replicas.into();
    let partition = PartitionImage {
        isr: Arc::clone(&replicas),
        leader,
        replicas,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: 0,
    };
    MetadataRecord::Partition {
        topic_id,
        index,
        partition,
    }
}

/// Decides the end of a topic.
pub fn decide_delete_topic(topic: &TopicImage) -> Vec<MetadataRecord> {
    vec![MetadataRecord::RemoveTopic { topic_id: topic.id }]
}

/// Why partitions were not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreatePartitionsError {
    /// Partitions can only be added.
    #[error(
        "The topic {name} currently has {current} partition(s); {wanted} would not be an increase."
    )]
    NotAnIncrease {
        /// The topic.
        name: Arc<str>,
        /// Partitions it has.
        current: i32,
        /// Partitions asked for.
        wanted: i32,
    },
    /// More partitions than one request may make.
    #[error("Excessively large number of partitions per request.")]
    TooManyPartitions,
    /// The manual placement makes no sense.
    #[error("{0}")]
    Assignment(String),
}

/// Refuses a request that adds more partitions in all than one may: `wanted`
/// are names of topics and how many partitions each is to have.
pub fn limit_added_partitions<'a>(
    image: &MetadataImage,
    wanted: impl Iterator<Item = (&'a str, i32)>,
) -> Result<(), CreatePartitionsError> {
    let added = |(name, count): (&str, i32)| {
        let topic = image.topic(name);
        topic.map_or(0, |topic| {
            (i64::from(count) - topic.partitions.len() as i64).max(0)
        })
    };
    let in_all: i64 = wanted.map(added).sum();
    if in_all > i64::from(PARTITIONS_PER_REQUEST_MAX) {
        return Err(CreatePartitionsError::TooManyPartitions);
    }
    Ok(())
}

/// Decides more partitions for a topic: `wanted` in all, the new ones placed by
/// `assignments` or automatically when that is empty.
pub fn decide_create_partitions(
    topic: &TopicImage,
    brokers: &[NodeId],
    wanted: i32,
    assignments: Option<&[Vec<NodeId>]>,
) -> Result<Vec<MetadataRecord>, CreatePartitionsError> {
    let current = topic.partitions.len() as i32;
    if wanted <= current {
        let name = Arc::clone(&topic.name);
        return Err(CreatePartitionsError::NotAnIncrease {
            name,
            current,
            wanted,
        });
    }
    if wanted - current > PARTITIONS_PER_REQUEST_MAX {
        return Err(CreatePartitionsError::TooManyPartitions);
    }
    let replica_count = topic.partitions[0].replicas.len();
    let placement = match assignments {
        None => (current..wanted)
            .map(|index| place(brokers, index as usize, replica_count.min(brokers.len())))
            .collect(),
        Some(given) => added_placement(brokers, given, (wanted - current) as usize, replica_count)?,
    };
    let records = (current..wanted)
        .zip(placement)
        .map(|(index, replicas)| new_partition(topic.id, PartitionIndex(index), &replicas));
    Ok(records.collect())
}

fn added_placement(
    brokers: &[NodeId],
    given: &[Vec<NodeId>],
    added: usize,
    replica_count: usize,
) -> Result<Vec<Vec<NodeId>>, CreatePartitionsError> {
    let problem = |text: String| Err(CreatePartitionsError::Assignment(text));
    if given.len() != added {
        return problem(format!(
            "Attempted to add {added} additional partition(s), but only {} assignment(s) were \
             specified.",
            given.len()
        ));
    }
    for replicas in given {
        validate_replicas(brokers, replicas).map_err(CreatePartitionsError::Assignment)?;
        if replicas.len() != replica_count {
            return problem(format!(
                "The manual partition assignment includes a partition with {} replica(s), but \
                 this is not consistent with previous partitions, which have {replica_count} \
                 replica(s).",
                replicas.len()
            ));
        }
    }
    Ok(given.to_vec())
}

#[cfg(test)]
mod tests;
