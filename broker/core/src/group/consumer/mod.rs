//! KIP-848 groups: the coordinator assigns, members follow by heartbeats.
//!
//! A member says what it wants to read and what it has; the answer says what it
//! should have. Nobody waits for anybody: each member moves at its own pace from
//! one target assignment to the next, by giving up before it takes.
//!
//! ```text
//!  heartbeat ─► seat        who is this, may it speak            heartbeat.rs
//!            ─► metadata    what changed in its subscription     member.rs · regex.rs
//!            ─► group epoch does the group need a new target     subscription.rs
//!            ─► target      the assignor's answer                subscription.rs · ../assignor
//!            ─► reconcile   this member's next step              reconcile.rs
//! ```
//!
//! Authority: Apache Kafka 4.3's group coordinator. What differs: regular
//! expressions are matched at once instead of in the background, so a member's
//! first answer has its partitions.

mod commit;
mod config;
mod describe;
mod group;
mod heartbeat;
mod leave;
mod member;
mod metadata_hash;
mod owned_partitions;
mod reconcile;
mod regex;
mod subscription;
mod validate;

use std::collections::BTreeSet;

pub use commit::CommitCheck;
pub use config::ConsumerGroupConfig;
pub use describe::{DescribedGroup, DescribedMember, DescribedTopic};
pub use group::{ConsumerGroup, ConsumerGroupState};
pub use member::{
    ClassicMetadata, CurrentAssignment, LEAVE_EPOCH, Member, MemberMetadata, MemberState,
    STATIC_LEAVE_EPOCH,
};
pub use owned_partitions::OwnedPartitions;

use super::assignor::TopicPartitions;
use super::record::ClassicRecord;
use super::shard::Group;
use super::{
    GroupDecision, GroupEffect, GroupError, GroupId, GroupRecord, GroupReply, GroupShard,
    GroupTimer, InstanceId, MemberId, SoftEvent, TopicName, TopicsView, answer,
};
use crate::decision::RequestToken;
use crate::time::Now;

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerRequest {
    /// ConsumerGroupHeartbeat: join, stay or leave.
    Heartbeat(Box<Heartbeat>),
    /// ConsumerGroupDescribe.
    Describe {
        /// Groups of this shard.
        groups: Vec<GroupId>,
    },
}

/// ConsumerGroupHeartbeat. `None` means "as I said before".
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// Which group.
    pub group: GroupId,
    /// Who speaks; may be empty in version 0 when joining.
    pub member: MemberId,
    /// A random id, used when `member` is empty.
    pub fresh_member: MemberId,
    /// Whether the client must bring its own member id: since version 1.
    pub member_id_required: bool,
    /// 0 to join, [`LEAVE_EPOCH`] or [`STATIC_LEAVE_EPOCH`] to leave, otherwise
    /// the epoch of the last answer.
    pub member_epoch: i32,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// Its rack.
    pub rack: Option<String>,
    /// How long it may take to give up partitions.
    pub rebalance_timeout_ms: Option<i32>,
    /// Topics by name.
    pub subscribed_topic_names: Option<BTreeSet<TopicName>>,
    /// Topics by regular expression; empty for none.
    pub subscribed_topic_regex: Option<String>,
    /// The assignor it prefers.
    pub server_assignor: Option<String>,
    /// The partitions it has.
    pub owned: Option<TopicPartitions>,
    /// `client.id`
    pub client_id: String,
    /// Its address, as `/127.0.0.1`.
    pub client_host: String,
}

/// The answer to the request of the same variant.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerReply {
    /// To [`ConsumerRequest::Heartbeat`].
    Heartbeat(Result<HeartbeatReply, GroupError>),
    /// To [`ConsumerRequest::Describe`], in the order asked.
    Describe(Vec<(GroupId, Result<DescribedGroup, GroupError>)>),
}

/// What a heartbeat is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// The member, with its id should it not have had one.
    pub member: MemberId,
    /// The epoch to send next time; the leaving one is sent back.
    pub member_epoch: i32,
    /// When to send it; 0 to a member that has left.
    pub heartbeat_interval_ms: i32,
    /// What the member should have, if it must be told.
    pub assignment: Option<TopicPartitions>,
}

/// A timer of one member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsumerTimer {
    /// The member has been silent.
    Session {
        /// Its group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// The member has not given up what it had to.
    Rebalance {
        /// Its group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
}

/// A change of one group's soft state.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerEvent {
    /// A member was heard of.
    Heartbeat {
        /// Its group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// When its session ends unless it is heard of again.
        session_deadline_ms: u64,
    },
    /// A member was told to give up partitions.
    RevocationDue {
        /// Its group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// By when.
        deadline_ms: u64,
    },
    /// The topics a group reads were compared with what it knew of them.
    TopicsChecked {
        /// The group.
        group: GroupId,
        /// Their version.
        version: u64,
    },
    /// The regular expressions of a group were matched against the topics.
    RegexesMatched {
        /// The group.
        group: GroupId,
        /// Their version.
        version: u64,
    },
    /// A target assignment was computed.
    Assigned {
        /// The group.
        group: GroupId,
    },
}

/// The topics a regular expression matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// Their names.
    pub topics: BTreeSet<TopicName>,
    /// The version of the topics at that time.
    pub version: i64,
    /// That time, in wall-clock milliseconds.
    pub timestamp_ms: i64,
}

impl ConsumerEvent {
    /// The group it is about.
    pub fn group(&self) -> &GroupId {
        match self {
            ConsumerEvent::Heartbeat { group, .. }
            | ConsumerEvent::RevocationDue { group, .. }
            | ConsumerEvent::TopicsChecked { group, .. }
            | ConsumerEvent::RegexesMatched { group, .. }
            | ConsumerEvent::Assigned { group } => group,
        }
    }
}

/// Decides a request about a KIP-848 group.
pub(super) fn decide(
    shard: &GroupShard,
    now: Now,
    token: RequestToken,
    request: ConsumerRequest,
    topics: &dyn TopicsView,
) -> GroupDecision {
    match request {
        ConsumerRequest::Heartbeat(request) => {
            let (mut decision, result) = match heartbeat(shard, now, &request, topics) {
                Ok((decision, reply)) => (decision, Ok(reply)),
                Err(error) => (GroupDecision::default(), Err(error)),
            };
            let reply = GroupReply::Consumer(ConsumerReply::Heartbeat(result));
            decision.effects.push(GroupEffect::Reply { token, reply });
            decision
        }
        ConsumerRequest::Describe { groups } => {
            let described = groups
                .into_iter()
                .map(|group| {
                    let described = describe::describe(shard, &group, topics);
                    (group, described)
                })
                .collect();
            answer(
                token,
                GroupReply::Consumer(ConsumerReply::Describe(described)),
            )
        }
    }
}

fn heartbeat(
    shard: &GroupShard,
    now: Now,
    request: &Heartbeat,
    topics: &dyn TopicsView,
) -> Result<(GroupDecision, HeartbeatReply), GroupError> {
    let config = &shard.config.consumer;
    validate::check(request, config)?;
    if matches!(request.member_epoch, LEAVE_EPOCH | STATIC_LEAVE_EPOCH) {
        let group = existing(shard, &request.group)?;
        return leave::leave(group, request, topics);
    }
    let mut decision = GroupDecision::default();
    let new_group;
    let group = match shard.groups.get(&request.group) {
        Some(Group::Consumer(group)) => group,
        Some(Group::Classic(group)) if request.member_epoch == 0 => {
            if !group.is_empty() {
                return Err(GroupError::GroupIdNotFound(format!(
                    "{} is a classic group with members: stop them before a consumer joins",
                    request.group
                )));
            }
            decision.records.push(GroupRecord::Classic(ClassicRecord {
                group: request.group.clone(),
                metadata: None,
            }));
            new_group = ConsumerGroup::new(request.group.clone());
            &new_group
        }
        None if request.member_epoch == 0 => {
            new_group = ConsumerGroup::new(request.group.clone());
            &new_group
        }
        _ => return existing(shard, &request.group).and(Err(GroupError::UnknownMemberId)),
    };
    let reply = heartbeat::Step::new(now, config, topics, group).run(request, &mut decision)?;
    Ok((decision, reply))
}

/// The KIP-848 group of that id.
fn existing<'a>(shard: &'a GroupShard, id: &GroupId) -> Result<&'a ConsumerGroup, GroupError> {
    match shard.groups.get(id) {
        Some(Group::Consumer(group)) => Ok(group),
        Some(Group::Classic(_)) => Err(GroupError::GroupIdNotFound(format!(
            "group {id} is not a consumer group"
        ))),
        None => Err(GroupError::GroupIdNotFound(format!(
            "consumer group {id} not found"
        ))),
    }
}

/// Decides what a timer of a KIP-848 group leads to: the member is put out of
/// its group, unless it has been heard of since.
pub(super) fn fire(
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
        _ => leave::fence(group, member, topics),
    }
}

/// An effect that changes soft state.
fn observe(event: ConsumerEvent) -> GroupEffect {
    GroupEffect::Observe(SoftEvent::Consumer(event))
}

/// Effects that forget the timers of a member.
fn cancel_timers(group: &GroupId, member: &MemberId) -> [GroupEffect; 2] {
    let (group, member) = (group.clone(), member.clone());
    let session = ConsumerTimer::Session {
        group: group.clone(),
        member: member.clone(),
    };
    [session, ConsumerTimer::Rebalance { group, member }].map(cancel_timer)
}

fn cancel_timer(timer: ConsumerTimer) -> GroupEffect {
    GroupEffect::CancelTimer {
        timer: GroupTimer::Consumer(timer),
    }
}

#[cfg(test)]
mod tests;
