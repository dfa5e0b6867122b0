//! Heartbeat: a sign of life, answered by whether to join again.

use super::super::shard::Group;
use super::super::{GroupDecision, GroupEffect, GroupError, GroupShard};
use super::{ClassicChange, ClassicReply, ClassicState, HeartbeatRequest, observe, reply};
use crate::decision::{Decision, RequestToken};

pub(super) fn decide(
    shard: &GroupShard,
    token: RequestToken,
    request: &HeartbeatRequest,
) -> GroupDecision {
    let mut effects: Vec<GroupEffect> = Vec::new();
    let result = check(shard, request);
    if matches!(result, Ok(()) | Err(GroupError::RebalanceInProgress)) {
        let member = request.member.clone();
        effects.push(observe(&request.group, ClassicChange::Heard { member }));
    }
    effects.push(reply(token, ClassicReply::Heartbeat(result)));
    Decision::of_effects(effects)
}

fn check(shard: &GroupShard, request: &HeartbeatRequest) -> Result<(), GroupError> {
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
    match group.state() {
        ClassicState::PreparingRebalance => Err(GroupError::RebalanceInProgress),
        _ => Ok(()),
    }
}
