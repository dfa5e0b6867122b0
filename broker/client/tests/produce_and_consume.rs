//! Producing and consuming against a real broker over TCP.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_client::{
    Acks, Consumer, ConsumerConfig, Header, OffsetSpec, Producer, ProducerConfig, ProducerRecord,
    TopicPartition,
};
use ottla_core::batch::Codec;
use support::{cluster, read, unique};

#[tokio::test]
async fn records_come_back_as_they_were_sent_with_every_codec() {
    let cluster = cluster().await;
    let client = &cluster.client;
    for compression in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        let topic = unique("codec");
        let config = ProducerConfig {
            compression,
            ..ProducerConfig::default()
        };
        let mut producer = Producer::new(client.clone(), config).unwrap();
        let record = ProducerRecord::new(&topic, "값".repeat(200))
            .with_key("열쇠")
            .with_partition(0)
            .with_header("trace", "1")
            .with_header("trace", "2");
        let first = producer.send(record.clone()).await.unwrap();
        assert_eq!(first.offset, Some(0));
        let mut tombstone = record.clone();
        tombstone.value = None;
        tombstone.timestamp_ms = Some(1_700_000_000_000);
        assert_eq!(producer.send(tombstone).await.unwrap().offset, Some(1));

        let records = read(client, &topic, 0, 2).await;
        assert_eq!(records[0].value, record.value, "{compression:?}");
        assert_eq!(records[0].key, record.key);
        assert_eq!(records[0].headers, record.headers);
        assert_eq!(records[0].timestamp_ms, first.timestamp_ms);
        assert_eq!(records[1].value, None);
        assert_eq!(records[1].timestamp_ms, 1_700_000_000_000);
    }
}

#[tokio::test]
async fn a_thousand_records_keep_their_order_and_get_dense_offsets() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("order");
    let config = ProducerConfig {
        batch_bytes_max: 2_000,
        ..ProducerConfig::default()
    };
    let mut producer = Producer::new(client.clone(), config).unwrap();
    let records = (0..1_000)
        .map(|n| ProducerRecord::new(&topic, format!("record {n}")).with_partition(0))
        .collect();
    let offsets: Vec<_> = producer
        .send_all(records)
        .await
        .into_iter()
        .map(|delivery| delivery.unwrap().offset.unwrap())
        .collect();
    assert_eq!(offsets, (0..1_000).collect::<Vec<_>>());
    for (n, record) in read(client, &topic, 0, 1_000).await.iter().enumerate() {
        assert_eq!(
            record.value.as_deref(),
            Some(format!("record {n}").as_bytes())
        );
    }
}

#[tokio::test]
async fn acks_zero_and_one_reach_the_log_too() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("acks");
    for (acks, offset) in [(Acks::Leader, Some(0)), (Acks::None, None)] {
        let config = ProducerConfig {
            acks,
            idempotent: false,
            ..ProducerConfig::default()
        };
        let mut producer = Producer::new(client.clone(), config).unwrap();
        let record = ProducerRecord::new(&topic, "v").with_partition(0);
        assert_eq!(producer.send(record).await.unwrap().offset, offset);
    }
    assert_eq!(read(client, &topic, 0, 2).await.len(), 2);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_and_the_next_one_is_not() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("large");
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    let huge = ProducerRecord::new(&topic, vec![0; 2_000_000]).with_partition(0);
    let small = ProducerRecord::new(&topic, "small").with_partition(0);
    let results = producer
        .send_all(vec![small.clone(), huge, small.clone()])
        .await;
    assert_eq!(results[0].as_ref().unwrap().offset, Some(0));
    let code = results[1].as_ref().unwrap_err().code().unwrap();
    assert_eq!(code.name(), Some("MESSAGE_TOO_LARGE"));
    assert_eq!(results[2].as_ref().unwrap().offset, Some(1));
}

#[tokio::test]
async fn a_consumer_starts_at_an_offset_a_time_or_the_end() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("start");
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    for n in 0..5 {
        let mut record = ProducerRecord::new(&topic, format!("{n}")).with_partition(0);
        record.timestamp_ms = Some(1_700_000_000_000 + n * 1_000);
        producer.send(record).await.unwrap();
    }
    let partition = TopicPartition::new(&topic, 0);
    let starts = [
        (OffsetSpec::Earliest, 0),
        (OffsetSpec::At(3), 3),
        (OffsetSpec::Timestamp(1_700_000_001_500), 2),
    ];
    for (spec, offset) in starts {
        let from = BTreeMap::from([(partition.clone(), spec)]);
        let mut consumer = Consumer::assign(client, ConsumerConfig::default(), from)
            .await
            .unwrap();
        let records = consumer.poll(Duration::from_secs(10)).await.unwrap();
        assert_eq!(records[0].offset, offset, "{spec:?}");
    }
    let from = BTreeMap::from([(partition.clone(), OffsetSpec::Latest)]);
    let mut consumer = Consumer::assign(client, ConsumerConfig::default(), from)
        .await
        .unwrap();
    let none = consumer.poll(Duration::from_millis(300)).await.unwrap();
    assert!(none.is_empty());
    let late = ProducerRecord::new(&topic, "late").with_partition(0);
    producer.send(late).await.unwrap();
    let records = consumer.poll(Duration::from_secs(10)).await.unwrap();
    assert_eq!(records[0].offset, 5);
    assert_eq!(consumer.position(&partition), Some(6));
    assert_eq!(consumer.high_watermark(&partition), Some(6));
}

#[tokio::test]
async fn a_position_outside_the_log_is_reset_or_refused() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("range");
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    let record = ProducerRecord::new(&topic, "v").with_partition(0);
    producer.send(record).await.unwrap();
    let from = BTreeMap::from([(TopicPartition::new(&topic, 0), OffsetSpec::At(100))]);

    let config = ConsumerConfig {
        offset_reset: Some(OffsetSpec::Earliest),
        ..ConsumerConfig::default()
    };
    let mut consumer = Consumer::assign(client, config, from.clone())
        .await
        .unwrap();
    let records = consumer.poll(Duration::from_secs(10)).await.unwrap();
    assert_eq!(records[0].offset, 0);

    let config = ConsumerConfig {
        offset_reset: None,
        ..ConsumerConfig::default()
    };
    let mut consumer = Consumer::assign(client, config, from).await.unwrap();
    let error = consumer.poll(Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error.code().unwrap().name(), Some("OFFSET_OUT_OF_RANGE"));
}

#[tokio::test]
async fn keys_go_where_javas_producer_would_put_them() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("keys");
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    let delivery = producer
        .send(ProducerRecord::new(&topic, "v").with_key("21"))
        .await
        .unwrap();
    let partitions = client.metadata().topics[&topic].partition_count();
    // toPositive(murmur2("21")) = 1173551340
    assert_eq!(delivery.partition, 1_173_551_340 % partitions);
}

#[tokio::test]
async fn headers_may_be_null_and_repeat() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("headers");
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    let mut record = ProducerRecord::new(&topic, "v").with_partition(0);
    let header = |value: Option<&'static str>| Header {
        key: "h".to_owned(),
        value: value.map(Into::into),
    };
    record.headers = vec![header(None), header(Some("")), header(Some("x"))];
    producer.send(record.clone()).await.unwrap();
    assert_eq!(read(client, &topic, 0, 1).await[0].headers, record.headers);
}
