//! Requests, encoded once and sent again and again.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, FetchRequest,
    ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use ottla_core::batch::RecordBatchBuilder;

/// The topic every workload writes to; its only partition is 0.
const TOPIC: &str = "bench";
/// The last version that names topics instead of ids.
const PRODUCE_VERSION: i16 = 12;
const CREATE_TOPICS_VERSION: i16 = 5;
const DELETE_TOPICS_VERSION: i16 = 5;
const FETCH_VERSION: i16 = 12;
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
    fn of(bytes: Bytes) -> Frame {
        Frame {
            bytes,
            records: 0,
            records_bytes: 0,
        }
    }

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
        bytes: frame(ApiKey::Produce, PRODUCE_VERSION, &request(&batch, 0..1)),
        records,
        records_bytes,
    }
}

/// A Produce with acks=1 of one small batch for one partition.
pub fn produce_to(partition: i32) -> Frame {
    produce_small(partition..partition + 1)
}

/// A Produce with acks=1 of one small batch for each partition.
pub fn produce_to_each(partitions: i32) -> Frame {
    produce_small(0..partitions)
}

fn produce_small(partitions: Range<i32>) -> Frame {
    let mut batch = RecordBatchBuilder::new();
    batch
        .push(1_700_000_000_000, None, Some(b"record"), &[])
        .unwrap();
    let batch = batch.build().freeze();
    let (records, records_bytes) = (partitions.len(), partitions.len() * batch.len());
    Frame {
        bytes: frame(
            ApiKey::Produce,
            PRODUCE_VERSION,
            &request(&batch, partitions),
        ),
        records,
        records_bytes,
    }
}

fn request(batch: &Bytes, partitions: Range<i32>) -> ProduceRequest {
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
    Frame::of(frame(ApiKey::CreateTopics, CREATE_TOPICS_VERSION, &request))
}

/// Removes the topic.
pub fn delete_topic() -> Frame {
    let request = DeleteTopicsRequest::default()
        .with_topic_names(vec![TopicName(StrBytes::from_static_str(TOPIC))])
        .with_timeout_ms(30_000);
    Frame::of(frame(ApiKey::DeleteTopics, DELETE_TOPICS_VERSION, &request))
}

/// The least a client says.
pub fn api_versions() -> Frame {
    Frame::of(frame(
        ApiKey::ApiVersions,
        0,
        &ApiVersionsRequest::default(),
    ))
}

/// Reads up to `max_bytes` of the first partition from `offset` on.
pub fn fetch(offset: i64, max_bytes: i32) -> Frame {
    fetch_of(0..1, offset, max_bytes, 0)
}

/// Waits for a record in any of these partitions for so long.
pub fn wait_for_records(partitions: Range<i32>, wait_ms: i32) -> Frame {
    fetch_of(partitions, 0, 1 << 20, wait_ms)
}

fn fetch_of(partitions: Range<i32>, offset: i64, max_bytes: i32, wait_ms: i32) -> Frame {
    let partition = |index| {
        FetchPartition::default()
            .with_partition(index)
            .with_current_leader_epoch(-1)
            .with_last_fetched_epoch(-1)
            .with_fetch_offset(offset)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(max_bytes)
    };
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_static_str(TOPIC)))
        .with_partitions(partitions.map(partition).collect());
    let request = FetchRequest::default()
        .with_replica_id(kafka_protocol::messages::BrokerId(-1))
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(max_bytes)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    Frame::of(frame(ApiKey::Fetch, FETCH_VERSION, &request))
}

/// A Produce of one batch of three records, with `damage` done to it.
pub fn produce_damaged(damage: impl FnOnce(&mut Vec<u8>)) -> Frame {
    let mut batch = RecordBatchBuilder::new();
    for _ in 0..3 {
        batch
            .push(1_700_000_000_000, None, Some(b"0123456789"), &[])
            .unwrap();
    }
    let mut batch = batch.build().to_vec();
    damage(&mut batch);
    let request = request(&Bytes::from(batch), 0..1);
    Frame::of(frame(ApiKey::Produce, PRODUCE_VERSION, &request))
}

/// What the broker said to a Produce: an error code and a base offset.
pub fn produced(answer: &[u8]) -> (i16, i64) {
    let mut answer = Bytes::copy_from_slice(answer);
    let header_version = ApiKey::Produce.response_header_version(PRODUCE_VERSION);
    ResponseHeader::decode(&mut answer, header_version).unwrap();
    let response = ProduceResponse::decode(&mut answer, PRODUCE_VERSION).unwrap();
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

/// The offset that the broker gave to the batch it acknowledges. Panics when
/// it refused it: refusing quickly is no feat.
pub fn acknowledged_offset(answer: &[u8]) -> i64 {
    let (error_code, base_offset) = produced(answer);
    assert_eq!(error_code, 0, "the broker refused a batch");
    base_offset
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
