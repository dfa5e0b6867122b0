//! One round of Produce requests: the first batch of every partition, one
//! request per leader, all at once. Says what became of each; decides nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::StrBytes;
use ottla_core::ids::{ProducerId, Sequence};
use tokio::time::Duration;

use super::batch::{Batch, Batches, Encoded};
use super::identity::Identity;
use super::{Acks, ProducerConfig, Results};
use crate::client::{Client, Metadata, topic_id, uuid};
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::record::{Delivery, TopicPartition};

/// From this version on requests name topics by id (KIP-516).
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// What became of one partition's batch.
#[derive(Debug)]
pub(super) enum PartitionOutcome {
    Appended(Appended),
    Failed(ClientError),
}

#[derive(Debug)]
pub(super) struct Appended {
    /// `None` when the broker did not say.
    base_offset: Option<i64>,
    log_append_time_ms: Option<i64>,
    pub(super) producer_id: ProducerId,
    pub(super) first_sequence: Sequence,
}

type Outcomes = BTreeMap<TopicPartition, PartitionOutcome>;
type Encodeds = BTreeMap<TopicPartition, Encoded>;

pub(super) async fn send_first_batches(
    client: &Client,
    config: &ProducerConfig,
    identity: Option<&Identity>,
    batches: &mut Batches,
) -> Outcomes {
    let metadata = client.metadata();
    let mut outcomes = Outcomes::new();
    let mut by_leader: BTreeMap<i32, Encodeds> = BTreeMap::new();
    let mut request_bytes: BTreeMap<i32, usize> = BTreeMap::new();
    let partitions: Vec<_> = batches.by_partition.keys().cloned().collect();
    for partition in partitions {
        let leader = match leader_of(&metadata, &partition) {
            Ok(leader) => leader,
            Err(error) => {
                outcomes.insert(partition, PartitionOutcome::Failed(error));
                continue;
            }
        };
        let Some(batch) = batches.first_mut(&partition) else {
            continue;
        };
        match batch.encode(&partition, identity, config.compression) {
            Ok(encoded) => {
                let sum = request_bytes.entry(leader).or_insert(0);
                *sum += encoded.bytes.len();
                // What does not fit this round's request goes in the next.
                if *sum <= config.request_bytes_max || *sum == encoded.bytes.len() {
                    by_leader
                        .entry(leader)
                        .or_default()
                        .insert(partition, encoded);
                }
            }
            Err(error) => {
                outcomes.insert(partition, PartitionOutcome::Failed(error));
            }
        }
    }
    let requests = by_leader
        .into_iter()
        .map(|(leader, encoded)| send(client, config, &metadata, leader, encoded));
    outcomes.extend(join_all(requests).await.into_iter().flatten());
    outcomes
}

fn leader_of(metadata: &Metadata, partition: &TopicPartition) -> Result<i32, ClientError> {
    let Some(topic) = metadata.topics.get(&partition.topic) else {
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return Err(ClientError::refused(
            format!("topic {}", partition.topic),
            code,
        ));
    };
    match topic.partition(partition.partition) {
        None => Err(ClientError::InvalidArgument(format!(
            "topic {} has no partition {}; it has {}",
            topic.name,
            partition.partition,
            topic.partition_count(),
        ))),
        Some(found) => found.leader.ok_or_else(|| ClientError::NoLeader {
            topic: topic.name.clone(),
            partition: partition.partition,
        }),
    }
}

async fn send(
    client: &Client,
    config: &ProducerConfig,
    metadata: &Metadata,
    leader: i32,
    encoded: Encodeds,
) -> Outcomes {
    match exchange(client, config, metadata, leader, &encoded).await {
        Ok(Some(response)) => read_response(metadata, &response, &encoded),
        Ok(None) => encoded
            .into_iter()
            .map(|(partition, encoded)| (partition, appended(&encoded, None, None)))
            .collect(),
        Err(error) => encoded
            .into_keys()
            .map(|partition| (partition, PartitionOutcome::Failed(error.clone())))
            .collect(),
    }
}

/// `None` with acks=0: there is no answer.
async fn exchange(
    client: &Client,
    config: &ProducerConfig,
    metadata: &Metadata,
    leader: i32,
    encoded: &Encodeds,
) -> Result<Option<ProduceResponse>, ClientError> {
    let connection = client.connection(leader).await?;
    let by_id = connection.version_of::<ProduceRequest>()? >= FIRST_VERSION_WITH_IDS;
    let request = request(config, metadata, by_id, encoded);
    if config.acks == Acks::None {
        connection.send_unanswered(&request).await?;
        return Ok(None);
    }
    let wait_ms = u64::try_from(config.acks_timeout_ms).unwrap_or(0);
    let wait = Duration::from_millis(wait_ms);
    connection.request(&request, wait).await.map(Some)
}

fn request(
    config: &ProducerConfig,
    metadata: &Metadata,
    by_id: bool,
    encoded: &Encodeds,
) -> ProduceRequest {
    let mut topics: BTreeMap<&str, Vec<PartitionProduceData>> = BTreeMap::new();
    for (partition, encoded) in encoded {
        topics.entry(&partition.topic).or_default().push(
            PartitionProduceData::default()
                .with_index(partition.partition)
                .with_records(Some(Bytes::clone(&encoded.bytes))),
        );
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        let data = TopicProduceData::default().with_partition_data(partitions);
        match metadata.topics.get(name) {
            Some(topic) if by_id => data.with_topic_id(uuid(topic.id)),
            _ => data.with_name(StrBytes::from_string(name.to_owned()).into()),
        }
    });
    ProduceRequest::default()
        .with_acks(config.acks.number())
        .with_timeout_ms(config.acks_timeout_ms)
        .with_topic_data(topics.collect())
}

fn read_response(metadata: &Metadata, response: &ProduceResponse, sent: &Encodeds) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for topic in &response.responses {
        let name = match metadata.topic_by_id(topic_id(topic.topic_id)) {
            Some(known) if !topic.topic_id.is_nil() => known.name.clone(),
            _ => topic.name.to_string(),
        };
        for answer in &topic.partition_responses {
            let partition = TopicPartition::new(name.clone(), answer.index);
            if let Some(encoded) = sent.get(&partition) {
                let outcome = read_partition(&partition, answer, encoded);
                outcomes.insert(partition, outcome);
            }
        }
    }
    for partition in sent.keys() {
        outcomes.entry(partition.clone()).or_insert_with(|| {
            PartitionOutcome::Failed(ClientError::Disconnected {
                address: partition.to_string(),
                reason: "the answer leaves the partition out".to_owned(),
            })
        });
    }
    outcomes
}

fn read_partition(
    partition: &TopicPartition,
    answer: &PartitionProduceResponse,
    encoded: &Encoded,
) -> PartitionOutcome {
    match ErrorCode(answer.error_code) {
        ErrorCode::NONE => {
            let append_time = Some(answer.log_append_time_ms).filter(|time| *time >= 0);
            appended(encoded, Some(answer.base_offset), append_time)
        }
        // It is in the log, too far back for the broker to remember where.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => appended(encoded, None, None),
        code => PartitionOutcome::Failed(ClientError::Refused {
            subject: partition.to_string(),
            code,
            message: refusal(answer),
        }),
    }
}

/// The broker's sentence about the batch, or about its first bad record.
fn refusal(answer: &PartitionProduceResponse) -> Option<String> {
    let of_record = || {
        let first = answer.record_errors.first()?;
        let message = first.batch_index_error_message.as_ref()?;
        Some(format!(
            "record {} of the batch: {message}",
            first.batch_index
        ))
    };
    let of_batch = answer.error_message.as_ref().map(ToString::to_string);
    of_batch.or_else(of_record)
}

fn appended(
    encoded: &Encoded,
    base_offset: Option<i64>,
    log_append_time_ms: Option<i64>,
) -> PartitionOutcome {
    PartitionOutcome::Appended(Appended {
        base_offset,
        log_append_time_ms,
        producer_id: encoded.producer_id,
        first_sequence: encoded.first_sequence,
    })
}

/// The same failure for each of several partitions.
pub(super) fn all_failed(batches: &Batches, error: &ClientError) -> Outcomes {
    let partitions = batches.by_partition.keys().cloned();
    partitions
        .map(|partition| (partition, PartitionOutcome::Failed(error.clone())))
        .collect()
}

/// Whether the broker may have appended what was sent.
pub(super) fn leaves_outcome_unknown(error: &ClientError) -> bool {
    match error {
        ClientError::Disconnected { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Malformed { .. } => true,
        // REQUEST_TIMED_OUT and NOT_ENOUGH_REPLICAS_AFTER_APPEND: appended
        // here, perhaps not everywhere.
        ClientError::Refused { code, .. } => matches!(code, ErrorCode(7 | 20)),
        _ => false,
    }
}

/// Tells the batch's records where they are.
pub(super) fn deliver(
    partition: &TopicPartition,
    batch: Batch,
    appended: &Appended,
    results: &mut Results,
) {
    for (queued, delta) in batch.records.into_iter().zip(0i64..) {
        results[queued.place] = Some(Ok(Delivery {
            topic: partition.topic.clone(),
            partition: partition.partition,
            offset: appended.base_offset.map(|base| base.saturating_add(delta)),
            timestamp_ms: appended.log_append_time_ms.unwrap_or(queued.timestamp_ms),
        }));
    }
}

/// Tells the batch's records why they are not in.
pub(super) fn fail(batch: Batch, error: &ClientError, results: &mut Results) {
    for queued in batch.records {
        results[queued.place] = Some(Err(error.clone()));
    }
}
