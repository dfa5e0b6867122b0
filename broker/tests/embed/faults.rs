//! Faults: what strikes, what is left alone, and what clients make of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, FindCoordinatorRequest, MetadataRequest, ProduceRequest,
    ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;
use ottla::embed::{Api, ErrorCode};
use ottla_client::{Codec, ProducerRecord};
use ottla_core::batch::{RecordBatchBuilder, crc};
use uuid::Uuid;

use crate::program::{consume, producer, protocols};
use crate::socket::Client;

const NOT_LEADER: ErrorCode = ErrorCode(6);
/// Versions that name topics, and that give their ids.
const PRODUCE_VERSIONS: [i16; 2] = [9, 13];
const FETCH_VERSIONS: [i16; 2] = [11, 17];

async fn broker() -> Broker {
    Broker::builder().topic("orders", 2).start().await.unwrap()
}

fn orders() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

fn topic_id(client: &mut Client) -> Uuid {
    let topic = MetadataRequestTopic::default().with_name(Some(orders()));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    client.call(12, &request).topics[0].topic_id
}

/// One record for each partition.
fn produce(client: &mut Client, version: i16, acks: i16) -> Option<ProduceResponse> {
    let mut batch = RecordBatchBuilder::new();
    batch.push(1, None, Some(b"value"), &[]).unwrap();
    let records = batch.build().freeze();
    let partition = |index| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(records.clone()))
    };
    let topic = TopicProduceData::default().with_partition_data(vec![partition(0), partition(1)]);
    let topic = match version {
        ..13 => topic.with_name(orders()),
        _ => topic.with_topic_id(topic_id(client)),
    };
    let request = ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(5_000)
        .with_topic_data(vec![topic]);
    if acks == 0 {
        client.send(version, &request);
        return None;
    }
    Some(client.call(version, &request))
}

/// All of both partitions; waits for more than there will ever be.
fn fetch(client: &mut Client, version: i16, session: (i32, i32)) -> FetchResponse {
    let partition = |index| {
        FetchPartition::default()
            .with_partition(index)
            .with_partition_max_bytes(1 << 20)
    };
    let topic = FetchTopic::default().with_partitions(vec![partition(0), partition(1)]);
    let topic = match version {
        ..13 => topic.with_topic(orders()),
        _ => topic.with_topic_id(topic_id(client)),
    };
    let request = FetchRequest::default()
        .with_max_wait_ms(10_000)
        .with_min_bytes(1 << 30)
        .with_max_bytes(1 << 20)
        .with_session_id(session.0)
        .with_session_epoch(session.1)
        .with_topics(vec![topic]);
    client.call(version, &request)
}

fn produced(response: &ProduceResponse) -> Vec<(i32, i16, i64)> {
    let partitions = response.responses.iter();
    let partitions = partitions.flat_map(|topic| &topic.partition_responses);
    let mut all: Vec<_> = partitions
        .map(|one| (one.index, one.error_code, one.base_offset))
        .collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn where_one_partition_of_a_produce_fails_the_other_is_appended() {
    for version in PRODUCE_VERSIONS {
        let broker = broker().await;
        let mut client = Client::connect(&broker);
        let fault = broker.fault(Api::Produce).partition("orders", 0);
        let fault = fault.times(1).error(NOT_LEADER);
        let first = produce(&mut client, version, -1).unwrap();
        assert_eq!(first.responses.len(), 1, "one topic, once");
        assert_eq!(produced(&first), [(0, 6, -1), (1, 0, 0)]);
        // It has struck as often as it was told to.
        let second = produce(&mut client, version, -1).unwrap();
        assert_eq!(produced(&second), [(0, 0, 0), (1, 0, 1)]);
        assert_eq!((fault.struck(), fault.remove()), (1, false));
        let records = broker.topic("orders").wait_records(3).await.unwrap();
        assert_eq!(records.len(), 3);
    }
}

#[tokio::test]
async fn a_produce_that_wants_no_answer_hears_of_a_fault_by_its_connection() {
    let broker = broker().await;
    broker.fault(Api::Produce).error(NOT_LEADER);
    let mut client = Client::connect(&broker);
    produce(&mut client, 9, 0);
    assert!(client.is_closed());
}

#[tokio::test]
async fn where_one_partition_of_a_fetch_fails_the_answer_comes_at_once_with_the_other() {
    for version in FETCH_VERSIONS {
        let broker = broker().await;
        let mut client = Client::connect(&broker);
        produce(&mut client, 9, -1).unwrap();
        broker
            .fault(Api::Fetch)
            .partition("orders", 1)
            .error(NOT_LEADER);
        let started = Instant::now();
        let response = fetch(&mut client, version, (0, 0));
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!((response.error_code, response.session_id), (0, 0));
        let mut partitions = response.responses[0].partitions.clone();
        partitions.sort_by_key(|partition| partition.partition_index);
        let codes = partitions.iter().map(|one| one.error_code);
        assert_eq!(codes.collect::<Vec<_>>(), [0, 6]);
        assert!(!partitions[0].records.as_ref().unwrap().is_empty());
        // Who goes on with a session has to begin anew.
        assert_eq!(fetch(&mut client, version, (7, 3)).error_code, 70);
    }
}

#[tokio::test]
async fn metadata_fails_for_a_topic_or_for_one_partition() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let all = MetadataRequest::default().with_topics(None);
    let fault = broker.fault(Api::Metadata).partition("orders", 1).error(5);
    let topic = client.call(12, &all).topics.remove(0);
    assert_eq!(topic.error_code, 0);
    let codes = topic.partitions.iter();
    let codes = codes.map(|one| (one.error_code, one.leader_id.0 < 0));
    assert_eq!(codes.collect::<Vec<_>>(), [(0, false), (5, true)]);
    fault.remove();
    broker.fault(Api::Metadata).topic("orders").error(3);
    let response = client.call(12, &all);
    assert_eq!(response.topics[0].error_code, 3);
    assert_eq!(response.brokers.len(), 1);
}

#[tokio::test]
async fn the_oldest_fault_strikes_first_and_a_removed_one_no_more() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let request = FindCoordinatorRequest::default();
    let mut code = || client.call(3, &request).error_code;
    let first = broker.fault(Api::FindCoordinator).times(2).error(15);
    let second = broker.fault(Api::FindCoordinator).error(14);
    // One about another topic, and one about another API.
    broker.fault(Api::Produce).topic("orders").error(1);
    assert_eq!([code(), code(), code()], [15, 15, 14]);
    assert_eq!((first.struck(), second.struck()), (2, 1));
    assert!(second.remove());
    assert_eq!(code(), 0);
    assert_eq!(broker.clear_faults(), 1);
    assert_ne!(first.id(), second.id());
}

#[tokio::test]
async fn a_delay_is_over_after_its_time_on_the_brokers_clock() {
    let broker = Broker::builder().paused_clock().start().await.unwrap();
    let fault = broker.fault(Api::FindCoordinator).times(1);
    let fault = fault.delay(Duration::from_secs(3_600));
    let mut client = Client::connect(&broker);
    let asked = std::thread::spawn(move || {
        client
            .call(3, &FindCoordinatorRequest::default())
            .error_code
    });
    fault.wait_struck(1).await.unwrap();
    assert!(!asked.is_finished());
    broker.clock().advance(Duration::from_secs(3_600));
    assert_eq!(asked.join().unwrap(), 0);
}

#[tokio::test]
async fn a_disconnect_comes_before_or_after_the_request_is_carried_out() {
    let broker = broker().await;
    let strike = || {
        let mut client = Client::connect(&broker);
        produce(&mut client, 9, 0);
        assert!(client.is_closed());
    };
    broker.fault(Api::Produce).times(1).disconnect();
    strike();
    broker.fault(Api::Produce).times(1).apply_then_disconnect();
    strike();
    let records = broker.topic("orders").wait_records(2).await.unwrap();
    assert_eq!(records.len(), 2, "one of the two was carried out");
}

#[tokio::test]
async fn corrupt_records_have_a_wrong_checksum_and_others_do_not() {
    let is_whole = |records: &Option<Bytes>| crc::checksum_fits(records.as_ref().unwrap());
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    produce(&mut client, 9, -1).unwrap();
    let fault = broker.fault(Api::Fetch).partition("orders", 1).corrupt();
    // A session goes on: nothing of the answer but the bit is another.
    let partitions = &fetch_at_once(&mut client).responses[0].partitions;
    assert!(is_whole(&partitions[0].records));
    assert!(!is_whole(&partitions[1].records));
    fault.remove();
    let partitions = &fetch_at_once(&mut client).responses[0].partitions;
    assert!(is_whole(&partitions[1].records));

    broker.fault(Api::FindCoordinator).corrupt();
    let answer = client.call_encoded(10, 0, &[0, 0]).unwrap();
    let whole = 2 + 4 + 2 + "127.0.0.1".len() + 4;
    assert_eq!(answer.len(), whole / 2);
}

/// As [`fetch`], without waiting.
fn fetch_at_once(client: &mut Client) -> FetchResponse {
    let partition = |index| {
        FetchPartition::default()
            .with_partition(index)
            .with_partition_max_bytes(1 << 20)
    };
    let topic = FetchTopic::default()
        .with_topic(orders())
        .with_partitions(vec![partition(0), partition(1)]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    client.call(11, &request)
}

#[tokio::test]
async fn an_idempotent_producer_appends_once_whatever_fails() {
    let broker = broker().await;
    let mut producer = producer(&broker, Codec::None).await;
    let record = |value| ProducerRecord::new("orders", value).with_partition(0);
    producer.send(record("first")).await.unwrap();
    let lost = broker.fault(Api::Produce).times(1).apply_then_disconnect();
    let refused = broker.fault(Api::Produce).times(2).error(NOT_LEADER);
    producer.send(record("second")).await.unwrap();
    assert_eq!((lost.struck(), refused.struck()), (1, 2));
    let records = broker.topic("orders").wait_records(2).await.unwrap();
    assert_eq!(records.len(), 2);
}

#[tokio::test]
async fn a_group_catches_up_through_faults_of_every_request_it_sends() {
    for protocol in protocols() {
        let broker = Broker::builder()
            .records("orders", ["one", "two", "three"])
            .start()
            .await
            .unwrap();
        for api in [Api::FindCoordinator, Api::OffsetFetch, Api::OffsetCommit] {
            broker.fault(api).times(1).error(14);
        }
        for api in [Api::JoinGroup, Api::ConsumerGroupHeartbeat] {
            broker.fault(api).times(1).error(15);
        }
        let fetch = broker.fault(Api::Fetch).times(1).error(NOT_LEADER);
        let member = consume(&broker, "push", &protocol).await;
        broker.group("push").wait_caught_up().await.unwrap();
        assert_eq!(fetch.struck(), 1);
        member.abort();
    }
}
