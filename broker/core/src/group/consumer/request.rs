//! What a shell and a KIP-848 group say to each other.

use std::collections::BTreeSet;

use super::DescribedGroup;
use crate::group::assignor::TopicPartitions;
use crate::group::{GroupError, GroupId, InstanceId, MemberId, TopicName};

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
    /// 0 to join, [`LEAVE_EPOCH`](super::LEAVE_EPOCH) or
    /// [`STATIC_LEAVE_EPOCH`](super::STATIC_LEAVE_EPOCH) to leave, otherwise
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
