//! librdkafka's records: what it produces comes back as it was, from memory
//! and from disk, and what a group committed is known after a restart.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use ottla::{Broker, BrokerBuilder};
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::Offset;

/// A run on a busy machine may take a while; a hang fails.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

const TOPIC: &str = "v1.event.comment-created";
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// 2026-01-01T00:00:00Z, so that a timestamp the broker made up would show.
const WRITTEN_AT_MS: i64 = 1_767_225_600_000;

fn broker(builder: BrokerBuilder) -> Broker {
    builder.start_blocking().unwrap()
}

/// Stops a broker in order, from a thread without a runtime.
fn stop(broker: Broker) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(broker.shutdown());
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers());
    config
}

fn producer(broker: &Broker, codec: &str) -> BaseProducer {
    client(broker)
        .set("enable.idempotence", "true")
        .set("compression.type", codec)
        .create()
        .unwrap()
}

/// Reads one partition from its beginning, outside any group.
fn reader(broker: &Broker, topic: &str, partition: i32) -> BaseConsumer {
    let consumer: BaseConsumer = client(broker)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions
        .add_partition_offset(topic, partition, Offset::Beginning)
        .unwrap();
    consumer.assign(&partitions).unwrap();
    consumer
}

fn member(broker: &Broker, protocol: &str) -> BaseConsumer {
    let consumer: BaseConsumer = client(broker)
        .set("group.id", protocol)
        .set("group.protocol", protocol)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[TOPIC]).unwrap();
    consumer
}

fn read(consumer: &BaseConsumer, count: usize) -> Vec<OwnedMessage> {
    let start = Instant::now();
    let mut messages = Vec::with_capacity(count);
    while messages.len() < count {
        assert!(
            start.elapsed() < PATIENCE,
            "{} of {count} messages",
            messages.len()
        );
        if let Some(message) = consumer.poll(POLL) {
            messages.push(message.unwrap().detach());
        }
    }
    messages
}

fn numbers(messages: &[OwnedMessage]) -> Vec<u32> {
    let text = |message: &OwnedMessage| message.payload_view::<str>().unwrap().unwrap().to_owned();
    messages
        .iter()
        .map(|message| text(message).parse().unwrap())
        .collect()
}

fn produce_numbers(broker: &Broker, numbers: std::ops::Range<u32>) {
    let producer = producer(broker, "none");
    for number in numbers {
        let value = number.to_string();
        let record = BaseRecord::<str, str>::to(TOPIC).partition(0);
        producer
            .send(record.payload(&value))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

fn headers_of(message: &OwnedMessage) -> Vec<(String, Option<Vec<u8>>)> {
    let headers = message.headers().unwrap();
    headers
        .iter()
        .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
        .collect()
}

#[test]
fn a_record_comes_back_as_it_was_produced_with_every_codec() {
    let folder = tempfile::tempdir().unwrap();
    for builder in [Broker::builder(), Broker::builder().data_dir(folder.path())] {
        let broker = broker(builder);
        for codec in CODECS {
            let producer = producer(&broker, codec);
            let value = format!("{codec} ").repeat(1_000);
            // Twice the same key: Kafka keeps both, and their order.
            let headers = OwnedHeaders::new()
                .insert(Header {
                    key: "trace",
                    value: Some("first"),
                })
                .insert(Header {
                    key: "trace",
                    value: Some("second"),
                })
                .insert(Header {
                    key: "empty",
                    value: None::<&str>,
                });
            let record = BaseRecord::to(codec)
                .key("게시글-1")
                .payload(&value)
                .headers(headers)
                .timestamp(WRITTEN_AT_MS);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            let tombstone = BaseRecord::<str, str>::to(codec).key("게시글-1");
            producer
                .send(tombstone)
                .map_err(|(error, _)| error)
                .unwrap();
            producer.flush(PATIENCE).unwrap();

            let messages = read(&reader(&broker, codec, 0), 2);
            let [first, second] = messages.as_slice() else {
                unreachable!("two were asked for");
            };
            assert_eq!(first.key(), Some("게시글-1".as_bytes()));
            assert_eq!(first.payload(), Some(value.as_bytes()));
            assert_eq!(first.timestamp().to_millis(), Some(WRITTEN_AT_MS));
            assert_eq!(
                headers_of(first),
                [
                    ("trace".to_owned(), Some(b"first".to_vec())),
                    ("trace".to_owned(), Some(b"second".to_vec())),
                    ("empty".to_owned(), None),
                ]
            );
            assert_eq!((first.offset(), second.offset()), (0, 1));
            assert_eq!(second.payload(), None, "a tombstone has no value");
        }
    }
}

#[test]
fn records_and_committed_offsets_of_both_protocols_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = || broker(Broker::builder().data_dir(folder.path()).topic(TOPIC, 1));
    let before = on_disk();
    produce_numbers(&before, 0..200);
    for protocol in ["classic", "consumer"] {
        let consumer = member(&before, protocol);
        assert_eq!(numbers(&read(&consumer, 120)), Vec::from_iter(0..120));
        let mut committed = TopicPartitionList::new();
        committed
            .add_partition_offset(TOPIC, 0, Offset::Offset(120))
            .unwrap();
        consumer.commit(&committed, CommitMode::Sync).unwrap();
    }
    stop(before);

    let after = on_disk();
    produce_numbers(&after, 200..300);
    for protocol in ["classic", "consumer"] {
        let consumer = member(&after, protocol);
        assert_eq!(
            numbers(&read(&consumer, 180)),
            Vec::from_iter(120..300),
            "{protocol}"
        );
    }
    assert_eq!(
        numbers(&read(&reader(&after, TOPIC, 0), 300)),
        Vec::from_iter(0..300)
    );
}

#[test]
fn an_idempotent_producer_with_many_batches_in_flight_writes_each_record_once_in_order() {
    let broker = broker(Broker::builder().topic(TOPIC, 1));
    let producer: BaseProducer = client(&broker)
        .set("enable.idempotence", "true")
        .set("max.in.flight.requests.per.connection", "5")
        .set("batch.num.messages", "10")
        .set("linger.ms", "0")
        .create()
        .unwrap();
    for number in 0..5_000_u32 {
        let value = number.to_string();
        let record = BaseRecord::<str, str>::to(TOPIC).partition(0);
        producer
            .send(record.payload(&value))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    assert_eq!(
        numbers(&read(&reader(&broker, TOPIC, 0), 5_000)),
        Vec::from_iter(0..5_000)
    );
}

#[test]
fn a_record_is_found_by_its_time() {
    let broker = broker(Broker::builder().topic(TOPIC, 1));
    let producer = producer(&broker, "none");
    for number in 0..100_u32 {
        let value = number.to_string();
        let record = BaseRecord::<str, str>::to(TOPIC)
            .partition(0)
            .payload(&value)
            .timestamp(WRITTEN_AT_MS + i64::from(number) * 1_000);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        // A batch each, so that the search is not over one batch's first record.
        producer.flush(PATIENCE).unwrap();
    }
    let consumer = reader(&broker, TOPIC, 0);
    let mut times = TopicPartitionList::new();
    times
        .add_partition_offset(TOPIC, 0, Offset::Offset(WRITTEN_AT_MS + 41_500))
        .unwrap();
    let found = consumer.offsets_for_times(times, PATIENCE).unwrap();
    assert_eq!(found.elements()[0].offset(), Offset::Offset(42));
    let watermarks = consumer.fetch_watermarks(TOPIC, 0, PATIENCE).unwrap();
    assert_eq!(watermarks, (0, 100));
}
