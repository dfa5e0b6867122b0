//! What is asked of logs besides records: ListOffsets, OffsetForLeaderEpoch,
//! DeleteRecords, DescribeLogDirs.

use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};
use uuid::Uuid;

use super::super::selection::Selection;
use super::split::{always, merge_partitions, take_partitions};
use super::{Split, Whole};

pub(super) static LIST_OFFSETS: Split<ListOffsetsRequest, ListOffsetsResponse> = Split {
    take: take_list_offsets,
    is_empty: |request| request.topics.is_empty(),
    fail: fail_list_offsets,
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

fn take_list_offsets(request: &mut ListOffsetsRequest, wanted: &Selection) -> ListOffsetsRequest {
    let taken = take_partitions(
        &mut request.topics,
        |topic| wanted.is_topic(&topic.name.0, Uuid::nil()),
        |topic| &mut topic.partitions,
        |partition| wanted.is_partition(partition.partition_index),
    );
    request.clone().with_topics(taken)
}

fn fail_list_offsets(request: ListOffsetsRequest, _: i16, code: i16) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        ListOffsetsTopicResponse::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

pub(super) static OFFSET_FOR_LEADER_EPOCH: Split<
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
> = Split {
    take: take_epochs,
    is_empty: |request| request.topics.is_empty(),
    fail: fail_epochs,
    merge: |answer, failed| {
        merge_partitions(
            &mut answer.topics,
            failed.topics,
            |left, right| left.topic == right.topic,
            |topic| &mut topic.partitions,
        );
    },
    is_answered: always,
};

fn take_epochs(
    request: &mut OffsetForLeaderEpochRequest,
    wanted: &Selection,
) -> OffsetForLeaderEpochRequest {
    let taken = take_partitions(
        &mut request.topics,
        |topic| wanted.is_topic(&topic.topic.0, Uuid::nil()),
        |topic| &mut topic.partitions,
        |partition| wanted.is_partition(partition.partition),
    );
    request.clone().with_topics(taken)
}

fn fail_epochs(
    request: OffsetForLeaderEpochRequest,
    _: i16,
    code: i16,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            EpochEndOffset::default()
                .with_partition(partition.partition)
                .with_error_code(code)
        });
        OffsetForLeaderTopicResult::default()
            .with_partitions(partitions.collect())
            .with_topic(topic.topic)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

pub(super) static DELETE_RECORDS: Split<DeleteRecordsRequest, DeleteRecordsResponse> = Split {
    take: take_delete_records,
    is_empty: |request| request.topics.is_empty(),
    fail: fail_delete_records,
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

fn take_delete_records(
    request: &mut DeleteRecordsRequest,
    wanted: &Selection,
) -> DeleteRecordsRequest {
    let taken = take_partitions(
        &mut request.topics,
        |topic| wanted.is_topic(&topic.name.0, Uuid::nil()),
        |topic| &mut topic.partitions,
        |partition| wanted.is_partition(partition.partition_index),
    );
    request.clone().with_topics(taken)
}

fn fail_delete_records(request: DeleteRecordsRequest, _: i16, code: i16) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            DeleteRecordsPartitionResult::default()
                .with_partition_index(partition.partition_index)
                .with_low_watermark(-1)
                .with_error_code(code)
        });
        DeleteRecordsTopicResult::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

/// An error of DescribeLogDirs is one of a directory, or of the whole (3+);
/// none is about a topic.
pub(super) static DESCRIBE_LOG_DIRS: Whole<DescribeLogDirsRequest, DescribeLogDirsResponse> =
    Whole {
        fail: |_, version, code| {
            let of_directory = DescribeLogDirsResult::default().with_error_code(code);
            let response = DescribeLogDirsResponse::default().with_results(vec![of_directory]);
            if version < FIRST_WITH_AN_ERROR_OF_ITS_OWN {
                return response;
            }
            response.with_error_code(code)
        },
    };

/// Of DescribeLogDirs.
const FIRST_WITH_AN_ERROR_OF_ITS_OWN: i16 = 3;
