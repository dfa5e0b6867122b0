//! Stories of static members (KIP-345) and of leaders that keep the assignment
//! (KIP-814).

use ottla_core::group::classic::{JoinRequest, LeavingMember};
use ottla_core::group::{GroupError, InstanceId, MemberId};

use crate::client::{REBALANCE_MS, SESSION_MS, join, protocol};
use crate::driver::Driver;

fn join_as(instance: &str) -> JoinRequest {
    JoinRequest {
        instance: Some(InstanceId::from(instance)),
        ..join()
    }
}

/// Two static members, `a` leading, both synced.
fn a_and_b(driver: &mut Driver) -> (MemberId, MemberId, i32) {
    let token = driver.send_join(join_as("a"));
    let first = driver.joined(token);
    driver.send_sync(&first.member, first.generation, &[]);
    let newcomer = driver.send_join(join_as("b"));
    let rejoin = driver.send_join(JoinRequest {
        member: first.member.clone(),
        ..join_as("a")
    });
    let generation = driver.joined(rejoin).generation;
    let (a, b) = (first.member, driver.joined(newcomer).member);
    driver.send_sync(&a, generation, &[(&a, "left"), (&b, "right")]);
    driver.send_sync(&b, generation, &[]);
    (a, b, generation)
}

#[test]
fn a_static_member_that_comes_back_takes_its_place_and_nobody_notices() {
    let mut driver = Driver::eager();
    let (a, b, generation) = a_and_b(&mut driver);
    let token = driver.send_join(join_as("b"));
    let back = driver.joined(token);
    assert_ne!(back.member, b);
    assert!(back.member.as_str().starts_with("b-"));
    assert_eq!(back.generation, generation);
    assert_eq!(back.leader, a);

    assert_eq!(driver.heartbeat(&a, generation), Ok(()));
    let asks = driver.send_sync(&back.member, generation, &[]);
    assert_eq!(driver.synced(asks), "right");
    assert_eq!(
        driver.heartbeat(&b, generation),
        Err(GroupError::UnknownMemberId)
    );

    // The new id is hard state.
    driver.restart();
    assert_eq!(driver.heartbeat(&back.member, generation), Ok(()));
}

#[test]
fn the_one_whose_place_was_taken_is_fenced_when_it_gives_its_name() {
    let mut driver = Driver::eager();
    let (_, b, _) = a_and_b(&mut driver);
    driver.send_join(join_as("b"));
    let zombie = driver.send_join(JoinRequest {
        member: b,
        ..join_as("b")
    });
    assert_eq!(driver.refused(zombie).error, GroupError::FencedInstanceId);
}

#[test]
fn a_waiting_static_member_is_fenced_by_its_successor() {
    let mut driver = Driver::eager();
    let (a, b, _) = a_and_b(&mut driver);
    let leads = driver.send_join(JoinRequest {
        member: a,
        ..join_as("a")
    });
    assert!(driver.is_waiting(leads));
    let waits = driver.send_join(JoinRequest {
        member: b,
        protocols: vec![protocol("range"), protocol("sticky")],
        ..join_as("b")
    });
    // Both have joined, so the next generation has begun: once more.
    let generation = driver.joined(leads).generation;
    let b = driver.joined(waits).member;
    let syncs = driver.send_sync(&b, generation, &[]);
    let successor = driver.send_join(join_as("b"));
    assert_eq!(
        driver.take_sync(syncs),
        Some(Err(GroupError::FencedInstanceId))
    );
    assert!(driver.is_waiting(successor));
}

#[test]
fn a_leader_that_comes_back_is_told_to_keep_the_assignment() {
    let mut driver = Driver::eager();
    let (a, b, generation) = a_and_b(&mut driver);
    let token = driver.send_join(join_as("a"));
    let back = driver.joined(token);
    assert_eq!(back.leader, back.member);
    assert!(back.skip_assignment);
    let known: Vec<&MemberId> = back.members.iter().map(|known| &known.member).collect();
    assert_eq!(known, [&back.member, &b]);
    assert!(!known.contains(&&a));
    let asks = driver.send_sync(&back.member, generation, &[]);
    assert_eq!(driver.synced(asks), "left");

    // It leads under its new id: when it wants to assign anew, all join again.
    driver.restart();
    driver.send_join(JoinRequest {
        member: back.member,
        ..join_as("a")
    });
    assert_eq!(
        driver.heartbeat(&b, generation),
        Err(GroupError::RebalanceInProgress)
    );
}

#[test]
fn a_leader_too_old_to_skip_is_not_told_that_it_leads() {
    let mut driver = Driver::eager();
    let (a, _, _) = a_and_b(&mut driver);
    let token = driver.send_join(JoinRequest {
        can_skip_assignment: false,
        ..join_as("a")
    });
    let back = driver.joined(token);
    assert_eq!(back.leader, a);
    assert_ne!(back.member, a);
    assert!(back.members.is_empty());
}

#[test]
fn a_static_member_that_changes_the_protocol_makes_everyone_join_again() {
    let mut driver = Driver::eager();
    let token = driver.send_join(JoinRequest {
        protocols: vec![protocol("range"), protocol("sticky")],
        ..join_as("a")
    });
    let first = driver.joined(token);
    driver.send_sync(&first.member, first.generation, &[]);
    let back = driver.send_join(JoinRequest {
        protocols: vec![protocol("sticky")],
        ..join_as("a")
    });
    let back = driver.joined(back);
    assert_eq!(back.generation, first.generation + 1);
    assert_eq!(back.protocol.as_deref(), Some("sticky"));
}

#[test]
fn a_static_member_stays_while_its_session_lasts_even_if_a_rebalance_does_without_it() {
    let mut driver = Driver::eager();
    let (a, _, generation) = a_and_b(&mut driver);
    let rejoin = driver.send_join(JoinRequest {
        member: a,
        session_timeout_ms: SESSION_MS as i32,
        ..join_as("a")
    });
    // `b` is silent: its session ends before the rebalance does.
    driver.advance(SESSION_MS);
    let joined = driver.joined(rejoin);
    assert_eq!(joined.generation, generation + 1);
    assert_eq!(joined.members.len(), 1);

    // A live one is kept, and counted in.
    let mut driver = Driver::eager();
    let (a, b, generation) = a_and_b(&mut driver);
    let rejoin = driver.send_join(JoinRequest {
        member: a,
        ..join_as("a")
    });
    driver.live_on(&[&b], generation, REBALANCE_MS);
    assert_eq!(driver.joined(rejoin).members.len(), 2);
}

#[test]
fn an_administrator_removes_a_static_member_by_its_name() {
    let mut driver = Driver::eager();
    let (a, b, generation) = a_and_b(&mut driver);
    let by_name = |name: &str| LeavingMember {
        member: MemberId::from(""),
        instance: Some(InstanceId::from(name)),
    };
    let outcomes = driver.leave(&[by_name("b"), by_name("c")]);
    assert_eq!(outcomes[0].error, None);
    assert_eq!(outcomes[1].error, Some(GroupError::UnknownMemberId));
    assert_eq!(
        driver.heartbeat(&a, generation),
        Err(GroupError::RebalanceInProgress)
    );
    assert_eq!(
        driver.heartbeat(&b, generation),
        Err(GroupError::UnknownMemberId)
    );
}
