//! Creating, describing and deleting topics over a real socket: what Apache
//! Kafka refuses is refused, with its codes.
#![allow(clippy::unwrap_used)]

// Other tests also look whether a connection is closed.
#[allow(dead_code)]
#[path = "../socket/mod.rs"]
mod socket;

mod configs;
mod log_dirs;

use std::path::{Path, PathBuf};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    MetadataRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;
use ottla_core::batch::RecordBatchBuilder;
use socket::Client;
use uuid::Uuid;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Asks for topics; the error codes in the order of the answer.
fn create(client: &mut Client, wanted: &[(&str, i32)]) -> Vec<i16> {
    let topics = wanted.iter().map(|(name, partitions)| {
        CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(*partitions)
            .with_replication_factor(1)
    });
    let request = CreateTopicsRequest::default().with_topics(topics.collect());
    let topics = client.call(7, &request).topics;
    topics.iter().map(|topic| topic.error_code).collect()
}

fn delete(client: &mut Client, topics: Vec<DeleteTopicState>) -> Vec<i16> {
    let request = DeleteTopicsRequest::default().with_topics(topics);
    let responses = client.call(6, &request).responses;
    responses.iter().map(|topic| topic.error_code).collect()
}

fn by_name(name: &str) -> DeleteTopicState {
    DeleteTopicState::default().with_name(Some(topic_name(name)))
}

#[tokio::test]
async fn the_metadata_logs_own_name_is_no_topic_however_it_is_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let broker = Broker::builder().data_dir(data.path()).start().await;
    let broker = broker.unwrap();
    let mut client = Client::connect(&broker);
    let refused = [ResponseError::InvalidRequest.code()];
    assert_eq!(create(&mut client, &[("__cluster_metadata", 1)]), refused);
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name("__cluster_metadata")));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(true);
    assert_eq!(client.call(9, &request).topics[0].error_code, refused[0]);
    assert_eq!(create(&mut client, &[("orders", 1)]), [0]);
    broker.shutdown().await;

    let broker = Broker::builder().data_dir(data.path()).start().await;
    let broker = broker.unwrap();
    let mut client = Client::connect(&broker);
    let exists = ResponseError::TopicAlreadyExists.code();
    assert_eq!(create(&mut client, &[("orders", 1)]), [exists]);
    broker.shutdown().await;
}

#[tokio::test]
async fn one_request_makes_ten_thousand_partitions_and_no_more() {
    // Properties of topics are nothing to the metadata log.
    let broker = Broker::builder()
        .config("message.max.bytes", "1000")
        .config("log.cleanup.policy", "compact")
        .config("log.segment.bytes", "1048576")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    let refused = ResponseError::PolicyViolation.code();
    let too_many = [("left", 5_000), ("right", 5_001)];
    assert_eq!(create(&mut client, &too_many), [refused, refused]);
    let as_many = [("left", 5_000), ("right", 5_000)];
    assert_eq!(create(&mut client, &as_many), [0, 0]);

    let grow = |name| {
        CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(10_001)
            .with_assignments(None)
    };
    let request = CreatePartitionsRequest::default().with_topics(vec![grow("left"), grow("right")]);
    let results = client.call(3, &request).results;
    let codes: Vec<i16> = results.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [refused, refused]);
    broker.shutdown().await;
}

#[tokio::test]
async fn a_topic_named_twice_is_not_deleted_and_one_not_named_at_all_is_an_error() {
    let broker = Broker::builder().topic("twice", 1).topic("once", 1);
    let broker = broker.start().await.unwrap();
    let mut client = Client::connect(&broker);
    let invalid = ResponseError::InvalidRequest.code();
    let nameless = DeleteTopicState::default().with_name(None);
    assert_eq!(delete(&mut client, vec![nameless]), [invalid]);
    let wanted = vec![by_name("twice"), by_name("once"), by_name("twice")];
    let mut codes = delete(&mut client, wanted);
    codes.sort_unstable();
    assert_eq!(codes, [0, invalid]);
    let id = DeleteTopicState::default()
        .with_name(None)
        .with_topic_id(Uuid::from_u128(7));
    let codes = delete(&mut client, vec![id.clone(), id]);
    assert_eq!(codes, [invalid]);
    let exists = ResponseError::TopicAlreadyExists.code();
    assert_eq!(create(&mut client, &[("twice", 1)]), [exists]);
    broker.shutdown().await;
}

#[tokio::test]
async fn an_empty_list_of_properties_asks_for_all_of_them() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    let mut described = |resource_type, name: &str, keys: Option<Vec<StrBytes>>| {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(resource_type)
            .with_resource_name(text(name))
            .with_configuration_keys(keys);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let mut results = client.call(4, &request).results;
        results.remove(0).configs
    };
    const TOPIC: i8 = 2;
    const BROKER: i8 = 4;
    let all = described(TOPIC, "orders", None);
    assert!(all.len() > 20);
    assert_eq!(described(TOPIC, "orders", Some(Vec::new())), all);
    let one = described(TOPIC, "orders", Some(vec![text("retention.ms")]));
    assert_eq!(one.len(), 1);
    assert!(!one[0].read_only);

    let own = described(BROKER, "0", None);
    assert!(!own.is_empty() && own.iter().all(|config| config.read_only));
    let for_all_brokers = described(BROKER, "", None);
    assert_eq!(for_all_brokers, [], "nothing was set for all brokers");
    broker.shutdown().await;
}

fn log_files(data: &Path, folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data.join(folder)).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
        .collect()
}

/// Produces one record; the error code and the offset it got.
fn produce(client: &mut Client, topic: &str) -> (i16, i64) {
    let mut batch = RecordBatchBuilder::new();
    batch.push(-1, None, Some(b"value"), &[]).unwrap();
    let records = PartitionProduceData::default().with_records(Some(batch.build().freeze()));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![records]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]);
    let produced = client.call(9, &request).responses.remove(0);
    let produced = &produced.partition_responses[0];
    (produced.error_code, produced.base_offset)
}

#[tokio::test]
async fn a_deleted_topic_leaves_nothing_to_one_of_its_name_however_long_that_is() {
    let data = tempfile::tempdir().unwrap();
    let start = || Broker::builder().data_dir(data.path()).start();
    let name = "n".repeat(249);
    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    for _ in 0..2 {
        assert_eq!(create(&mut client, &[(&name, 1)]), [0]);
        assert_eq!(produce(&mut client, &name), (0, 0));
        assert_eq!(delete(&mut client, vec![by_name(&name)]), [0]);
    }
    broker.shutdown().await;

    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    assert_eq!(create(&mut client, &[(&name, 1)]), [0]);
    assert_eq!(produce(&mut client, &name), (0, 0));
    broker.shutdown().await;
}

#[tokio::test]
async fn deleting_a_topic_whose_log_is_damaged_is_a_way_out() {
    let data = tempfile::tempdir().unwrap();
    let start = || {
        Broker::builder()
            .data_dir(data.path())
            .topic("t", 2)
            .start()
    };
    let broker = start().await.unwrap();
    assert_eq!(produce(&mut Client::connect(&broker), "t"), (0, 0));
    broker.shutdown().await;
    for file in log_files(data.path(), "t-0") {
        std::fs::write(file, b"damaged").unwrap();
    }

    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    let offline = ResponseError::KafkaStorageError.code();
    assert_eq!(produce(&mut client, "t").0, offline);
    assert_eq!(delete(&mut client, vec![by_name("t")]), [0]);
    assert_eq!(create(&mut client, &[("t", 1)]), [0]);
    assert_eq!(produce(&mut client, "t"), (0, 0));
    broker.shutdown().await;
}

fn grow(client: &mut Client, only_validate: bool, wanted: &[(&str, i32)]) -> Vec<i16> {
    let topics = wanted.iter().map(|(name, count)| {
        CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(*count)
            .with_assignments(None)
    });
    let request = CreatePartitionsRequest::default()
        .with_topics(topics.collect())
        .with_validate_only(only_validate);
    let results = client.call(3, &request).results;
    results.iter().map(|topic| topic.error_code).collect()
}

fn partitions(client: &mut Client, name: &str) -> usize {
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    client.call(12, &request).topics[0].partitions.len()
}

#[tokio::test]
async fn partitions_are_added_unless_the_client_only_asks() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    let fewer = ResponseError::InvalidPartitions.code();
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let twice = ResponseError::InvalidRequest.code();
    assert_eq!(
        grow(&mut client, true, &[("orders", 3), ("none", 3)]),
        [0, unknown]
    );
    assert_eq!(partitions(&mut client, "orders"), 1);
    assert_eq!(
        grow(&mut client, false, &[("orders", 3), ("orders", 4)]),
        [twice]
    );
    assert_eq!(partitions(&mut client, "orders"), 1);
    assert_eq!(grow(&mut client, false, &[("orders", 3)]), [0]);
    assert_eq!(partitions(&mut client, "orders"), 3);
    assert_eq!(grow(&mut client, false, &[("orders", 2)]), [fewer]);
}
