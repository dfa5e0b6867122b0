//! Members that go, of their own will or not.

use std::collections::BTreeMap;

use super::subscription::Roster;
use super::timers::{cancel_timer, cancel_timers};
use super::{ConsumerGroup, ConsumerTimer, Heartbeat, HeartbeatReply, STATIC_LEAVE_EPOCH};
use crate::group::record::consumer::{ConsumerChange, ConsumerRecord, GroupMetadata};
use crate::group::{
    GroupDecision, GroupError, GroupId, GroupRecord, InstanceId, MemberId, TopicsView,
};

/// A heartbeat that says goodbye.
pub(super) fn leave(
    group: &ConsumerGroup,
    request: &Heartbeat,
    topics: &dyn TopicsView,
) -> Result<(GroupDecision, HeartbeatReply), GroupError> {
    let reply = HeartbeatReply {
        member: request.member.clone(),
        member_epoch: request.member_epoch,
        heartbeat_interval_ms: 0,
        assignment: None,
    };
    match &request.instance {
        None if !group.members.contains_key(&request.member) => Err(GroupError::UnknownMemberId),
        Some(instance) => {
            check_instance(group, instance, &request.member)?;
            if request.member_epoch == STATIC_LEAVE_EPOCH {
                Ok((step_away(group, &request.member), reply))
            } else {
                Ok((fence(group, &request.member, topics), reply))
            }
        }
        None => Ok((fence(group, &request.member, topics), reply)),
    }
}

/// Whether `member` is the present life of that static member.
pub(super) fn check_instance(
    group: &ConsumerGroup,
    instance: &InstanceId,
    member: &MemberId,
) -> Result<(), GroupError> {
    match group.static_member(instance) {
        None => Err(GroupError::UnknownMemberId),
        Some((owner, _)) if owner != member => Err(GroupError::FencedInstanceId),
        Some(_) => Ok(()),
    }
}

/// A static member that will be back keeps its partitions, until its session
/// ends: the timer set by its last heartbeat runs on.
fn step_away(group: &ConsumerGroup, member: &MemberId) -> GroupDecision {
    let away = group
        .members
        .get(member)
        .map(|member| member.assignment.while_away());
    GroupDecision {
        records: vec![record(
            &group.id,
            ConsumerChange::Current(member.clone(), away),
        )],
        effects: vec![cancel_timer(ConsumerTimer::Rebalance {
            group: group.id.clone(),
            member: member.clone(),
        })],
    }
}

/// Puts a member out of its group. Its partitions are free from here on, and
/// the group needs a new target assignment.
pub(super) fn fence(
    group: &ConsumerGroup,
    member: &MemberId,
    topics: &dyn TopicsView,
) -> GroupDecision {
    let mut records: Vec<GroupRecord> = remove_member(&group.id, member).into();
    let roster = Roster::without(group, member, &group.regexes);
    for regex in unused_regexes(&group.regexes, &roster) {
        records.push(record(&group.id, ConsumerChange::Regex(regex, None)));
    }
    records.push(record(
        &group.id,
        ConsumerChange::Group(Some(GroupMetadata {
            epoch: group.group_epoch.saturating_add(1),
            metadata_hash: roster.metadata_hash(topics),
        })),
    ));
    GroupDecision {
        records,
        effects: cancel_timers(&group.id, member).into(),
    }
}

/// Tombstones of everything a member has, its membership last.
pub(super) fn remove_member(group: &GroupId, member: &MemberId) -> [GroupRecord; 3] {
    [
        ConsumerChange::Current(member.clone(), None),
        ConsumerChange::TargetMember(member.clone(), None),
        ConsumerChange::Member(member.clone(), None),
    ]
    .map(|change| record(group, change))
}

/// Resolved expressions that nobody subscribes by any more.
pub(super) fn unused_regexes<T>(
    resolved: &BTreeMap<String, T>,
    roster: &Roster<'_>,
) -> Vec<String> {
    resolved
        .keys()
        .filter(|regex| !roster.uses_regex(regex))
        .cloned()
        .collect()
}

pub(super) fn record(group: &GroupId, change: ConsumerChange) -> GroupRecord {
    GroupRecord::Consumer(ConsumerRecord {
        group: group.clone(),
        change,
    })
}

impl ConsumerGroup {
    /// What deletes an empty group: a tombstone for every record it may have.
    pub fn tombstones(&self) -> Vec<ConsumerRecord> {
        let regexes = self.regexes.keys().cloned();
        let changes = std::iter::once(ConsumerChange::Target(None))
            .chain(regexes.map(|regex| ConsumerChange::Regex(regex, None)))
            .chain([
                ConsumerChange::PartitionMetadata(None),
                ConsumerChange::Group(None),
            ]);
        changes
            .map(|change| ConsumerRecord {
                group: self.id.clone(),
                change,
            })
            .collect()
    }
}
