//! Requests that lie in the buffer together: answered in order, and nothing is
//! carried out behind the one that closes the connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use ottla_core::batch::RecordBatchBuilder;
use ottla_core::config::BrokerConfigs;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::connection::{ConnectionError, serve};
use crate::config::NodeConfig;
use crate::node::Node;

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9092);
const PRODUCE_VERSION: i16 = 9;

fn batch() -> BytesMut {
    let mut builder = RecordBatchBuilder::new();
    builder.push(1_000, None, Some(b"value"), &[]).unwrap();
    builder.build()
}

fn damaged() -> BytesMut {
    let mut batch = batch();
    batch[65] ^= 1;
    batch
}

/// A Produce request for partitions of `t`.
fn produce(correlation_id: i32, acks: i16, records: Vec<(i32, BytesMut)>) -> Vec<u8> {
    let data = records.into_iter().map(|(index, records)| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(records.freeze()))
    });
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str("t")))
        .with_partition_data(data.collect());
    let request = ProduceRequest::default()
        .with_acks(acks)
        .with_topic_data(vec![topic]);
    framed(ApiKey::Produce, PRODUCE_VERSION, correlation_id, &request)
}

fn framed(key: ApiKey, version: i16, correlation_id: i32, request: &impl Encodable) -> Vec<u8> {
    let mut content = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .encode(&mut content, key.request_header_version(version))
        .unwrap();
    request.encode(&mut content, version).unwrap();
    let length = content.len() as i32;
    [&length.to_be_bytes()[..], &content].concat()
}

/// Sends everything at once; the answers by correlation id, how the connection
/// ended, and where partitions 0 and 1 of `t` end.
async fn serve_at_once(
    frames: &[Vec<u8>],
) -> (Vec<(i32, Bytes)>, Result<(), ConnectionError>, [i64; 2]) {
    let config = NodeConfig::new(BrokerConfigs::default(), None, None).unwrap();
    let node = Node::start(config).unwrap();
    node.create_at_start(&[("t".to_owned(), 2)]).unwrap();
    let (mut here, there) = duplex(1 << 20);
    here.write_all(&frames.concat()).await.unwrap();
    here.shutdown().await.unwrap();
    let ended = serve(Arc::clone(&node), there, ADDRESS, ADDRESS).await;
    let mut answers = Vec::new();
    while let Ok(length) = here.read_i32().await {
        let mut answer = BytesMut::zeroed(length as usize);
        here.read_exact(&mut answer).await.unwrap();
        let correlation_id = i32::from_be_bytes(*answer.first_chunk().unwrap());
        answers.push((correlation_id, answer.freeze()));
    }
    let topic = node.metadata.image().topic("t").unwrap().id;
    let ends = [0, 1].map(|index| {
        let index = ottla_core::ids::PartitionIndex(index);
        let partition = node.partitions.find(topic, index).unwrap();
        partition.marks().unwrap().log_end.0
    });
    (answers, ended, ends)
}

/// Error code and base offset of each partition.
fn produced(mut answer: Bytes) -> Vec<(i16, i64)> {
    ResponseHeader::decode(&mut answer, 1).unwrap();
    let response = ProduceResponse::decode(&mut answer, PRODUCE_VERSION).unwrap();
    let partitions = response.responses.into_iter();
    let partitions = partitions.flat_map(|topic| topic.partition_responses);
    partitions
        .map(|one| (one.error_code, one.base_offset))
        .collect()
}

#[tokio::test]
async fn answers_come_in_order_and_each_tells_of_its_own_partitions() {
    let (answers, ended, ends) = serve_at_once(&[
        produce(1, 1, vec![(0, batch())]),
        produce(2, 1, vec![(0, batch()), (1, batch())]),
        produce(3, 1, vec![(1, damaged()), (1, batch())]),
        framed(ApiKey::ApiVersions, 0, 4, &ApiVersionsRequest::default()),
        produce(5, -1, vec![(7, batch()), (0, batch())]),
        produce(6, 0, vec![(0, batch())]),
        produce(7, 5, vec![(0, batch())]),
        produce(8, 1, vec![(0, damaged()), (0, batch())]),
    ])
    .await;
    ended.unwrap();
    let ids: Vec<i32> = answers.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 7, 8]);
    let mut answers = answers.into_iter().filter(|(id, _)| *id != 4);
    let mut next = || produced(answers.next().unwrap().1);
    assert_eq!(next(), [(0, 0)]);
    assert_eq!(next(), [(0, 1), (0, 0)]);
    assert_eq!(next(), [(2, -1), (0, 1)]);
    assert_eq!(next(), [(3, -1), (0, 2)]);
    assert_eq!(next(), [(21, -1)]);
    assert_eq!(next(), [(2, -1), (0, 4)]);
    assert_eq!(ends, [5, 2]);
}

#[tokio::test]
async fn nothing_is_appended_behind_a_refusal_that_closes_the_connection() {
    let (answers, ended, ends) = serve_at_once(&[
        produce(1, 1, vec![(0, batch())]),
        produce(2, 0, vec![(0, damaged())]),
        produce(3, 1, vec![(0, batch())]),
    ])
    .await;
    assert!(matches!(ended, Err(ConnectionError::Refused(_))));
    assert_eq!(answers.len(), 1);
    assert_eq!(ends[0], 1);
}

#[tokio::test]
async fn what_stands_before_a_request_that_is_none_is_carried_out_and_answered() {
    let mut broken = produce(2, 1, vec![(0, batch())]);
    let last = broken.len() - 4;
    broken.truncate(last);
    let length = last as i32 - 4;
    broken[..4].copy_from_slice(&length.to_be_bytes());
    let (answers, ended, ends) = serve_at_once(&[
        produce(1, 1, vec![(0, batch())]),
        broken,
        produce(3, 1, vec![(0, batch())]),
    ])
    .await;
    assert!(matches!(ended, Err(ConnectionError::Refused(_))));
    assert_eq!(answers.len(), 1);
    assert_eq!(ends[0], 1);
}
