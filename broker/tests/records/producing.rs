//! What may be appended, where it lies then, and what is refused with which of
//! Kafka's codes.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::{Attributes, BatchHeader, Codec, RecordBatchBuilder, crc, records};
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};
use uuid::Uuid;

use crate::requests::{
    batch, create_topic, fetch, fetch_request, now_ms, only_partition, placed, produce,
    produce_request, producer_id_request, topic_id, topic_name,
};
use crate::socket::Client;

async fn broker() -> Broker {
    Broker::builder().topic("orders", 2).start().await.unwrap()
}

#[tokio::test]
async fn what_any_version_produces_every_version_fetches_unchanged() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let topic = ("orders", topic_id(&mut client, "orders"));
    let mut expected = Vec::new();
    for (offset, version) in (0..).step_by(3).zip(3..=13) {
        let sent = batch(3);
        let request = produce_request(version, topic, 1, 1, sent.clone());
        let answer = client.call(version, &request).responses.remove(0);
        let partition = &answer.partition_responses[0];
        assert_eq!(
            (partition.index, partition.error_code),
            (1, 0),
            "version {version}"
        );
        assert_eq!(
            (partition.base_offset, partition.log_append_time_ms),
            (offset, -1)
        );
        expected.extend_from_slice(&placed(&sent, offset, 0));
    }
    for version in 4..=18 {
        let answer = client.call(version, &fetch_request(version, topic, 1, 0, 0));
        let partition = only_partition(answer);
        assert_eq!(partition.error_code, 0, "version {version}");
        assert_eq!(
            (partition.high_watermark, partition.last_stable_offset),
            (33, 33)
        );
        assert_eq!(partition.records.unwrap(), expected);
    }
}

/// The batch with bytes changed and the checksum made to fit again.
fn forged(batch: &Bytes, changes: &[(usize, u8)]) -> Bytes {
    let mut batch = BytesMut::from(&batch[..]);
    for (at, byte) in changes {
        batch[*at] = *byte;
    }
    let sum = crc::checksum(&batch);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
    batch.freeze()
}

fn damaged(batch: &Bytes, at: usize) -> Bytes {
    let mut batch = BytesMut::from(&batch[..]);
    batch[at] ^= 1;
    batch.freeze()
}

/// The table of `docs/performance.md`: being faster by not looking does not count.
#[tokio::test]
async fn the_nine_faulty_batches_get_kafkas_error_codes_and_change_nothing() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let good = batch(3);
    let mut magic = BytesMut::from(&good[..]);
    magic[16] = 9;
    for (fault, code, faulty) in [
        ("wrong checksum", 2, damaged(&good, 17)),
        ("a payload bit flipped", 2, damaged(&good, good.len() - 1)),
        ("a length beyond the bytes", 87, damaged(&good, 10)),
        ("magic 9", 2, magic.freeze()),
        ("unknown codec", -1, forged(&good, &[(22, 5)])),
        ("control batch", 87, forged(&good, &[(22, 0x20)])),
        (
            "count and last offset delta differ",
            87,
            forged(&good, &[(26, 3)]),
        ),
        (
            "count and records differ",
            87,
            forged(&good, &[(26, 3), (60, 4)]),
        ),
        (
            "a record's length",
            87,
            forged(&good, &[(61, good[61] + 2)]),
        ),
    ] {
        let refused = produce(&mut client, "orders", faulty);
        assert_eq!(refused.error_code, code, "{fault}");
        assert_eq!(refused.base_offset, -1, "{fault}");
        assert!(refused.error_message.is_some(), "{fault}");
    }
    assert_eq!(fetch(&mut client, "orders", 0).high_watermark, 0);
    assert_eq!(produce(&mut client, "orders", good).base_offset, 0);
}

#[tokio::test]
async fn topics_partitions_and_acks_that_are_not_there_are_refused() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let mut code = |version, topic, partition, acks| {
        let request = produce_request(version, topic, partition, acks, batch(1));
        client.call(version, &request).responses[0].partition_responses[0].error_code
    };
    let nobody = Uuid::from_bytes([9; 16]);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(code(9, ("nowhere", nobody), 0, 1), unknown);
    assert_eq!(code(9, ("orders", nobody), 2, 1), unknown);
    assert_eq!(code(9, ("orders", nobody), -1, 1), unknown);
    assert_eq!(
        code(13, ("", nobody), 0, 1),
        ResponseError::UnknownTopicId.code()
    );
    assert_eq!(
        code(9, ("orders", nobody), 0, 2),
        ResponseError::InvalidRequiredAcks.code()
    );
}

#[tokio::test]
async fn clients_do_not_write_to_internal_topics() {
    let broker = Broker::builder()
        .config("offsets.topic.num.partitions", "1")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    topic_id(&mut client, "__consumer_offsets");
    let refused = produce(&mut client, "__consumer_offsets", batch(1));
    assert_eq!(
        refused.error_code,
        ResponseError::InvalidTopicException.code()
    );
}

#[tokio::test]
async fn acks_0_gets_no_answer_and_a_refusal_closes_the_connection() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let topic = ("orders", Uuid::nil());
    client.send(9, &produce_request(9, topic, 0, 0, batch(2)));
    // The next answer on the connection is the next request's.
    assert_eq!(produce(&mut client, "orders", batch(1)).base_offset, 2);
    client.send(9, &produce_request(9, topic, 0, 0, damaged(&batch(1), 70)));
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_retry_of_an_idempotent_batch_is_stored_once() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let given = client.call(5, &producer_id_request());
    assert_eq!((given.error_code, given.producer_epoch), (0, 0));
    let numbered = |sequence| {
        let id = ProducerId(given.producer_id.0);
        let mut builder =
            RecordBatchBuilder::new().with_producer(id, ProducerEpoch(0), Sequence(sequence));
        builder.push(now_ms(), None, Some(b"once"), &[]).unwrap();
        builder.build().freeze()
    };
    let (first, second) = (numbered(0), numbered(1));
    assert_eq!(produce(&mut client, "orders", first.clone()).base_offset, 0);
    assert_eq!(produce(&mut client, "orders", second).base_offset, 1);
    let retry = produce(&mut client, "orders", first);
    assert_eq!((retry.error_code, retry.base_offset), (0, 0));
    let gap = produce(&mut client, "orders", numbered(3));
    assert_eq!(
        gap.error_code,
        ResponseError::OutOfOrderSequenceNumber.code()
    );
    assert_eq!(fetch(&mut client, "orders", 0).high_watermark, 2);
}

#[tokio::test]
async fn transactions_are_refused_with_a_sentence() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let id = TransactionalId(StrBytes::from_static_str("mine"));
    let request = InitProducerIdRequest::default().with_transactional_id(Some(id));
    for version in 0..=5 {
        let refused = client.call(version, &request);
        assert_eq!(refused.error_code, ResponseError::InvalidRequest.code());
    }
    let mut builder =
        RecordBatchBuilder::new().with_attributes(Attributes::default().with_transactional());
    builder.push(now_ms(), None, None, &[]).unwrap();
    let request = produce_request(9, ("orders", Uuid::nil()), 0, -1, builder.build().freeze());
    let mut refused = |request: &ProduceRequest| {
        let answer = client.call(9, request).responses.remove(0);
        let partition = answer.partition_responses.into_iter().next().unwrap();
        assert!(partition.error_message.unwrap().contains("transactional"));
        partition.error_code
    };
    assert_eq!(
        refused(&request),
        ResponseError::TransactionalIdAuthorizationFailed.code()
    );
    let id = TransactionalId(StrBytes::from_static_str("mine"));
    assert_eq!(
        refused(&request.with_transactional_id(Some(id))),
        ResponseError::InvalidRequest.code()
    );
}

#[tokio::test]
async fn records_that_break_a_rule_are_named_one_by_one() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    create_topic(&mut client, "states", &[("cleanup.policy", "compact")]);
    assert_eq!(produce(&mut client, "states", batch(2)).error_code, 0);
    let mut builder = RecordBatchBuilder::new();
    for key in [Some(&b"k"[..]), None, None] {
        builder.push(now_ms(), key, None, &[]).unwrap();
    }
    let named = |refused: PartitionProduceResponse| {
        let messages = refused.record_errors.iter();
        assert!(
            messages
                .clone()
                .all(|error| error.batch_index_error_message.is_some())
        );
        let indexes: Vec<_> = messages.map(|error| error.batch_index).collect();
        assert_eq!((refused.base_offset, refused.log_start_offset), (-1, 0));
        (refused.error_code, indexes)
    };
    let invalid_record = ResponseError::InvalidRecord.code();
    let refused = produce(&mut client, "states", builder.build().freeze());
    assert_eq!(named(refused), (invalid_record, vec![1, 2]));
    let mut builder = RecordBatchBuilder::new();
    for later_ms in [0, 7_200_000, 1] {
        let timestamp_ms = now_ms() + later_ms;
        builder.push(timestamp_ms, Some(b"k"), None, &[]).unwrap();
    }
    let refused = produce(&mut client, "states", builder.build().freeze());
    let invalid_timestamp = ResponseError::InvalidTimestamp.code();
    assert_eq!(named(refused), (invalid_timestamp, vec![1]));
    assert_eq!(fetch(&mut client, "states", 0).high_watermark, 2);
}

#[tokio::test]
async fn a_batch_that_cannot_be_one_refuses_its_whole_request() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let both = |first: Bytes, second: Bytes| {
        let data = [first, second]
            .into_iter()
            .zip(0..)
            .map(|(records, index)| {
                PartitionProduceData::default()
                    .with_index(index)
                    .with_records(Some(records))
            });
        let data = TopicProduceData::default()
            .with_name(topic_name("orders"))
            .with_partition_data(data.collect());
        ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![data])
    };
    let mut codes = |second: Bytes| {
        let request = both(batch(1), second);
        let partitions = client.call(9, &request).responses.remove(0);
        let partitions = partitions.partition_responses.into_iter();
        partitions
            .map(|answer| answer.error_code)
            .collect::<Vec<_>>()
    };
    let good = batch(1);
    let mut magic = BytesMut::from(&good[..]);
    magic[16] = 9;
    assert_eq!(codes(magic.freeze()), [2, 2]);
    let mut length = BytesMut::from(&good[..]);
    length[11] = 3;
    length[10] = 0;
    assert_eq!(codes(length.freeze()), [2, 2]);
    assert_eq!(codes(damaged(&good, 17)), [0, 2], "a fault of its own");
    assert_eq!(fetch(&mut client, "orders", 0).high_watermark, 1);
}

#[tokio::test]
async fn a_topic_that_asks_for_a_codec_stores_everything_in_it() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let codecs = [
        ("uncompressed", Codec::None),
        ("gzip", Codec::Gzip),
        ("snappy", Codec::Snappy),
        ("lz4", Codec::Lz4),
        ("zstd", Codec::Zstd),
    ];
    for (name, asked) in codecs {
        create_topic(&mut client, name, &[("compression.type", name)]);
        for (offset, (_, sent)) in (0..).step_by(2).zip(codecs) {
            let mut builder = RecordBatchBuilder::new();
            for value in [&[7; 500][..], &[8; 500]] {
                builder.push(now_ms(), None, Some(value), &[]).unwrap();
            }
            let sent = builder.build_compressed(sent).unwrap().freeze();
            assert_eq!(produce(&mut client, name, sent).base_offset, offset);
            let stored = fetch(&mut client, name, offset).records.unwrap();
            let header = BatchHeader::parse(&stored).unwrap();
            assert_eq!(header.attributes.codec(), Some(asked));
            let inflated = record_bytes(&header, &stored, 1 << 20).unwrap();
            let values = records(&header, &inflated).map(|record| {
                let record = record.unwrap();
                (record.offset.0, record.value.unwrap()[0])
            });
            assert_eq!(
                values.collect::<Vec<_>>(),
                [(offset, 7), (offset + 1, 8)],
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_topics_settings_decide_what_it_takes() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let large = vec![b'x'; 1_100_000];
    let mut builder = RecordBatchBuilder::new();
    builder.push(now_ms(), None, Some(&large), &[]).unwrap();
    let refused = produce(&mut client, "orders", builder.build().freeze());
    assert_eq!(refused.error_code, ResponseError::MessageTooLarge.code());
    let mut builder = RecordBatchBuilder::new();
    builder.push(now_ms() + 7_200_000, None, None, &[]).unwrap();
    let refused = produce(&mut client, "orders", builder.build().freeze());
    assert_eq!(refused.error_code, ResponseError::InvalidTimestamp.code());
}

#[tokio::test]
async fn compressed_batches_pass_through_as_they_are() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    for (offset, codec) in [(0, Codec::Gzip), (1, Codec::Snappy), (2, Codec::Lz4)] {
        let mut builder = RecordBatchBuilder::new();
        builder
            .push(now_ms(), None, Some(&[7; 1_000]), &[])
            .unwrap();
        let sent = builder.build_compressed(codec).unwrap().freeze();
        assert_eq!(
            produce(&mut client, "orders", sent.clone()).base_offset,
            offset
        );
        let stored = fetch(&mut client, "orders", offset).records.unwrap();
        assert_eq!(stored, placed(&sent, offset, 0));
    }
}
