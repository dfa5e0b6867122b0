//! A group's offsets: OffsetCommit, OffsetFetch, OffsetDelete.

use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse,
};
use uuid::Uuid;

use super::super::selection::Selection;
use super::patched::as_it_is;
use super::split::{always, merge_partitions, take_partitions};
use super::{Patched, Split};

pub(super) static OFFSET_COMMIT: Split<OffsetCommitRequest, OffsetCommitResponse> = Split {
    take: take_commit,
    is_empty: |request| request.topics.is_empty(),
    fail: fail_commit,
    merge: |answer, failed| {
        merge_partitions(
            &mut answer.topics,
            failed.topics,
            |left, right| (&left.name, left.topic_id) == (&right.name, right.topic_id),
            |topic| &mut topic.partitions,
        );
    },
    is_answered: always,
};

fn take_commit(request: &mut OffsetCommitRequest, wanted: &Selection) -> OffsetCommitRequest {
    let taken = take_partitions(
        &mut request.topics,
        |topic| wanted.is_topic(&topic.name.0, topic.topic_id),
        |topic| &mut topic.partitions,
        |partition| wanted.is_partition(partition.partition_index),
    );
    request.clone().with_topics(taken)
}

fn fail_commit(request: OffsetCommitRequest, _: i16, code: i16) -> OffsetCommitResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        OffsetCommitResponseTopic::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

pub(super) static OFFSET_DELETE: Split<OffsetDeleteRequest, OffsetDeleteResponse> = Split {
    take: take_delete,
    is_empty: |request| request.topics.is_empty(),
    fail: fail_delete,
    merge: |answer, failed| {
        merge_partitions(
            &mut answer.topics,
            failed.topics,
            |left, right| left.name == right.name,
            |topic| &mut topic.partitions,
        );
    },
    is_answered: always,
};

fn take_delete(request: &mut OffsetDeleteRequest, wanted: &Selection) -> OffsetDeleteRequest {
    let taken = take_partitions(
        &mut request.topics,
        |topic| wanted.is_topic(&topic.name.0, Uuid::nil()),
        |topic| &mut topic.partitions,
        |partition| wanted.is_partition(partition.partition_index),
    );
    request.clone().with_topics(taken)
}

fn fail_delete(request: OffsetDeleteRequest, _: i16, code: i16) -> OffsetDeleteResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        OffsetDeleteResponseTopic::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name)
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

/// The first version with a code for the group, and the first with several
/// groups, each with its own.
const FIRST_WITH_A_CODE: i16 = 2;
const FIRST_WITH_GROUPS: i16 = 8;

pub(super) static OFFSET_FETCH: Patched<OffsetFetchRequest, OffsetFetchResponse> = Patched {
    is_about: is_fetched,
    prepare: as_it_is,
    patch: patch_fetched,
};

/// Whether it asks for the topic: by name, or for every topic there is.
fn is_fetched(request: &OffsetFetchRequest, wanted: &Selection) -> bool {
    let of_one = request.topics.iter().flatten();
    let mut of_one = of_one.map(|topic| (&topic.name, Uuid::nil()));
    let several = request.groups.iter();
    let several = several.flat_map(|group| group.topics.iter().flatten());
    let mut several = several.map(|topic| (&topic.name, topic.topic_id));
    let means_all = match request.groups.is_empty() {
        true => request.topics.is_none(),
        false => request.groups.iter().any(|group| group.topics.is_none()),
    };
    means_all
        || of_one.any(|(name, id)| wanted.is_topic(&name.0, id))
        || several.any(|(name, id)| wanted.is_topic(&name.0, id))
}

fn patch_fetched(response: &mut OffsetFetchResponse, wanted: &Selection, version: i16, code: i16) {
    if wanted.is_everything() && version >= FIRST_WITH_GROUPS {
        for group in &mut response.groups {
            group.error_code = code;
            group.topics.clear();
        }
        return;
    }
    if wanted.is_everything() && version >= FIRST_WITH_A_CODE {
        response.error_code = code;
        response.topics.clear();
        return;
    }
    for topic in &mut response.topics {
        let is_topic = wanted.is_topic(&topic.name.0, Uuid::nil());
        let partitions = topic.partitions.iter_mut();
        let wanted = |index| is_topic && wanted.is_partition(index);
        for partition in partitions.filter(|one| wanted(one.partition_index)) {
            (partition.error_code, partition.committed_offset) = (code, -1);
        }
    }
    for topic in response
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.topics)
    {
        let is_topic = wanted.is_topic(&topic.name.0, topic.topic_id);
        let partitions = topic.partitions.iter_mut();
        let wanted = |index| is_topic && wanted.is_partition(index);
        for partition in partitions.filter(|one| wanted(one.partition_index)) {
            (partition.error_code, partition.committed_offset) = (code, -1);
        }
    }
}
