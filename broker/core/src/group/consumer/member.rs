//! One member: what it asked for, and where it stands on the way to it.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::OwnedPartitions;
use crate::group::{InstanceId, TopicName};

/// A member of a KIP-848 group. Both halves are the values of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// What the member says of itself.
    pub metadata: MemberMetadata,
    /// What the coordinator has given it.
    pub assignment: CurrentAssignment,
}

/// What a member says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// `group.instance.id`, of a static member.
    pub instance_id: Option<InstanceId>,
    /// `client.rack`
    pub rack_id: Option<String>,
    /// `client.id`
    pub client_id: String,
    /// The address it speaks from, as `/127.0.0.1`.
    pub client_host: String,
    /// Topics it names; they need not exist.
    pub subscribed_topic_names: BTreeSet<TopicName>,
    /// Topics it describes; empty for none.
    pub subscribed_topic_regex: String,
    /// How long it may take to give up partitions; −1 until it says.
    pub rebalance_timeout_ms: i32,
    /// The assignor it prefers.
    pub server_assignor: Option<String>,
    /// Set for a member that speaks the classic protocol.
    pub classic: Option<ClassicMetadata>,
}

/// What a member that speaks the classic protocol added when it joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMetadata {
    /// Its own session timeout.
    pub session_timeout_ms: i32,
    /// Name and metadata of each protocol it supports.
    pub supported_protocols: Vec<(String, Bytes)>,
}

/// What the coordinator has given a member, and what it wants back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentAssignment {
    /// What the member must send next: the epoch of the target assignment it
    /// has reached; 0 before it has any, [`LEAVE_EPOCH`] or
    /// [`STATIC_LEAVE_EPOCH`] once it has left.
    pub member_epoch: i32,
    /// What it may still send if the answer that carried the next epoch was lost.
    pub previous_member_epoch: i32,
    /// How far it has come.
    pub state: MemberState,
    /// Its partitions.
    pub assigned: OwnedPartitions,
    /// Partitions it has to give up, and may still be working on.
    pub pending_revocation: OwnedPartitions,
}

/// The epoch of a member that leaves for good.
pub const LEAVE_EPOCH: i32 = -1;
/// The epoch of a static member that leaves and will be back.
pub const STATIC_LEAVE_EPOCH: i32 = -2;

/// How far a member has come towards the target assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has what its epoch promises.
    #[default]
    Stable,
    /// It still has to give up partitions.
    UnrevokedPartitions,
    /// It waits for partitions that others still have to give up.
    UnreleasedPartitions,
    /// A state of a newer broker. The member has to begin again.
    Unknown,
}

impl Default for MemberMetadata {
    fn default() -> Self {
        MemberMetadata {
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            subscribed_topic_names: BTreeSet::new(),
            subscribed_topic_regex: String::new(),
            rebalance_timeout_ms: -1,
            server_assignor: None,
            classic: None,
        }
    }
}

impl MemberMetadata {
    /// The regular expression, if the member subscribes by one.
    pub fn regex(&self) -> Option<&str> {
        Some(self.subscribed_topic_regex.as_str()).filter(|regex| !regex.is_empty())
    }
}

impl Default for CurrentAssignment {
    /// A member that has just come.
    fn default() -> Self {
        CurrentAssignment {
            member_epoch: 0,
            previous_member_epoch: -1,
            state: MemberState::Stable,
            assigned: OwnedPartitions::default(),
            pending_revocation: OwnedPartitions::default(),
        }
    }
}

impl CurrentAssignment {
    /// Whether nothing is left to do to reach the target of `epoch`.
    pub fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.member_epoch == epoch
    }

    /// Everything the member may be working on.
    pub fn held(&self) -> OwnedPartitions {
        let mut held = self.assigned.clone();
        held.extend(&self.pending_revocation);
        held
    }

    /// What stays of a static member while it is away: its place, but nothing
    /// it was to give up.
    pub fn while_away(&self) -> CurrentAssignment {
        CurrentAssignment {
            member_epoch: STATIC_LEAVE_EPOCH,
            assigned: self.assigned.since_epoch_zero(),
            pending_revocation: OwnedPartitions::default(),
            ..self.clone()
        }
    }

    /// What the next life of a static member begins with.
    pub fn inherited(&self) -> CurrentAssignment {
        CurrentAssignment {
            member_epoch: 0,
            previous_member_epoch: 0,
            ..self.clone()
        }
    }
}
