//! What happens, step by step.

use super::client::Delivery;
use super::*;
use crate::group::assignor::TopicPartitions;
use crate::group::consumer::{CommitCheck, Heartbeat, HeartbeatReply};
use crate::group::shard::Group;
use crate::group::{GroupError, GroupId};
use crate::ids::PartitionIndex;

/// `"a@2 orders[0 1]"`, or without the partitions when they were not told.
fn show(world: &World, reply: Result<HeartbeatReply, GroupError>) -> String {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return error.to_string(),
    };
    let mut text = format!("{}@{}", reply.member, reply.member_epoch);
    for (topic, partitions) in reply.assignment.iter().flat_map(TopicPartitions::topics) {
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        let name = world.topics.name_of(topic);
        text.push_str(&format!(" {name}[{}]", partitions.join(" ")));
    }
    if reply
        .assignment
        .is_some_and(|partitions| partitions.is_empty())
    {
        text.push_str(" nothing");
    }
    text
}

fn beat(world: &mut World, client: &mut Client) -> String {
    let reply = client.beat(world);
    show(world, reply)
}

fn state(world: &mut World) -> String {
    match world.describe() {
        Ok(group) => format!(
            "{} {}/{}",
            group.state, group.group_epoch, group.assignment_epoch
        ),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_second_member_gets_its_half_after_the_first_has_given_it_up() {
    let mut world = World::new(&[("orders", 4)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0 1 2 3]");
    assert_eq!(state(&mut world), "Stable 2/2");

    // b is in at once, but a still has everything.
    assert_eq!(beat(&mut world, &mut b), "b@3 nothing");
    assert_eq!(state(&mut world), "Reconciling 3/3");
    // a is told to keep two; it is still at its old epoch.
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0 1]");
    assert_eq!(beat(&mut world, &mut b), "b@3");
    // a says it has only those two; now b may have the others.
    assert_eq!(beat(&mut world, &mut a), "a@3");
    assert_eq!(beat(&mut world, &mut b), "b@3 orders[2 3]");
    assert_eq!(state(&mut world), "Stable 3/3");

    // Nothing more to say, nothing more to write.
    let written = world.log.len();
    assert_eq!(beat(&mut world, &mut a), "a@3");
    assert_eq!(beat(&mut world, &mut b), "b@3");
    assert_eq!(world.log.len(), written);
}

#[test]
fn a_member_that_leaves_frees_its_partitions_at_once() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    beat(&mut world, &mut a);
    beat(&mut world, &mut a);
    assert_eq!(beat(&mut world, &mut b), "b@3 orders[1]");
    let reply = a.leave(&mut world);
    assert_eq!(show(&world, reply), "a@-1");
    assert_eq!(state(&mut world), "Assigning 4/3");
    assert_eq!(beat(&mut world, &mut b), "b@4 orders[0 1]");
    let reply = b.leave(&mut world);
    assert_eq!(show(&world, reply), "b@-1");
    assert_eq!(state(&mut world), "Empty 5/4");
}

#[test]
fn a_silent_member_is_put_out_when_its_session_ends() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    for _ in 0..8 {
        world.pass(5_000);
        assert_eq!(beat(&mut world, &mut b), "b@3");
    }
    world.pass(5_000);
    assert_eq!(beat(&mut world, &mut b), "b@4 orders[0 1]");
    assert_eq!(beat(&mut world, &mut a), "the group has no such member");
    assert_eq!(beat(&mut world, &mut a), "a@5 nothing");
}

#[test]
fn a_timer_that_fires_before_its_time_does_nothing() {
    let mut world = World::new(&[("orders", 1)]);
    let mut a = Client::new("a", &["orders"]);
    beat(&mut world, &mut a);
    world.pass(44_999);
    world.fire_all_timers();
    assert_eq!(beat(&mut world, &mut a), "a@2");
}

#[test]
fn a_timer_that_was_cancelled_while_it_fired_does_nothing() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0]");
    assert_eq!(beat(&mut world, &mut a), "a@3");
    for _ in 0..4 {
        world.pass(20_000);
        beat(&mut world, &mut a);
        beat(&mut world, &mut b);
    }
    // a was given a minute to give up its partition, and took no time.
    world.fire_all_timers();
    assert_eq!(beat(&mut world, &mut a), "a@3");
}

#[test]
fn a_static_member_that_steps_away_owes_nothing() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a1", &["orders"]).named("a");
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    // It is told to give up a partition, and leaves instead of answering.
    assert_eq!(beat(&mut world, &mut a), "a1@2 orders[0]");
    a.step_away(&mut world).unwrap();
    assert_eq!(beat(&mut world, &mut b), "b@3 orders[1]");
    let mut a = a.next_life("a2");
    assert_eq!(beat(&mut world, &mut a), "a2@3 orders[0]");
}

#[test]
fn a_member_that_does_not_give_up_its_partitions_in_time_is_put_out() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    a.is_slow = true;
    beat(&mut world, &mut b);
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0]");
    for _ in 0..11 {
        world.pass(5_000);
        assert_eq!(beat(&mut world, &mut a), "a@2");
        assert_eq!(beat(&mut world, &mut b), "b@3");
    }
    world.pass(5_000);
    assert_eq!(beat(&mut world, &mut a), "the group has no such member");
    assert_eq!(beat(&mut world, &mut b), "b@4 orders[0 1]");
}

#[test]
fn a_lost_answer_is_asked_for_again_at_the_previous_epoch() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    beat(&mut world, &mut a);
    let lost = a.beat_with(&mut world, Delivery::AnswerLost);
    assert_eq!(show(&world, lost), "a@3");
    assert_eq!(a.epoch, 2);
    assert_eq!(beat(&mut world, &mut a), "a@3 orders[0]");
}

#[test]
fn a_member_behind_by_more_than_a_lost_answer_is_fenced() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    beat(&mut world, &mut a);
    let mut zombie = a.clone();
    world.topics.set("orders", 3);
    assert_eq!(beat(&mut world, &mut a), "a@3 orders[0 1 2]");
    world.topics.set("orders", 4);
    assert_eq!(beat(&mut world, &mut a), "a@4 orders[0 1 2 3]");
    let answer = zombie.beat(&mut world);
    assert!(matches!(answer, Err(GroupError::FencedMemberEpoch(_))));
    a.epoch = 9;
    let answer = a.beat(&mut world);
    assert!(matches!(answer, Err(GroupError::FencedMemberEpoch(_))));
}

#[test]
fn a_static_member_that_steps_away_comes_back_to_its_partitions() {
    let mut world = World::new(&[("orders", 4)]);
    let mut a = Client::new("a1", &["orders"]).named("a");
    let mut b = Client::new("b1", &["orders"]).named("b");
    for client in [&mut a, &mut b] {
        beat(&mut world, client);
    }
    beat(&mut world, &mut a);
    beat(&mut world, &mut a);
    assert_eq!(beat(&mut world, &mut b), "b1@3 orders[2 3]");

    let reply = a.step_away(&mut world);
    assert_eq!(show(&world, reply), "a1@-2");
    let mut a = a.next_life("a2");
    assert_eq!(beat(&mut world, &mut a), "a2@3 orders[0 1]");
    assert_eq!(beat(&mut world, &mut b), "b1@3");
    assert_eq!(state(&mut world), "Stable 3/3");
}

#[test]
fn a_static_member_that_stays_away_loses_its_place_with_its_session() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a1", &["orders"]).named("a");
    beat(&mut world, &mut a);
    let reply = a.step_away(&mut world);
    assert_eq!(show(&world, reply), "a1@-2");
    world.pass(45_000);
    assert_eq!(state(&mut world), "Empty 3/2");
}

#[test]
fn an_instance_id_in_use_cannot_be_taken() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a1", &["orders"]).named("a");
    beat(&mut world, &mut a);
    let mut twin = a.next_life("a2");
    let answer = twin.beat(&mut world);
    assert!(matches!(answer, Err(GroupError::UnreleasedInstanceId(_))));

    a.step_away(&mut world).unwrap();
    beat(&mut world, &mut twin);
    let mut zombie = a.next_life("a1");
    zombie.epoch = 2;
    assert_eq!(zombie.beat(&mut world), Err(GroupError::FencedInstanceId));
    assert_eq!(zombie.leave(&mut world), Err(GroupError::FencedInstanceId));
    let mut nobody = Client::new("c", &["orders"]).named("c");
    assert_eq!(nobody.leave(&mut world), Err(GroupError::UnknownMemberId));
}

#[test]
fn topics_that_come_grow_and_go_are_noticed_by_the_next_heartbeat() {
    let mut world = World::new(&[]);
    let mut a = Client::new("a", &["orders"]);
    assert_eq!(beat(&mut world, &mut a), "a@2 nothing");
    world.topics.set("other", 1);
    assert_eq!(beat(&mut world, &mut a), "a@2");
    world.topics.set("orders", 1);
    assert_eq!(beat(&mut world, &mut a), "a@3 orders[0]");
    world.topics.set("orders", 3);
    assert_eq!(beat(&mut world, &mut a), "a@4 orders[0 1 2]");
    world.topics.delete("orders");
    assert_eq!(beat(&mut world, &mut a), "a@4 nothing");
    assert_eq!(beat(&mut world, &mut a), "a@5");
    assert_eq!(state(&mut world), "Stable 5/5");
}

#[test]
fn a_regular_expression_is_matched_at_once_and_looked_at_again_later() {
    let mut world = World::new(&[("orders-eu", 1), ("orders-us", 1), ("other", 1)]);
    let mut a = Client::new("a", &[]).matching("orders-.*");
    assert_eq!(beat(&mut world, &mut a), "a@2 orders-eu[0] orders-us[0]");
    world.topics.set("orders-kr", 1);
    world.pass(5_000);
    assert_eq!(beat(&mut world, &mut a), "a@2");
    world.pass(5_000);
    assert_eq!(
        beat(&mut world, &mut a),
        "a@3 orders-eu[0] orders-us[0] orders-kr[0]"
    );
    // Names and an expression together.
    a.subscribe(&["other"], "orders-eu");
    assert_eq!(beat(&mut world, &mut a), "a@3 orders-eu[0]");
    assert_eq!(beat(&mut world, &mut a), "a@4 orders-eu[0] other[0]");
    a.subscribe(&["other"], "");
    beat(&mut world, &mut a);
    assert_eq!(beat(&mut world, &mut a), "a@5");
    assert_eq!(world.describe().unwrap().members[0].assignment.len(), 1);
}

#[test]
fn a_wrong_regular_expression_is_refused_and_changes_nothing() {
    let mut world = World::new(&[("orders", 1)]);
    let mut a = Client::new("a", &["orders"]);
    beat(&mut world, &mut a);
    let written = world.log.len();
    a.subscribe(&["orders"], "orders(");
    let answer = a.beat(&mut world);
    assert!(matches!(
        answer,
        Err(GroupError::InvalidRegularExpression(_))
    ));
    assert_eq!(world.log.len(), written);
}

#[test]
fn a_member_that_unsubscribes_gives_up_only_those_partitions() {
    let mut world = World::new(&[("orders", 2), ("users", 1)]);
    let mut a = Client::new("a", &["orders", "users"]);
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0 1] users[0]");
    a.subscribe(&["orders"], "");
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0 1]");
    assert_eq!(beat(&mut world, &mut a), "a@3");
    assert_eq!(state(&mut world), "Stable 3/3");
}

#[test]
fn most_votes_choose_the_assignor() {
    let mut world = World::new(&[("orders", 3), ("users", 3)]);
    let topics = ["orders", "users"];
    let mut a = Client::new("a", &topics).preferring("range");
    let mut b = Client::new("b", &topics).preferring("range");
    for _ in 0..3 {
        beat(&mut world, &mut a);
        beat(&mut world, &mut b);
    }
    assert_eq!(world.describe().unwrap().assignor, "range");
    assert_eq!((a.owned.len(), b.owned.len()), (4, 2));
    a.assignor = Some("sticky".to_owned());
    a.says_all = true;
    let answer = a.beat(&mut world);
    assert!(matches!(answer, Err(GroupError::UnsupportedAssignor(_))));
}

#[test]
fn a_full_group_takes_no_newcomer() {
    let mut config = crate::group::GroupConfig::default();
    config.consumer.max_size = 1;
    let mut world = World::with_config(&[("orders", 1)], config);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    assert_eq!(b.beat(&mut world), Err(GroupError::GroupMaxSizeReached));
    assert_eq!(beat(&mut world, &mut a), "a@2");
}

#[test]
fn members_that_join_within_the_assignment_interval_are_assigned_together() {
    let config = crate::group::GroupConfig::default();
    let mut world = World::with_config(&[("orders", 3)], config);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    let mut c = Client::new("c", &["orders"]);
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0 1 2]");
    assert_eq!(beat(&mut world, &mut b), "b@2 nothing");
    assert_eq!(beat(&mut world, &mut c), "c@2 nothing");
    assert_eq!(state(&mut world), "Assigning 4/2");
    world.pass(1_000);
    assert_eq!(beat(&mut world, &mut b), "b@4");
    assert_eq!(state(&mut world), "Reconciling 4/4");
    assert_eq!(beat(&mut world, &mut a), "a@2 orders[0]");
    assert_eq!(beat(&mut world, &mut a), "a@4");
    assert_eq!(beat(&mut world, &mut c), "c@4 orders[2]");
    assert_eq!(beat(&mut world, &mut b), "b@4 orders[1]");
}

#[test]
fn a_coordinator_that_restarts_goes_on_from_its_log() {
    let mut world = World::new(&[("orders", 4), ("users", 1)]);
    let mut a = Client::new("a", &["orders"]).matching("us.*");
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    beat(&mut world, &mut a);
    let before = world.describe();
    for compacted in [false, true] {
        world.restart(compacted);
        assert_eq!(world.describe(), before);
    }
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    assert_eq!(state(&mut world), "Stable 3/3");
    // Sessions began anew with the load.
    world.restart(false);
    world.pass(44_999);
    assert_eq!(beat(&mut world, &mut a), "a@3");
    world.pass(1);
    assert_eq!(world.describe().unwrap().members.len(), 1);
}

#[test]
fn what_is_wrong_with_a_request_is_said_before_anything_is_looked_at() {
    let mut world = World::new(&[]);
    let join = Client::new("a", &["orders"]).request();
    type Damage = Box<dyn Fn(&mut Heartbeat)>;
    let cases: [(&str, Damage); 11] = [
        (
            "MemberId can't be empty",
            Box::new(|r| r.member = "".into()),
        ),
        ("GroupId can't be empty", Box::new(|r| r.group = "".into())),
        (
            "InstanceId can't be empty",
            Box::new(|r| r.instance = Some("".into())),
        ),
        (
            "RackId can't be empty",
            Box::new(|r| r.rack = Some(String::new())),
        ),
        (
            "RebalanceTimeoutMs must be provided in first request",
            Box::new(|r| r.rebalance_timeout_ms = None),
        ),
        (
            "TopicPartitions must be empty when (re-)joining",
            Box::new(|r| r.owned = None),
        ),
        (
            "TopicPartitions must be empty when (re-)joining",
            Box::new(|r| {
                let partition = (topic_id(1), PartitionIndex(0));
                r.owned = Some(TopicPartitions::from_iter([partition]));
            }),
        ),
        (
            "either SubscribedTopicNames or SubscribedTopicRegex must be non-null when \
             (re-)joining",
            Box::new(|r| {
                r.subscribed_topic_names = None;
                r.subscribed_topic_regex = None;
            }),
        ),
        (
            "InstanceId can't be null",
            Box::new(|r| r.member_epoch = -2),
        ),
        ("MemberEpoch is invalid", Box::new(|r| r.member_epoch = -3)),
        (
            "GroupId and MemberId can't be longer than 32767 bytes",
            Box::new(|r| r.group = "g".repeat(32_768).into()),
        ),
    ];
    for (sentence, damage) in cases {
        let mut request = join.clone();
        damage(&mut request);
        let expected = Err(GroupError::InvalidRequest(sentence.to_owned()));
        assert_eq!(world.heartbeat(request), expected);
    }
    assert!(world.log.is_empty());
}

#[test]
fn version_0_lets_the_coordinator_draw_the_member_id() {
    let mut world = World::new(&[("orders", 1)]);
    let mut request = Client::new("", &["orders"]).request();
    request.member_id_required = false;
    let reply = world.heartbeat(request);
    assert_eq!(show(&world, reply), "fresh@2 orders[0]");
}

#[test]
fn only_a_join_makes_a_group() {
    let mut world = World::new(&[("orders", 1)]);
    let mut a = Client::new("a", &["orders"]);
    a.epoch = 3;
    let answer = a.beat(&mut world);
    assert!(matches!(answer, Err(GroupError::GroupIdNotFound(_))));
    assert_eq!(state(&mut world), "group g not found");
    assert!(world.log.is_empty());
}

#[test]
fn an_empty_group_is_deleted_without_a_trace() {
    let mut world = World::new(&[("orders", 1)]);
    let mut a = Client::new("a", &["orders"]).matching("o.*");
    beat(&mut world, &mut a);
    a.leave(&mut world).unwrap();
    let group: GroupId = "g".into();
    let Some(Group::Consumer(empty)) = world.shard.groups.get(&group) else {
        panic!("no consumer group");
    };
    for record in empty.tombstones() {
        let record = crate::group::GroupRecord::Consumer(record);
        world.shard.replay(&record);
        world.log.push(record.encode());
    }
    assert!(world.shard.groups.is_empty());
    world.restart(true);
    assert!(world.log.is_empty());
}

#[test]
fn a_commit_is_taken_from_who_holds_the_partition() {
    let mut world = World::new(&[("orders", 2)]);
    let mut a = Client::new("a", &["orders"]);
    let mut b = Client::new("b", &["orders"]);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    beat(&mut world, &mut a);
    beat(&mut world, &mut a);
    beat(&mut world, &mut b);
    let group: GroupId = "g".into();
    let Some(Group::Consumer(group)) = world.shard.groups.get(&group) else {
        panic!("no consumer group");
    };
    let orders = topic_id(1);
    assert!(matches!(group.check_commit("a", 3), Ok(CommitCheck::Any)));
    // a has partition 0 since epoch 2, and gave up partition 1.
    let late = group.check_commit("a", 2).unwrap();
    assert_eq!(late.partition(orders, PartitionIndex(0)), Ok(()));
    assert!(late.partition(orders, PartitionIndex(1)).is_err());
    let early = group.check_commit("a", 1).unwrap();
    assert!(early.partition(orders, PartitionIndex(0)).is_err());
    let wrong = group.check_commit("a", 4);
    assert!(matches!(wrong, Err(GroupError::StaleMemberEpoch(_))));
    let unknown = group.check_commit("", -1).map(|_| ());
    assert_eq!(unknown, Err(GroupError::UnknownMemberId));

    assert_eq!(group.check_fetch(None, -1), Ok(()));
    assert_eq!(group.check_fetch(Some("a"), 3), Ok(()));
    let stale = group.check_fetch(Some("a"), 2);
    assert!(matches!(stale, Err(GroupError::StaleMemberEpoch(_))));
}
