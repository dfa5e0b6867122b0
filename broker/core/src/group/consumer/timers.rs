//! Timers of members: how long one may be silent, and how long it may take to
//! give up partitions.

use super::leave::fence;
use super::{
    ConsumerEvent, ConsumerGroup, ConsumerGroupConfig, ConsumerTimer, MemberState, existing,
    observe,
};
use crate::group::{
    GroupDecision, GroupEffect, GroupId, GroupShard, GroupTimer, MemberId, TopicsView,
};
use crate::time::Now;

/// Decides what a timer of a KIP-848 group leads to: the member is put out of
/// its group, unless it has been heard of since.
pub(in crate::group) fn fire(
    shard: &GroupShard,
    now: Now,
    timer: &ConsumerTimer,
    topics: &dyn TopicsView,
) -> GroupDecision {
    let (group, member) = match timer {
        ConsumerTimer::Session { group, member } | ConsumerTimer::Rebalance { group, member } => {
            (group, member)
        }
    };
    let Ok(group) = existing(shard, group) else {
        return GroupDecision::default();
    };
    let Some(current) = group.members.get(member).map(|member| &member.assignment) else {
        return GroupDecision::default();
    };
    let deadline_ms = match timer {
        ConsumerTimer::Session { .. } => group.soft.session_deadlines_ms.get(member),
        // It has given up what it had to; there is nothing to wait for.
        ConsumerTimer::Rebalance { .. } if current.pending_revocation.is_empty() => {
            return GroupDecision::default();
        }
        ConsumerTimer::Rebalance { .. } => group.soft.rebalance_deadlines_ms.get(member),
    };
    match deadline_ms {
        Some(deadline_ms) if now.monotonic_ms < *deadline_ms => {
            GroupDecision::of_effects(vec![GroupEffect::SetTimer {
                timer: GroupTimer::Consumer(timer.clone()),
                at_monotonic_ms: *deadline_ms,
            }])
        }
        _ => fence(group, member, topics),
    }
}

/// Sets the timer that ends a session.
pub(super) fn session_until(
    group: &ConsumerGroup,
    member: &MemberId,
    deadline_ms: u64,
) -> [GroupEffect; 2] {
    let (group, member) = (group.id.clone(), member.clone());
    [
        GroupEffect::SetTimer {
            timer: GroupTimer::Consumer(ConsumerTimer::Session {
                group: group.clone(),
                member: member.clone(),
            }),
            at_monotonic_ms: deadline_ms,
        },
        observe(ConsumerEvent::Heartbeat {
            group,
            member,
            session_deadline_ms: deadline_ms,
        }),
    ]
}

/// Sets the timer that ends a member's time to give up partitions.
pub(super) fn revocation_due(
    group: &ConsumerGroup,
    member: &MemberId,
    deadline_ms: u64,
) -> [GroupEffect; 2] {
    let (group, member) = (group.id.clone(), member.clone());
    [
        GroupEffect::SetTimer {
            timer: GroupTimer::Consumer(ConsumerTimer::Rebalance {
                group: group.clone(),
                member: member.clone(),
            }),
            at_monotonic_ms: deadline_ms,
        },
        observe(ConsumerEvent::RevocationDue {
            group,
            member,
            deadline_ms,
        }),
    ]
}

/// Effects that forget the timers of a member.
pub(super) fn cancel_timers(group: &GroupId, member: &MemberId) -> [GroupEffect; 2] {
    let (group, member) = (group.clone(), member.clone());
    let session = ConsumerTimer::Session {
        group: group.clone(),
        member: member.clone(),
    };
    [session, ConsumerTimer::Rebalance { group, member }].map(cancel_timer)
}

pub(super) fn cancel_timer(timer: ConsumerTimer) -> GroupEffect {
    GroupEffect::CancelTimer {
        timer: GroupTimer::Consumer(timer),
    }
}

impl ConsumerGroup {
    /// What a group that was just loaded waits for: every member gets a full
    /// session, and full time to give up what it has to.
    pub fn activate(&self, now: Now, config: &ConsumerGroupConfig, decision: &mut GroupDecision) {
        for (id, member) in &self.members {
            let deadline_ms = now.after_ms(config.session_timeout_ms);
            decision
                .effects
                .extend(session_until(self, id, deadline_ms));
            if member.assignment.state == MemberState::UnrevokedPartitions {
                let timeout_ms = u64::try_from(member.metadata.rebalance_timeout_ms).unwrap_or(0);
                decision
                    .effects
                    .extend(revocation_due(self, id, now.after_ms(timeout_ms)));
            }
        }
    }
}
