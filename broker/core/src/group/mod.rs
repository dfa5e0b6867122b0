//! Groups: who reads which partition, and how far they have read.
//!
//! A [`GroupShard`] holds every group whose records live in one partition of
//! `__consumer_offsets`: classic groups, KIP-848 consumer groups, and the
//! offsets both commit. A group id names a group of one kind at a time.
//!
//! ```text
//!  request ─► decide(&self) ──► records ─► one batch in __consumer_offsets ─► replay(&mut self)
//!  timer ───► fire(&self) ──┘   effects ─► Reply · SetTimer · CancelTimer · Observe ─► observe(&mut self)
//!                                          Again ─► fire(&self), in the same step
//! ```
//!
//! *Hard state* is what the records say: generations, members, assignments,
//! offsets. It changes by `replay` only. *Soft state* (members that are
//! joining, requests that wait, heartbeats) changes by `observe`; it may vanish
//! at any moment and starts empty after a load, with full timeouts.
//!
//! Nothing here knows the wire protocol, appends to a log, or reads a clock.

pub mod admin;
pub mod assignor;
pub mod classic;
mod config;
pub mod consumer;
mod error;
mod names;
pub mod offsets;
pub mod record;
mod shard;
mod topics;

pub use config::GroupConfig;
pub use error::GroupError;
pub use names::{GroupId, InstanceId, MemberId, TopicName};
pub use record::GroupRecord;
pub use shard::GroupShard;
pub use topics::{TopicInfo, TopicsView};

use crate::decision::{Decision, RequestToken};

/// What a client asks of a coordinator, by the part that decides it.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRequest {
    /// JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
    Classic(classic::ClassicRequest),
    /// ConsumerGroupHeartbeat, ConsumerGroupDescribe.
    Consumer(consumer::ConsumerRequest),
    /// OffsetCommit, OffsetFetch, OffsetDelete.
    Offsets(offsets::OffsetRequest),
    /// ListGroups, DescribeGroups, DeleteGroups.
    Admin(admin::AdminRequest),
}

/// The answer to the request of the same variant.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupReply {
    /// To a [`GroupRequest::Classic`].
    Classic(classic::ClassicReply),
    /// To a [`GroupRequest::Consumer`].
    Consumer(consumer::ConsumerReply),
    /// To a [`GroupRequest::Offsets`].
    Offsets(offsets::OffsetReply),
    /// To a [`GroupRequest::Admin`].
    Admin(admin::AdminReply),
}

/// What the shell does once the records of a decision are written and replayed.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupEffect {
    /// Answer a request, this one or an earlier one that has been waiting.
    Reply {
        /// Whose request.
        token: RequestToken,
        /// The answer.
        reply: GroupReply,
    },
    /// Fire `timer` at `at_monotonic_ms`, instead of when it was set for before.
    SetTimer {
        /// Which one.
        timer: GroupTimer,
        /// When, on [`Now::monotonic_ms`](crate::time::Now::monotonic_ms).
        at_monotonic_ms: u64,
    },
    /// Forget `timer` if it is set.
    CancelTimer {
        /// Which one.
        timer: GroupTimer,
    },
    /// Change soft state.
    Observe(SoftEvent),
    /// Fire `timer` at once, as the next step under the same lock: a step whose
    /// consequence depends on what this one has just changed.
    Again(GroupTimer),
}

/// Names a timer. Setting one that is set already moves it; one that fires late
/// finds the state it was about changed, and does nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupTimer {
    /// Of a classic group.
    Classic(classic::ClassicTimer),
    /// Of a KIP-848 group.
    Consumer(consumer::ConsumerTimer),
    /// Of the committed offsets.
    Offsets(offsets::OffsetTimer),
}

/// A change of soft state.
#[derive(Clone, Debug, PartialEq)]
pub enum SoftEvent {
    /// In a classic group.
    Classic(classic::ClassicEvent),
    /// In a KIP-848 group.
    Consumer(consumer::ConsumerEvent),
}

/// One step of a shard.
pub type GroupDecision = Decision<GroupRecord, GroupEffect>;

/// A decision that writes nothing and answers `token` at once.
fn answer(token: RequestToken, reply: GroupReply) -> GroupDecision {
    Decision::of_effects(vec![GroupEffect::Reply { token, reply }])
}
