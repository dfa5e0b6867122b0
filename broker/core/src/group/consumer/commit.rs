//! Who may commit and fetch offsets of a KIP-848 group.

use super::{ConsumerGroup, CurrentAssignment};
use crate::group::GroupError;
use crate::ids::{PartitionIndex, TopicId};

/// Which partitions a commit may name.
#[derive(Clone, Copy, Debug)]
pub enum CommitCheck<'a> {
    /// Any.
    Any,
    /// The committer's epoch is behind: those it has had since that epoch or
    /// longer. A rebalance must not fail the commits of partitions that stay.
    HeldSince {
        /// The epoch the member commits with.
        member_epoch: i32,
        /// What the member has now.
        current: &'a CurrentAssignment,
    },
}

impl CommitCheck<'_> {
    /// Whether the commit may name this partition.
    ///
    /// # Errors
    /// [`GroupError::StaleMemberEpoch`], which refuses the whole request.
    pub fn partition(&self, topic: TopicId, partition: PartitionIndex) -> Result<(), GroupError> {
        let CommitCheck::HeldSince {
            member_epoch,
            current,
        } = self
        else {
            return Ok(());
        };
        let assigned_at = current
            .assigned
            .epoch(topic, partition)
            .or_else(|| current.pending_revocation.epoch(topic, partition));
        match assigned_at {
            Some(epoch) if *member_epoch >= epoch => Ok(()),
            Some(epoch) => Err(GroupError::StaleMemberEpoch(format!(
                "the received member epoch {member_epoch} is older than {epoch}, the epoch at \
                 which partition {partition} was assigned"
            ))),
            None => Err(GroupError::StaleMemberEpoch(format!(
                "partition {partition} is not assigned to the member"
            ))),
        }
    }
}

impl ConsumerGroup {
    /// Whether `member` may commit at this epoch. A negative epoch comes from
    /// outside the group, which may commit while the group is empty.
    ///
    /// # Errors
    /// [`GroupError::UnknownMemberId`], [`GroupError::StaleMemberEpoch`].
    pub fn check_commit(
        &self,
        member: &str,
        member_epoch: i32,
    ) -> Result<CommitCheck<'_>, GroupError> {
        if member_epoch < 0 && self.is_empty() {
            return Ok(CommitCheck::Any);
        }
        let current = &self.member(member)?.assignment;
        match member_epoch.cmp(&current.member_epoch) {
            std::cmp::Ordering::Equal => Ok(CommitCheck::Any),
            std::cmp::Ordering::Less => Ok(CommitCheck::HeldSince {
                member_epoch,
                current,
            }),
            std::cmp::Ordering::Greater => Err(stale(member_epoch, current.member_epoch)),
        }
    }

    /// Whether `member` may ask for offsets at this epoch; −1 and no id come
    /// from outside the group.
    ///
    /// # Errors
    /// [`GroupError::UnknownMemberId`], [`GroupError::StaleMemberEpoch`].
    pub fn check_fetch(&self, member: Option<&str>, member_epoch: i32) -> Result<(), GroupError> {
        let member = match member {
            None if member_epoch < 0 => return Ok(()),
            None => return Err(GroupError::UnknownMemberId),
            Some(member) => member,
        };
        let current = &self.member(member)?.assignment;
        if member_epoch == current.member_epoch {
            Ok(())
        } else {
            Err(stale(member_epoch, current.member_epoch))
        }
    }

    fn member(&self, id: &str) -> Result<&super::Member, GroupError> {
        self.members.get(id).ok_or(GroupError::UnknownMemberId)
    }
}

fn stale(received: i32, current: i32) -> GroupError {
    GroupError::StaleMemberEpoch(format!(
        "the received member epoch {received} does not match the member epoch {current}"
    ))
}
