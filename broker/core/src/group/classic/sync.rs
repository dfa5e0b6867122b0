//! SyncGroup: the leader hands in the assignment, everyone gets their part.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::record::ClassicRecord;
use super::super::shard::Group;
use super::super::{
    GroupDecision, GroupEffect, GroupError, GroupId, GroupRecord, GroupShard, MemberId,
};
use super::group::Phase;
use super::members::session_end;
use super::{
    ClassicChange, ClassicGroup, ClassicReply, SyncRequest, Synced, again_rebalance,
    cancel_session, observe, refuse_sync, reply, set_session,
};
use crate::decision::{Decision, RequestToken};
use crate::time::Now;

pub(super) fn decide(
    shard: &GroupShard,
    now: Now,
    token: RequestToken,
    request: SyncRequest,
) -> GroupDecision {
    match find(shard, &request) {
        Err(error) => Decision::of_effects(vec![refuse_sync(token, error)]),
        Ok(group) => match group.phase {
            Phase::Completing(_) if group.leader.as_ref() == Some(&request.member) => {
                settle(group, now, token, request)
            }
            Phase::Completing(_) => wait(group, token, &request),
            _ => give(group, token, &request),
        },
    }
}

/// The group, if the request may go on.
fn find<'a>(shard: &'a GroupShard, request: &SyncRequest) -> Result<&'a ClassicGroup, GroupError> {
    if request.group.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let Some(Group::Classic(group)) = shard.groups.get(&request.group) else {
        return Err(GroupError::UnknownMemberId);
    };
    group.check_member(&request.member, request.instance.as_ref())?;
    if request.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    if differs(&request.protocol_type, &group.protocol_type)
        || differs(&request.protocol, &group.protocol)
    {
        return Err(GroupError::InconsistentGroupProtocol);
    }
    match group.phase {
        Phase::Empty => Err(GroupError::UnknownMemberId),
        Phase::Preparing(_) => Err(GroupError::RebalanceInProgress),
        Phase::Completing(_) | Phase::Stable(_) => Ok(group),
    }
}

/// Clients before version 5 do not say.
fn differs(asked: &Option<String>, agreed: &Option<String>) -> bool {
    matches!((asked, agreed), (Some(asked), Some(agreed)) if asked != agreed)
}

/// A follower waits for the leader.
fn wait(group: &ClassicGroup, token: RequestToken, request: &SyncRequest) -> GroupDecision {
    let mut effects = supersede(group, &request.member);
    let member = request.member.clone();
    let waiting = Some(token);
    effects.push(observe(
        &request.group,
        ClassicChange::Synced { member, waiting },
    ));
    Decision::of_effects(effects)
}

/// The generation is settled already.
fn give(group: &ClassicGroup, token: RequestToken, request: &SyncRequest) -> GroupDecision {
    let assignment = group
        .members
        .get(&request.member)
        .map(|member| member.assignment.clone())
        .unwrap_or_default();
    let member = request.member.clone();
    let waiting = None;
    Decision::of_effects(vec![
        observe(&request.group, ClassicChange::Synced { member, waiting }),
        reply(token, synced(group, assignment)),
    ])
}

/// The leader's assignment makes the generation hard state: one record, then
/// everyone who waits is answered.
fn settle(
    group: &ClassicGroup,
    now: Now,
    token: RequestToken,
    request: SyncRequest,
) -> GroupDecision {
    let SyncRequest {
        group: id,
        member: leader,
        assignments,
        ..
    } = request;
    let assignments: BTreeMap<MemberId, Bytes> = assignments.into_iter().collect();
    let assigned = |member: &MemberId| assignments.get(member).cloned().unwrap_or_default();
    let metadata = group.metadata(group.state_timestamp_ms, |member| assigned(&member.id));

    let mut effects = supersede(group, &leader);
    effects.push(reply(token, synced(group, assigned(&leader))));
    effects.push(set_full_session(&id, group, &leader, now));
    for member in group.members.iter().filter(|member| member.id != leader) {
        if let Some(token) = member.syncing {
            effects.push(reply(token, synced(group, assigned(&member.id))));
            effects.push(set_full_session(&id, group, &member.id, now));
        }
    }
    effects.push(observe(
        &id,
        ClassicChange::Synced {
            // Counts as waiting until the next event, which ends every wait.
            waiting: Some(token),
            member: leader,
        },
    ));
    effects.push(observe(&id, ClassicChange::AssignmentsSent));
    Decision {
        records: vec![GroupRecord::Classic(ClassicRecord {
            group: id,
            metadata: Some(metadata),
        })],
        effects,
    }
}

/// A member asks again while its first request waits: its client has given the
/// first one up, but whoever waits there is owed an answer.
fn supersede(group: &ClassicGroup, member: &MemberId) -> Vec<GroupEffect> {
    let earlier = group
        .members
        .get(member)
        .and_then(|member| member.syncing)
        .map(|token| refuse_sync(token, GroupError::RebalanceInProgress));
    earlier.into_iter().collect()
}

fn set_full_session(
    id: &GroupId,
    group: &ClassicGroup,
    member: &MemberId,
    now: Now,
) -> GroupEffect {
    let timeout_ms = group
        .members
        .get(member)
        .map_or(0, |member| member.session_timeout_ms);
    set_session(id, member, session_end(now.monotonic_ms, timeout_ms))
}

fn synced(group: &ClassicGroup, assignment: Bytes) -> ClassicReply {
    ClassicReply::Sync(Ok(Synced {
        protocol_type: group.protocol_type.clone(),
        protocol: group.protocol.clone(),
        assignment,
    }))
}

/// Members that joined and then did not ask for an assignment are gone, the
/// leader first of all: without it everyone else would wait for ever.
pub(super) fn expire(group: &ClassicGroup, id: &GroupId, generation: i32) -> GroupDecision {
    let (Phase::Completing(unsynced) | Phase::Stable(unsynced)) = &group.phase else {
        return GroupDecision::default();
    };
    if group.generation != generation || unsynced.is_empty() {
        return GroupDecision::default();
    }
    let mut effects = Vec::with_capacity(2 * unsynced.len() + 1);
    for member in unsynced {
        effects.push(cancel_session(id, member));
        let member = member.clone();
        effects.push(observe(id, ClassicChange::Gone { member }));
    }
    effects.push(again_rebalance(id));
    Decision::of_effects(effects)
}
