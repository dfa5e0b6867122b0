//! The broker the tests speak to: one embedded in the test, or the one that
//! `BOOTSTRAP` names, such as an Apache Kafka.

#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla::Broker;
use ottla_client::{
    Client, ClientConfig, Consumer, ConsumerConfig, ConsumerRecord, Environment, OffsetSpec,
    TopicPartition,
};

/// A broker for one test, and a client of it.
#[derive(Debug)]
pub struct Cluster {
    /// Reaches it.
    pub client: Client,
    /// `host:port`.
    pub bootstrap: String,
    /// Stops when the test ends; `None` when it is somebody else's.
    broker: Option<Broker>,
}

impl Cluster {
    /// Stops the broker. False when it is somebody else's.
    pub async fn stop(self) -> bool {
        match self.broker {
            Some(broker) => {
                broker.shutdown().await;
                true
            }
            None => false,
        }
    }
}

/// The broker under test.
pub async fn cluster() -> Cluster {
    let (bootstrap, broker) = match std::env::var("BOOTSTRAP") {
        Ok(bootstrap) => (bootstrap, None),
        Err(_) => {
            let broker = Broker::builder()
                .config("num.partitions", "3")
                .start()
                .await
                .unwrap();
            (broker.bootstrap_servers(), Some(broker))
        }
    };
    Cluster {
        client: connect(&bootstrap).await,
        bootstrap,
        broker,
    }
}

/// A client of the broker at that address.
pub async fn connect(bootstrap: &str) -> Client {
    Client::connect(ClientConfig::new(bootstrap), Environment::system())
        .await
        .unwrap()
}

/// The shortest session the broker under test allows, in milliseconds.
pub fn session_timeout_ms() -> i32 {
    match std::env::var("BOOTSTRAP") {
        Ok(_) => 6_000,
        Err(_) => 600,
    }
}

/// A topic or group name no other test and no other run uses.
pub fn unique(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{name}-{}-{}", std::process::id(), now.as_nanos())
}

/// Reads a partition from its start until `count` records came.
pub async fn read(
    client: &Client,
    topic: &str,
    partition: i32,
    count: usize,
) -> Vec<ConsumerRecord> {
    let from = BTreeMap::from([(TopicPartition::new(topic, partition), OffsetSpec::Earliest)]);
    let mut consumer = Consumer::assign(client, ConsumerConfig::default(), from)
        .await
        .unwrap();
    let mut records = Vec::new();
    while records.len() < count {
        let more = consumer.poll(Duration::from_secs(10)).await.unwrap();
        assert!(
            !more.is_empty(),
            "only {} of {count} records came",
            records.len()
        );
        records.extend(more);
    }
    records
}

/// Creates a topic with replication factor 1.
pub async fn create_topic(client: &Client, name: &str, partitions: i32) {
    let topic = ottla_client::admin::NewTopic::new(name).with_partitions(partitions);
    client.create_topic(&topic).await.unwrap();
}

/// Asks again until the answer fits: brokers hear of changes one by one.
pub async fn eventually<T, F: Future<Output = T>>(
    ask: impl Fn() -> F,
    fits: impl Fn(&T) -> bool,
) -> T {
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let answer = ask().await;
        if fits(&answer) || tokio::time::Instant::now() > limit {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
