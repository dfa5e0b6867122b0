//! Produce and InitProducerId.

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, InitProducerIdRequest, ProduceRequest, ProducerId};

use super::batches::{self, Producer};
use super::{Draft, text};
use crate::differential::placeholders;
use crate::differential::script::CLIENTS;

pub fn produce(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::Produce)?;
    let client = draft.client();
    let mut request = ProduceRequest::default()
        .with_acks(draft.dice.pick(&[-1, -1, -1, -1, -1, 1, 1, 1, 1, 0, 2, -2]))
        .with_timeout_ms(draft.dice.pick(&[5_000, 5_000, 5_000, 0]));
    if draft.dice.once_in(60) {
        request.transactional_id = Some(text("txn").into());
    }
    let topics = draft.dice.pick(&[1, 1, 1, 1, 1, 2]);
    for _ in 0..topics {
        let topic = topic_data(draft, client, version, request.acks);
        let same =
            |known: &TopicProduceData| known.name == topic.name && known.topic_id == topic.topic_id;
        // Kafka cannot tell two mentions of a topic apart.
        if !request.topic_data.iter().any(same) {
            request.topic_data.push(topic);
        }
    }
    draft.push(client, version, request);
    Some(())
}

fn topic_data(draft: &mut Draft<'_>, client: usize, version: i16, acks: i16) -> TopicProduceData {
    let number = draft.topic_number();
    let mut topic = TopicProduceData::default();
    if version >= 13 {
        topic.topic_id = match draft.dice.below(20) {
            0 => draft.topic_id(),
            _ => placeholders::topic_id(number, 0),
        };
    } else {
        topic.name = match draft.dice.below(20) {
            0 => draft.topic_name(),
            _ => text(&draft.names.topic(number)).into(),
        };
    }
    let partition = draft.partition();
    let mut partitions = vec![partition];
    if draft.dice.once_in(6) && partition != 1 {
        partitions.push(1);
    }
    for index in partitions {
        let records = records(draft, client, number, index, acks);
        topic.partition_data.push(
            PartitionProduceData::default()
                .with_index(index)
                .with_records(records),
        );
    }
    topic
}

fn records(
    draft: &mut Draft<'_>,
    client: usize,
    topic: usize,
    partition: i32,
    acks: i16,
) -> Option<Bytes> {
    // Never null: Kafka's handler does not survive that, and never answers.
    if draft.dice.once_in(40) {
        return Some(Bytes::new());
    }
    let count = draft.dice.pick(&[1, 1, 2, 3, 5]);
    let producer = producer(draft, client, topic, partition, count);
    let batch = batches::batch(&mut draft.dice, count, producer);
    if draft.dice.once_in(4) {
        return Some(batches::faulty(&mut draft.dice, &batch, acks != 0));
    }
    Some(batch)
}

/// An idempotent producer that mostly counts right, sometimes sends the same
/// again, and sometimes leaves a gap.
fn producer(
    draft: &mut Draft<'_>,
    client: usize,
    topic: usize,
    partition: i32,
    count: i32,
) -> Option<Producer> {
    if draft.dice.once_in(2) {
        return None;
    }
    let next = draft
        .sequences
        .entry((client, topic, partition))
        .or_default();
    let (sequence, advance) = match draft.dice.below(10) {
        0 | 1 => ((*next - count).max(0), 0),
        2 => (*next + 3, 0),
        3 => (0, 0),
        _ => (*next, count),
    };
    *next += advance;
    Some(Producer {
        id: placeholders::producer_id(client),
        // Never below zero: Kafka stumbles over that where it compresses again.
        epoch: draft.dice.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        sequence: if draft.dice.once_in(50) { -1 } else { sequence },
    })
}

pub fn init_producer_id(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::InitProducerId)?;
    let client = draft.client();
    let mut request = InitProducerIdRequest::default()
        .with_transaction_timeout_ms(draft.dice.pick(&[60_000, 0, -1]))
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    if version >= 3 && draft.dice.once_in(4) {
        request.producer_id = ProducerId(placeholders::producer_id(client));
        request.producer_epoch = draft.dice.pick(&[0, 0, 1, -1]);
    }
    if draft.dice.once_in(12) {
        request.transactional_id = Some(text("").into());
    }
    draft.push(client, version, request);
    for topic in 0..super::TOPICS {
        for partition in -1..8 {
            draft.sequences.remove(&(client, topic, partition));
        }
    }
    Some(())
}

/// Gives every client a producer id before anything else, as a producer does.
pub fn init_every_producer(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::InitProducerId)?;
    for client in 0..CLIENTS {
        let request = InitProducerIdRequest::default()
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        draft.push(client, version, request);
    }
    Some(())
}
