//! How one member moves from what it has to what it should have.
//!
//! ```text
//!            has to give up some                 gave all up
//!   Stable ───────────────────► Unrevoked ──────────────┬──────────► Stable, next epoch
//!      │                                                │
//!      │ some are not free yet                          │ some are not free yet
//!      └───────────────────────► Unreleased ◄───────────┘
//!                                    │ all are free
//!                                    └─────────────────────────────► Stable
//! ```
//!
//! A member takes nothing before it has given up everything, and takes a
//! partition only when nobody else has it. A member's epoch moves on only with
//! its assignment, so its heartbeat at an epoch says it knows that assignment.
//! That is the whole of "at most one owner".

use std::collections::BTreeSet;

use super::{CurrentAssignment, MemberState, OwnedPartitions};
use crate::group::GroupError;
use crate::group::assignor::TopicPartitions;
use crate::ids::{PartitionIndex, TopicId};

/// What a member's next step depends on.
pub struct Situation<'a> {
    /// The epoch of the target assignment.
    pub target_epoch: i32,
    /// What the member should have at that epoch.
    pub target: &'a TopicPartitions,
    /// The topics it subscribes to that exist; it is given no others, whatever
    /// the target says.
    pub subscribed: &'a BTreeSet<TopicId>,
    /// Whether this heartbeat changed its subscription: then partitions of other
    /// topics are taken from it at once.
    pub subscription_changed: bool,
    /// The partitions the member says it has; `None` when it did not say.
    pub reported: Option<&'a TopicPartitions>,
    /// Whether another member still has a partition.
    pub held_by_another: &'a dyn Fn(TopicId, PartitionIndex) -> bool,
}

/// The member's next assignment; equal to `current` when there is nothing to do.
///
/// # Errors
/// [`GroupError::FencedMemberEpoch`] when the state is unknown and the member
/// has not begun again.
pub fn reconcile(
    current: &CurrentAssignment,
    situation: &Situation<'_>,
) -> Result<CurrentAssignment, GroupError> {
    match current.state {
        MemberState::Stable if current.member_epoch == situation.target_epoch => {
            Ok(situation.drop_unsubscribed(current))
        }
        MemberState::UnrevokedPartitions if situation.has_any(&current.pending_revocation) => {
            Ok(situation.drop_unsubscribed(current))
        }
        MemberState::Unknown if situation.reported.is_none_or(|owned| !owned.is_empty()) => {
            Err(GroupError::FencedMemberEpoch(
                "the member is in a state this broker does not know: it must abandon all its \
                 partitions and rejoin"
                    .to_owned(),
            ))
        }
        MemberState::Stable
        | MemberState::UnrevokedPartitions
        | MemberState::UnreleasedPartitions
        | MemberState::Unknown => Ok(situation.advance(current)),
    }
}

impl Situation<'_> {
    /// One step towards the target.
    fn advance(&self, current: &CurrentAssignment) -> CurrentAssignment {
        let (mut assigned, revoked): (Vec<_>, Vec<_>) = current
            .assigned
            .iter()
            .partition(|(topic, partition, _)| self.wants(*topic, *partition));
        let revoked: OwnedPartitions = revoked.into_iter().collect();
        if self.has_any(&revoked) {
            return CurrentAssignment {
                member_epoch: current.member_epoch,
                previous_member_epoch: current.member_epoch,
                state: MemberState::UnrevokedPartitions,
                assigned: assigned.into_iter().collect(),
                pending_revocation: revoked,
            };
        }
        let (unreleased, free): (Vec<_>, Vec<_>) = self
            .target
            .iter()
            .filter(|(topic, partition)| {
                self.subscribed.contains(topic) && !current.assigned.contains(*topic, *partition)
            })
            .partition(|(topic, partition)| (self.held_by_another)(*topic, *partition));
        let new = free.into_iter();
        assigned.extend(new.map(|(topic, partition)| (topic, partition, self.target_epoch)));
        CurrentAssignment {
            member_epoch: self.target_epoch,
            previous_member_epoch: current.member_epoch,
            state: if unreleased.is_empty() {
                MemberState::Stable
            } else {
                MemberState::UnreleasedPartitions
            },
            assigned: assigned.into_iter().collect(),
            pending_revocation: OwnedPartitions::default(),
        }
    }

    /// No step towards the target, but what the member no longer subscribes to
    /// goes.
    fn drop_unsubscribed(&self, current: &CurrentAssignment) -> CurrentAssignment {
        if !self.subscription_changed {
            return current.clone();
        }
        let (assigned, dropped) = current
            .assigned
            .split_by_topic(|topic| self.subscribed.contains(&topic));
        if dropped.is_empty() {
            return current.clone();
        }
        let mut revoked = current.pending_revocation.clone();
        revoked.extend(&dropped);
        let next = CurrentAssignment {
            previous_member_epoch: current.member_epoch,
            assigned,
            ..current.clone()
        };
        if self.has_any(&revoked) {
            CurrentAssignment {
                state: MemberState::UnrevokedPartitions,
                pending_revocation: revoked,
                ..next
            }
        } else {
            next
        }
    }

    fn wants(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        self.subscribed.contains(&topic) && self.target.contains(topic, partition)
    }

    /// Whether the member may still have one of these; it does until it says
    /// otherwise.
    fn has_any(&self, partitions: &OwnedPartitions) -> bool {
        !partitions.is_empty()
            && self.reported.is_none_or(|reported| {
                reported
                    .iter()
                    .any(|(topic, partition)| partitions.contains(topic, partition))
            })
    }
}
