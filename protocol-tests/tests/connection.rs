//! The raw connection and the batches against the embedded broker.

#![allow(clippy::unwrap_used)]

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, BrokerId, FetchRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;
use ottla_core::batch::Codec;
use protocol_tests::batches::{OwnedRecord, batch, records_of, with_byte};
use protocol_tests::connection::Connection;

const TOPIC: TopicName = TopicName(StrBytes::from_static_str("raw"));

fn produce(records: bytes::Bytes) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(TOPIC)
        .with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic])
}

fn fetch() -> FetchRequest {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(TOPIC)
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic])
}

#[test]
fn what_is_sent_over_the_raw_connection_is_read_back_record_for_record() {
    let broker = Broker::builder().topic("raw", 1).start_blocking().unwrap();
    let mut connection = Connection::open(broker.address()).unwrap();
    let mut record = OwnedRecord::of_value(7, "value");
    record.headers = vec![(b"h".to_vec(), None), (b"h".to_vec(), Some(vec![1]))];
    let sent = [OwnedRecord::default(), record];
    let codecs = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];
    for codec in codecs {
        let request = produce(batch(&sent, codec, None));
        let answer = connection.send(12, &request).unwrap();
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }
    let answer = connection.send(12, &fetch()).unwrap();
    let bytes = answer.responses[0].partitions[0].records.clone().unwrap();
    let found = records_of(&bytes).unwrap();
    let expected = (0..10).map(|offset| (offset, sent[offset as usize % 2].clone()));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn a_changed_byte_is_seen_by_a_rule_and_not_by_the_checksum() {
    let broker = Broker::builder().topic("raw", 1).start_blocking().unwrap();
    let mut connection = Connection::open(broker.address()).unwrap();
    let whole = batch(&[OwnedRecord::default()], Codec::None, None);
    // The low byte of the record count.
    let miscounted = produce(with_byte(&whole, 60, 9));
    let answer = connection.send(12, &miscounted).unwrap();
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, kafka_protocol::ResponseError::InvalidRecord.code());
}

#[test]
fn a_frame_that_is_no_request_gets_no_answer_and_a_closed_connection() {
    let broker = Broker::builder().start_blocking().unwrap();
    let mut connection = Connection::open(broker.address()).unwrap();
    assert_eq!(connection.send_frame(&[0xff; 12]).unwrap(), None);
    let mut connection = Connection::open(broker.address()).unwrap();
    connection.send(0, &ApiVersionsRequest::default()).unwrap();
}
