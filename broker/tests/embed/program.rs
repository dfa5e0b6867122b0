//! The program that the tests in here test: it produces, and it consumes.

use std::time::Duration;

use ottla::Broker;
use ottla_client::group::Assignor;
use ottla_client::{
    Client, ClientConfig, Codec, ConsumerConfig, Environment, GroupConfig, GroupConsumer,
    GroupProtocol, OffsetSpec, Producer, ProducerConfig, ProducerRecord,
};
use tokio::task::JoinHandle;

pub async fn connect(broker: &Broker, client_id: &str) -> Client {
    let config = ClientConfig::new(&broker.bootstrap_servers()).with_client_id(client_id);
    Client::connect(config, Environment::system())
        .await
        .unwrap()
}

pub async fn producer(broker: &Broker, compression: Codec) -> Producer {
    let config = ProducerConfig {
        compression,
        ..ProducerConfig::default()
    };
    Producer::new(connect(broker, "producer").await, config).unwrap()
}

pub async fn produce(broker: &Broker, records: Vec<ProducerRecord>) {
    let mut producer = producer(broker, Codec::None).await;
    for delivery in producer.send_all(records).await {
        delivery.unwrap();
    }
}

pub fn protocols() -> [GroupProtocol; 2] {
    [
        GroupProtocol::Classic(vec![Assignor::Range]),
        GroupProtocol::Consumer(None),
    ]
}

pub fn group_config(group: &str, topic: &str, protocol: &GroupProtocol) -> GroupConfig {
    GroupConfig {
        protocol: protocol.clone(),
        session_timeout_ms: 10_000,
        heartbeat_interval_ms: 200,
        auto_commit_interval_ms: Some(50),
        fetch: ConsumerConfig {
            offset_reset: Some(OffsetSpec::Earliest),
            ..ConsumerConfig::default()
        },
        ..GroupConfig::new(group, &[topic])
    }
}

/// A member of `group` that reads and commits until it is aborted.
pub async fn consume(broker: &Broker, group: &str, protocol: &GroupProtocol) -> JoinHandle<()> {
    let client = connect(broker, "consumer").await;
    let config = group_config(group, "orders", protocol);
    tokio::spawn(async move {
        let mut consumer = GroupConsumer::new(&client, config);
        loop {
            consumer.poll(Duration::from_millis(50)).await.unwrap();
        }
    })
}
