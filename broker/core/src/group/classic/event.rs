//! Changes of a classic group's soft state.

use super::super::{GroupId, InstanceId, MemberId};
use super::{Member, Protocol};
use crate::decision::RequestToken;

/// A change of one group's soft state.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicEvent {
    /// Which group.
    pub group: GroupId,
    /// What changed.
    pub change: ClassicChange,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassicChange {
    /// A new member was told its id and is to join with it.
    MemberIdGiven {
        /// The id.
        member: MemberId,
        /// How long the id is kept for it.
        session_timeout_ms: i32,
    },
    /// A member was added; its request waits for the generation.
    Joined(Box<Member>),
    /// A member asked to be part of the next generation.
    Rejoined {
        /// Which one.
        member: MemberId,
        /// What it supports now.
        protocols: Vec<Protocol>,
        /// How long a rebalance waits for it now.
        rebalance_timeout_ms: i32,
        /// How long it may be silent now.
        session_timeout_ms: i32,
        /// Its request, if that waits for the generation.
        waiting: Option<RequestToken>,
    },
    /// A static member came back under a new id.
    Replaced {
        /// Its static name.
        instance: InstanceId,
        /// The new id.
        member: MemberId,
    },
    /// A member left, died, or never joined with the id it was given.
    Gone {
        /// Which one.
        member: MemberId,
    },
    /// Members are asked to join again.
    RebalanceStarted {
        /// How long a group that was empty waits for more members.
        initial_delay_ms: i32,
    },
    /// More members came while an empty group waited: it waits on.
    DelayExtended {
        /// For at most this long.
        initial_delay_ms: i32,
    },
    /// Nobody joined in time: the wait begins anew.
    JoinPostponed,
    /// Everyone has joined; the leader's assignment is awaited.
    GenerationStarted {
        /// Who assigns.
        leader: MemberId,
        /// What the members agreed on.
        protocol: String,
    },
    /// A member asked for its assignment.
    Synced {
        /// Which one.
        member: MemberId,
        /// Its request, if that waits for the leader's.
        waiting: Option<RequestToken>,
    },
    /// Everyone who waited for an assignment was answered.
    AssignmentsSent,
    /// A member was heard from.
    Heard {
        /// Which one.
        member: MemberId,
    },
    /// The group was loaded: every member has a full session from now on.
    Loaded,
}
