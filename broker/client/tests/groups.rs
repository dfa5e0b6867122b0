//! Consumer groups of both protocols against a real broker over TCP.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_client::group::Assignor;
use ottla_client::{
    Client, ConsumerConfig, ConsumerRecord, GroupConfig, GroupConsumer, GroupProtocol, OffsetSpec,
    Producer, ProducerConfig, ProducerRecord,
};
use support::{cluster, create_topic, session_timeout_ms, unique};
use tokio::time::{Instant, timeout};

fn protocols() -> Vec<GroupProtocol> {
    vec![
        GroupProtocol::Classic(vec![Assignor::Range]),
        GroupProtocol::Classic(vec![Assignor::RoundRobin]),
        GroupProtocol::Classic(vec![Assignor::CooperativeSticky]),
        GroupProtocol::Consumer(None),
    ]
}

fn config(group: &str, topic: &str, protocol: &GroupProtocol) -> GroupConfig {
    GroupConfig {
        protocol: protocol.clone(),
        session_timeout_ms: session_timeout_ms(),
        heartbeat_interval_ms: 200,
        auto_commit_interval_ms: None,
        fetch: ConsumerConfig {
            offset_reset: Some(OffsetSpec::Earliest),
            ..ConsumerConfig::default()
        },
        ..GroupConfig::new(group, &[topic])
    }
}

async fn produce(client: &Client, topic: &str, from: usize, count: usize) {
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    let records = (from..from + count)
        .map(|n| ProducerRecord::new(topic, format!("{n}")).with_partition((n % 3) as i32))
        .collect();
    for delivery in producer.send_all(records).await {
        delivery.unwrap();
    }
}

async fn read(consumer: &mut GroupConsumer, count: usize) -> Vec<ConsumerRecord> {
    let mut records = Vec::new();
    let limit = Instant::now() + Duration::from_secs(20);
    while records.len() < count {
        assert!(Instant::now() < limit, "{} of {count} came", records.len());
        records.extend(consumer.poll(Duration::from_millis(200)).await.unwrap());
    }
    records
}

fn values(records: &[ConsumerRecord]) -> BTreeSet<usize> {
    let text = |record: &ConsumerRecord| {
        String::from_utf8_lossy(record.value.as_ref().unwrap()).into_owned()
    };
    records
        .iter()
        .map(|record| text(record).parse().unwrap())
        .collect()
}

/// Polls both until the partitions are shared out as `first` and `second`.
async fn settle(first: &mut GroupConsumer, second: &mut GroupConsumer, sizes: (usize, usize)) {
    let settled = async {
        loop {
            let (a, b) = tokio::join!(
                first.poll(Duration::from_millis(100)),
                second.poll(Duration::from_millis(100)),
            );
            a.unwrap();
            b.unwrap();
            let shared = first.assignment().len() + second.assignment().len() == 3
                && first.assignment().is_disjoint(second.assignment());
            let mut found = [first.assignment().len(), second.assignment().len()];
            found.sort_unstable();
            if shared && found == [sizes.0, sizes.1] {
                return;
            }
        }
    };
    if timeout(Duration::from_secs(30), settled).await.is_err() {
        panic!("{:?} and {:?}", first.assignment(), second.assignment());
    }
}

#[tokio::test]
async fn a_member_resumes_where_its_group_committed() {
    let cluster = cluster().await;
    let client = &cluster.client;
    for protocol in protocols() {
        let (topic, group) = (unique("resume"), unique("resume"));
        create_topic(client, &topic, 3).await;
        produce(client, &topic, 0, 30).await;
        let mut consumer = GroupConsumer::new(client, config(&group, &topic, &protocol));
        let records = read(&mut consumer, 30).await;
        assert_eq!(values(&records), (0..30).collect(), "{protocol:?}");
        assert_eq!(consumer.assignment().len(), 3);
        consumer.commit().await.unwrap();
        consumer.leave().await.unwrap();

        produce(client, &topic, 30, 3).await;
        let mut consumer = GroupConsumer::new(client, config(&group, &topic, &protocol));
        let records = read(&mut consumer, 3).await;
        assert_eq!(values(&records), (30..33).collect(), "{protocol:?}");
        consumer.leave().await.unwrap();
    }
}

#[tokio::test]
async fn two_members_share_the_partitions_and_the_last_one_gets_them_all() {
    let cluster = cluster().await;
    let client = &cluster.client;
    for protocol in protocols() {
        let (topic, group) = (unique("share"), unique("share"));
        create_topic(client, &topic, 3).await;
        let mut first = GroupConsumer::new(client, config(&group, &topic, &protocol));
        let mut second = GroupConsumer::new(client, config(&group, &topic, &protocol));
        settle(&mut first, &mut second, (1, 2)).await;
        produce(client, &topic, 0, 30).await;
        let limit = Instant::now() + Duration::from_secs(20);
        let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
        while of_first.len() + of_second.len() < 30 {
            assert!(Instant::now() < limit);
            let (a, b) = tokio::join!(
                first.poll(Duration::from_millis(100)),
                second.poll(Duration::from_millis(100)),
            );
            of_first.extend(a.unwrap());
            of_second.extend(b.unwrap());
        }
        assert!(values(&of_first).is_disjoint(&values(&of_second)));
        first.commit().await.unwrap();
        second.commit().await.unwrap();
        second.leave().await.unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while first.assignment().len() < 3 {
            assert!(
                Instant::now() < limit,
                "{protocol:?}: {:?}",
                first.assignment()
            );
            let again = first.poll(Duration::from_millis(100)).await.unwrap();
            assert!(
                again.is_empty(),
                "{protocol:?}: committed records came again"
            );
        }
        first.leave().await.unwrap();
    }
}

#[tokio::test]
async fn automatic_commits_survive_a_rebalance_without_a_repeated_record() {
    let cluster = cluster().await;
    let client = &cluster.client;
    for protocol in protocols() {
        let (topic, group) = (unique("auto"), unique("auto"));
        create_topic(client, &topic, 3).await;
        produce(client, &topic, 0, 30).await;
        let config = GroupConfig {
            auto_commit_interval_ms: Some(60_000),
            ..config(&group, &topic, &protocol)
        };
        let mut first = GroupConsumer::new(client, config.clone());
        read(&mut first, 30).await;
        let mut second = GroupConsumer::new(client, config);
        let limit = Instant::now() + Duration::from_secs(30);
        while second.assignment().is_empty() {
            assert!(Instant::now() < limit, "{protocol:?}");
            let (a, b) = tokio::join!(
                first.poll(Duration::from_millis(100)),
                second.poll(Duration::from_millis(100)),
            );
            let again = a.unwrap().len() + b.unwrap().len();
            assert_eq!(again, 0, "{protocol:?}: records came again");
        }
        first.leave().await.unwrap();
        second.leave().await.unwrap();
    }
}

#[tokio::test]
async fn a_member_that_was_forgotten_joins_again() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let (topic, group) = (unique("zombie"), unique("zombie"));
    create_topic(client, &topic, 3).await;
    let protocol = GroupProtocol::Classic(vec![Assignor::Range]);
    let mut consumer = GroupConsumer::new(client, config(&group, &topic, &protocol));
    while consumer.assignment().is_empty() {
        consumer.poll(Duration::from_millis(100)).await.unwrap();
    }
    let session_ms = u64::try_from(session_timeout_ms()).unwrap();
    tokio::time::sleep(Duration::from_millis(session_ms + 500)).await;
    let zombie = consumer.commit_offsets(
        [(
            ottla_client::TopicPartition::new(&topic, 0),
            ottla_client::Committed::at(7),
        )]
        .into(),
    );
    let code = zombie.await.unwrap_err().code().unwrap();
    assert_eq!(code.name(), Some("UNKNOWN_MEMBER_ID"));
    produce(client, &topic, 0, 3).await;
    assert_eq!(read(&mut consumer, 3).await.len(), 3);
    consumer.leave().await.unwrap();
}

#[tokio::test]
async fn a_static_member_comes_back_to_its_partitions_without_a_rebalance() {
    let cluster = cluster().await;
    let client = &cluster.client;
    for protocol in [
        GroupProtocol::Classic(vec![Assignor::Range]),
        GroupProtocol::Consumer(None),
    ] {
        let (topic, group) = (unique("static"), unique("static"));
        create_topic(client, &topic, 3).await;
        let member = |name: &str| GroupConfig {
            instance_id: Some(name.to_owned()),
            session_timeout_ms: 30_000,
            ..config(&group, &topic, &protocol)
        };
        let mut first = GroupConsumer::new(client, member("one"));
        let mut second = GroupConsumer::new(client, member("two"));
        settle(&mut first, &mut second, (1, 2)).await;
        let (held, generation) = (second.assignment().clone(), second.generation());
        let held_by_first = first.assignment().clone();
        second.leave().await.unwrap();
        let mut second = GroupConsumer::new(client, member("two"));
        let limit = Instant::now() + Duration::from_secs(20);
        while second.assignment().is_empty() {
            assert!(Instant::now() < limit, "{protocol:?}");
            let (a, b) = tokio::join!(
                first.poll(Duration::from_millis(100)),
                second.poll(Duration::from_millis(100)),
            );
            a.unwrap();
            b.unwrap();
            assert_eq!(first.assignment(), &held_by_first, "{protocol:?}");
        }
        assert_eq!(second.assignment(), &held, "{protocol:?}");
        assert_eq!(second.generation(), generation, "{protocol:?}");
    }
}

#[tokio::test]
async fn leaving_before_joining_is_no_error() {
    let cluster = cluster().await;
    for protocol in protocols() {
        let group = unique("never");
        let consumer = GroupConsumer::new(&cluster.client, config(&group, "t", &protocol));
        consumer.leave().await.unwrap();
    }
}
