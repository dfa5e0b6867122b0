//! rskafka: an old and strict client. Fetch at exactly version 4, no groups.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use ottla::Broker;
use rskafka::chrono::DateTime;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;

/// A run on a busy machine may take a while; a hang fails.
const PATIENCE: Duration = Duration::from_secs(60);
const FETCH_WAIT_MS: i32 = 1_000;
const BYTES_MAX: i32 = 1 << 20;
const WRITTEN_AT_MS: i64 = 1_767_225_600_000;

async fn client(broker: &Broker) -> Client {
    let building = ClientBuilder::new(vec![broker.bootstrap_servers()]).build();
    within(building).await.unwrap()
}

async fn within<T>(doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, doing)
        .await
        .expect("rskafka is answered in time")
}

async fn partition(client: &Client, topic: &str, index: i32) -> PartitionClient {
    within(client.partition_client(topic, index, UnknownTopicHandling::Error))
        .await
        .unwrap()
}

fn record(number: i64) -> Record {
    Record {
        key: Some(format!("key {number}").into_bytes()),
        value: Some(format!("value {number}").into_bytes()),
        headers: BTreeMap::from([("number".to_owned(), number.to_string().into_bytes())]),
        timestamp: DateTime::from_timestamp_millis(WRITTEN_AT_MS + number).unwrap(),
    }
}

#[tokio::test]
async fn records_come_back_as_they_were_produced() {
    let broker = Broker::builder().topic("orders", 2).start().await.unwrap();
    let client = client(&broker).await;
    let orders = partition(&client, "orders", 1).await;
    let sent: Vec<Record> = (0..100).map(record).collect();
    let producing = orders.produce(sent.clone(), Compression::NoCompression);
    let offsets = within(producing).await.unwrap();
    assert_eq!(offsets, Vec::from_iter(0..100));

    let fetching = orders.fetch_records(0, 1..BYTES_MAX, FETCH_WAIT_MS);
    let (read, high_watermark) = within(fetching).await.unwrap();
    assert_eq!(high_watermark, 100);
    let read: Vec<Record> = read.into_iter().map(|read| read.record).collect();
    assert_eq!(read, sent);

    let other = partition(&client, "orders", 0).await;
    let latest = within(other.get_offset(OffsetAt::Latest)).await.unwrap();
    assert_eq!(latest, 0, "the other partition has nothing");
}

#[tokio::test]
async fn a_fetch_waits_for_the_record_that_is_written_meanwhile() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let (reading, writing) = (client(&broker).await, client(&broker).await);
    let orders = partition(&reading, "orders", 0).await;
    let fetching = tokio::spawn(async move {
        let wait_ms = i32::try_from(PATIENCE.as_millis()).unwrap() / 2;
        orders.fetch_records(0, 1..BYTES_MAX, wait_ms).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!fetching.is_finished(), "there is nothing to read yet");
    let orders = partition(&writing, "orders", 0).await;
    let producing = orders.produce(vec![record(1)], Compression::NoCompression);
    within(producing).await.unwrap();
    let (read, _) = within(fetching).await.unwrap().unwrap();
    assert_eq!(read.len(), 1);
}

#[tokio::test]
async fn topics_are_created_listed_and_deleted() {
    let broker = Broker::builder().start().await.unwrap();
    let client = client(&broker).await;
    let controller = client.controller_client().unwrap();
    within(controller.create_topic("orders", 3, 1, 5_000))
        .await
        .unwrap();
    let again = within(controller.create_topic("orders", 3, 1, 5_000)).await;
    assert!(again.is_err(), "a topic is created once");
    let topics = within(client.list_topics()).await.unwrap();
    let orders = topics.iter().find(|topic| topic.name == "orders").unwrap();
    assert_eq!(orders.partitions.len(), 3);
    within(controller.delete_topic("orders", 5_000))
        .await
        .unwrap();
    let topics = within(client.list_topics()).await.unwrap();
    assert!(topics.iter().all(|topic| topic.name != "orders"));
}

#[tokio::test]
async fn offsets_are_found_at_both_ends_and_by_time() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let client = client(&broker).await;
    let orders = partition(&client, "orders", 0).await;
    for number in 0..20 {
        let producing = orders.produce(vec![record(number * 1_000)], Compression::NoCompression);
        within(producing).await.unwrap();
    }
    let at = |millis| OffsetAt::Timestamp(DateTime::from_timestamp_millis(millis).unwrap());
    for (place, expected) in [
        (OffsetAt::Earliest, 0),
        (OffsetAt::Latest, 20),
        (at(WRITTEN_AT_MS + 6_500), 7),
    ] {
        let offset = within(orders.get_offset(place)).await.unwrap();
        assert_eq!(offset, expected, "{place:?}");
    }
}
