//! The hand-written codec against the `kafka-protocol` crate: the same value
//! both ways, in every version.

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ProduceRequest as CrateRequest, ProduceResponse, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

type Partition = (i32, Option<Vec<u8>>);

fn any_topics() -> impl Strategy<Value = Vec<(String, [u8; 16], Vec<Partition>)>> {
    let records = prop::option::of(prop::collection::vec(any::<u8>(), 0..200));
    let partitions = prop::collection::vec((any::<i32>(), records), 0..4);
    prop::collection::vec(
        (
            "[a-zA-Z0-9._-]{0,300}|한국어",
            any::<[u8; 16]>(),
            partitions,
        ),
        0..4,
    )
}

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn topic_key(version: i16, name: &str, id: [u8; 16]) -> TopicRef<'_> {
    if version >= 13 {
        TopicRef::Id(TopicId(id))
    } else {
        TopicRef::Name(name)
    }
}

fn crate_request(
    version: i16,
    transactional_id: Option<&str>,
    acks: i16,
    timeout_ms: i32,
    topics: &[(String, [u8; 16], Vec<Partition>)],
) -> CrateRequest {
    let topics = topics.iter().map(|(name, id, partitions)| {
        let partitions = partitions.iter().map(|(index, records)| {
            PartitionProduceData::default()
                .with_index(*index)
                .with_records(records.clone().map(Bytes::from))
        });
        let topic = TopicProduceData::default().with_partition_data(partitions.collect());
        if version >= 13 {
            topic.with_topic_id(Uuid::from_bytes(*id))
        } else {
            topic.with_name(TopicName(text(name)))
        }
    });
    CrateRequest::default()
        .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
        .with_acks(acks)
        .with_timeout_ms(timeout_ms)
        .with_topic_data(topics.collect())
}

proptest! {
    #[test]
    fn a_request_reads_as_the_crate_wrote_it(
        version in 3i16..=13,
        transactional_id in prop::option::of("[a-z]{0,200}"),
        acks: i16,
        timeout_ms: i32,
        topics in any_topics(),
    ) {
        let sent =
            crate_request(version, transactional_id.as_deref(), acks, timeout_ms, &topics);
        let mut body = BytesMut::new();
        sent.encode(&mut body, version).unwrap();
        let mut whole = body.clone();
        let read = decode_request(&mut whole, version).unwrap();
        prop_assert_eq!(read.transactional_id, transactional_id.as_deref());
        prop_assert_eq!((read.acks, read.timeout_ms), (acks, timeout_ms));
        prop_assert_eq!(read.topics.len(), topics.len());
        for (read, (name, id, partitions)) in read.topics.iter().zip(&topics) {
            prop_assert_eq!(read.topic, topic_key(version, name, *id));
            let read: Vec<Partition> = read
                .partitions
                .iter()
                .map(|read| (read.index, read.records.as_deref().map(<[u8]>::to_vec)))
                .collect();
            prop_assert_eq!(&read, partitions);
        }
        // One byte more or less is noticed.
        body.extend_from_slice(&[0]);
        let mut longer = body.clone();
        prop_assert_eq!(decode_request(&mut longer, version), Err(FieldError::Leftover(1)));
        body.truncate(body.len() - 2);
        prop_assert_eq!(decode_request(&mut body, version), Err(FieldError::Short));
    }

    #[test]
    fn a_response_reads_back_through_the_crate(
        version in 3i16..=13,
        topics in prop::collection::vec(
            ("[a-z]{0,20}", any::<[u8; 16]>(), prop::collection::vec(
                (any::<i32>(), any::<i16>(), any::<[i64; 3]>(),
                 prop::collection::vec((any::<i32>(), "[a-z ]{0,200}"), 0..3),
                 prop::option::of("[a-z ]{0,200}")),
                0..4,
            )),
            0..4,
        ),
    ) {
        let mut response = ResponseWriter::new(version, topics.len());
        let mut codes = Vec::new();
        for (name, id, partitions) in &topics {
            response.topic(topic_key(version, name, *id), partitions.len());
            for (index, code, numbers, errors, message) in partitions {
                let at = response.partition(&PartitionProduced {
                    index: *index,
                    error_code: 0,
                    base_offset: numbers[0],
                    log_append_time_ms: numbers[1],
                    log_start_offset: numbers[2],
                    record_errors: errors.clone(),
                    error_message: message.clone(),
                });
                codes.push((at, *code));
            }
            response.end_topic();
        }
        let mut body = response.finish();
        for (at, code) in codes {
            at.set(&mut body, code);
        }
        let mut body = body.freeze();
        let read = ProduceResponse::decode(&mut body, version).unwrap();
        prop_assert!(body.is_empty());
        prop_assert_eq!(read.throttle_time_ms, 0);
        prop_assert_eq!(read.responses.len(), topics.len());
        for (read, (name, id, partitions)) in read.responses.iter().zip(&topics) {
            if version >= 13 {
                prop_assert_eq!(read.topic_id.as_bytes(), id);
            } else {
                prop_assert_eq!(&*read.name.0, name.as_str());
            }
            prop_assert_eq!(read.partition_responses.len(), partitions.len());
            for (read, sent) in read.partition_responses.iter().zip(partitions) {
                prop_assert_eq!((read.index, read.error_code), (sent.0, sent.1));
                prop_assert_eq!((read.base_offset, read.log_append_time_ms), (sent.2[0], sent.2[1]));
                prop_assert_eq!(read.log_start_offset, if version >= 5 { sent.2[2] } else { -1 });
                if version >= 8 {
                    let errors: Vec<(i32, String)> = read.record_errors.iter().map(|error| {
                        let message = error.batch_index_error_message.as_deref();
                        (error.batch_index, message.unwrap_or_default().to_owned())
                    }).collect();
                    prop_assert_eq!(&errors, &sent.3);
                    prop_assert_eq!(read.error_message.as_deref(), sent.4.as_deref());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(version in 3i16..=13, mut bytes: Vec<u8>) {
        let _ = decode_request(&mut bytes, version);
    }

    #[test]
    fn a_damaged_request_is_read_or_refused(
        version in 3i16..=13, topics in any_topics(), at: prop::sample::Index, byte: u8,
    ) {
        let mut body = BytesMut::new();
        crate_request(version, None, 1, 0, &topics).encode(&mut body, version).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = decode_request(&mut body, version);
    }
}

#[test]
fn a_count_of_two_billion_sets_nothing_aside() {
    let mut body = BytesMut::new();
    crate_request(3, None, 1, 0, &[])
        .encode(&mut body, 3)
        .unwrap();
    let count = body.len() - 4;
    body[count..].copy_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(decode_request(&mut body, 3), Err(FieldError::Short));
}
