//! Fetch with and without sessions, and everything that asks where a
//! partition's records are: ListOffsets, OffsetForLeaderEpoch, DeleteRecords,
//! DescribeLogDirs.

use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    ApiKey, DeleteRecordsRequest, DescribeLogDirsRequest, FetchRequest, ListOffsetsRequest,
    OffsetForLeaderEpochRequest,
};

use uuid::Uuid;

use super::batches::BASE_TIMESTAMP_MS;
use super::{Draft, TOPICS, text};
use crate::differential::placeholders::{self, NEXT_SESSION_EPOCH};

/// ListOffsets' word for the record with the largest timestamp.
const LARGEST_TIMESTAMP: i64 = -3;

pub fn fetch(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::Fetch)?;
    let client = draft.client();
    let mut request = fetch_request(draft, version);
    if version >= 7 {
        request.session_epoch = -1;
    }
    request.topics = topics(draft, version);
    draft.push(client, version, request);
    Some(())
}

pub fn fetch_in_session(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::Fetch)?.max(7);
    let client = draft.dice.below(2);
    let mut request = fetch_request(draft, version);
    match draft.dice.below(12) {
        // A new session, in place of what there was.
        0 | 1 => request.session_epoch = 0,
        2 => request.session_epoch = -1,
        3 => {
            request.session_id = 4_711;
            request.session_epoch = draft.dice.pick(&[0, 1, -1]);
        }
        4 => {
            request.session_id = placeholders::session_id(client);
            request.session_epoch = draft.dice.pick(&[0, -1, 1, 77]);
        }
        _ => {
            request.session_id = placeholders::session_id(client);
            request.session_epoch = NEXT_SESSION_EPOCH;
        }
    }
    if draft.dice.once_in(2) || request.session_epoch <= 0 {
        request.topics = topics(draft, version);
    }
    if draft.dice.once_in(4) {
        let mut forgotten = ForgottenTopic::default().with_partitions(vec![draft.partition()]);
        if version >= 13 {
            forgotten.topic_id = fetched_topic_id(draft);
        } else {
            forgotten.topic = draft.topic_name();
        }
        request.forgotten_topics_data = vec![forgotten];
    }
    draft.push(client, version, request);
    Some(())
}

fn fetch_request(draft: &mut Draft<'_>, version: i16) -> FetchRequest {
    let mut request = FetchRequest::default()
        .with_max_wait_ms(draft.dice.pick(&[0, 0, 10, 30]))
        .with_min_bytes(draft.dice.pick(&[0, 1, 1, 1, 2_000]))
        .with_max_bytes(draft.dice.pick(&[i32::MAX, 50_000, 50_000, 400, 1, 0]))
        .with_isolation_level(draft.dice.pick(&[0, 0, 0, 1]));
    if version <= 14 {
        request.replica_id = (-1).into();
    }
    request
}

fn topics(draft: &mut Draft<'_>, version: i16) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for _ in 0..draft.dice.pick(&[1, 1, 1, 2]) {
        let mut topic = FetchTopic::default();
        if version >= 13 {
            topic.topic_id = fetched_topic_id(draft);
        } else {
            topic.topic = draft.topic_name();
        }
        let first = draft.partition();
        topic.partitions.push(partition(draft, version, first));
        if draft.dice.once_in(3) && first != 1 {
            topic.partitions.push(partition(draft, version, 1));
        }
        let same =
            |known: &FetchTopic| known.topic == topic.topic && known.topic_id == topic.topic_id;
        if !topics.iter().any(same) {
            topics.push(topic);
        }
    }
    topics
}

/// Any but none at all: Kafka's Fetch takes that for a request by name, and
/// stumbles over it.
fn fetched_topic_id(draft: &mut Draft<'_>) -> Uuid {
    loop {
        let id = draft.topic_id();
        if !id.is_nil() {
            return id;
        }
    }
}

fn partition(draft: &mut Draft<'_>, version: i16, index: i32) -> FetchPartition {
    let mut partition = FetchPartition::default()
        .with_partition(index)
        .with_fetch_offset(
            draft
                .dice
                .pick(&[0, 0, 0, 1, 2, 3, 5, 8, 100, -1, i64::MAX]),
        )
        .with_partition_max_bytes(
            draft
                .dice
                .pick(&[1_048_576, 1_048_576, 1_048_576, 200, 1, 0]),
        );
    if version >= 9 {
        partition.current_leader_epoch = draft.dice.pick(&[-1, -1, -1, -1, 0, 0, 1, -2]);
    }
    if version >= 12 {
        partition.last_fetched_epoch = draft.dice.pick(&[-1, -1, -1, -1, -1, 0, 1]);
    }
    partition
}

pub fn list_offsets(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::ListOffsets)?;
    let client = draft.client();
    let mut request = ListOffsetsRequest::default().with_replica_id((-1).into());
    if version >= 2 {
        request.isolation_level = draft.dice.pick(&[0, 0, 1]);
    }
    if version >= 10 {
        request.timeout_ms = 1_000;
    }
    let index = draft.partition();
    let name = draft.topic_name();
    let mut indexes = vec![index];
    if draft.dice.once_in(3) && index != 1 {
        indexes.push(1);
    }
    let partitions = indexes.into_iter().map(|index| {
        let mut partition = ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_timestamp(offset_spec(draft, version));
        if version >= 4 {
            partition.current_leader_epoch = draft.dice.pick(&[-1, -1, -1, 0, 1]);
        }
        partition
    });
    let partitions = partitions.collect();
    request.topics = vec![
        ListOffsetsTopic::default()
            .with_name(name)
            .with_partitions(partitions),
    ];
    draft.push(client, version, request);
    Some(())
}

/// A timestamp, or one of the special values; also those that the version does
/// not have yet.
fn offset_spec(draft: &mut Draft<'_>, _version: i16) -> i64 {
    let spec = draft.dice.pick(&[
        -1,
        -1,
        -2,
        -2,
        LARGEST_TIMESTAMP,
        LARGEST_TIMESTAMP,
        -4,
        -5,
        -6,
        -7,
        0,
        BASE_TIMESTAMP_MS,
        BASE_TIMESTAMP_MS + 5,
        BASE_TIMESTAMP_MS + 500,
        BASE_TIMESTAMP_MS + 1_000_000,
        i64::MAX,
    ]);
    match spec {
        // Of a record that was deleted, perhaps, in Kafka.
        LARGEST_TIMESTAMP if draft.has_deleted_records => -1,
        spec => spec,
    }
}

pub fn offset_for_leader_epoch(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::OffsetForLeaderEpoch)?;
    let client = draft.client();
    let mut request = OffsetForLeaderEpochRequest::default();
    if version >= 3 {
        request.replica_id = (-1).into();
    }
    let partition = OffsetForLeaderPartition::default()
        .with_partition(draft.partition())
        .with_current_leader_epoch(draft.dice.pick(&[-1, -1, 0, 1]))
        .with_leader_epoch(draft.dice.pick(&[0, 0, 1, -1, 100]));
    request.topics = vec![
        OffsetForLeaderTopic::default()
            .with_topic(draft.topic_name())
            .with_partitions(vec![partition]),
    ];
    draft.push(client, version, request);
    Some(())
}

pub fn delete_records(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DeleteRecords)?;
    draft.has_deleted_records = true;
    let client = draft.client();
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(draft.partition())
        .with_offset(draft.dice.pick(&[0, 1, 1, 2, 3, -1, -2, 1_000]));
    let topic = DeleteRecordsTopic::default()
        .with_name(draft.topic_name())
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(1_000);
    draft.push(client, version, request);
    Some(())
}

pub fn describe_log_dirs(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DescribeLogDirs)?;
    let client = draft.client();
    // Not all there are: other scripts' come and go.
    let topics = (0..TOPICS).map(|number| {
        DescribableLogDirTopic::default()
            .with_topic(text(&draft.names.topic(number)).into())
            .with_partitions(vec![0, 1, 5])
    });
    let request = DescribeLogDirsRequest::default().with_topics(Some(topics.collect()));
    draft.push(client, version, request);
    Some(())
}
