//! KIP-848 groups: the coordinator assigns, members follow by heartbeats.
//!
//! A member says what it wants to read and what it has; the answer says what it
//! should have. Nobody waits for anybody: each member moves at its own pace from
//! one target assignment to the next, by giving up before it takes.
//!
//! ```text
//!  heartbeat ─► seat        who is this, may it speak            seat.rs
//!            ─► metadata    what changed in its subscription     heartbeat.rs · regex.rs
//!            ─► group epoch does the group need a new target     renewal.rs · subscription.rs
//!            ─► target      the assignor's answer                renewal.rs · ../assignor
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
mod renewal;
mod request;
mod seat;
mod subscription;
mod timers;
mod validate;

pub use commit::CommitCheck;
pub use config::ConsumerGroupConfig;
pub use describe::{DescribedGroup, DescribedMember, DescribedTopic};
pub use group::{ConsumerGroup, ConsumerGroupState};
pub use member::{
    ClassicMetadata, CurrentAssignment, LEAVE_EPOCH, Member, MemberMetadata, MemberState,
    STATIC_LEAVE_EPOCH,
};
pub use owned_partitions::OwnedPartitions;
pub use request::{
    ConsumerEvent, ConsumerReply, ConsumerRequest, ConsumerTimer, Heartbeat, HeartbeatReply,
    ResolvedRegex,
};
pub(super) use timers::fire;

use super::record::ClassicRecord;
use super::shard::Group;
use super::{
    GroupDecision, GroupEffect, GroupError, GroupId, GroupRecord, GroupReply, GroupShard,
    SoftEvent, TopicsView, answer,
};
use crate::decision::RequestToken;
use crate::time::Now;

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
                return Err(not_a_consumer_group(&request.group));
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
        Some(Group::Classic(_)) => Err(not_a_consumer_group(id)),
        None => Err(GroupError::GroupIdNotFound(id.to_string())),
    }
}

fn not_a_consumer_group(id: &GroupId) -> GroupError {
    GroupError::GroupIdNotFound(format!(
        "{id} with the consumer protocol (a classic group has this id)"
    ))
}

/// An effect that changes soft state.
fn observe(event: ConsumerEvent) -> GroupEffect {
    GroupEffect::Observe(SoftEvent::Consumer(event))
}

#[cfg(test)]
mod tests;
