//! One Fetch exchange with one broker: names to ids on the way out, ids to
//! names on the way back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use kafka_protocol::protocol::StrBytes;

use super::ConsumerConfig;
use crate::client::{Client, Metadata, topic_id, uuid};
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::record::TopicPartition;

/// From this version on requests name topics by id (KIP-516).
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// What one partition's part of an answer says.
#[derive(Debug)]
pub(super) struct PartitionAnswer {
    /// The position that was asked for.
    pub(super) asked_at: i64,
    pub(super) code: ErrorCode,
    pub(super) high_watermark: i64,
    pub(super) bytes: Bytes,
}

/// What a broker answered, or why it did not.
#[derive(Debug)]
pub(super) struct FetchAnswer {
    pub(super) leader: i32,
    pub(super) partitions: Result<BTreeMap<TopicPartition, PartitionAnswer>, ClientError>,
}

/// Asks `leader` for what comes after the positions.
pub(super) async fn fetch(
    client: Client,
    config: ConsumerConfig,
    leader: i32,
    positions: BTreeMap<TopicPartition, i64>,
) -> FetchAnswer {
    FetchAnswer {
        leader,
        partitions: exchange(&client, &config, leader, &positions).await,
    }
}

async fn exchange(
    client: &Client,
    config: &ConsumerConfig,
    leader: i32,
    positions: &BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, PartitionAnswer>, ClientError> {
    let metadata = client.metadata();
    let connection = client.connection(leader).await?;
    let by_id = connection.version_of::<FetchRequest>()? >= FIRST_VERSION_WITH_IDS;
    let request = request(config, &metadata, by_id, positions);
    let wait_ms = u64::try_from(config.fetch_wait_ms_max).unwrap_or(0);
    let wait = Duration::from_millis(wait_ms);
    let response = connection.request(&request, wait).await?;
    ClientError::check(|| "fetch".to_owned(), response.error_code, None)?;
    Ok(read_response(&metadata, response, positions))
}

fn request(
    config: &ConsumerConfig,
    metadata: &Metadata,
    by_id: bool,
    positions: &BTreeMap<TopicPartition, i64>,
) -> FetchRequest {
    let mut topics: BTreeMap<&str, Vec<FetchPartition>> = BTreeMap::new();
    for (partition, position) in positions {
        let known = metadata.topics.get(&partition.topic);
        let epoch = known
            .and_then(|topic| topic.partition(partition.partition))
            .map_or(-1, |partition| partition.leader_epoch);
        topics.entry(&partition.topic).or_default().push(
            FetchPartition::default()
                .with_partition(partition.partition)
                .with_current_leader_epoch(epoch)
                .with_fetch_offset(*position)
                .with_partition_max_bytes(config.partition_bytes_max),
        );
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        let topic = FetchTopic::default().with_partitions(partitions);
        match metadata.topics.get(name) {
            Some(known) if by_id => topic.with_topic_id(uuid(known.id)),
            _ => topic.with_topic(StrBytes::from_string(name.to_owned()).into()),
        }
    });
    FetchRequest::default()
        .with_max_wait_ms(config.fetch_wait_ms_max)
        .with_min_bytes(config.fetch_bytes_min)
        .with_max_bytes(config.fetch_bytes_max)
        // No fetch session (KIP-227): every request is whole.
        .with_session_epoch(-1)
        .with_topics(topics.collect())
}

/// The partitions that were asked for; others are ignored.
fn read_response(
    metadata: &Metadata,
    response: FetchResponse,
    positions: &BTreeMap<TopicPartition, i64>,
) -> BTreeMap<TopicPartition, PartitionAnswer> {
    let mut answers = BTreeMap::new();
    for topic in response.responses {
        let name = match metadata.topic_by_id(topic_id(topic.topic_id)) {
            Some(known) if !topic.topic_id.is_nil() => known.name.clone(),
            _ => topic.topic.to_string(),
        };
        for answer in topic.partitions {
            let partition = TopicPartition::new(name.clone(), answer.partition_index);
            let Some(asked_at) = positions.get(&partition).copied() else {
                continue;
            };
            let answer = PartitionAnswer {
                asked_at,
                code: ErrorCode(answer.error_code),
                high_watermark: answer.high_watermark,
                bytes: answer.records.unwrap_or_default(),
            };
            answers.insert(partition, answer);
        }
    }
    answers
}
