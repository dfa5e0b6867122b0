//! Stories of dynamic members.

use ottla_core::group::classic::JoinRequest;
use ottla_core::group::{GroupConfig, GroupError, GroupRecord};

use crate::client::{REBALANCE_MS, SESSION_MS, join, leaving, protocol};
use crate::driver::Driver;

#[test]
fn a_new_member_is_told_its_id_before_it_may_join() {
    let mut driver = Driver::eager();
    let token = driver.send_join(join());
    let refusal = driver.refused(token);
    assert_eq!(
        refusal.error,
        GroupError::MemberIdRequired(refusal.member.clone())
    );
    let token = driver.send_join(JoinRequest {
        member: refusal.member.clone(),
        ..join()
    });
    let joined = driver.joined(token);
    assert_eq!(joined.member, refusal.member);
    assert_eq!(joined.leader, refusal.member);
    assert_eq!(joined.generation, 1);
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn an_id_nobody_comes_back_with_does_not_hold_up_the_others() {
    let mut driver = Driver::eager();
    let (member, generation) = driver.first_member();
    let lost = driver.send_join(join());
    assert!(driver.refused(lost).member.as_str().starts_with("client-"));

    // It alone does not start a rebalance, but once there is one it is waited for.
    assert_eq!(driver.heartbeat(&member, generation), Ok(()));
    let rejoin = driver.send_join(JoinRequest { member, ..join() });
    assert!(driver.is_waiting(rejoin));
    driver.advance(SESSION_MS);
    assert_eq!(driver.joined(rejoin).generation, generation + 1);
}

#[test]
fn a_second_member_makes_the_first_join_again_and_the_leader_sees_both() {
    let mut driver = Driver::eager();
    let (first, generation) = driver.first_member();
    let newcomer = driver.send_old_join(join());
    assert!(driver.is_waiting(newcomer));
    assert_eq!(
        driver.heartbeat(&first, generation),
        Err(GroupError::RebalanceInProgress)
    );

    let rejoin = driver.send_join(JoinRequest {
        member: first.clone(),
        ..join()
    });
    let (leader, follower) = (driver.joined(rejoin), driver.joined(newcomer));
    assert_eq!(leader.generation, generation + 1);
    assert_eq!(follower.generation, generation + 1);
    assert_eq!(leader.leader, first);
    assert_eq!(follower.leader, first);
    assert_eq!(leader.members.len(), 2);
    assert!(follower.members.is_empty());
}

#[test]
fn a_follower_waits_until_the_leader_has_assigned() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    assert_eq!(driver.heartbeat(&leader, generation), Ok(()));
    assert_eq!(driver.heartbeat(&follower, generation), Ok(()));
    // Whoever lost the answer asks again.
    let again = driver.send_sync(&follower, generation, &[]);
    assert_eq!(driver.synced(again), "second half");
}

#[test]
fn an_empty_group_waits_for_more_members_and_longer_if_they_come() {
    let mut driver = Driver::new(GroupConfig::default());
    let first = driver.send_old_join(join());
    driver.advance(2_000);
    let second = driver.send_old_join(join());
    driver.advance(3_999);
    assert!(driver.is_waiting(first));
    driver.advance(1);
    assert_eq!(driver.joined(first).members.len(), 2);
    assert_eq!(driver.joined(second).generation, 1);
}

#[test]
fn a_steady_stream_of_members_cannot_delay_the_first_generation_for_ever() {
    let mut driver = Driver::new(GroupConfig::default());
    let first = driver.send_old_join(join());
    for _ in 0..=REBALANCE_MS / 1_000 {
        driver.advance(1_000);
        driver.send_old_join(join());
    }
    assert_eq!(driver.joined(first).generation, 1);
}

#[test]
fn a_silent_member_is_removed_and_the_others_join_again() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    // Only the follower is heard from.
    driver.live_on(&[&follower], generation, SESSION_MS);
    assert_eq!(
        driver.heartbeat(&follower, generation),
        Err(GroupError::RebalanceInProgress)
    );
    assert_eq!(
        driver.heartbeat(&leader, generation),
        Err(GroupError::UnknownMemberId)
    );
    let rejoin = driver.send_join(JoinRequest {
        member: follower.clone(),
        ..join()
    });
    let joined = driver.joined(rejoin);
    assert_eq!(joined.leader, follower);
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn a_member_that_does_not_join_again_in_time_is_left_behind() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    let rejoin = driver.send_join(JoinRequest {
        member: leader,
        ..join()
    });
    // The follower is alive and does not mind being asked.
    driver.live_on(&[&follower], generation, REBALANCE_MS - 1_000);
    assert!(driver.is_waiting(rejoin));
    driver.advance(1_000 + SESSION_MS / 4);
    assert_eq!(driver.joined(rejoin).members.len(), 1);
    assert_eq!(
        driver.heartbeat(&follower, generation),
        Err(GroupError::UnknownMemberId)
    );
}

#[test]
fn a_leader_that_never_assigns_is_replaced() {
    let mut driver = Driver::eager();
    let (leader, follower, _) = driver.two_members();
    let leads = driver.send_join(JoinRequest {
        member: leader.clone(),
        ..join()
    });
    let follows = driver.send_join(JoinRequest {
        member: follower.clone(),
        ..join()
    });
    let generation = driver.joined(leads).generation;
    driver.joined(follows);
    let waits = driver.send_sync(&follower, generation, &[]);
    driver.live_on(&[&leader], generation, REBALANCE_MS);
    assert_eq!(
        driver.take_sync(waits),
        Some(Err(GroupError::RebalanceInProgress))
    );
    let rejoin = driver.send_join(JoinRequest {
        member: follower.clone(),
        ..join()
    });
    assert_eq!(driver.joined(rejoin).leader, follower);
}

#[test]
fn members_agree_on_what_most_of_them_prefer_among_what_all_can_do() {
    let mut driver = Driver::new(GroupConfig::default());
    for preferences in [
        ["range", "sticky"],
        ["sticky", "range"],
        ["sticky", "range"],
    ] {
        driver.send_old_join(JoinRequest {
            protocols: preferences.map(protocol).to_vec(),
            ..join()
        });
    }
    let picky = driver.send_old_join(JoinRequest {
        protocols: vec![protocol("roundrobin")],
        ..join()
    });
    assert_eq!(
        driver.refused(picky).error,
        GroupError::InconsistentGroupProtocol
    );
    let last = driver.send_old_join(JoinRequest {
        protocols: ["roundrobin", "sticky", "range"].map(protocol).to_vec(),
        ..join()
    });
    driver.advance(20_000);
    assert_eq!(driver.joined(last).protocol.as_deref(), Some("sticky"));
}

#[test]
fn a_group_takes_members_of_one_protocol_type_whatever_that_is() {
    let mut driver = Driver::eager();
    let worker = driver.send_old_join(JoinRequest {
        protocol_type: "connect".to_owned(),
        protocols: vec![protocol("sessioned")],
        ..join()
    });
    assert_eq!(
        driver.joined(worker).protocol_type.as_deref(),
        Some("connect")
    );
    let consumer = driver.send_old_join(join());
    assert_eq!(
        driver.refused(consumer).error,
        GroupError::InconsistentGroupProtocol
    );
}

#[test]
fn a_full_group_turns_newcomers_away() {
    let mut driver = Driver::new(GroupConfig {
        initial_rebalance_delay_ms: 0,
        max_size: 2,
        ..GroupConfig::default()
    });
    let (leader, follower, generation) = driver.two_members();
    let third = driver.send_old_join(join());
    let refusal = driver.refused(third);
    assert_eq!(refusal.error, GroupError::GroupMaxSizeReached);
    assert!(refusal.member.is_empty());
    assert_eq!(driver.heartbeat(&leader, generation), Ok(()));
    assert_eq!(driver.heartbeat(&follower, generation), Ok(()));
}

#[test]
fn a_session_timeout_outside_the_limits_is_refused() {
    let mut driver = Driver::eager();
    for session_timeout_ms in [5_999, 1_800_001, -1] {
        let token = driver.send_join(JoinRequest {
            session_timeout_ms,
            ..join()
        });
        assert_eq!(
            driver.refused(token).error,
            GroupError::InvalidSessionTimeout
        );
    }
}

#[test]
fn a_follower_with_nothing_new_does_not_start_a_rebalance() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    let again = driver.send_join(JoinRequest {
        member: follower.clone(),
        ..join()
    });
    assert_eq!(driver.joined(again).generation, generation);
    assert_eq!(driver.heartbeat(&leader, generation), Ok(()));

    let changed = driver.send_join(JoinRequest {
        member: follower,
        protocols: vec![protocol("range"), protocol("sticky")],
        ..join()
    });
    assert!(driver.is_waiting(changed));
    assert_eq!(
        driver.heartbeat(&leader, generation),
        Err(GroupError::RebalanceInProgress)
    );
}

#[test]
fn a_request_sent_twice_is_answered_twice() {
    let mut driver = Driver::eager();
    let (leader, follower, _) = driver.two_members();
    let first = driver.send_join(JoinRequest {
        member: leader.clone(),
        ..join()
    });
    let second = driver.send_join(JoinRequest {
        member: leader.clone(),
        ..join()
    });
    assert_eq!(driver.refused(first).error, GroupError::RebalanceInProgress);
    let follows = driver.send_join(JoinRequest {
        member: follower.clone(),
        ..join()
    });
    let generation = driver.joined(second).generation;
    driver.joined(follows);

    let first = driver.send_sync(&follower, generation, &[]);
    let second = driver.send_sync(&follower, generation, &[]);
    assert_eq!(
        driver.take_sync(first),
        Some(Err(GroupError::RebalanceInProgress))
    );
    driver.send_sync(&leader, generation, &[(&follower, "all of it")]);
    assert_eq!(driver.synced(second), "all of it");
}

#[test]
fn members_leave_in_batches_and_the_last_one_leaves_the_group_empty() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    let stranger = "nobody".into();
    let outcomes = driver.leave(&[
        leaving(&leader),
        leaving(&stranger),
        leaving(&follower),
        leaving(&leader),
    ]);
    let errors: Vec<_> = outcomes.into_iter().map(|outcome| outcome.error).collect();
    let unknown = Some(GroupError::UnknownMemberId);
    assert_eq!(errors, [None, unknown.clone(), None, unknown]);

    let last = driver.log.last().unwrap();
    let record = GroupRecord::decode(&last.key, last.value.as_ref());
    let Ok(Some(GroupRecord::Classic(record))) = record else {
        panic!("the empty group is written down: {record:?}");
    };
    let metadata = record.metadata.unwrap();
    assert!(metadata.members.is_empty());
    assert_eq!(metadata.generation, generation + 1);
}

#[test]
fn the_others_join_again_when_one_leaves_that_was_only_given_its_id() {
    let mut driver = Driver::eager();
    let (first, generation) = driver.first_member();
    let asks = driver.send_join(join());
    let pending = driver.refused(asks).member;
    driver.leave(&[leaving(&pending)]);
    let asks = driver.send_join(JoinRequest {
        member: first,
        ..join()
    });
    assert_eq!(driver.joined(asks).generation, generation + 1);
}

#[test]
fn a_waiting_member_that_leaves_on_another_connection_is_told_so() {
    let mut driver = Driver::eager();
    let (leader, _, _) = driver.two_members();
    let waits = driver.send_join(JoinRequest {
        member: leader.clone(),
        ..join()
    });
    driver.leave(&[leaving(&leader)]);
    assert_eq!(driver.refused(waits).error, GroupError::UnknownMemberId);
}

#[test]
fn a_new_member_whose_client_gave_up_is_forgotten_in_the_end() {
    let mut driver = Driver::eager();
    let (first, generation) = driver.first_member();
    let newcomer = driver.send_old_join(JoinRequest {
        rebalance_timeout_ms: 3_600_000,
        ..join()
    });
    driver.live_on(&[&first], generation, 4 * 60_000);
    assert!(driver.is_waiting(newcomer));
    driver.live_on(&[&first], generation, 60_000);
    assert_eq!(driver.refused(newcomer).error, GroupError::UnknownMemberId);
}

#[test]
fn after_a_restart_members_go_on_where_they_were_with_full_sessions() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    driver.advance(SESSION_MS - 1);
    driver.restart();
    driver.advance(SESSION_MS - 1);
    assert_eq!(driver.heartbeat(&leader, generation), Ok(()));
    assert_eq!(driver.heartbeat(&follower, generation), Ok(()));
    let asks = driver.send_sync(&follower, generation, &[]);
    assert_eq!(driver.synced(asks), "second half");
    driver.advance(SESSION_MS);
    assert_eq!(
        driver.heartbeat(&leader, generation),
        Err(GroupError::UnknownMemberId)
    );
}

#[test]
fn what_a_member_said_last_is_what_a_restarted_broker_knows() {
    let mut driver = Driver::eager();
    let (member, _) = driver.first_member();
    let again = driver.send_join(JoinRequest {
        member: member.clone(),
        protocols: vec![protocol("sticky"), protocol("range")],
        rebalance_timeout_ms: 5_000,
        ..join()
    });
    let generation = driver.joined(again).generation;
    driver.send_sync(&member, generation, &[(&member, "everything")]);
    driver.restart();
    // It supports the protocol of the last generation, not of the first.
    let newcomer = driver.send_old_join(JoinRequest {
        protocols: vec![protocol("sticky")],
        ..join()
    });
    assert!(driver.is_waiting(newcomer));
}

#[test]
fn a_generation_that_was_not_assigned_does_not_survive_a_restart() {
    let mut driver = Driver::eager();
    let (leader, follower, generation) = driver.two_members();
    for member in [&leader, &follower] {
        driver.send_join(JoinRequest {
            member: member.clone(),
            ..join()
        });
    }
    driver.restart();
    assert_eq!(
        driver.heartbeat(&leader, generation + 1),
        Err(GroupError::IllegalGeneration)
    );
    assert_eq!(driver.heartbeat(&leader, generation), Ok(()));
}

#[test]
fn what_could_not_be_written_did_not_happen() {
    let mut driver = Driver::eager();
    let token = driver.send_old_join(join());
    let joined = driver.joined(token);
    let before = format!("{:?}", driver.shard);
    driver.send_while_the_disk_is_full(ottla_core::group::GroupRequest::Classic(
        ottla_core::group::classic::ClassicRequest::Sync(ottla_core::group::classic::SyncRequest {
            group: crate::client::GROUP.into(),
            member: joined.member.clone(),
            instance: None,
            generation: joined.generation,
            protocol_type: None,
            protocol: None,
            assignments: Vec::new(),
        }),
    ));
    assert_eq!(before, format!("{:?}", driver.shard));
    let retry = driver.send_sync(&joined.member, 1, &[(&joined.member, "mine")]);
    assert_eq!(driver.synced(retry), "mine");
}
