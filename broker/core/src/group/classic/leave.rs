//! LeaveGroup: members go, or an administrator removes them by their static
//! names (KIP-345).

use std::collections::BTreeSet;

use super::super::shard::Group;
use super::super::{GroupDecision, GroupEffect, GroupError, GroupShard, MemberId};
use super::{
    ClassicChange, ClassicGroup, ClassicReply, ClassicState, LeaveOutcome, LeaveRequest,
    LeavingMember, again_join, again_rebalance, answered, cancel_session, observe, refuse_join,
    refuse_sync, reply,
};
use crate::decision::{Decision, RequestToken};

pub(super) fn decide(
    shard: &GroupShard,
    token: RequestToken,
    request: &LeaveRequest,
) -> GroupDecision {
    if request.group.is_empty() {
        return answered(token, ClassicReply::Leave(Err(GroupError::InvalidGroupId)));
    }
    let Some(Group::Classic(group)) = shard.groups.get(&request.group) else {
        let outcomes = request.members.iter().map(|member| LeaveOutcome {
            member: member.clone(),
            error: Some(GroupError::UnknownMemberId),
        });
        return answered(token, ClassicReply::Leave(Ok(outcomes.collect())));
    };
    let mut gone = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(request.members.len());
    for leaving in &request.members {
        let found = find(group, leaving, &gone);
        outcomes.push(LeaveOutcome {
            member: leaving.clone(),
            error: found.as_ref().err().cloned(),
        });
        gone.extend(found.ok());
    }
    let mut effects = remove(group, request, &gone);
    effects.push(reply(token, ClassicReply::Leave(Ok(outcomes))));
    if !gone.is_empty() {
        // Also when it had only been given its id and had not joined yet: Kafka
        // does not tell the two apart here.
        let was_member = |member| group.members.get(member).is_some();
        let rebalances = match group.state() {
            ClassicState::Stable | ClassicState::CompletingRebalance => true,
            _ => gone.iter().any(was_member),
        };
        effects.push(match rebalances {
            true => again_rebalance(&request.group),
            false => again_join(&request.group),
        });
    }
    Decision::of_effects(effects)
}

/// Whom the request means, unless an earlier entry of it has removed that one.
fn find(
    group: &ClassicGroup,
    leaving: &LeavingMember,
    gone: &BTreeSet<MemberId>,
) -> Result<MemberId, GroupError> {
    let instance = leaving.instance.as_ref();
    let member = if leaving.member.is_empty() {
        let member = instance.and_then(|instance| group.members.of_instance(instance));
        member.ok_or(GroupError::UnknownMemberId)?.id.clone()
    } else if group.pending.contains_key(&leaving.member) {
        leaving.member.clone()
    } else {
        group.check_member(&leaving.member, instance)?.id.clone()
    };
    match gone.contains(&member) {
        true => Err(GroupError::UnknownMemberId),
        false => Ok(member),
    }
}

fn remove(
    group: &ClassicGroup,
    request: &LeaveRequest,
    gone: &BTreeSet<MemberId>,
) -> Vec<GroupEffect> {
    let mut effects = Vec::new();
    for id in gone {
        if let Some(member) = group.members.get(id) {
            // A request of the member that still waits, on another connection:
            // this answer makes a client that is alive after all start afresh.
            let nobody = MemberId::from("");
            let error = GroupError::UnknownMemberId;
            effects.extend(
                member
                    .joining
                    .map(|token| refuse_join(token, &nobody, error.clone())),
            );
            effects.extend(member.syncing.map(|token| refuse_sync(token, error)));
        }
        effects.push(cancel_session(&request.group, id));
        effects.push(observe(
            &request.group,
            ClassicChange::Gone { member: id.clone() },
        ));
    }
    effects
}
