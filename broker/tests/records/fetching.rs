//! What a reader gets, how long it waits, and when it is told to look elsewhere.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::{DeleteTopicsRequest, FetchRequest};
use ottla::Broker;
use uuid::Uuid;

use crate::requests::{batch, fetch, fetch_request, only_partition, produce, topic_id, topic_name};
use crate::socket::Client;

const SOON: Duration = Duration::from_secs(5);

async fn broker() -> Broker {
    Broker::builder().topic("orders", 2).start().await.unwrap()
}

fn orders(offset: i64, wait_ms: i32) -> FetchRequest {
    fetch_request(12, ("orders", Uuid::nil()), 0, offset, wait_ms)
}

fn with_partition(
    mut request: FetchRequest,
    change: impl FnOnce(&mut FetchPartition),
) -> FetchRequest {
    change(&mut request.topics[0].partitions[0]);
    request
}

#[tokio::test]
async fn a_long_poll_is_woken_by_the_batch_it_waits_for() {
    let broker = broker().await;
    let (mut reader, mut writer) = (Client::connect(&broker), Client::connect(&broker));
    let started = Instant::now();
    reader.send(12, &orders(0, 15_000));
    std::thread::sleep(Duration::from_millis(50));
    produce(&mut writer, "orders", batch(1));
    let partition = only_partition(reader.receive::<FetchRequest>(12));
    assert!(!partition.records.unwrap().is_empty());
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn a_long_poll_ends_empty_when_its_time_is_up() {
    let broker = broker().await;
    let mut reader = Client::connect(&broker);
    let started = Instant::now();
    let partition = only_partition(reader.call(12, &orders(0, 200)));
    assert_eq!(partition.error_code, 0);
    assert!(partition.records.unwrap_or_default().is_empty());
    assert!((Duration::from_millis(200)..SOON).contains(&started.elapsed()));
}

#[tokio::test]
async fn a_long_poll_waits_for_as_many_bytes_as_it_asked_for() {
    let broker = broker().await;
    let (mut reader, mut writer) = (Client::connect(&broker), Client::connect(&broker));
    let one = batch(1);
    let enough = 2 * one.len() as i32 - 1;
    reader.send(12, &orders(0, 15_000).with_min_bytes(enough));
    produce(&mut writer, "orders", one.clone());
    std::thread::sleep(Duration::from_millis(50));
    produce(&mut writer, "orders", one.clone());
    let partition = only_partition(reader.receive::<FetchRequest>(12));
    assert_eq!(partition.records.unwrap().len(), 2 * one.len());
}

#[tokio::test]
async fn deleting_the_topic_ends_a_long_poll_on_it() {
    let broker = broker().await;
    let (mut reader, mut admin) = (Client::connect(&broker), Client::connect(&broker));
    reader.send(12, &orders(0, 15_000));
    std::thread::sleep(Duration::from_millis(50));
    let doomed = DeleteTopicState::default().with_name(Some(topic_name("orders")));
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![doomed])
        .with_timeout_ms(1_000);
    assert_eq!(admin.call(6, &request).responses[0].error_code, 0);
    let partition = only_partition(reader.receive::<FetchRequest>(12));
    assert_eq!(
        partition.error_code,
        ResponseError::UnknownTopicOrPartition.code()
    );
}

#[tokio::test]
async fn at_least_one_whole_batch_comes_however_small_the_limits() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let one = batch(1);
    for _ in 0..5 {
        produce(&mut client, "orders", one.clone());
    }
    let mut read = |change: fn(&mut FetchPartition), max_bytes| {
        let request = with_partition(orders(0, 0), change).with_max_bytes(max_bytes);
        only_partition(client.call(12, &request))
            .records
            .unwrap()
            .len()
    };
    assert_eq!(read(|_| {}, 1 << 20), 5 * one.len());
    assert_eq!(read(|_| {}, 1), one.len());
    assert_eq!(
        read(|wanted| wanted.partition_max_bytes = 1, 1 << 20),
        one.len()
    );
    let three: fn(&mut FetchPartition) = |wanted| wanted.partition_max_bytes = 3 * 90;
    assert!(read(three, 1 << 20) < 5 * one.len());
}

#[tokio::test]
async fn a_reader_gets_the_batch_that_holds_its_offset_and_what_follows() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    produce(&mut client, "orders", batch(10));
    produce(&mut client, "orders", batch(10));
    let whole = fetch(&mut client, "orders", 3).records.unwrap();
    assert_eq!(whole[..8], 0i64.to_be_bytes());
    let second = fetch(&mut client, "orders", 10).records.unwrap();
    assert_eq!(second[..8], 10i64.to_be_bytes());
    assert_eq!(
        fetch(&mut client, "orders", 20).records.unwrap_or_default(),
        Bytes::new()
    );
}

#[tokio::test]
async fn an_offset_outside_of_the_log_is_out_of_range() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    produce(&mut client, "orders", batch(2));
    for offset in [-1, 3, i64::MAX] {
        let partition = only_partition(client.call(12, &orders(offset, 10_000)));
        assert_eq!(
            partition.error_code,
            ResponseError::OffsetOutOfRange.code(),
            "{offset}"
        );
        assert_eq!(partition.high_watermark, -1);
    }
}

#[tokio::test]
async fn a_reader_of_another_leader_epoch_is_told_so() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let id = topic_id(&mut client, "orders");
    let request = fetch_request(16, ("orders", id), 0, 0, 10_000);
    let future = with_partition(request, |wanted| wanted.current_leader_epoch = 4);
    let partition = only_partition(client.call(16, &future));
    assert_eq!(
        partition.error_code,
        ResponseError::UnknownLeaderEpoch.code()
    );
}

#[tokio::test]
async fn a_reader_whose_last_epoch_nobody_knows_is_out_of_range() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    produce(&mut client, "orders", batch(2));
    let mut read = |last_fetched, offset| {
        let request = with_partition(orders(offset, 0), |wanted| {
            wanted.last_fetched_epoch = last_fetched;
        });
        only_partition(client.call(12, &request))
    };
    assert_eq!(read(0, 1).error_code, 0);
    let ahead = read(0, 3);
    assert_eq!((ahead.error_code, ahead.diverging_epoch.epoch), (0, 0));
    assert_eq!(ahead.diverging_epoch.end_offset, 2);
    let out_of_range = ResponseError::OffsetOutOfRange.code();
    assert_eq!(read(1, 1).error_code, out_of_range);
    assert_eq!(
        read(0, -1).error_code,
        out_of_range,
        "before it may diverge"
    );
}

#[tokio::test]
async fn numbers_that_make_no_sense_are_kafkas_unknown_error() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    produce(&mut client, "orders", batch(1));
    let limit =
        |offset| with_partition(orders(offset, 0), |wanted| wanted.partition_max_bytes = -5);
    assert_eq!(only_partition(client.call(12, &limit(0))).error_code, -1);
    assert_eq!(only_partition(client.call(12, &limit(1))).error_code, 0);
    let limit = orders(0, 0).with_max_bytes(-5);
    assert_eq!(only_partition(client.call(12, &limit)).error_code, -1);

    let whole = client.call(12, &orders(0, 0).with_isolation_level(2));
    assert_eq!(
        (whole.error_code, only_partition(whole).error_code),
        (-1, -1)
    );
    let id = topic_id(&mut client, "orders");
    let request = fetch_request(17, ("orders", id), 0, 0, 0).with_isolation_level(2);
    let whole = client.call(17, &request);
    assert_eq!((whole.error_code, whole.responses.len()), (-1, 0));
}

#[tokio::test]
async fn who_poses_as_a_follower_with_an_epoch_is_told_to_come_back() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let posing = with_partition(orders(0, 0), |wanted| wanted.current_leader_epoch = 0);
    let posing = posing.with_replica_id(2.into());
    let partition = only_partition(client.call(12, &posing));
    assert_eq!(
        partition.error_code,
        ResponseError::UnknownLeaderEpoch.code()
    );
}

#[tokio::test]
async fn a_topic_id_nobody_has_is_unknown() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let request = fetch_request(13, ("", Uuid::from_bytes([3; 16])), 0, 0, 10_000);
    let partition = only_partition(client.call(13, &request));
    assert_eq!(partition.error_code, ResponseError::UnknownTopicId.code());
}

#[tokio::test]
async fn nobody_may_pose_as_a_follower() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let posing = orders(0, 0).with_replica_id(2.into());
    let partition = only_partition(client.call(12, &posing));
    assert_eq!(
        partition.error_code,
        ResponseError::NotLeaderOrFollower.code()
    );
}
