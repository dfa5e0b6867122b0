//! Expiry (KIP-211): offsets outlive the last member, or the last commit of a
//! consumer that has unsubscribed, by `offsets.retention.minutes`; then the
//! group itself goes.

use super::super::record::{ClassicRecord, GroupRecord, offset::CommittedOffset};
use super::super::shard::Group;
use super::super::{GroupDecision, GroupEffect, GroupId, GroupShard, GroupTimer};
use super::OffsetTimer;
use super::delete::is_subscribed_to;
use super::table::tombstone;
use crate::time::Now;

/// Tombstones one step may write; what is left waits for the next. A step is one
/// batch: one that is larger than the log takes would never be written.
pub(super) const RECORDS_MAX: usize = 1_000;

pub(super) fn decide(shard: &GroupShard, now: Now) -> GroupDecision {
    let mut decision = GroupDecision::default();
    for (id, group) in &shard.groups {
        if expire(shard, now, id, group, &mut decision.records) {
            decision.records.extend(remove(id, group));
        }
        if decision.records.len() >= RECORDS_MAX {
            let timer = GroupTimer::Offsets(OffsetTimer::Expiry);
            decision.effects.push(GroupEffect::Again(timer));
            return decision;
        }
    }
    decision.effects.push(shard.next_expiry(now));
    decision
}

/// Writes the tombstones of the group's expired offsets; says whether none of
/// its offsets is left. Stops when a step is full.
fn expire(
    shard: &GroupShard,
    now: Now,
    id: &GroupId,
    group: &Group,
    records: &mut Vec<GroupRecord>,
) -> bool {
    let mut none_left = true;
    for (topic, partitions) in shard.offsets.of_group(id).into_iter().flatten() {
        let subscribed = is_subscribed_to(group, topic);
        for (&partition, committed) in partitions {
            if records.len() >= RECORDS_MAX {
                return false;
            }
            let retention_ms = shard.config.offsets_retention_ms;
            if !subscribed && has_expired(group, committed, now, retention_ms) {
                records.push(tombstone(id, topic, partition));
            } else {
                none_left = false;
            }
        }
    }
    none_left
}

fn has_expired(group: &Group, committed: &CommittedOffset, now: Now, retention_ms: i64) -> bool {
    let base_ms = match group {
        Group::Classic(group) => group.expiry_base_ms(committed.commit_timestamp_ms),
        Group::Consumer(_) => Some(committed.commit_timestamp_ms),
    };
    match (base_ms, committed.expire_timestamp_ms) {
        (None, _) => false,
        (Some(_), Some(expire_timestamp_ms)) => now.wall_ms >= expire_timestamp_ms,
        (Some(base_ms), None) => now.wall_ms.saturating_sub(base_ms) >= retention_ms,
    }
}

/// What removes a group that has neither members nor offsets.
fn remove(id: &GroupId, group: &Group) -> Vec<GroupRecord> {
    match group {
        Group::Classic(group) if group.is_abandoned() => {
            vec![GroupRecord::Classic(ClassicRecord {
                group: id.clone(),
                metadata: None,
            })]
        }
        Group::Consumer(group) if group.is_empty() => {
            let tombstones = group.tombstones().into_iter();
            tombstones.map(GroupRecord::Consumer).collect()
        }
        Group::Classic(_) | Group::Consumer(_) => Vec::new(),
    }
}
