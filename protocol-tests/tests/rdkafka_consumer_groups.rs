//! librdkafka, the client most languages wrap, in groups of both protocols.
//!
//! With `group.protocol=consumer` (KIP-848) it is told partitions by topic id
//! and looks the names up with Metadata by topic id.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ottla::Broker;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// A run on a busy machine may take a while; a hang fails.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// A consumer that is to show that nothing comes waits this long.
const SILENCE: Duration = Duration::from_millis(1_500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Classic,
    Consumer,
}

impl Protocol {
    const BOTH: [Protocol; 2] = [Protocol::Classic, Protocol::Consumer];

    fn name(self) -> &'static str {
        match self {
            Protocol::Classic => "classic",
            Protocol::Consumer => "consumer",
        }
    }
}

fn config(broker: &Broker, group: &str, protocol: Protocol) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", group)
        .set("group.protocol", protocol.name())
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("topic.metadata.refresh.interval.ms", "500");
    if protocol == Protocol::Classic {
        config
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "300");
    }
    config
}

fn consumer(config: &ClientConfig, topics: &[&str]) -> BaseConsumer {
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(topics).unwrap();
    consumer
}

fn produce(broker: &Broker, topic: &str, values: std::ops::Range<usize>) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for value in values {
        let (key, value) = (format!("k{value}"), value.to_string());
        let record = BaseRecord::to(topic).key(&key).payload(&value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// What a consumer has read: the values, and each partition's offsets in order.
#[derive(Default)]
struct Read {
    values: BTreeSet<usize>,
    repeated: usize,
    out_of_order: usize,
    last_offsets: BTreeMap<(String, i32), i64>,
}

impl Read {
    fn poll(&mut self, consumer: &BaseConsumer) -> bool {
        let Some(message) = consumer.poll(POLL) else {
            return false;
        };
        let message = message.unwrap();
        let value = message.payload_view::<str>().unwrap().unwrap();
        if !self.values.insert(value.parse().unwrap()) {
            self.repeated += 1;
        }
        let partition = (message.topic().to_owned(), message.partition());
        let last = self.last_offsets.insert(partition, message.offset());
        self.out_of_order += usize::from(last.is_some_and(|last| last >= message.offset()));
        true
    }

    fn until(&mut self, consumer: &BaseConsumer, count: usize) {
        let start = Instant::now();
        while self.values.len() < count {
            assert!(
                start.elapsed() < PATIENCE,
                "{} of {count}",
                self.values.len()
            );
            self.poll(consumer);
        }
    }
}

/// The partitions a consumer has, as its own library sees them.
fn assigned(consumer: &BaseConsumer) -> BTreeSet<(String, i32)> {
    let assignment = consumer.assignment().unwrap();
    let partitions = assignment.elements();
    let partitions = partitions.iter();
    partitions
        .map(|partition| (partition.topic().to_owned(), partition.partition()))
        .collect()
}

/// Lets the consumers of a group run until they have what `done` wants.
fn settle(
    consumers: &[&BaseConsumer],
    mut reads: Option<&mut Read>,
    done: impl Fn(&[BTreeSet<(String, i32)>]) -> bool,
) -> Vec<BTreeSet<(String, i32)>> {
    let start = Instant::now();
    loop {
        for consumer in consumers {
            match &mut reads {
                Some(read) => {
                    read.poll(consumer);
                }
                None => {
                    consumer.poll(POLL).transpose().unwrap();
                }
            }
        }
        let assignments: Vec<_> = consumers
            .iter()
            .map(|consumer| assigned(consumer))
            .collect();
        if done(&assignments) {
            return assignments;
        }
        assert!(start.elapsed() < PATIENCE, "still {assignments:?}");
    }
}

fn has_all(assignments: &[BTreeSet<(String, i32)>], partitions: usize) -> bool {
    let all: BTreeSet<_> = assignments.iter().flatten().collect();
    let count: usize = assignments.iter().map(BTreeSet::len).sum();
    all.len() == partitions && count == partitions
}

#[test]
fn a_group_of_either_protocol_reads_everything_once_and_resumes_where_it_committed() {
    let broker = Broker::builder()
        .topic("classic", 3)
        .topic("consumer", 3)
        .start_blocking()
        .unwrap();
    for protocol in Protocol::BOTH {
        let topic = protocol.name();
        let config = config(&broker, "g", protocol);
        produce(&broker, topic, 0..500);
        let mut read = Read::default();
        let first = consumer(&config, &[topic]);
        read.until(&first, 500);
        assert_eq!((read.repeated, read.out_of_order), (0, 0));
        first.commit_consumer_state(CommitMode::Sync).unwrap();
        drop(first);

        produce(&broker, topic, 500..600);
        let second = consumer(&config, &[topic]);
        let mut resumed = Read::default();
        resumed.until(&second, 100);
        assert_eq!(resumed.values, (500..600).collect());
        assert_eq!((resumed.repeated, resumed.out_of_order), (0, 0));
    }
}

#[test]
fn two_consumers_share_the_partitions_and_one_takes_over() {
    let broker = Broker::builder()
        .topic("orders", 4)
        .start_blocking()
        .unwrap();
    for protocol in Protocol::BOTH {
        let config = config(&broker, protocol.name(), protocol);
        let a = consumer(&config, &["orders"]);
        settle(&[&a], None, |assignments| has_all(assignments, 4));
        let b = consumer(&config, &["orders"]);
        let shared = settle(&[&a, &b], None, |assignments| {
            has_all(assignments, 4) && assignments.iter().all(|mine| mine.len() == 2)
        });
        assert!(shared[0].is_disjoint(&shared[1]));
        drop(b);
        settle(&[&a], None, |assignments| has_all(assignments, 4));
    }
}

#[test]
fn nothing_is_lost_while_consumers_come_and_go() {
    let broker = Broker::builder()
        .topic("orders", 6)
        .start_blocking()
        .unwrap();
    for protocol in Protocol::BOTH {
        let config = config(&broker, protocol.name(), protocol);
        produce(&broker, "orders", 0..1_000);
        let a = consumer(&config, &["orders"]);
        let mut read = Read::default();
        settle(&[&a], Some(&mut read), |assignments| {
            has_all(assignments, 6)
        });
        let b = consumer(&config, &["orders"]);
        let mut read_b = Read::default();
        let start = Instant::now();
        while read.values.union(&read_b.values).count() < 1_000 {
            assert!(start.elapsed() < PATIENCE);
            read.poll(&a);
            read_b.poll(&b);
        }
        assert!(assigned(&a).is_disjoint(&assigned(&b)));
    }
}

#[test]
fn a_regular_expression_is_resolved_and_follows_new_topics() {
    let broker = Broker::builder()
        .topic("orders-eu", 1)
        .topic("orders-us", 2)
        .topic("users", 1)
        .start_blocking()
        .unwrap();
    for protocol in Protocol::BOTH {
        let config = config(&broker, protocol.name(), protocol);
        let a = consumer(&config, &["^orders-.*"]);
        let assignments = settle(&[&a], None, |assignments| has_all(assignments, 3));
        assert!(
            assignments[0]
                .iter()
                .all(|(topic, _)| topic.starts_with("orders-"))
        );
    }
    produce(&broker, "orders-kr", 0..1);
    let config = config(&broker, "later", Protocol::Consumer);
    let a = consumer(&config, &["^orders-.*"]);
    let partitions = settle(&[&a], None, |assignments| assignments[0].len() > 3);
    assert!(partitions[0].contains(&("orders-kr".to_owned(), 0)));
}

#[test]
fn a_static_member_that_restarts_gets_its_partitions_back_and_disturbs_nobody() {
    let broker = Broker::builder()
        .topic("orders", 4)
        .start_blocking()
        .unwrap();
    for protocol in Protocol::BOTH {
        let config = config(&broker, protocol.name(), protocol);
        let mut config_a = config.clone();
        config_a.set("group.instance.id", "a");
        let mut config_b = config;
        config_b.set("group.instance.id", "b");
        let a = consumer(&config_a, &["orders"]);
        let b = consumer(&config_b, &["orders"]);
        let before = settle(&[&a, &b], None, |assignments| {
            has_all(assignments, 4) && assignments.iter().all(|mine| mine.len() == 2)
        });
        drop(a);
        let a = consumer(&config_a, &["orders"]);
        let after = settle(&[&a, &b], None, |assignments| has_all(assignments, 4));
        assert_eq!(before, after, "{protocol:?}");
    }
}

#[test]
fn a_topic_that_is_created_later_is_assigned() {
    let broker = Broker::builder().start_blocking().unwrap();
    let config = config(&broker, "g", Protocol::Consumer);
    let a = consumer(&config, &["later"]);
    let start = Instant::now();
    while start.elapsed() < SILENCE {
        if let Some(Ok(_)) = a.poll(POLL) {
            panic!("a record of a topic that does not exist");
        }
    }
    produce(&broker, "later", 0..10);
    let mut read = Read::default();
    let start = Instant::now();
    while read.values.len() < 10 {
        assert!(start.elapsed() < PATIENCE);
        if let Some(Ok(message)) = a.poll(POLL) {
            let value = message.payload_view::<str>().unwrap().unwrap();
            read.values.insert(value.parse().unwrap());
        }
    }
}
