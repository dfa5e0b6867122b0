//! Produce frames, encoded once and sent again and again.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use ottla_core::batch::RecordBatchBuilder;

/// The topic every workload writes to; its only partition is 0.
const TOPIC: &str = "bench";
/// The last version that names topics instead of ids.
const PRODUCE_VERSION: i16 = 12;
const CREATE_TOPICS_VERSION: i16 = 5;
/// Where a frame's correlation id stands: length, key, version.
const CORRELATION_ID_AT: usize = 8;

/// A frame with its length in front.
#[derive(Clone)]
pub struct Frame {
    bytes: Bytes,
    records: usize,
    records_bytes: usize,
}

impl Frame {
    /// The frame as it goes over the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many records its batch has.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Bytes of the record batch in it.
    pub fn records_bytes(&self) -> usize {
        self.records_bytes
    }
}

/// A Produce with acks=1 of one batch of at least `batch_bytes`.
pub fn produce(record_bytes: usize, batch_bytes: usize) -> Frame {
    let mut batch = RecordBatchBuilder::new();
    let mut records = 0;
    let value = vec![b'v'; record_bytes];
    while batch.is_empty() || batch.size_bytes() + record_bytes < batch_bytes {
        batch
            .push(1_700_000_000_000, None, Some(&value), &[])
            .unwrap();
        records += 1;
    }
    let batch = batch.build().freeze();
    let records_bytes = batch.len();
    Frame {
        bytes: frame(ApiKey::Produce, PRODUCE_VERSION, &request(batch, 0..1)),
        records,
        records_bytes,
    }
}

/// A Produce with acks=1 of one small batch for each partition.
pub fn produce_to_each(partitions: i32) -> Frame {
    let mut batch = RecordBatchBuilder::new();
    batch
        .push(1_700_000_000_000, None, Some(b"record"), &[])
        .unwrap();
    let batch = batch.build().freeze();
    let (records, records_bytes) = (partitions as usize, partitions as usize * batch.len());
    Frame {
        bytes: frame(
            ApiKey::Produce,
            PRODUCE_VERSION,
            &request(batch, 0..partitions),
        ),
        records,
        records_bytes,
    }
}

fn request(batch: Bytes, partitions: Range<i32>) -> ProduceRequest {
    let partition = |index| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(batch.clone()))
    };
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str(TOPIC)))
        .with_partition_data(partitions.map(partition).collect());
    ProduceRequest::default()
        .with_acks(1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic])
}

/// Makes the topic with one partition.
pub fn create_topic() -> Frame {
    create_topic_of(1)
}

/// Makes the topic.
pub fn create_topic_of(partitions: i32) -> Frame {
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_static_str(TOPIC)))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(30_000);
    Frame {
        bytes: frame(ApiKey::CreateTopics, CREATE_TOPICS_VERSION, &request),
        records: 0,
        records_bytes: 0,
    }
}

/// The offset that the broker gave to the batch it acknowledges. Panics when
/// it refused it: refusing quickly is no feat.
pub fn acknowledged_offset(answer: &[u8]) -> i64 {
    let mut answer = Bytes::copy_from_slice(answer);
    let header_version = ApiKey::Produce.response_header_version(PRODUCE_VERSION);
    ResponseHeader::decode(&mut answer, header_version).unwrap();
    let response = ProduceResponse::decode(&mut answer, PRODUCE_VERSION).unwrap();
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0, "the broker refused a batch");
    partition.base_offset
}

fn frame(key: ApiKey, version: i16, request: &impl Encodable) -> Bytes {
    let mut body = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("bench")))
        .encode(&mut body, key.request_header_version(version))
        .unwrap();
    request.encode(&mut body, version).unwrap();
    let mut framed = BytesMut::with_capacity(4 + body.len());
    framed.put_i32(body.len() as i32);
    framed.extend_from_slice(&body);
    assert_eq!(
        framed[CORRELATION_ID_AT..CORRELATION_ID_AT + 4],
        7_i32.to_be_bytes()
    );
    framed.freeze()
}
