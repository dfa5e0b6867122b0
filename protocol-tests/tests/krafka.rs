//! krafka: a pure Rust client that speaks the newest versions of the protocol.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, GroupProtocol};
use krafka::producer::Acks;
use krafka::{Compression, Kafka, Record};
use ottla::Broker;

/// A run on a busy machine may take a while; a hang fails.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const WRITTEN_AT_MS: i64 = 1_767_225_600_000;

const PROTOCOLS: [GroupProtocol; 2] = [GroupProtocol::Classic, GroupProtocol::Consumer];

async fn within<T>(doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, doing)
        .await
        .expect("krafka is answered in time")
}

async fn connect(broker: &Broker) -> Kafka {
    let kafka = Kafka::builder(broker.bootstrap_servers());
    within(kafka.allow_auto_create_topics(true).connect())
        .await
        .unwrap()
}

async fn produce(kafka: &Kafka, topic: &str, numbers: std::ops::Range<u32>) {
    let producer = kafka.producer().acks(Acks::All).idempotent(true);
    let producer = within(producer.build()).await.unwrap();
    let mut deliveries = Vec::new();
    for number in numbers {
        let record = Record::new(topic, number.to_string()).key(format!("key {number}"));
        deliveries.push(within(producer.enqueue(record)).await.unwrap());
    }
    for delivery in deliveries {
        drop(within(delivery).await.unwrap());
    }
    within(producer.close()).await.unwrap();
}

async fn member(kafka: &Kafka, group: &str, protocol: GroupProtocol, topic: &str) -> Consumer {
    let consumer = kafka
        .consumer(group)
        .group_protocol(protocol)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .enable_auto_commit(false)
        .heartbeat_interval(Duration::from_millis(300));
    let consumer = within(consumer.build()).await.unwrap();
    within(consumer.subscribe([topic])).await.unwrap();
    consumer
}

async fn read(consumer: &Consumer, count: usize) -> Vec<ConsumerRecord> {
    let start = Instant::now();
    let mut records = Vec::new();
    while records.len() < count {
        assert!(
            start.elapsed() < PATIENCE,
            "{} of {count} records",
            records.len()
        );
        records.extend(within(consumer.poll(POLL)).await.unwrap());
    }
    records
}

fn numbers(records: &[ConsumerRecord]) -> BTreeSet<u32> {
    let text = |record: &ConsumerRecord| record.value_str().unwrap().to_owned();
    records
        .iter()
        .map(|record| text(record).parse().unwrap())
        .collect()
}

async fn partitions_of(consumer: &Consumer) -> usize {
    let assignment = consumer.assignment().await;
    assignment.values().map(Vec::len).sum()
}

#[tokio::test]
async fn a_record_comes_back_as_it_was_produced_with_every_codec() {
    let broker = Broker::builder().start().await.unwrap();
    let kafka = connect(&broker).await;
    for codec in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
    ] {
        let topic = format!("{codec:?}");
        let producer = within(kafka.producer().compression(codec).build())
            .await
            .unwrap();
        let value = format!("{codec:?} ").repeat(1_000);
        let record = Record::new(&topic, value.clone())
            .key("게시글-1")
            .header("trace", "first")
            .header("trace", "second")
            .timestamp(WRITTEN_AT_MS);
        let sent = within(producer.send(record)).await.unwrap();
        within(producer.close()).await.unwrap();

        let consumer = within(kafka.consumer_without_group().build())
            .await
            .unwrap();
        within(consumer.assign(&topic, vec![sent.partition]))
            .await
            .unwrap();
        within(consumer.seek_to_beginning(&topic, sent.partition))
            .await
            .unwrap();
        let records = read(&consumer, 1).await;
        let [record] = records.as_slice() else {
            panic!("one record was produced: {records:?}");
        };
        assert_eq!(record.offset, sent.offset);
        assert_eq!(record.timestamp, WRITTEN_AT_MS);
        assert_eq!(record.key_str().unwrap(), "게시글-1");
        assert_eq!(record.value_str().unwrap(), value);
        assert_eq!(record.headers.len(), 2, "a key may come twice");
    }
}

#[tokio::test]
async fn a_group_of_either_protocol_reads_everything_once_and_resumes_where_it_committed() {
    let broker = Broker::builder().start().await.unwrap();
    let kafka = connect(&broker).await;
    for protocol in PROTOCOLS {
        let topic = format!("{protocol:?}");
        produce(&kafka, &topic, 0..500).await;
        let first = member(&kafka, "readers", protocol, &topic).await;
        let records = read(&first, 500).await;
        assert_eq!(records.len(), 500);
        assert_eq!(numbers(&records), BTreeSet::from_iter(0..500));
        within(first.commit()).await.unwrap();
        within(first.close()).await.unwrap();

        produce(&kafka, &topic, 500..600).await;
        let second = member(&kafka, "readers", protocol, &topic).await;
        let records = read(&second, 100).await;
        assert_eq!(numbers(&records), BTreeSet::from_iter(500..600));
        within(second.close()).await.unwrap();
    }
}

#[tokio::test]
async fn two_members_share_the_partitions_and_one_takes_over() {
    let broker = Broker::builder().topic("orders", 4).start().await.unwrap();
    // A connection each, as two processes would have.
    let (one, other) = (connect(&broker).await, connect(&broker).await);
    for protocol in PROTOCOLS {
        let group = format!("{protocol:?}");
        let a = member(&one, &group, protocol, "orders").await;
        let b = member(&other, &group, protocol, "orders").await;
        settle(&[&a, &b], &[2, 2]).await;
        within(b.close()).await.unwrap();
        settle(&[&a], &[4]).await;
        within(a.close()).await.unwrap();
    }
}

/// Lets the members run until each has so many partitions.
async fn settle(members: &[&Consumer], expected: &[usize]) {
    let start = Instant::now();
    loop {
        let mut counts = Vec::new();
        for member in members {
            within(member.poll(POLL)).await.unwrap();
            counts.push(partitions_of(member).await);
        }
        if counts == expected {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "still {counts:?}");
    }
}

#[tokio::test]
async fn committed_offsets_of_both_protocols_survive_a_restart_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = || Broker::builder().data_dir(folder.path()).topic("orders", 3);
    let before = on_disk().start().await.unwrap();
    let kafka = connect(&before).await;
    produce(&kafka, "orders", 0..200).await;
    for protocol in PROTOCOLS {
        let group = format!("{protocol:?}");
        let consumer = member(&kafka, &group, protocol, "orders").await;
        read(&consumer, 200).await;
        within(consumer.commit()).await.unwrap();
        within(consumer.close()).await.unwrap();
    }
    within(before.shutdown()).await;

    let after = on_disk().start().await.unwrap();
    let kafka = connect(&after).await;
    produce(&kafka, "orders", 200..250).await;
    for protocol in PROTOCOLS {
        let group = format!("{protocol:?}");
        let consumer = member(&kafka, &group, protocol, "orders").await;
        let records = read(&consumer, 50).await;
        assert_eq!(numbers(&records), BTreeSet::from_iter(200..250), "{group}");
        within(consumer.close()).await.unwrap();
    }
}
