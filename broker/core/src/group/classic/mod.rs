//! Classic groups: members agree on a protocol, and one of them, the leader,
//! assigns. The coordinator never reads what they exchange, so Kafka Connect
//! and everyone else with a protocol of their own can use it.
//!
//! ```text
//!            a member joins           all joined, or time is up        the leader syncs
//!   Empty ───────────────► Preparing ───────────────────► Completing ─────────────────► Stable
//!     ▲                    Rebalance ◄─────────────────── Rebalance ◄────── a member joins,
//!     └──── nobody left ───────┘        a member joins, leaves or dies       leaves or dies ┘
//! ```
//!
//! A generation becomes hard state in one record, written when its leader hands
//! in the assignment, or when the group has become empty. Everything between
//! two such records (who is joining, who waits for what) is soft.
//!
//! A step that changes members ends with [`GroupEffect::Again`], so that what
//! follows (a rebalance, its completion) is decided from what then is.

mod activate;
mod assignment;
mod event;
mod group;
mod heartbeat;
mod join;
mod leave;
mod members;
mod rebalance;
mod request;
mod session;
mod subscription;
mod sync;

pub use assignment::{AssignedTopic, assigned_topics};
pub use event::{ClassicChange, ClassicEvent};
pub use group::{ClassicGroup, ClassicState};
pub use members::{Member, Protocol};
pub use request::{
    ClassicReply, ClassicRequest, ClientIdentity, HeartbeatRequest, JoinRefusal, JoinRequest,
    Joined, JoinedMember, LeaveOutcome, LeaveRequest, LeavingMember, SyncRequest, Synced,
};

use super::shard::Group;
use super::{
    GroupDecision, GroupEffect, GroupError, GroupId, GroupReply, GroupShard, GroupTimer, MemberId,
    SoftEvent, answer,
};
use crate::decision::RequestToken;
use crate::time::Now;

/// A timer of a classic group. It only wakes the group up: what is due is
/// written in the group's state, so one that comes late or early does no harm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassicTimer {
    /// Begin a rebalance, then see whether everyone has joined; a step of its
    /// own, only ever fired by [`GroupEffect::Again`].
    Rebalance {
        /// Which group.
        group: GroupId,
    },
    /// The wait for members to join may be over.
    Join {
        /// Which group.
        group: GroupId,
    },
    /// The wait for members to sync may be over.
    Sync {
        /// Which group.
        group: GroupId,
        /// The generation they were to sync for.
        generation: i32,
    },
    /// A member may have been silent for too long.
    Session {
        /// Which group.
        group: GroupId,
        /// Which member, or one that was given its id and has not joined yet.
        member: MemberId,
    },
}

/// Decides a request to a classic group.
pub(super) fn decide(
    shard: &GroupShard,
    now: Now,
    token: RequestToken,
    request: ClassicRequest,
) -> GroupDecision {
    match request {
        ClassicRequest::Join(request) => join::decide(shard, now, token, request),
        ClassicRequest::Sync(request) => sync::decide(shard, now, token, request),
        ClassicRequest::Heartbeat(request) => heartbeat::decide(shard, token, &request),
        ClassicRequest::Leave(request) => leave::decide(shard, token, &request),
    }
}

/// Decides what a timer leads to.
pub(super) fn fire(shard: &GroupShard, now: Now, timer: &ClassicTimer) -> GroupDecision {
    let (ClassicTimer::Rebalance { group: id }
    | ClassicTimer::Join { group: id }
    | ClassicTimer::Sync { group: id, .. }
    | ClassicTimer::Session { group: id, .. }) = timer;
    let Some(Group::Classic(group)) = shard.groups.get(id) else {
        return GroupDecision::default();
    };
    match timer {
        ClassicTimer::Rebalance { .. } => rebalance::start(group, id, now, &shard.config),
        ClassicTimer::Join { .. } => rebalance::try_complete(group, id, now, &shard.config),
        ClassicTimer::Sync { generation, .. } => sync::expire(group, id, *generation),
        ClassicTimer::Session { member, .. } => session::expire(group, id, member, now),
    }
}

fn reply(token: RequestToken, reply: ClassicReply) -> GroupEffect {
    GroupEffect::Reply {
        token,
        reply: GroupReply::Classic(reply),
    }
}

fn answered(token: RequestToken, reply: ClassicReply) -> GroupDecision {
    answer(token, GroupReply::Classic(reply))
}

fn refuse_sync(token: RequestToken, error: GroupError) -> GroupEffect {
    reply(token, ClassicReply::Sync(Err(error)))
}

fn refuse_join(token: RequestToken, member: &MemberId, error: GroupError) -> GroupEffect {
    let member = member.clone();
    reply(
        token,
        ClassicReply::Join(Err(JoinRefusal { member, error })),
    )
}

fn observe(group: &GroupId, change: ClassicChange) -> GroupEffect {
    GroupEffect::Observe(SoftEvent::Classic(ClassicEvent {
        group: group.clone(),
        change,
    }))
}

fn again_rebalance(group: &GroupId) -> GroupEffect {
    let group = group.clone();
    GroupEffect::Again(GroupTimer::Classic(ClassicTimer::Rebalance { group }))
}

fn again_join(group: &GroupId) -> GroupEffect {
    GroupEffect::Again(join_timer(group))
}

fn join_timer(group: &GroupId) -> GroupTimer {
    let group = group.clone();
    GroupTimer::Classic(ClassicTimer::Join { group })
}

fn sync_timer(group: &GroupId, generation: i32) -> GroupTimer {
    let group = group.clone();
    GroupTimer::Classic(ClassicTimer::Sync { group, generation })
}

fn session_timer(group: &GroupId, member: &MemberId) -> GroupTimer {
    GroupTimer::Classic(ClassicTimer::Session {
        group: group.clone(),
        member: member.clone(),
    })
}

fn set_session(group: &GroupId, member: &MemberId, at_monotonic_ms: u64) -> GroupEffect {
    GroupEffect::SetTimer {
        timer: session_timer(group, member),
        at_monotonic_ms,
    }
}

fn cancel_session(group: &GroupId, member: &MemberId) -> GroupEffect {
    GroupEffect::CancelTimer {
        timer: session_timer(group, member),
    }
}
