//! ListOffsets: from "the earliest", "the latest" or a time to an offset.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::client::Client;
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::record::TopicPartition;

/// A place in a partition, before the broker has said where that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first record that is still there.
    Earliest,
    /// One past the last record that may be read.
    Latest,
    /// The first record whose timestamp is this or later, Unix milliseconds;
    /// the latest when there is none.
    Timestamp(i64),
    /// Exactly this offset; no broker is asked.
    At(i64),
}

impl OffsetSpec {
    /// ListOffsets' timestamp: negative ones have a meaning of their own.
    fn wire_timestamp(self) -> i64 {
        match self {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest | OffsetSpec::At(_) => -1,
            OffsetSpec::Timestamp(timestamp_ms) => timestamp_ms.max(0),
        }
    }
}

/// What became of each partition.
pub(crate) type ListedOffsets = BTreeMap<TopicPartition, Result<i64, ClientError>>;

/// Asks the partitions' leaders once. Partitions whose leader moved come back
/// with a retriable error, and the metadata is refreshed by whoever retries.
pub(crate) async fn list_once(
    client: &Client,
    wanted: &BTreeMap<TopicPartition, OffsetSpec>,
) -> ListedOffsets {
    let metadata = client.metadata();
    let mut listed = ListedOffsets::new();
    let mut by_leader: BTreeMap<i32, BTreeMap<TopicPartition, OffsetSpec>> = BTreeMap::new();
    for (partition, spec) in wanted {
        if let OffsetSpec::At(offset) = spec {
            listed.insert(partition.clone(), Ok(*offset));
            continue;
        }
        match metadata.leader(&partition.topic, partition.partition) {
            Some(leader) => {
                by_leader
                    .entry(leader)
                    .or_default()
                    .insert(partition.clone(), *spec);
            }
            None => {
                let error = no_leader(partition);
                listed.insert(partition.clone(), Err(error));
            }
        }
    }
    let mut latest_instead = BTreeMap::new();
    let asked = by_leader
        .iter()
        .map(|(leader, wanted)| ask(client, *leader, wanted));
    for (partition, answer) in join_all(asked).await.into_iter().flatten() {
        match answer {
            // No record is that young.
            Ok(-1) if matches!(wanted.get(&partition), Some(OffsetSpec::Timestamp(_))) => {
                latest_instead.insert(partition, OffsetSpec::Latest);
            }
            answer => {
                listed.insert(partition, answer);
            }
        }
    }
    if !latest_instead.is_empty() {
        listed.extend(Box::pin(list_once(client, &latest_instead)).await);
    }
    listed
}

/// As [`list_once`], trying again until every partition is decided or the
/// client's retry timeout is over.
pub(crate) async fn list(
    client: &Client,
    wanted: &BTreeMap<TopicPartition, OffsetSpec>,
) -> ListedOffsets {
    let mut backoff = client.backoff();
    let mut wanted = wanted.clone();
    let mut listed = ListedOffsets::new();
    loop {
        let answers = list_once(client, &wanted).await;
        let again = |answer: &Result<i64, ClientError>| {
            answer.as_ref().is_err_and(ClientError::is_retriable)
        };
        let topics: Vec<_> = wanted
            .keys()
            .map(|partition| partition.topic.clone())
            .collect();
        wanted.retain(|partition, _| answers.get(partition).is_some_and(again));
        listed.extend(answers);
        if wanted.is_empty() || !backoff.pause().await {
            return listed;
        }
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        // If no broker answers, the next try says so.
        let _ = client.refresh(&topics, false).await;
    }
}

fn no_leader(partition: &TopicPartition) -> ClientError {
    ClientError::NoLeader {
        topic: partition.topic.clone(),
        partition: partition.partition,
    }
}

async fn ask(
    client: &Client,
    leader: i32,
    wanted: &BTreeMap<TopicPartition, OffsetSpec>,
) -> ListedOffsets {
    match client
        .ask_node(leader, &request(wanted), Duration::ZERO)
        .await
    {
        Ok(response) => read_response(&response, wanted),
        Err(error) => wanted
            .keys()
            .map(|partition| (partition.clone(), Err(error.clone())))
            .collect(),
    }
}

fn request(wanted: &BTreeMap<TopicPartition, OffsetSpec>) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, spec) in wanted {
        topics.entry(&partition.topic).or_default().push(
            ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(spec.wire_timestamp()),
        );
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        ListOffsetsTopic::default()
            .with_name(StrBytes::from_string(name.to_owned()).into())
            .with_partitions(partitions)
    });
    ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(topics.collect())
}

fn read_response(
    response: &ListOffsetsResponse,
    wanted: &BTreeMap<TopicPartition, OffsetSpec>,
) -> ListedOffsets {
    let mut listed: ListedOffsets = wanted
        .keys()
        .map(|partition| (partition.clone(), Err(no_leader(partition))))
        .collect();
    for topic in &response.topics {
        for answer in &topic.partitions {
            let partition = TopicPartition::new(topic.name.to_string(), answer.partition_index);
            if let Some(slot) = listed.get_mut(&partition) {
                *slot = ErrorCode(answer.error_code)
                    .check()
                    .map(|()| answer.offset)
                    .map_err(|code| ClientError::refused(partition.to_string(), code));
            }
        }
    }
    listed
}
