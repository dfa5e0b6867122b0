//! Back to the start between tests, whatever is under way.

use std::time::Duration;

use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest};
use ottla::embed::Api;
use ottla::{Broker, BrokerBuilder};
use ottla_client::{Codec, GroupConsumer, GroupProtocol, ProducerRecord};
use tokio::task::JoinHandle;

use crate::program::{connect, consume, group_config, producer, protocols};
use crate::socket::Client;

fn builder() -> BrokerBuilder {
    Broker::builder()
        .topic("empty", 2)
        .records("orders", [("key", "one"), ("key", "two")])
}

/// Names of topics and how many records each has, internal ones left out.
async fn contents(broker: &Broker) -> Vec<(String, i64)> {
    let cluster = broker.observer().cluster().await.unwrap();
    let topics = cluster.topics.into_iter();
    let topics = topics.filter(|topic| !topic.name.starts_with("__"));
    let end = |log: Option<ottla::observe::LogState>| log.unwrap().end_offset;
    let topics = topics.map(|topic| {
        let ends = topic.partitions.iter().map(|partition| end(partition.log));
        (topic.name.clone(), ends.sum())
    });
    topics.collect()
}

fn at_the_start() -> Vec<(String, i64)> {
    vec![("empty".to_owned(), 0), ("orders".to_owned(), 2)]
}

#[tokio::test]
async fn a_reset_leaves_what_the_builder_was_told_in_memory_and_on_disk() {
    let data = tempfile::tempdir().unwrap();
    for builder in [builder(), builder().data_dir(data.path())] {
        let restarts = builder.clone();
        let broker = builder.start().await.unwrap();
        for _ in 0..3 {
            assert_eq!(contents(&broker).await, at_the_start());
            broker.topic("orders").append("three").await.unwrap();
            broker.topic("later").append("one").await.unwrap();
            let member = consume(&broker, "push", &protocols()[0]).await;
            broker.group("push").wait_caught_up().await.unwrap();
            member.abort();
            member.await.unwrap_err();
            broker.fault(Api::Fetch).disconnect();

            broker.reset().await.unwrap();
            assert_eq!(broker.clear_faults(), 0);
            let cluster = broker.observer().cluster().await.unwrap();
            assert_eq!(cluster.groups, []);
            assert_eq!(contents(&broker).await, at_the_start());
        }
        broker.shutdown().await;
        // What was reset stays so; in memory there is nothing to begin with.
        let broker = restarts.start().await.unwrap();
        assert_eq!(contents(&broker).await, at_the_start());
        broker.shutdown().await;
    }
}

/// A member that joins again when it is told that its group is gone.
async fn consume_anew(broker: &Broker, protocol: GroupProtocol) -> JoinHandle<()> {
    let client = connect(broker, "consumer").await;
    tokio::spawn(async move {
        loop {
            let config = group_config("push", "orders", &protocol);
            let mut consumer = GroupConsumer::new(&client, config);
            while consumer.poll(Duration::from_millis(50)).await.is_ok() {}
        }
    })
}

#[tokio::test]
async fn producers_and_groups_go_on_through_resets() {
    for protocol in protocols() {
        let broker = builder().start().await.unwrap();
        let member = consume_anew(&broker, protocol).await;
        let writing = {
            let mut producer = producer(&broker, Codec::None).await;
            tokio::spawn(async move {
                loop {
                    // The topic may be gone at this very moment.
                    let _ = producer.send(ProducerRecord::new("orders", "more")).await;
                }
            })
        };
        for _ in 0..20 {
            broker.group("push").wait_stable(1).await.unwrap();
            broker.reset().await.unwrap();
        }
        writing.abort();
        let _ = writing.await;
        broker.reset().await.unwrap();
        assert_eq!(contents(&broker).await, at_the_start());
        let caught_up = broker.group("push").wait_caught_up().await.unwrap();
        assert_eq!(caught_up.offsets[0].committed, 2);
        member.abort();
    }
}

#[tokio::test]
async fn a_wait_under_way_sees_what_comes_after_a_reset_and_nothing_before() {
    let broker = builder().start().await.unwrap();
    let waiting = broker.topic("orders").wait_records(3).into_future();
    tokio::time::sleep(Duration::from_millis(20)).await;
    broker.reset().await.unwrap();
    broker
        .topic("orders")
        .append(("key", "three"))
        .await
        .unwrap();
    let records = waiting.await.unwrap();
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

#[test]
fn many_resets_are_quick_and_end_with_a_broker_that_answers() {
    let broker = builder().start_blocking().unwrap();
    let mut client = Client::connect(&broker);
    let began = std::time::Instant::now();
    for _ in 0..100 {
        // Makes __consumer_offsets.
        client.call(3, &FindCoordinatorRequest::default());
        broker.reset().blocking().unwrap();
    }
    // A millisecond each; a machine may be busy.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let request = MetadataRequest::default().with_topics(None);
    assert_eq!(client.call(12, &request).topics.len(), 2);
}
