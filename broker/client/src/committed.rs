//! A group's committed offsets: fetch, commit, delete. For members, and for
//! tools that change the offsets of a group without members.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::client::Client;
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::record::TopicPartition;

/// An offset as a group committed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next record to read.
    pub offset: i64,
    /// Epoch of the leader the member read from; −1 when it did not say.
    pub leader_epoch: i32,
    /// What the member wrote beside it.
    pub metadata: String,
}

impl Committed {
    /// An offset with nothing beside it.
    pub fn at(offset: i64) -> Self {
        Committed {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
        }
    }
}

/// In whose name offsets are fetched or committed.
#[derive(Clone, Debug)]
pub(crate) struct Committer {
    pub(crate) group: String,
    /// Empty for a tool.
    pub(crate) member_id: String,
    /// Generation or member epoch; −1 for a tool.
    pub(crate) epoch: i32,
    pub(crate) instance_id: Option<String>,
}

impl Committer {
    /// Somebody outside the group. Brokers refuse while it has members.
    pub(crate) fn tool(group: &str) -> Self {
        Committer {
            group: group.to_owned(),
            member_id: String::new(),
            epoch: -1,
            instance_id: None,
        }
    }
}

/// What the group has committed: for `partitions`, or for all of them.
pub(crate) async fn fetch(
    client: &Client,
    committer: &Committer,
    partitions: Option<&[TopicPartition]>,
) -> Result<BTreeMap<TopicPartition, Committed>, ClientError> {
    let group = &committer.group;
    let topics = partitions.map(|partitions| {
        by_topic(
            partitions
                .iter()
                .map(|partition| (partition, partition.partition)),
        )
        .map(|(name, indexes)| {
            OffsetFetchRequestTopics::default()
                .with_name(name)
                .with_partition_indexes(indexes)
        })
        .collect()
    });
    let wanted = OffsetFetchRequestGroup::default()
        .with_group_id(StrBytes::from_string(group.clone()).into())
        .with_topics(topics);
    let request = OffsetFetchRequest::default()
        .with_groups(vec![wanted])
        // Offsets of an open transaction are about to change (KIP-447).
        .with_require_stable(true);
    let response = ask(client, group, &request, |response| {
        let groups = response.groups.iter();
        let partitions = groups.clone().flat_map(|group| &group.topics);
        let codes = partitions.flat_map(|topic| topic.partitions.iter().map(|p| p.error_code));
        groups
            .map(|group| group.error_code)
            .chain(codes)
            .find(|code| *code != 0)
    })
    .await?;
    let mut committed = BTreeMap::new();
    for topic in response.groups.into_iter().flat_map(|group| group.topics) {
        for partition in topic.partitions {
            // −1: nothing was ever committed.
            if partition.committed_offset >= 0 {
                committed.insert(
                    TopicPartition::new(topic.name.to_string(), partition.partition_index),
                    Committed {
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: partition.metadata.unwrap_or_default().to_string(),
                    },
                );
            }
        }
    }
    Ok(committed)
}

/// Commits offsets. All or the first refusal; brokers decide per partition.
pub(crate) async fn commit(
    client: &Client,
    committer: &Committer,
    offsets: &BTreeMap<TopicPartition, Committed>,
) -> Result<(), ClientError> {
    let topics = by_topic(offsets.iter().map(|(partition, committed)| {
        let wanted = OffsetCommitRequestPartition::default()
            .with_partition_index(partition.partition)
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_committed_metadata(Some(StrBytes::from_string(committed.metadata.clone())));
        (partition, wanted)
    }))
    .map(|(name, partitions)| {
        OffsetCommitRequestTopic::default()
            .with_name(name)
            .with_partitions(partitions)
    });
    let instance_id = committer.instance_id.clone().map(StrBytes::from_string);
    let request = OffsetCommitRequest::default()
        .with_group_id(StrBytes::from_string(committer.group.clone()).into())
        .with_generation_id_or_member_epoch(committer.epoch)
        .with_member_id(StrBytes::from_string(committer.member_id.clone()))
        .with_group_instance_id(instance_id)
        .with_topics(topics.collect());
    ask(client, &committer.group, &request, |response| {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions
            .map(|partition| partition.error_code)
            .find(|code| *code != 0)
    })
    .await?;
    Ok(())
}

/// Deletes committed offsets. The group must not subscribe to their topics.
pub(crate) async fn delete(
    client: &Client,
    group: &str,
    partitions: &[TopicPartition],
) -> Result<(), ClientError> {
    let topics = by_topic(partitions.iter().map(|partition| {
        let wanted =
            OffsetDeleteRequestPartition::default().with_partition_index(partition.partition);
        (partition, wanted)
    }))
    .map(|(name, partitions)| {
        OffsetDeleteRequestTopic::default()
            .with_name(name)
            .with_partitions(partitions)
    });
    let request = OffsetDeleteRequest::default()
        .with_group_id(StrBytes::from_string(group.to_owned()).into())
        .with_topics(topics.collect());
    ask(client, group, &request, |response| {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let codes = partitions.map(|partition| partition.error_code);
        std::iter::once(response.error_code)
            .chain(codes)
            .find(|code| *code != 0)
    })
    .await?;
    Ok(())
}

/// Asks the coordinator, again while it moves or loads. `code_of` finds the
/// first error code in an answer.
pub(crate) async fn ask<R: Request>(
    client: &Client,
    group: &str,
    request: &R,
    code_of: impl Fn(&R::Response) -> Option<i16>,
) -> Result<R::Response, ClientError> {
    let mut backoff = client.backoff();
    loop {
        let answer = client
            .ask_coordinator(group, request, Duration::ZERO)
            .await
            .and_then(|response| match code_of(&response) {
                None | Some(0) => Ok(response),
                Some(code) => Err(ClientError::refused(
                    format!("group {group}"),
                    ErrorCode(code),
                )),
            });
        let error = match answer {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if error.code().is_some_and(ErrorCode::means_coordinator_moved) {
            client.forget_coordinator(group);
        }
        if !error.is_retriable() || !backoff.pause().await {
            return Err(error);
        }
    }
}

/// Gathers what belongs to one topic, in the order of their names.
fn by_topic<'a, T>(
    partitions: impl Iterator<Item = (&'a TopicPartition, T)>,
) -> impl Iterator<Item = (kafka_protocol::messages::TopicName, Vec<T>)> {
    let mut topics: BTreeMap<&str, Vec<T>> = BTreeMap::new();
    for (partition, wanted) in partitions {
        topics.entry(&partition.topic).or_default().push(wanted);
    }
    let topics: Vec<_> = topics
        .into_iter()
        .map(|(name, wanted)| (StrBytes::from_string(name.to_owned()).into(), wanted))
        .collect();
    topics.into_iter()
}
