//! Committed offsets.

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ApiKey, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::{Draft, text};
use crate::differential::placeholders;

pub fn commit(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::OffsetCommit)?;
    let client = draft.client();
    let mut request = OffsetCommitRequest::default()
        .with_group_id(draft.group().into())
        .with_retention_time_ms(-1);
    match draft.dice.below(8) {
        // As somebody who assigns partitions himself.
        0..=3 => request.generation_id_or_member_epoch = -1,
        4 => {
            request.generation_id_or_member_epoch = placeholders::epoch(1);
            request.member_id = placeholders::member(client);
        }
        5 => {
            request.generation_id_or_member_epoch = 1;
            request.member_id = text("nobody");
        }
        _ => {
            request.generation_id_or_member_epoch = placeholders::epoch(0);
            request.member_id = placeholders::member(client);
        }
    }
    if version >= 7 && draft.dice.once_in(10) {
        request.group_instance_id = Some(text("static-0"));
    }
    if draft.dice.once_in(8) {
        // Beside one that is taken: a group that is made for nothing but
        // refused offsets is there in Kafka or not, as it happens.
        let mut too_large = committed(draft, version);
        too_large.committed_metadata = Some(StrBytes::from_string("m".repeat(5_000)));
        too_large.partition_index = 1;
        let taken = OffsetCommitRequestPartition::default().with_committed_offset(3);
        request.topics.push(
            OffsetCommitRequestTopic::default()
                .with_name(text(&draft.names.topic(0)).into())
                .with_partitions(vec![taken, too_large]),
        );
        draft.push(client, version, request);
        return Some(());
    }
    for _ in 0..draft.dice.pick(&[1, 1, 1, 2]) {
        let partition = committed(draft, version);
        request.topics.push(
            OffsetCommitRequestTopic::default()
                .with_name(draft.topic_name())
                .with_partitions(vec![partition]),
        );
    }
    request
        .topics
        .dedup_by(|left, right| left.name == right.name);
    draft.push(client, version, request);
    Some(())
}

fn committed(draft: &mut Draft<'_>, version: i16) -> OffsetCommitRequestPartition {
    let metadata = match draft.dice.below(12) {
        0 => None,
        1 => Some("m".repeat(4_096)),
        _ => Some("mark".to_owned()),
    };
    let mut partition = OffsetCommitRequestPartition::default()
        .with_partition_index(draft.partition())
        .with_committed_offset(draft.dice.pick(&[0, 1, 5, 100, -1, i64::MAX]))
        .with_committed_metadata(metadata.map(StrBytes::from_string));
    if version >= 6 {
        partition.committed_leader_epoch = draft.dice.pick(&[-1, 0, 3]);
    }
    partition
}

pub fn fetch(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::OffsetFetch)?;
    let client = draft.client();
    let partitions: &[i32] = draft.dice.pick(&[&[0][..], &[0, 1], &[7], &[-1]]);
    let name = draft.topic_name();
    let all = draft.dice.once_in(3);
    let mut request = OffsetFetchRequest::default();
    if version >= 7 {
        request.require_stable = draft.dice.once_in(3);
    }
    if version < 8 {
        request.group_id = draft.group().into();
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name)
            .with_partition_indexes(partitions.to_vec());
        request.topics = if all && version >= 2 {
            None
        } else {
            Some(vec![topic])
        };
    } else {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(name)
            .with_partition_indexes(partitions.to_vec());
        let mut groups = vec![draft.group()];
        if draft.dice.once_in(4) {
            groups.push(text(&draft.names.group(2)));
        }
        groups.dedup();
        request.groups = groups
            .into_iter()
            .map(|group| group_fetch(draft, version, client, group, &topic, all))
            .collect();
    }
    draft.push(client, version, request);
    Some(())
}

fn group_fetch(
    draft: &mut Draft<'_>,
    version: i16,
    client: usize,
    group: StrBytes,
    topic: &OffsetFetchRequestTopics,
    all: bool,
) -> OffsetFetchRequestGroup {
    let mut request = OffsetFetchRequestGroup::default()
        .with_group_id(group.into())
        .with_topics((!all).then(|| vec![topic.clone()]));
    if version >= 9 {
        request.member_epoch = -1;
        match draft.dice.below(6) {
            0 => {
                request.member_id = Some(placeholders::member(client));
                request.member_epoch = placeholders::epoch(draft.dice.pick(&[0, 0, 1]));
            }
            1 => {
                request.member_id = Some(text("nobody"));
                request.member_epoch = 3;
            }
            _ => {}
        }
    }
    request
}

pub fn delete(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::OffsetDelete)?;
    let client = draft.client();
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(draft.partition());
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(draft.topic_name())
        .with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(draft.group().into())
        .with_topics(vec![topic]);
    draft.push(client, version, request);
    Some(())
}
