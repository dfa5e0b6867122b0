//! DeleteRecords: how far a log may be cut from its front, and who hears of it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use ottla::Broker;

use crate::requests::{batch, create_topic, fetch, produce, topic_id, topic_name};
use crate::socket::Client;

/// Deletes before `offset` in one partition; the error code and low watermark.
fn delete(client: &mut Client, topic: &str, partition: i32, offset: i64) -> (i16, i64) {
    delete_at(client, 2, topic, partition, offset)
}

fn delete_at(
    client: &mut Client,
    version: i16,
    topic: &str,
    partition: i32,
    offset: i64,
) -> (i16, i64) {
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(partition)
        .with_offset(offset);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
    let topic = client.call(version, &request).topics.remove(0);
    (
        topic.partitions[0].error_code,
        topic.partitions[0].low_watermark,
    )
}

#[tokio::test]
async fn records_before_an_offset_go_and_do_not_come_back_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let start = || {
        let broker = Broker::builder().data_dir(data.path());
        broker.topic("orders", 2).start()
    };
    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    for _ in 0..3 {
        assert_eq!(produce(&mut client, "orders", batch(10)).error_code, 0);
    }
    for version in 0..=2 {
        let before = i64::from(version) + 5;
        assert_eq!(
            delete_at(&mut client, version, "orders", 0, before),
            (0, before)
        );
    }
    assert_eq!(
        delete(&mut client, "orders", 0, 3),
        (0, 7),
        "what is gone stays gone"
    );
    let gone = fetch(&mut client, "orders", 6);
    assert_eq!(gone.error_code, ResponseError::OffsetOutOfRange.code());
    assert_eq!(fetch(&mut client, "orders", 7).log_start_offset, 7);
    assert_eq!(produce(&mut client, "orders", batch(1)).log_start_offset, 7);
    broker.shutdown().await;

    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    assert_eq!(fetch(&mut client, "orders", 7).log_start_offset, 7);
    assert_eq!(delete(&mut client, "orders", 0, -1), (0, 31), "all of it");
    assert_eq!(produce(&mut client, "orders", batch(1)).base_offset, 31);
    assert_eq!(fetch(&mut client, "orders", 31).log_start_offset, 31);
}

#[tokio::test]
async fn deletions_that_kafka_refuses_are_refused_with_its_codes() {
    let broker = Broker::builder()
        .config("offsets.topic.num.partitions", "1")
        .topic("orders", 2)
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    topic_id(&mut client, "__consumer_offsets");
    create_topic(&mut client, "states", &[("cleanup.policy", "compact")]);
    create_topic(&mut client, "both", &[("cleanup.policy", "compact,delete")]);
    let mut code = |topic: &str, partition, offset| delete(&mut client, topic, partition, offset).0;
    let out_of_range = ResponseError::OffsetOutOfRange.code();
    assert_eq!(code("orders", 0, 1), out_of_range, "beyond the end");
    assert_eq!(code("orders", 0, -2), out_of_range, "no offset");
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(code("orders", 2, 0), unknown);
    assert_eq!(code("nothing", 0, 0), unknown);
    let internal = ResponseError::InvalidTopicException.code();
    assert_eq!(code("__consumer_offsets", 0, 0), internal);
    assert_eq!(code("states", 0, 0), ResponseError::PolicyViolation.code());
    assert_eq!(code("both", 0, 0), 0);
}
