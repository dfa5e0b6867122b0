//! Waits: what they wait for, and what they say when it does not come.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId, OffsetCommitRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;
use ottla::embed::{EmbedError, NewRecord};
use ottla_client::{Codec, ProducerRecord};

use crate::program::{consume, produce, producer, protocols};
use crate::socket::Client;

fn bytes(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

/// The explanation of a wait that was in vain.
fn in_vain<T>(waited: Result<T, EmbedError>) -> String {
    match waited {
        Err(error @ EmbedError::TimedOut { .. }) => format!("{error:?}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not in vain"),
    }
}

#[tokio::test]
async fn a_group_is_waited_for_until_it_is_stable_and_until_it_has_caught_up() {
    for protocol in protocols() {
        let broker = Broker::builder().topic("orders", 3).start().await.unwrap();
        let first = consume(&broker, "push", &protocol).await;
        let alone = broker.group("push").wait_stable(1).await.unwrap();
        assert_eq!(alone.members[0].assigned[0].partitions, [0, 1, 2]);
        assert_eq!(alone.members[0].client_id, "consumer");
        // Nothing has been written, so there is nothing to commit.
        broker.group("push").wait_caught_up().await.unwrap();

        let second = consume(&broker, "push", &protocol).await;
        let both = broker.group("push").wait_stable(2).await.unwrap();
        let shares = both.members.iter().map(|member| &member.assigned[0]);
        let shares: Vec<_> = shares.map(|assigned| assigned.partitions.len()).collect();
        assert_eq!(shares.iter().sum::<usize>(), 3, "{protocol:?} {shares:?}");

        let records = (0..30).map(|n| ProducerRecord::new("orders", n.to_string()));
        produce(&broker, records.collect()).await;
        let caught_up = broker.group("push").wait_caught_up().await.unwrap();
        let committed = caught_up.offsets.iter().map(|offset| offset.committed);
        assert_eq!(committed.sum::<i64>(), 30);
        first.abort();
        second.abort();
        broker.shutdown().await;
    }
}

#[tokio::test]
async fn a_wait_in_vain_prints_group_members_offsets_and_last_requests() {
    for protocol in protocols() {
        let broker = Broker::builder()
            .records("orders", ["one", "two"])
            .start()
            .await
            .unwrap();
        let member = consume(&broker, "push", &protocol).await;
        broker.group("push").wait_caught_up().await.unwrap();
        let waited = broker.group("push").wait_stable(2);
        let said = in_vain(waited.within(Duration::from_millis(100)).await);
        for expected in [
            "waited 0.1 s in vain for group 'push' to be stable with 2 members",
            "Stable, members: 1",
            "client.id consumer, /127.0.0.1): orders[0]",
            "committed orders-0: 2 of 2",
            "topic orders: 0..2",
            "last requests of 127.0.0.1:",
            "OffsetCommit v",
        ] {
            assert!(said.contains(expected), "no {expected:?} in\n{said}");
        }
        member.abort();
        broker.topic("orders").append("three").await.unwrap();
        let waited = broker.group("push").wait_caught_up();
        let said = in_vain(waited.within(Duration::from_millis(100)).await);
        assert!(said.contains("committed orders-0: 2 of 3"), "{said}");
    }
}

#[tokio::test]
async fn a_group_that_never_was_is_said_not_to_be_there() {
    let broker = Broker::builder()
        .wait_deadline(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let said = in_vain(broker.group("push").wait_stable(1).await);
    assert!(said.contains("there is no group push"), "{said}");
    assert!(said.contains("no client has sent a request"), "{said}");
}

#[tokio::test]
async fn records_of_every_codec_are_read_with_all_they_have() {
    let broker = Broker::builder().topic("orders", 2).start().await.unwrap();
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4];
    for codec in codecs {
        let record = ProducerRecord::new("orders", "value")
            .with_key("key")
            .with_partition(1)
            .with_header("trace", "1")
            .with_header("trace", "2");
        let mut producer = producer(&broker, codec).await;
        producer.send(record).await.unwrap();
    }
    let records = broker.topic("orders").wait_records(4).await.unwrap();
    assert_eq!(records.len(), 4);
    for (offset, record) in records.iter().enumerate() {
        assert_eq!((record.partition, record.offset), (1, offset as i64));
        assert_eq!(
            (&record.key, &record.value),
            (&bytes("key"), &bytes("value"))
        );
        let trace = |value| ("trace".to_owned(), bytes(value));
        assert_eq!(record.headers, [trace("1"), trace("2")]);
        assert!(record.timestamp_ms > 1_700_000_000_000);
    }
}

#[tokio::test]
async fn every_record_of_a_batch_is_read_once() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let waiting = broker.topic("orders").wait_records(60).into_future();
    for _ in 0..2 {
        let records = (0..30).map(|n| ProducerRecord::new("orders", n.to_string()));
        produce(&broker, records.collect()).await;
    }
    let records = waiting.await.unwrap();
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_commit_of_a_group_without_members_ends_a_wait_at_once() {
    let broker = Broker::builder()
        .records("orders", ["one", "two"])
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    client.call(3, &FindCoordinatorRequest::default());
    let waiting = broker.group("plain").wait_caught_up().into_future();
    // Nothing else wakes it than what it waits for.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(2);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("orders")))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("plain")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    client.call(8, &request);
    assert_eq!(waiting.await.unwrap().offsets[0].committed, 2);
}

#[tokio::test]
async fn records_are_waited_for_in_a_topic_that_is_made_later_and_grows() {
    let broker = Broker::builder().start().await.unwrap();
    let waiting = tokio::spawn(broker.topic("late").wait_records(3).into_future());
    for value in ["one", "two"] {
        broker.topic("late").append(value).await.unwrap();
    }
    assert!(!waiting.is_finished());
    broker.topic("late").append("three").await.unwrap();
    let records = waiting.await.unwrap().unwrap();
    let values: Vec<_> = records.into_iter().map(|record| record.value).collect();
    assert_eq!(values, [bytes("one"), bytes("two"), bytes("three")]);
    // More than asked for is seen.
    assert_eq!(broker.topic("late").wait_records(1).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_record_is_appended_where_its_key_belongs() {
    let broker = Broker::builder().topic("orders", 10).start().await.unwrap();
    let topic = broker.topic("orders");
    // toPositive(murmur2("21")) = 1173551340
    let placed = topic.append(("21", "value")).await.unwrap();
    assert_eq!((placed.partition, placed.offset), (0, 0));
    let record = NewRecord::tombstone("key")
        .partition(7)
        .timestamp_ms(5)
        .header("name", "header");
    let placed = topic.append(record).await.unwrap();
    assert_eq!(placed.partition, 7);
    let records = topic.wait_records(2).await.unwrap();
    assert_eq!(records[1].timestamp_ms, 5);
    assert_eq!(records[1].value, None);

    let refused = topic.append(NewRecord::new("").partition(10)).await;
    let problem = refused.unwrap_err().to_string();
    assert_eq!(problem, "cannot append to 'orders': it has no partition 10");
    let refused = broker.topic("__consumer_offsets").append("").await;
    assert!(refused.unwrap_err().to_string().contains("internal"));
    let refused = broker.topic("no/name").append("").await;
    assert!(refused.unwrap_err().to_string().contains("no/name"));
}

#[tokio::test]
async fn what_the_builder_was_told_is_there_and_on_disk_only_once() {
    let data = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let broker = Broker::builder()
            .data_dir(data.path())
            .records("orders", [("key", "one"), ("key", "two")])
            .records("users", ["somebody"])
            .topic("orders", 4)
            .start()
            .await
            .unwrap();
        let orders = broker.topic("orders").wait_records(2).await.unwrap();
        assert_eq!(orders.len(), 2);
        assert_eq!(orders[0].partition, orders[1].partition);
        assert_eq!(
            broker.topic("users").wait_records(1).await.unwrap().len(),
            1
        );
        broker.shutdown().await;
    }
}

#[test]
fn every_wait_can_be_blocked_on_without_a_runtime() {
    let broker = Broker::builder().start_blocking().unwrap();
    broker.topic("orders").append("one").blocking().unwrap();
    let records = broker.topic("orders").wait_records(1).blocking().unwrap();
    assert_eq!(records[0].value, bytes("one"));
    let short = Duration::from_millis(10);
    in_vain(broker.group("push").wait_stable(1).within(short).blocking());
    broker.shutdown_blocking();
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn waits_work_on_a_single_thread_whose_time_stands_still() {
    let broker = Broker::builder().start_blocking().unwrap();
    broker.topic("orders").append("one").blocking().unwrap();
    let waiting = broker.topic("orders").wait_records(2).into_future();
    broker.topic("orders").append("two").await.unwrap();
    assert_eq!(waiting.await.unwrap().len(), 2);
    // The test's clock jumps wherever nothing else happens; the broker's wait
    // takes its time.
    let started = Instant::now();
    let patience = Duration::from_millis(50);
    in_vain(broker.group("push").wait_stable(1).within(patience).await);
    assert!(started.elapsed() >= patience);
    broker.shutdown_blocking();
}

#[tokio::test]
async fn a_wait_ends_when_its_broker_does() {
    let broker = Broker::builder().start().await.unwrap();
    let waiting = broker.topic("orders").wait_records(1).into_future();
    let not_begun = broker.topic("orders").wait_records(1);
    drop(broker);
    assert!(matches!(waiting.await, Err(EmbedError::Stopped)));
    assert!(matches!(not_begun.await, Err(EmbedError::Stopped)));
}

#[tokio::test]
async fn a_paused_clock_ends_sessions_when_it_is_advanced_and_not_before() {
    for protocol in protocols() {
        let broker = Broker::builder()
            .topic("orders", 1)
            .paused_clock()
            .config("group.consumer.session.timeout.ms", "10000")
            .config("group.consumer.min.session.timeout.ms", "100")
            .start()
            .await
            .unwrap();
        let before = broker.clock().now();
        let member = consume(&broker, "push", &protocol).await;
        broker.group("push").wait_stable(1).await.unwrap();
        // It goes without a word.
        member.abort();
        member.await.unwrap_err();
        broker.clock().advance(Duration::from_millis(9_999));
        broker.group("push").wait_stable(1).await.unwrap();
        broker.clock().advance(Duration::from_secs(11));
        broker.group("push").wait_stable(0).await.unwrap();
        let passed = broker.clock().now().duration_since(before).unwrap();
        assert_eq!(passed, Duration::from_millis(20_999));
        assert!(broker.clock().now() > SystemTime::now());
    }
}

#[tokio::test]
async fn several_brokers_do_not_know_of_each_other() {
    let left = Broker::builder().start().await.unwrap();
    let right = Broker::builder().start().await.unwrap();
    left.topic("orders").append("left").await.unwrap();
    right.topic("orders").append("right").await.unwrap();
    let record = &left.topic("orders").wait_records(1).await.unwrap()[0];
    assert_eq!(record.value, bytes("left"));
    let config = left.client_config();
    assert_eq!(
        config[0],
        ("bootstrap.servers".to_owned(), left.bootstrap_servers())
    );
    assert_ne!(left.bootstrap_servers(), right.bootstrap_servers());
}
