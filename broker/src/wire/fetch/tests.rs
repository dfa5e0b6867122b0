//! What is written by hand reads through the `kafka-protocol` crate as the
//! same value, in every version.

use bytes::Bytes;
use std::sync::Arc;

use kafka_protocol::messages::FetchResponse as CrateResponse;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::protocol::Decodable;
use ottla_core::ids::TopicId;
use proptest::prelude::*;

use super::*;

fn any_partition() -> impl Strategy<Value = PartitionFetched> {
    let records = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..3);
    (
        (
            any::<i32>(),
            any::<i16>(),
            any::<[i64; 3]>(),
            any::<bool>(),
            records,
        ),
        prop::option::of((any::<i32>(), any::<i64>())),
        prop::option::of((any::<i32>(), any::<i32>())),
    )
        .prop_map(
            |((index, error_code, offsets, with_aborted, records), diverging, leader)| {
                PartitionFetched {
                    index,
                    error_code,
                    high_watermark: offsets[0],
                    last_stable_offset: offsets[1],
                    log_start_offset: offsets[2],
                    diverging,
                    current_leader: leader,
                    with_aborted,
                    records: records
                        .into_iter()
                        .map(|bytes| Bytes::from(bytes).into())
                        .collect(),
                }
            },
        )
}

fn check_partition(version: i16, sent: &PartitionFetched, read: &PartitionData) {
    assert_eq!(
        (read.partition_index, read.error_code),
        (sent.index, sent.error_code)
    );
    assert_eq!(read.high_watermark, sent.high_watermark);
    assert_eq!(read.last_stable_offset, sent.last_stable_offset);
    assert_eq!(
        read.log_start_offset,
        if version >= 5 {
            sent.log_start_offset
        } else {
            -1
        }
    );
    assert_eq!(read.aborted_transactions.is_some(), sent.with_aborted);
    assert_eq!(read.preferred_read_replica.0, -1);
    assert_eq!(
        read.records.clone().unwrap_or_default(),
        bytes_of(&sent.records)
    );
    if version >= 12 {
        let diverging = sent.diverging.unwrap_or((-1, -1));
        assert_eq!(
            (read.diverging_epoch.epoch, read.diverging_epoch.end_offset),
            diverging
        );
        let leader = sent.current_leader.unwrap_or((-1, -1));
        assert_eq!(
            (
                read.current_leader.leader_id.0,
                read.current_leader.leader_epoch
            ),
            leader
        );
    }
}

fn bytes_of(pieces: &[Piece]) -> Vec<u8> {
    let pieces = pieces.iter().cloned();
    let bytes: Vec<Bytes> = pieces.map(|piece| piece.into_bytes().unwrap()).collect();
    bytes.concat()
}

proptest! {
    #[test]
    fn a_response_reads_back_through_the_crate(
        version in 4i16..=18,
        error_code: i16,
        session_id: i32,
        topics in prop::collection::vec(
            ("[a-z.]{0,200}", any::<[u8; 16]>(), prop::collection::vec(any_partition(), 0..4)), 0..4,
        ),
        host in prop::option::of("[a-z.]{1,200}"),
    ) {
        let topic_ref = |name: &str, id| {
            if version >= 13 {
                TopicKey::Id(TopicId(id))
            } else {
                TopicKey::Name(Arc::from(name))
            }
        };
        let fetched = topics.iter().map(|(name, id, partitions)| TopicFetched {
            topic: topic_ref(name, *id),
            partitions: partitions.clone(),
        });
        let node_endpoints: Vec<NodeEndpoint> = host
            .iter()
            .map(|host| NodeEndpoint { node_id: 7, host: host.clone(), port: 9092 })
            .collect();
        let response =
            FetchResponse { error_code, session_id, topics: fetched.collect(), node_endpoints };
        let (head, rest) = encode_response(version, response);
        let mut body = Bytes::from([&head[..], &bytes_of(&rest)].concat());
        let read = CrateResponse::decode(&mut body, version).unwrap();
        prop_assert!(body.is_empty());
        prop_assert_eq!(read.error_code, if version >= 7 { error_code } else { 0 });
        prop_assert_eq!(read.session_id, if version >= 7 { session_id } else { 0 });
        prop_assert_eq!(read.throttle_time_ms, 0);
        prop_assert_eq!(read.responses.len(), topics.len());
        for (read, (name, id, partitions)) in read.responses.iter().zip(&topics) {
            if version >= 13 {
                prop_assert_eq!(read.topic_id.as_bytes(), id);
            } else {
                prop_assert_eq!(&*read.topic.0, name.as_str());
            }
            prop_assert_eq!(read.partitions.len(), partitions.len());
            for (read, sent) in read.partitions.iter().zip(partitions) {
                check_partition(version, sent, read);
            }
        }
        let hosts: Vec<&str> = read.node_endpoints.iter().map(|node| &*node.host).collect();
        let sent: Vec<&str> = if version >= 16 { host.as_deref().into_iter().collect() } else { vec![] };
        prop_assert_eq!(hosts, sent);
    }
}

#[test]
fn records_are_passed_on_and_not_copied() {
    let records = Bytes::from(vec![7u8; 100_000]);
    let partition = PartitionFetched {
        records: vec![records.clone().into()],
        ..PartitionFetched::failed(0, 0)
    };
    let topic = TopicKey::Name(Arc::from("topic"));
    let topics = vec![TopicFetched {
        topic,
        partitions: vec![partition],
    }];
    let (_, rest) = encode_response(
        12,
        FetchResponse {
            topics,
            ..FetchResponse::default()
        },
    );
    assert_eq!(
        rest[0].clone().into_bytes().unwrap().as_ptr(),
        records.as_ptr()
    );
}
