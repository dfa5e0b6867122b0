//! The requests these tests send, by topic and partition.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    CreateTopicsRequest, FetchRequest, FetchResponse, InitProducerIdRequest, MetadataRequest,
    ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla_core::batch::RecordBatchBuilder;
use uuid::Uuid;

use crate::socket::Client;

/// A timestamp the broker takes for recent.
pub fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as i64
}

pub fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// The topic's id, made on the way if it is not there.
pub fn topic_id(client: &mut Client, name: &str) -> Uuid {
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(true);
    let topics = client.call(12, &request).topics;
    assert_eq!(topics[0].error_code, 0);
    topics[0].topic_id
}

/// Makes a topic of one partition with these properties.
pub fn create_topic(client: &mut Client, name: &str, configs: &[(&str, &str)]) {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(1)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    assert_eq!(client.call(7, &request).topics[0].error_code, 0);
}

/// A batch of `count` records whose values say which they are.
pub fn batch(count: i32) -> Bytes {
    batch_at(count, now_ms())
}

pub fn batch_at(count: i32, timestamp_ms: i64) -> Bytes {
    let mut builder = RecordBatchBuilder::new();
    for index in 0..count {
        let value = format!("record {index}");
        builder
            .push(timestamp_ms, Some(b"key"), Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.build().freeze()
}

/// One partition's records; `topic` by name, or by id from version 13 on.
pub fn produce_request(
    version: i16,
    topic: (&str, Uuid),
    partition: i32,
    acks: i16,
    records: Bytes,
) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(records));
    let data = TopicProduceData::default().with_partition_data(vec![data]);
    let data = match version {
        13.. => data.with_topic_id(topic.1),
        _ => data.with_name(topic_name(topic.0)),
    };
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![data])
}

/// Produces to partition 0 at a version that names topics.
pub fn produce(client: &mut Client, topic: &str, records: Bytes) -> PartitionProduceResponse {
    let request = produce_request(9, (topic, Uuid::nil()), 0, -1, records);
    client
        .call(9, &request)
        .responses
        .remove(0)
        .partition_responses
        .remove(0)
}

/// A request for one partition from `offset` on, waiting up to `wait_ms`.
pub fn fetch_request(
    version: i16,
    topic: (&str, Uuid),
    partition: i32,
    offset: i64,
    wait_ms: i32,
) -> FetchRequest {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default().with_partitions(vec![wanted]);
    let wanted = match version {
        13.. => wanted.with_topic_id(topic.1),
        _ => wanted.with_topic(topic_name(topic.0)),
    };
    let request = FetchRequest::default()
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(1)
        .with_topics(vec![wanted]);
    // From 15 on the replica id is a tagged field.
    if version < 15 {
        request.with_replica_id((-1).into())
    } else {
        request
    }
}

pub fn only_partition(mut response: FetchResponse) -> PartitionData {
    response.responses.remove(0).partitions.remove(0)
}

/// Fetches partition 0 at a version that names topics.
pub fn fetch(client: &mut Client, topic: &str, offset: i64) -> PartitionData {
    let request = fetch_request(12, (topic, Uuid::nil()), 0, offset, 0);
    only_partition(client.call(12, &request))
}

/// Asks for the id of a new idempotent producer.
pub fn producer_id_request() -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1)
}

/// What a batch looks like once it has its place.
pub fn placed(batch: &Bytes, base_offset: i64, leader_epoch: i32) -> Bytes {
    let mut batch = BytesMut::from(&batch[..]);
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    batch.freeze()
}
