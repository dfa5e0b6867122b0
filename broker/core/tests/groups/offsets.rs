//! Stories of committed offsets.

use ottla_core::group::classic::JoinRequest;
use ottla_core::group::offsets::{
    DeleteRequest, FetchRequest, OffsetReply, OffsetRequest, OffsetTimer, OffsetToCommit, Topic,
};
use ottla_core::group::record::{OffsetRecord, offset::CommittedOffset};
use ottla_core::group::{
    GroupConfig, GroupDecision, GroupError, GroupRecord, GroupReply, GroupRequest, GroupShard,
    GroupTimer, MemberId,
};
use ottla_core::ids::{Offset, PartitionIndex, TopicId};
use ottla_core::time::Now;

use crate::client::{GROUP, SESSION_MS, commit, join, leaving};
use crate::driver::{Driver, Topics};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn nobody() -> MemberId {
    MemberId::from("")
}

#[test]
fn a_consumer_that_assigns_itself_commits_while_the_group_has_no_members() {
    let mut driver = Driver::eager();
    assert_eq!(driver.commit(&nobody(), -1, "orders", 7), None);
    driver.restart();
    assert_eq!(driver.committed("orders"), Some(7));
    driver.first_member();
    assert_eq!(
        driver.commit(&nobody(), -1, "orders", 8),
        Some(GroupError::UnknownMemberId)
    );
    assert_eq!(driver.committed("orders"), Some(7));
}

#[test]
fn only_members_of_the_current_generation_commit() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    assert_eq!(driver.commit(&leader, generation, "orders", 5), None);
    assert_eq!(
        driver.commit(&leader, generation - 1, "orders", 1),
        Some(GroupError::IllegalGeneration)
    );
    assert_eq!(
        driver.commit(&"zombie".into(), generation, "orders", 1),
        Some(GroupError::UnknownMemberId)
    );
    // While members join, those of the old generation may still commit …
    let rejoin = driver.send_join(JoinRequest {
        member: leader.clone(),
        ..join()
    });
    assert_eq!(driver.commit(&follower, generation, "orders", 6), None);
    let follows = driver.send_join(JoinRequest {
        member: follower.clone(),
        ..join()
    });
    driver.joined(rejoin);
    let generation = driver.joined(follows).generation;
    // … but not between joining and being assigned.
    assert_eq!(
        driver.commit(&follower, generation, "orders", 9),
        Some(GroupError::RebalanceInProgress)
    );
    assert_eq!(driver.committed("orders"), Some(6));
}

#[test]
fn a_commit_keeps_a_member_alive() {
    let mut driver = Driver::eager();
    let (member, generation) = driver.first_member();
    for offset in 0..4 {
        driver.advance(SESSION_MS - 1);
        assert_eq!(driver.commit(&member, generation, "orders", offset), None);
    }
}

#[test]
fn a_group_nobody_knows_is_no_place_for_a_member_to_commit() {
    let mut driver = Driver::eager();
    assert_eq!(
        driver.commit(&"zombie".into(), 3, "orders", 1),
        Some(GroupError::GroupIdNotFound(GROUP.to_owned()))
    );
    let mut old = commit(&"zombie".into(), 3, "orders", 1);
    old.knows_member_epochs = false;
    let token = driver.send(GroupRequest::Offsets(OffsetRequest::Commit(old)));
    let Some(GroupReply::Offsets(OffsetReply::Commit(topics))) = driver.take(token) else {
        panic!("no answer");
    };
    assert_eq!(
        topics[0].partitions[0].error,
        Some(GroupError::IllegalGeneration)
    );
}

#[test]
fn each_partition_is_judged_for_itself() {
    let mut driver = Driver::eager();
    let to_commit = |partition, metadata: &str| OffsetToCommit {
        partition: PartitionIndex(partition),
        offset: Offset(1),
        leader_epoch: None,
        metadata: metadata.to_owned(),
    };
    let mut request = commit(&nobody(), -1, "orders", 1);
    request.topics[0].partitions = vec![
        to_commit(0, "a note"),
        to_commit(1, &"long".repeat(1_025)),
        to_commit(3, ""),
        to_commit(-1, ""),
    ];
    let token = driver.send(GroupRequest::Offsets(OffsetRequest::Commit(request)));
    let Some(GroupReply::Offsets(OffsetReply::Commit(topics))) = driver.take(token) else {
        panic!("no answer");
    };
    let errors: Vec<_> = topics[0]
        .partitions
        .iter()
        .map(|outcome| &outcome.error)
        .collect();
    let missing = Some(GroupError::UnknownTopicOrPartition);
    assert_eq!(
        errors,
        [
            &None,
            &Some(GroupError::OffsetMetadataTooLarge),
            &missing,
            &missing
        ]
    );
    assert_eq!(driver.log.len(), 1);
}

#[test]
fn all_offsets_of_a_group_can_be_asked_for_at_once() {
    let mut driver = Driver::eager();
    driver.commit(&nobody(), -1, "orders", 7);
    driver.commit(&nobody(), -1, "payments", 8);
    let token = driver.send(GroupRequest::Offsets(OffsetRequest::Fetch(FetchRequest {
        group: GROUP.into(),
        member: None,
        member_epoch: -1,
        topics: None,
    })));
    let Some(GroupReply::Offsets(OffsetReply::Fetch(Ok(topics)))) = driver.take(token) else {
        panic!("no answer");
    };
    let offsets: Vec<_> = topics
        .iter()
        .flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|fetched| (&topic.name, fetched))
        })
        .map(|(name, fetched)| (name.as_str(), fetched.committed.as_ref().unwrap().offset.0))
        .collect();
    assert_eq!(offsets, [("orders", 7), ("payments", 8)]);
}

#[test]
fn offsets_outlive_the_last_member_by_the_retention_and_no_longer() {
    let mut driver = Driver::eager();
    let (member, generation) = driver.first_member();
    driver.commit(&member, generation, "orders", 7);
    driver.live_on(&[&member], generation, 8 * DAY_MS);
    assert_eq!(driver.committed("orders"), Some(7), "it has a reader");

    driver.leave(&[leaving(&member)]);
    driver.advance(7 * DAY_MS - 1);
    assert_eq!(driver.committed("orders"), Some(7));
    driver.advance(11 * 60 * 1_000);
    assert_eq!(driver.committed("orders"), None);
    assert!(
        driver
            .log
            .iter()
            .rev()
            .take(2)
            .all(|record| record.value.is_none())
    );

    // Nothing is left of the group either.
    assert_eq!(
        driver.heartbeat(&member, generation),
        Err(GroupError::UnknownMemberId)
    );
    driver.restart();
    assert_eq!(driver.committed("orders"), None);
}

#[test]
fn offsets_of_a_topic_the_members_left_expire_after_the_commit() {
    let mut driver = Driver::eager();
    let (member, generation) = driver.first_member();
    driver.commit(&member, generation, "orders", 7);
    driver.commit(&member, generation, "payments", 8);
    driver.live_on(&[&member], generation, 7 * DAY_MS + DAY_MS / 24);
    assert_eq!(driver.committed("payments"), None);
    assert_eq!(driver.committed("orders"), Some(7));
}

#[test]
fn a_retention_of_the_commits_own_is_kept() {
    let mut driver = Driver::new(GroupConfig {
        offsets_retention_check_interval_ms: 1_000,
        ..GroupConfig::default()
    });
    let mut request = commit(&nobody(), -1, "orders", 7);
    request.retention_ms = Some(60_000);
    driver.send(GroupRequest::Offsets(OffsetRequest::Commit(request)));
    driver.restart();
    driver.advance(59_000);
    assert_eq!(driver.committed("orders"), Some(7));
    driver.advance(2_000);
    assert_eq!(driver.committed("orders"), None);
}

#[test]
fn offsets_are_deleted_unless_a_member_reads_the_topic() {
    let mut driver = Driver::eager();
    let (member, generation) = driver.first_member();
    driver.commit(&member, generation, "orders", 7);
    driver.commit(&member, generation, "payments", 8);
    let topic = |name: &str, partition| Topic {
        name: name.into(),
        partitions: vec![PartitionIndex(partition)],
    };
    let token = driver.send(GroupRequest::Offsets(OffsetRequest::Delete(
        DeleteRequest {
            group: GROUP.into(),
            topics: vec![
                topic("orders", 0),
                topic("payments", 0),
                topic("payments", 9),
            ],
        },
    )));
    let Some(GroupReply::Offsets(OffsetReply::Delete(Ok(topics)))) = driver.take(token) else {
        panic!("no answer");
    };
    let errors: Vec<_> = topics
        .into_iter()
        .map(|topic| topic.partitions[0].error.clone())
        .collect();
    assert_eq!(
        errors,
        [
            Some(GroupError::GroupSubscribedToTopic),
            None,
            Some(GroupError::UnknownTopicOrPartition)
        ]
    );
    assert_eq!(driver.committed("orders"), Some(7));
    assert_eq!(driver.committed("payments"), None);
}

#[test]
fn offsets_of_a_deleted_topic_go_with_it() {
    let mut driver = Driver::eager();
    driver.commit(&nobody(), -1, "orders", 7);
    driver.commit(&nobody(), -1, "payments", 8);
    let decision = driver.shard.topic_deleted("orders");
    assert_eq!(decision.records.len(), 1);
    for record in &decision.records {
        driver.shard.replay(record);
    }
    assert_eq!(driver.committed("orders"), None);
    assert_eq!(driver.committed("payments"), Some(8));
}

#[test]
fn offsets_of_topics_that_went_meanwhile_go_too_even_if_the_name_is_back() {
    let mut driver = Driver::eager();
    driver.commit(&nobody(), -1, "orders", 7);
    driver.commit(&nobody(), -1, "payments", 8);
    let nothing = driver.shard.topics_deleted_meanwhile(&driver.topics);
    assert!(nothing.records.is_empty());
    let found = Topics::named(&["payments"]);
    let decision = driver.shard.topics_deleted_meanwhile(&found);
    assert_eq!(decision.records.len(), 2, "one is gone, one is another");
    for record in &decision.records {
        driver.shard.replay(record);
    }
    assert_eq!(driver.committed("orders"), None);
    assert_eq!(driver.committed("payments"), None);
}

#[test]
fn many_offsets_go_in_steps_that_the_log_can_take() {
    let offsets = || {
        let mut shard = GroupShard::new(GroupConfig::default());
        for partition in 0..2_500 {
            shard.replay(&GroupRecord::Offset(OffsetRecord {
                group: GROUP.into(),
                topic: "orders".into(),
                partition: PartitionIndex(partition),
                committed: Some(CommittedOffset {
                    offset: Offset(1),
                    leader_epoch: None,
                    metadata: String::new(),
                    commit_timestamp_ms: 0,
                    expire_timestamp_ms: Some(1),
                    topic_id: TopicId::ZERO,
                }),
            }));
        }
        shard
    };
    let now = Now {
        monotonic_ms: 0,
        wall_ms: 2,
    };
    let steps = |mut shard: GroupShard, decide: &dyn Fn(&GroupShard) -> GroupDecision| {
        let mut steps = Vec::new();
        loop {
            let records = decide(&shard).records;
            if records.is_empty() {
                return steps;
            }
            records.iter().for_each(|record| shard.replay(record));
            steps.push(records.len());
        }
    };
    let deleted = steps(offsets(), &|shard| shard.topic_deleted("orders"));
    assert_eq!(deleted, [1_000, 1_000, 500]);
    let expiry = GroupTimer::Offsets(OffsetTimer::Expiry);
    let expired = steps(offsets(), &|shard| {
        shard.fire(now, &expiry, &Topics::default())
    });
    assert_eq!(expired.iter().max(), Some(&1_000));
    assert!(expired.iter().sum::<usize>() >= 2_500);
}
