//! The join phase: how it begins, how long it lasts, how it ends.

use bytes::Bytes;

use super::super::record::{ClassicRecord, classic::GroupMetadata};
use super::super::{
    GroupConfig, GroupDecision, GroupEffect, GroupError, GroupId, GroupRecord, MemberId,
};
use super::group::{Phase, Preparing, next_generation};
use super::members::{Member, select_protocol, session_end};
use super::{
    ClassicChange, ClassicGroup, ClassicReply, Joined, again_join, cancel_session, join_timer,
    observe, refuse_sync, reply, set_session, sync_timer,
};
use crate::decision::Decision;
use crate::time::Now;

/// Asks every member to join again, unless they are being asked already.
/// Whoever waits for an assignment learns it from the answer, and has a full
/// session to act on it: while it waited, it sent no heartbeats.
pub(super) fn start(
    group: &ClassicGroup,
    id: &GroupId,
    now: Now,
    config: &GroupConfig,
) -> GroupDecision {
    let mut effects = Vec::new();
    let starts = match group.phase {
        Phase::Empty => !group.members.is_empty(),
        Phase::Preparing(_) => false,
        Phase::Completing(_) | Phase::Stable(_) => true,
    };
    if starts {
        for member in group.members.iter() {
            if let Some(token) = member.syncing {
                effects.push(refuse_sync(token, GroupError::RebalanceInProgress));
                let ends_ms = session_end(now.monotonic_ms, member.session_timeout_ms);
                effects.push(set_session(id, &member.id, ends_ms));
            }
        }
        effects.push(GroupEffect::CancelTimer {
            timer: sync_timer(id, group.generation),
        });
        let initial_delay_ms = config.initial_rebalance_delay_ms;
        effects.push(observe(
            id,
            ClassicChange::RebalanceStarted { initial_delay_ms },
        ));
    }
    effects.push(again_join(id));
    Decision::of_effects(effects)
}

/// Ends the join phase if everyone has joined or its time is over; otherwise
/// sees to it that somebody looks again when it is.
pub(super) fn try_complete(
    group: &ClassicGroup,
    id: &GroupId,
    now: Now,
    config: &GroupConfig,
) -> GroupDecision {
    let Phase::Preparing(preparing) = &group.phase else {
        return GroupDecision::default();
    };
    let nobody = group.members.is_empty() && group.pending.is_empty();
    let over = now.monotonic_ms >= preparing.ends_ms;
    if !nobody && !over && (preparing.initial.is_some() || !group.all_joined()) {
        return Decision::of_effects(vec![set_join(id, preparing.ends_ms)]);
    }
    if !nobody && over && may_wait_on(preparing) {
        let initial_delay_ms = config.initial_rebalance_delay_ms;
        return Decision::of_effects(vec![
            observe(id, ClassicChange::DelayExtended { initial_delay_ms }),
            again_join(id),
        ]);
    }
    complete(group, id, now)
}

/// Whether members keep coming to a group that was empty.
fn may_wait_on(preparing: &Preparing) -> bool {
    preparing
        .initial
        .is_some_and(|initial| initial.member_added && initial.remaining_ms > 0)
}

fn complete(group: &ClassicGroup, id: &GroupId, now: Now) -> GroupDecision {
    let absent: Vec<&MemberId> = group
        .members
        .iter()
        .filter(|member| member.joining.is_none() && member.instance.is_none())
        .map(|member| &member.id)
        .collect();
    if !absent.is_empty() {
        return remove_absent(id, &absent);
    }
    if group.members.is_empty() {
        return become_empty(group, id, now);
    }
    match elect(group) {
        Some(leader) => start_generation(group, id, now, leader),
        None => postpone(group, id, now),
    }
}

/// Dynamic members that did not join in time are members no more; static ones
/// stay until their sessions end.
fn remove_absent(id: &GroupId, absent: &[&MemberId]) -> GroupDecision {
    let mut effects = Vec::with_capacity(2 * absent.len() + 1);
    for &member in absent {
        effects.push(cancel_session(id, member));
        let member = member.clone();
        effects.push(observe(id, ClassicChange::Gone { member }));
    }
    effects.push(again_join(id));
    Decision::of_effects(effects)
}

fn become_empty(group: &ClassicGroup, id: &GroupId, now: Now) -> GroupDecision {
    let metadata = GroupMetadata {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: next_generation(group.generation),
        protocol: None,
        leader: None,
        state_timestamp_ms: Some(now.wall_ms),
        members: Vec::new(),
    };
    Decision {
        records: vec![GroupRecord::Classic(ClassicRecord {
            group: id.clone(),
            metadata: Some(metadata),
        })],
        effects: vec![GroupEffect::CancelTimer {
            timer: join_timer(id),
        }],
    }
}

/// The leader stays, if it has joined; otherwise one who has takes its place.
fn elect(group: &ClassicGroup) -> Option<&Member> {
    let current = group.leader.as_ref().and_then(|id| group.members.get(id));
    current
        .filter(|leader| leader.joining.is_some())
        .or_else(|| group.members.iter().find(|member| member.joining.is_some()))
}

/// Only static members are left and none of them has joined: wait until they
/// come back or their sessions end.
fn postpone(group: &ClassicGroup, id: &GroupId, now: Now) -> GroupDecision {
    let wait_ms = group.members.rebalance_timeout_ms();
    Decision::of_effects(vec![
        observe(id, ClassicChange::JoinPostponed),
        set_join(id, session_end(now.monotonic_ms, wait_ms)),
    ])
}

fn start_generation(
    group: &ClassicGroup,
    id: &GroupId,
    now: Now,
    leader: &Member,
) -> GroupDecision {
    let generation = next_generation(group.generation);
    let protocols = group.members.iter().map(|member| &member.protocols[..]);
    let protocol = select_protocol(protocols)
        .expect("a member is let in only if all members share a protocol with it");
    let mut effects = vec![GroupEffect::CancelTimer {
        timer: join_timer(id),
    }];
    for member in group.members.iter() {
        if let Some(token) = member.joining {
            let joined = Joined {
                member: member.id.clone(),
                generation,
                protocol_type: group.protocol_type.clone(),
                protocol: Some(protocol.clone()),
                leader: leader.id.clone(),
                skip_assignment: false,
                members: match member.id == leader.id {
                    true => everyone(group, &protocol),
                    false => Vec::new(),
                },
            };
            effects.push(reply(token, ClassicReply::Join(Ok(joined))));
        }
        let ends_ms = session_end(now.monotonic_ms, member.session_timeout_ms);
        effects.push(set_session(id, &member.id, ends_ms));
    }
    effects.push(observe(
        id,
        ClassicChange::GenerationStarted {
            leader: leader.id.clone(),
            protocol,
        },
    ));
    let sync_wait_ms = group.members.rebalance_timeout_ms();
    effects.push(GroupEffect::SetTimer {
        timer: sync_timer(id, generation),
        at_monotonic_ms: session_end(now.monotonic_ms, sync_wait_ms),
    });
    Decision::of_effects(effects)
}

/// What the leader is told to assign to.
pub(super) fn everyone(group: &ClassicGroup, protocol: &str) -> Vec<super::JoinedMember> {
    let members = group.members.iter();
    members.map(|member| member.joined(protocol)).collect()
}

/// The assignment a member has.
pub(super) fn current_assignment(member: &Member) -> Bytes {
    member.assignment.clone()
}

fn set_join(id: &GroupId, at_monotonic_ms: u64) -> GroupEffect {
    GroupEffect::SetTimer {
        timer: join_timer(id),
        at_monotonic_ms,
    }
}
