//! Making, growing, deleting and describing topics.

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeTopicPartitionsRequest, MetadataRequest,
};

use super::{Draft, PARTITIONS, TOPICS, configs, producing, text};

/// What every script begins with: two topics, the second one with settings
/// that change what may be written to it, and producer ids.
pub fn create_at_start(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::CreateTopics)?;
    let settings = draft.dice.pick(configs::SETTINGS);
    let configs = settings
        .iter()
        .map(|(name, value)| config(name, Some(value)));
    let plain = CreatableTopic::default()
        .with_name(text(&draft.names.topic(0)).into())
        .with_num_partitions(PARTITIONS)
        .with_replication_factor(1);
    let special = CreatableTopic::default()
        .with_name(text(&draft.names.topic(1)).into())
        .with_num_partitions(1)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![plain, special])
        .with_timeout_ms(10_000);
    draft.push(0, version, request);
    producing::init_every_producer(draft)
}

fn config(name: &str, value: Option<&str>) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(text(name))
        .with_value(value.map(text))
}

pub fn create_topics(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::CreateTopics)?;
    let client = draft.client();
    let mut topics = vec![creatable(draft)];
    if draft.dice.once_in(4) {
        let again = if draft.dice.once_in(2) {
            topics[0].clone()
        } else {
            creatable(draft)
        };
        topics.push(again);
    }
    let request = CreateTopicsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(draft.dice.pick(&[10_000, 10_000, 10_000, 5_000]))
        .with_validate_only(draft.dice.once_in(4));
    draft.push(client, version, request);
    Some(())
}

fn creatable(draft: &mut Draft<'_>) -> CreatableTopic {
    let mut topic = CreatableTopic::default()
        .with_name(name_to_create(draft))
        .with_num_partitions(draft.dice.pick(&[1, 1, 2, 3, 0, -1, -2]))
        .with_replication_factor(draft.dice.pick(&[1, 1, 1, 1, -1, 0, 2, -2]));
    if draft.dice.once_in(4) {
        if draft.dice.once_in(2) {
            topic.num_partitions = -1;
            topic.replication_factor = -1;
        }
        topic.assignments = assignments(draft);
    }
    if draft.dice.once_in(2) {
        let (name, value) = configs::drawn(draft);
        topic.configs.push(config(name, value));
    }
    topic
}

fn name_to_create(draft: &mut Draft<'_>) -> kafka_protocol::messages::TopicName {
    let prefix = draft.names.prefix().to_owned();
    let name = match draft.dice.below(14) {
        0 => format!("{prefix}not/legal"),
        1 => String::new(),
        2 => ".".to_owned(),
        3 => format!("{prefix}{}", "x".repeat(250)),
        4 => "__consumer_offsets".to_owned(),
        // What metrics call both of these is the same.
        5 => format!("{prefix}t.x"),
        6 => format!("{prefix}t_x"),
        _ => draft.names.topic(draft.dice.below(TOPICS)),
    };
    text(&name).into()
}

fn assignments(draft: &mut Draft<'_>) -> Vec<CreatableReplicaAssignment> {
    let one = |partition, brokers: &[i32]| {
        CreatableReplicaAssignment::default()
            .with_partition_index(partition)
            .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
    };
    match draft.dice.below(7) {
        0 => vec![one(0, &[1]), one(1, &[1])],
        1 => vec![one(0, &[1]), one(0, &[1])],
        2 => vec![one(0, &[1]), one(2, &[1])],
        3 => vec![one(0, &[9])],
        4 => vec![one(0, &[1, 1])],
        5 => vec![one(0, &[])],
        _ => vec![one(0, &[1])],
    }
}

pub fn create_partitions(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::CreatePartitions)?;
    let client = draft.client();
    let mut topic = CreatePartitionsTopic::default()
        .with_name(draft.topic_name())
        .with_count(draft.dice.pick(&[3, 4, 2, 1, 0, -1, 3]));
    if draft.dice.once_in(3) {
        let one = |brokers: &[i32]| {
            CreatePartitionsAssignment::default()
                .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
        };
        topic.assignments = Some(match draft.dice.below(5) {
            0 => vec![one(&[1])],
            1 => vec![one(&[9])],
            2 => vec![one(&[])],
            3 => vec![],
            _ => vec![one(&[1]), one(&[1])],
        });
    }
    let mut topics = vec![topic];
    if draft.dice.once_in(8) {
        topics.push(topics[0].clone());
    }
    let request = CreatePartitionsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(10_000)
        .with_validate_only(draft.dice.once_in(4));
    draft.push(client, version, request);
    Some(())
}

pub fn delete_topics(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DeleteTopics)?;
    let client = draft.client();
    let mut request = DeleteTopicsRequest::default().with_timeout_ms(10_000);
    let count = draft.dice.pick(&[1, 1, 1, 2]);
    for _ in 0..count {
        if version < 6 {
            request.topic_names.push(draft.topic_name());
            continue;
        }
        let mut state = DeleteTopicState::default();
        if draft.dice.once_in(2) {
            state.topic_id = draft.topic_id();
        }
        if state.topic_id.is_nil() || draft.dice.once_in(8) {
            state.name = Some(draft.topic_name());
        }
        request.topics.push(state);
    }
    draft.push(client, version, request);
    Some(())
}

/// The same name, another topic: what knew the old one by its id must notice.
pub fn delete_and_create_again(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DeleteTopics)?.min(5);
    let number = draft.dice.below(2);
    let name: kafka_protocol::messages::TopicName = text(&draft.names.topic(number)).into();
    let request = DeleteTopicsRequest::default()
        .with_topic_names(vec![name.clone()])
        .with_timeout_ms(10_000);
    draft.push(0, version, request);
    let version = draft.version(ApiKey::CreateTopics)?;
    let topic = CreatableTopic::default()
        .with_name(name)
        .with_num_partitions(draft.dice.pick(&[1, 2]))
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(10_000);
    draft.push(0, version, request);
    draft.sequences.clear();
    Some(())
}

pub fn metadata(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::Metadata)?;
    let client = draft.client();
    let mut request = MetadataRequest::default().with_allow_auto_topic_creation(true);
    if version >= 4 {
        request.allow_auto_topic_creation = draft.dice.once_in(3);
    }
    if version >= 8 {
        request.include_topic_authorized_operations = draft.dice.once_in(4);
    }
    if (8..=10).contains(&version) {
        request.include_cluster_authorized_operations = draft.dice.once_in(4);
    }
    request.topics = match draft.dice.below(8) {
        0 => Some(Vec::new()),
        1 if version >= 1 => None,
        _ => {
            let count = draft.dice.pick(&[1, 1, 2]);
            Some((0..count).map(|_| metadata_topic(draft, version)).collect())
        }
    };
    draft.push(client, version, request);
    Some(())
}

fn metadata_topic(draft: &mut Draft<'_>, version: i16) -> MetadataRequestTopic {
    let mut topic = MetadataRequestTopic::default();
    if version >= 10 && draft.dice.once_in(2) {
        topic.topic_id = draft.topic_id();
    }
    if topic.topic_id.is_nil() || draft.dice.once_in(6) {
        topic.name = Some(draft.topic_name());
    }
    topic
}

pub fn describe_topic_partitions(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DescribeTopicPartitions)?;
    let client = draft.client();
    let count = draft.dice.pick(&[1, 1, 2, 3]);
    let topics = (0..count).map(|_| TopicRequest::default().with_name(draft.topic_name()));
    let topics = topics.collect();
    let mut request = DescribeTopicPartitionsRequest::default()
        .with_topics(topics)
        .with_response_partition_limit(draft.dice.pick(&[2_000, 2_000, 1, 2, 0, -1]));
    if draft.dice.once_in(4) {
        let cursor = Cursor::default()
            .with_topic_name(draft.topic_name())
            .with_partition_index(draft.dice.pick(&[0, 1, 5, -1]));
        request.cursor = Some(cursor);
    }
    draft.push(client, version, request);
    Some(())
}
