//! Looking for offsets: by name of their place, by time, by leader epoch.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{ListOffsetsRequest, OffsetForLeaderEpochRequest};
use ottla::Broker;

use crate::requests::{batch_at, now_ms, produce, producer_id_request, topic_name};
use crate::socket::Client;

fn list_offset(client: &mut Client, version: i16, timestamp: i64) -> ListOffsetsPartitionResponse {
    let wanted = ListOffsetsPartition::default()
        .with_partition_index(0)
        .with_timestamp(timestamp)
        .with_current_leader_epoch(-1);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name("orders"))
        .with_partitions(vec![wanted]);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic]);
    client
        .call(version, &request)
        .topics
        .remove(0)
        .partitions
        .remove(0)
}

#[tokio::test]
async fn every_version_knows_the_offsets_it_should() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    let now_ms = now_ms();
    for age_ms in [3_000, 1_000, 2_000] {
        produce(&mut client, "orders", batch_at(2, now_ms - age_ms));
    }
    for version in 1..=10 {
        let epoch = if version >= 4 { 0 } else { -1 };
        let mut found = |timestamp| {
            let found = list_offset(&mut client, version, timestamp);
            (
                found.error_code,
                found.offset,
                found.timestamp,
                found.leader_epoch,
            )
        };
        let unsupported = (ResponseError::UnsupportedVersion.code(), -1, -1, -1);
        let from = |first, expected| {
            if version >= first {
                expected
            } else {
                unsupported
            }
        };
        assert_eq!(found(-1), (0, 6, -1, epoch), "latest, version {version}");
        assert_eq!(found(-2), (0, 0, -1, epoch), "earliest, version {version}");
        assert_eq!(
            found(-3),
            from(7, (0, 2, now_ms - 1_000, epoch)),
            "largest timestamp"
        );
        assert_eq!(found(-4), from(8, (0, 0, -1, epoch)), "earliest local");
        assert_eq!(found(-5), from(9, (0, -1, -1, -1)), "latest tiered");
        assert_eq!(found(-7), unsupported);
        assert_eq!(
            found(now_ms - 2_500),
            (0, 2, now_ms - 1_000, epoch),
            "by time"
        );
        assert_eq!(found(0), (0, 0, now_ms - 3_000, epoch));
        assert_eq!(found(now_ms), (0, -1, -1, -1), "nothing is as young");
    }
}

#[tokio::test]
async fn an_empty_partition_has_ends_but_no_largest_timestamp() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    assert_eq!(list_offset(&mut client, 7, -1).offset, 0);
    assert_eq!(list_offset(&mut client, 7, -2).offset, 0);
    let none = list_offset(&mut client, 7, -3);
    assert_eq!((none.error_code, none.offset, none.timestamp), (0, -1, -1));
}

/// One answer for each partition, by index.
fn codes(client: &mut Client, request: &ListOffsetsRequest) -> Vec<(i32, i16)> {
    let topics = client.call(5, request).topics;
    assert_eq!(topics.len(), 1, "a topic is answered once");
    let partitions = topics[0].partitions.iter();
    let mut codes: Vec<_> = partitions
        .map(|one| (one.partition_index, one.error_code))
        .collect();
    codes.sort_unstable();
    codes
}

fn latest_of(indexes: &[i32]) -> ListOffsetsTopic {
    let wanted = |&index| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_timestamp(-1)
    };
    ListOffsetsTopic::default()
        .with_name(topic_name("orders"))
        .with_partitions(indexes.iter().map(wanted).collect())
}

#[tokio::test]
async fn a_partition_named_twice_and_one_that_is_not_there_are_refused() {
    let broker = Broker::builder().topic("orders", 2).start().await.unwrap();
    let mut client = Client::connect(&broker);
    let topics = vec![latest_of(&[0, 9]), latest_of(&[1, 0])];
    let request = ListOffsetsRequest::default().with_topics(topics);
    let expected = [
        (0, ResponseError::InvalidRequest.code()),
        (1, 0),
        (9, ResponseError::UnknownTopicOrPartition.code()),
    ];
    assert_eq!(codes(&mut client, &request), expected);
}

#[tokio::test]
async fn an_isolation_level_that_is_none_is_refused() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    for (level, code) in [(0, 0), (1, 0), (2, -1), (-1, -1)] {
        let request = ListOffsetsRequest::default()
            .with_isolation_level(level)
            .with_topics(vec![latest_of(&[0])]);
        assert_eq!(codes(&mut client, &request), [(0, code)], "{level}");
    }
}

#[tokio::test]
async fn records_without_a_timestamp_are_the_oldest_there_are() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    produce(&mut client, "orders", batch_at(2, -1));
    let largest = list_offset(&mut client, 7, -3);
    assert_eq!((largest.offset, largest.timestamp), (0, -1));
    assert_eq!(list_offset(&mut client, 7, 0).offset, -1);
}

#[tokio::test]
async fn a_leader_epoch_ends_where_the_log_does() {
    let broker = Broker::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::connect(&broker);
    produce(&mut client, "orders", batch_at(3, now_ms()));
    for version in 2..=4 {
        let mut end_of = |epoch, current| {
            let wanted = OffsetForLeaderPartition::default()
                .with_leader_epoch(epoch)
                .with_current_leader_epoch(current);
            let topic = OffsetForLeaderTopic::default()
                .with_topic(topic_name("orders"))
                .with_partitions(vec![wanted]);
            let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
            let mut answer = client.call(version, &request);
            let end = answer.topics.remove(0).partitions.remove(0);
            (end.error_code, end.leader_epoch, end.end_offset)
        };
        assert_eq!(end_of(0, 0), (0, 0, 3));
        assert_eq!(end_of(0, -1), (0, 0, 3));
        assert_eq!(end_of(7, -1), (0, -1, -1), "nobody led in epoch 7");
        assert_eq!(end_of(0, 7).0, ResponseError::UnknownLeaderEpoch.code());
    }
}

#[tokio::test]
async fn every_producer_gets_an_id_of_its_own() {
    let broker = Broker::builder().start().await.unwrap();
    let mut client = Client::connect(&broker);
    let mut given = std::collections::BTreeSet::new();
    for version in (0..=5).cycle().take(2_100) {
        let request = producer_id_request();
        let answer = client.call(version, &request);
        assert_eq!((answer.error_code, answer.producer_epoch), (0, 0));
        assert!(given.insert(answer.producer_id.0));
    }
}
