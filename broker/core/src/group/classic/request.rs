//! What clients ask of a classic group, and what they are told.

use bytes::Bytes;

use super::super::{GroupError, GroupId, InstanceId, MemberId};
use super::Protocol;

/// A request to a classic group.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassicRequest {
    /// JoinGroup
    Join(JoinRequest),
    /// SyncGroup
    Sync(SyncRequest),
    /// Heartbeat
    Heartbeat(HeartbeatRequest),
    /// LeaveGroup
    Leave(LeaveRequest),
}

/// The answer to the request of the same variant.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassicReply {
    /// To JoinGroup.
    Join(Result<Joined, JoinRefusal>),
    /// To SyncGroup.
    Sync(Result<Synced, GroupError>),
    /// To Heartbeat.
    Heartbeat(Result<(), GroupError>),
    /// To LeaveGroup: one outcome per member named, in their order.
    Leave(Result<Vec<LeaveOutcome>, GroupError>),
}

/// Who sent a request, as DescribeGroups shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// `client.id`
    pub client_id: String,
    /// The address the connection comes from, as Kafka writes it: `/127.0.0.1`.
    pub client_host: String,
}

/// JoinGroup: become, or stay, a member of the next generation.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinRequest {
    /// Which group.
    pub group: GroupId,
    /// The member's id; empty for one that has none yet.
    pub member: MemberId,
    /// Set for a static member (KIP-345).
    pub instance: Option<InstanceId>,
    /// Who is asking.
    pub client: ClientIdentity,
    /// How long the member may be silent.
    pub session_timeout_ms: i32,
    /// How long a rebalance waits for the member.
    pub rebalance_timeout_ms: i32,
    /// "consumer", "connect", …: all members of a group have the same.
    pub protocol_type: String,
    /// The protocols the member can follow, the preferred one first.
    pub protocols: Vec<Protocol>,
    /// Drawn by the shell: makes the id of a new member unique.
    pub fresh_uuid: String,
    /// From version 4 a new dynamic member is told its id before it may join
    /// (KIP-394), so that a lost answer leaves no member behind.
    pub requires_known_member: bool,
    /// From version 9 a leader can be told not to assign (KIP-814).
    pub can_skip_assignment: bool,
}

/// The member is part of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The member's id.
    pub member: MemberId,
    /// Which generation.
    pub generation: i32,
    /// What all members have.
    pub protocol_type: Option<String>,
    /// What the members agreed on.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: MemberId,
    /// The leader keeps the assignment that is in force (KIP-814).
    pub skip_assignment: bool,
    /// Everyone, told to the leader only.
    pub members: Vec<JoinedMember>,
}

/// What the leader learns of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// What it said under the protocol agreed on.
    pub metadata: Bytes,
}

/// The member is not part of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefusal {
    /// The id to go on with; empty when it has none.
    pub member: MemberId,
    /// Why.
    pub error: GroupError,
}

/// SyncGroup: hand in the assignment (the leader), get one's own (everyone).
#[derive(Clone, Debug, PartialEq)]
pub struct SyncRequest {
    /// Which group.
    pub group: GroupId,
    /// The member's id.
    pub member: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// The generation it joined.
    pub generation: i32,
    /// From version 5: checked if given.
    pub protocol_type: Option<String>,
    /// From version 5: checked if given.
    pub protocol: Option<String>,
    /// By member; empty unless the leader asks.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// The member's assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What all members have.
    pub protocol_type: Option<String>,
    /// What the members agreed on.
    pub protocol: Option<String>,
    /// What the leader gave this member.
    pub assignment: Bytes,
}

/// Heartbeat: the member is alive, and asks whether to join again.
#[derive(Clone, Debug, PartialEq)]
pub struct HeartbeatRequest {
    /// Which group.
    pub group: GroupId,
    /// The member's id.
    pub member: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// The generation it is in.
    pub generation: i32,
}

/// LeaveGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaveRequest {
    /// Which group.
    pub group: GroupId,
    /// One before version 3, any number from then on.
    pub members: Vec<LeavingMember>,
}

/// One member to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// Its id; empty when an administrator removes a static member by name.
    pub member: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
}

/// What became of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveOutcome {
    /// As the request named it.
    pub member: LeavingMember,
    /// Why it is still there.
    pub error: Option<GroupError>,
}
