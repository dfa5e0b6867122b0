//! Offsets: committed, fetched, refused and deleted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{DeleteTopicsRequest, OffsetDeleteRequest, OffsetFetchRequest};

use crate::requests::{
    TOPIC, commit, commit_request, committed, fetch_request, group_id, started, text, topic_name,
};

#[tokio::test]
async fn what_is_committed_in_any_version_is_fetched_in_every_other() {
    let (_broker, mut client) = started().await;
    for commit_version in 2..=9 {
        let offset = 100 + i64::from(commit_version);
        let request = commit_request(commit_version, "readers", offset);
        let committed = client.call(commit_version, &request);
        assert_eq!(committed.topics[0].partitions[0].error_code, 0);
        let epoch = if commit_version >= 6 { 3 } else { -1 };

        for version in 1..=7 {
            let fetched = client.call(version, &fetch_request(version, "readers"));
            assert_eq!(fetched.error_code, 0);
            let partitions = &fetched.topics[0].partitions;
            assert_eq!(partitions[0].committed_offset, offset);
            assert_eq!(partitions[0].metadata, Some(text("a note")));
            if version >= 5 {
                assert_eq!(partitions[0].committed_leader_epoch, epoch);
            }
            assert_eq!(partitions[1].committed_offset, -1);
            assert_eq!(partitions[1].error_code, 0);
        }
        for version in 8..=9 {
            let fetched = client.call(version, &fetch_request(version, "readers"));
            let partitions = &fetched.groups[0].topics[0].partitions;
            assert_eq!(partitions[0].committed_offset, offset);
            assert_eq!(partitions[0].committed_leader_epoch, epoch);
            assert_eq!(partitions[1].committed_offset, -1);
        }
    }
}

#[tokio::test]
async fn several_groups_and_all_their_topics_come_in_one_answer() {
    let (_broker, mut client) = started().await;
    assert_eq!(commit(&mut client, "readers", 1), 0);
    assert_eq!(commit(&mut client, "writers", 2), 0);
    let groups = ["readers", "writers", "nobody"].map(|group| {
        OffsetFetchRequestGroup::default()
            .with_group_id(group_id(group))
            .with_topics(None)
    });
    let request = OffsetFetchRequest::default()
        .with_groups(groups.to_vec())
        .with_require_stable(true);
    let fetched = client.call(8, &request);
    let offset = |index: usize| {
        let topic = fetched.groups[index].topics.first()?;
        Some(topic.partitions[0].committed_offset)
    };
    assert_eq!([offset(0), offset(1), offset(2)], [Some(1), Some(2), None]);
    assert!(fetched.groups.iter().all(|group| group.error_code == 0));

    let request = fetch_request(7, "readers").with_topics(None);
    let fetched = client.call(7, &request);
    assert_eq!(fetched.topics[0].name, topic_name(TOPIC));
    assert_eq!(fetched.topics[0].partitions.len(), 1);
}

#[tokio::test]
async fn a_commit_that_may_not_be_is_refused_for_every_partition() {
    let (_broker, mut client) = started().await;
    let codes = |version: i16| match version {
        9 => ResponseError::GroupIdNotFound.code(),
        _ => ResponseError::IllegalGeneration.code(),
    };
    for version in 2..=9 {
        let request = commit_request(version, "readers", 1)
            .with_generation_id_or_member_epoch(5)
            .with_member_id(text("zombie"));
        let refused = client.call(version, &request);
        assert_eq!(refused.topics[0].partitions[0].error_code, codes(version));
    }
    assert_eq!(committed(&mut client, "readers"), -1);
}

#[tokio::test]
async fn offsets_are_deleted_one_by_one_and_with_their_topic() {
    let (_broker, mut client) = started().await;
    commit(&mut client, "readers", 1);
    let partitions =
        [0, 2, 9].map(|index| OffsetDeleteRequestPartition::default().with_partition_index(index));
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partitions(partitions.to_vec());
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id("readers"))
        .with_topics(vec![topic]);
    let deleted = client.call(0, &request);
    assert_eq!(deleted.error_code, 0);
    let codes: Vec<i16> = deleted.topics[0]
        .partitions
        .iter()
        .map(|partition| partition.error_code)
        .collect();
    assert_eq!(codes, [0, 0, ResponseError::UnknownTopicOrPartition.code()]);
    assert_eq!(committed(&mut client, "readers"), -1);
    let unknown = client.call(0, &request.with_group_id(group_id("nobody")));
    assert_eq!(unknown.error_code, ResponseError::GroupIdNotFound.code());

    commit(&mut client, "readers", 2);
    let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name(TOPIC)]);
    assert_eq!(client.call(5, &request).responses[0].error_code, 0);
    assert_eq!(committed(&mut client, "readers"), -1);
}

#[tokio::test]
async fn a_commit_too_large_for_a_batch_changes_nothing() {
    let (_broker, mut client) = started().await;
    assert_eq!(commit(&mut client, "readers", 1), 0);
    let mut request = commit_request(9, "readers", 2);
    let partition = request.topics[0].partitions[0]
        .clone()
        .with_committed_metadata(Some(text(&"note".repeat(1_024))));
    request.topics[0].partitions = vec![partition; 300];
    let refused = client.call(9, &request);
    let too_large = ResponseError::InvalidCommitOffsetSize.code();
    let partitions = &refused.topics[0].partitions;
    assert_eq!(partitions.len(), 300);
    assert!(
        partitions
            .iter()
            .all(|outcome| outcome.error_code == too_large)
    );
    assert_eq!(committed(&mut client, "readers"), 1);
}
