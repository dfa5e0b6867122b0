//! The state of one classic group and the only two ways it changes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::super::record::classic::{GroupMetadata, MemberMetadata};
use super::super::{GroupError, InstanceId, MemberId, TopicName};
use super::members::{Member, Members, Protocol, session_end};
use super::{ClassicChange, ClientIdentity, subscription};
use crate::decision::RequestToken;
use crate::mutants::{self, Mutant};
use crate::time::Now;

/// Where a group is in its life, by the names Kafka gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicState {
    /// No members; it may have offsets.
    Empty,
    /// Members are to join.
    PreparingRebalance,
    /// Members have joined and wait for the leader's assignment.
    CompletingRebalance,
    /// Every member has its assignment or can ask for it.
    Stable,
}

impl ClassicState {
    /// As ListGroups and DescribeGroups call it.
    pub fn name(self) -> &'static str {
        match self {
            ClassicState::Empty => "Empty",
            ClassicState::PreparingRebalance => "PreparingRebalance",
            ClassicState::CompletingRebalance => "CompletingRebalance",
            ClassicState::Stable => "Stable",
        }
    }
}

/// One classic group, or one that only stores offsets and has no members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicGroup {
    pub(super) generation: i32,
    /// `None` until somebody has joined.
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<MemberId>,
    pub(super) members: Members,
    /// Wall clock; `None` in records of old brokers.
    pub(super) state_timestamp_ms: Option<i64>,
    /// What the members read, if they are consumers.
    pub(super) subscribed_topics: Option<BTreeSet<TopicName>>,
    pub(super) phase: Phase,
    /// Soft: ids given to members that have not joined yet, and until when.
    pub(super) pending: BTreeMap<MemberId, u64>,
}

/// The state with what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Empty,
    Preparing(Preparing),
    /// Who has not asked for an assignment yet.
    Completing(BTreeSet<MemberId>),
    /// Who has still not asked for an assignment.
    Stable(BTreeSet<MemberId>),
}

/// Members are joining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preparing {
    /// When the wait is over, on the monotonic clock.
    pub(super) ends_ms: u64,
    /// Set when the group was empty before.
    pub(super) initial: Option<InitialDelay>,
}

/// An empty group gives members that start together time to come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialDelay {
    /// The wait that runs now.
    delay_ms: i32,
    /// How much longer it may become.
    pub(super) remaining_ms: i32,
    /// Whether somebody came since it began.
    pub(super) member_added: bool,
}

impl Default for ClassicGroup {
    /// A group nobody has joined.
    fn default() -> Self {
        ClassicGroup {
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Members::default(),
            state_timestamp_ms: None,
            subscribed_topics: None,
            phase: Phase::Empty,
            pending: BTreeMap::new(),
        }
    }
}

impl ClassicGroup {
    /// Where the group is in its life.
    pub fn state(&self) -> ClassicState {
        match self.phase {
            Phase::Empty => ClassicState::Empty,
            Phase::Preparing(_) => ClassicState::PreparingRebalance,
            Phase::Completing(_) => ClassicState::CompletingRebalance,
            Phase::Stable(_) => ClassicState::Stable,
        }
    }

    /// How many rebalances there were.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// "consumer", "connect", …; `None` until somebody has joined.
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// What the members agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Every member.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    /// Whether it has no members and nobody is about to become one.
    pub(in super::super) fn is_abandoned(&self) -> bool {
        self.is_empty() && self.pending.is_empty()
    }

    /// Whether a member reads this topic. Consumers whose subscription cannot
    /// be read count as reading everything; other protocols as reading nothing.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type.as_deref() == Some(subscription::CONSUMER),
        }
    }

    /// Whether a request that names a member comes from that member.
    pub(super) fn check_member(
        &self,
        member: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<&Member, GroupError> {
        if let Some(instance) = instance {
            match self.members.of_instance(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(current) if current.id != *member => {
                    return Err(GroupError::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        self.members.get(member).ok_or(GroupError::UnknownMemberId)
    }

    /// Whether offsets may be committed by this member in this generation.
    /// Generation −1 comes from outside the group: an administrator, or a
    /// consumer that assigns itself.
    pub(in super::super) fn check_commit(
        &self,
        member: &MemberId,
        instance: Option<&InstanceId>,
        generation: i32,
    ) -> Result<(), GroupError> {
        if generation < 0 && self.is_empty() {
            return Ok(());
        }
        if generation < 0 && member.is_empty() && instance.is_none() {
            return Err(GroupError::UnknownMemberId);
        }
        self.check_member(member, instance)?;
        if generation != self.generation && !mutants::on(Mutant::CommitsForZombies) {
            return Err(GroupError::IllegalGeneration);
        }
        match self.phase {
            Phase::Completing(_) => Err(GroupError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether a commit also counts as a sign of life.
    pub(in super::super) fn commit_is_heartbeat(&self, member: &MemberId) -> bool {
        matches!(self.phase, Phase::Stable(_) | Phase::Preparing(_))
            && self.members.get(member).is_some()
    }

    /// The moment from which offsets committed at `commit_timestamp_ms` age
    /// (KIP-211); `None` while they may not expire.
    pub(in super::super) fn expiry_base_ms(&self, commit_timestamp_ms: i64) -> Option<i64> {
        let Some(protocol_type) = &self.protocol_type else {
            return Some(commit_timestamp_ms);
        };
        match self.phase {
            Phase::Empty => Some(self.state_timestamp_ms.unwrap_or(commit_timestamp_ms)),
            Phase::Stable(_)
                if protocol_type == subscription::CONSUMER && self.subscribed_topics.is_some() =>
            {
                Some(commit_timestamp_ms)
            }
            _ => None,
        }
    }

    /// Whether everyone who is or wants to be a member has joined.
    pub(super) fn all_joined(&self) -> bool {
        self.members.joining() == self.members.len() && self.pending.is_empty()
    }

    /// Whether one of the protocols would do for everyone.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && (self.members.is_empty() || self.members.all_support_one_of(protocols))
    }

    /// The generation as a record, with the assignments `assignment` finds.
    pub(super) fn metadata(
        &self,
        state_timestamp_ms: Option<i64>,
        assignment: impl Fn(&Member) -> Bytes,
    ) -> GroupMetadata {
        GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms,
            members: self
                .members
                .iter()
                .map(|member| self.member_metadata(member, assignment(member)))
                .collect(),
        }
    }

    pub(super) fn member_metadata(&self, member: &Member, assignment: Bytes) -> MemberMetadata {
        MemberMetadata {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client.client_id.clone(),
            client_host: member.client.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(self.protocol.as_deref()),
            assignment,
        }
    }

    /// Hard state: a generation was written. The soft state of members that
    /// stay is kept.
    pub(in super::super) fn replay(&mut self, metadata: &GroupMetadata) {
        self.generation = metadata.generation;
        self.protocol_type =
            Some(metadata.protocol_type.clone()).filter(|protocol_type| !protocol_type.is_empty());
        self.protocol = metadata.protocol.clone();
        self.leader = metadata.leader.clone();
        self.state_timestamp_ms = metadata.state_timestamp_ms;
        let mut before = std::mem::take(&mut self.members);
        for written in &metadata.members {
            let mut member = loaded_member(metadata, written);
            if let Some(known) = before.remove(&written.member) {
                keep_soft_state(&mut member, known);
            }
            self.members.insert(member);
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Empty) {
            _ if self.members.is_empty() => Phase::Empty,
            Phase::Completing(mut unsynced) | Phase::Stable(mut unsynced) => {
                unsynced.retain(|member| self.members.get(member).is_some());
                Phase::Stable(unsynced)
            }
            Phase::Empty | Phase::Preparing(_) => Phase::Stable(BTreeSet::new()),
        };
        self.find_subscribed_topics();
    }

    /// Soft state: a decision said so.
    pub(in super::super) fn observe(&mut self, now: Now, change: &ClassicChange) {
        match change {
            ClassicChange::MemberIdGiven {
                member,
                session_timeout_ms,
            } => {
                let until_ms = session_end(now.monotonic_ms, *session_timeout_ms);
                self.pending.insert(member.clone(), until_ms);
            }
            ClassicChange::Joined(member) => self.join(member),
            ClassicChange::Rejoined {
                member,
                protocols,
                rebalance_timeout_ms,
                session_timeout_ms,
                waiting,
            } => self.members.change(member, |member| {
                member.protocols.clone_from(protocols);
                member.rebalance_timeout_ms = *rebalance_timeout_ms;
                member.session_timeout_ms = *session_timeout_ms;
                member.joining = *waiting;
                member.session_ends_ms = session_end(now.monotonic_ms, *session_timeout_ms);
            }),
            ClassicChange::Replaced { instance, member } => self.replace(instance, member),
            ClassicChange::Gone { member } => self.remove(member),
            ClassicChange::RebalanceStarted { initial_delay_ms } => {
                self.start_rebalance(now, *initial_delay_ms);
            }
            ClassicChange::DelayExtended { initial_delay_ms } => {
                self.extend_delay(now, *initial_delay_ms);
            }
            ClassicChange::JoinPostponed => {
                let timeout_ms = self.members.rebalance_timeout_ms();
                if let Phase::Preparing(preparing) = &mut self.phase {
                    preparing.ends_ms = session_end(now.monotonic_ms, timeout_ms);
                }
            }
            ClassicChange::GenerationStarted { leader, protocol } => {
                self.start_generation(now, leader, protocol);
            }
            ClassicChange::Synced { member, waiting } => self.sync(member, *waiting),
            ClassicChange::AssignmentsSent => self.members.for_each(|member| {
                if member.syncing.take().is_some() {
                    member.session_ends_ms =
                        session_end(now.monotonic_ms, member.session_timeout_ms);
                }
            }),
            ClassicChange::Heard { member } => self.members.touch(member, now.monotonic_ms),
            ClassicChange::Loaded => self.members.for_each(|member| {
                member.session_ends_ms = session_end(now.monotonic_ms, member.session_timeout_ms);
            }),
        }
    }

    fn join(&mut self, member: &Member) {
        if let Phase::Preparing(preparing) = &mut self.phase
            && let Some(initial) = &mut preparing.initial
        {
            initial.member_added = true;
        }
        self.pending.remove(&member.id);
        if self.members.is_empty() {
            self.protocol_type = Some(member.protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.members.insert(member.clone());
    }

    fn replace(&mut self, instance: &InstanceId, id: &MemberId) {
        let Some(old) = self.members.of_instance(instance).map(|old| old.id.clone()) else {
            return;
        };
        if let Some(member) = self.members.remove(&old) {
            self.members.insert(Member {
                id: id.clone(),
                joining: None,
                syncing: None,
                ..member
            });
        }
        if self.leader.as_ref() == Some(&old) {
            self.leader = Some(id.clone());
        }
    }

    fn remove(&mut self, id: &MemberId) {
        self.pending.remove(id);
        self.members.remove(id);
        if let Phase::Completing(unsynced) | Phase::Stable(unsynced) = &mut self.phase {
            unsynced.remove(id);
        }
        if self.leader.as_ref() == Some(id) {
            self.leader = self.members.iter().next().map(|member| member.id.clone());
        }
    }

    fn start_rebalance(&mut self, now: Now, initial_delay_ms: i32) {
        let timeout_ms = self.members.rebalance_timeout_ms();
        let was_completing = matches!(self.phase, Phase::Completing(_));
        let initial = self.is_empty().then(|| InitialDelay {
            delay_ms: initial_delay_ms,
            remaining_ms: timeout_ms.saturating_sub(initial_delay_ms).max(0),
            member_added: false,
        });
        let wait_ms = initial.map_or(timeout_ms, |initial| initial.delay_ms);
        self.members.for_each(|member| {
            if member.syncing.take().is_some() {
                member.session_ends_ms = session_end(now.monotonic_ms, member.session_timeout_ms);
            }
            if was_completing {
                member.assignment = Bytes::new();
            }
        });
        self.state_timestamp_ms = Some(now.wall_ms);
        self.phase = Phase::Preparing(Preparing {
            ends_ms: session_end(now.monotonic_ms, wait_ms),
            initial,
        });
    }

    fn extend_delay(&mut self, now: Now, initial_delay_ms: i32) {
        let Phase::Preparing(preparing) = &mut self.phase else {
            return;
        };
        let Some(initial) = &mut preparing.initial else {
            return;
        };
        let delay_ms = initial_delay_ms.min(initial.remaining_ms);
        *initial = InitialDelay {
            delay_ms,
            remaining_ms: (initial.remaining_ms - initial.delay_ms).max(0),
            member_added: false,
        };
        preparing.ends_ms = session_end(now.monotonic_ms, delay_ms);
    }

    fn start_generation(&mut self, now: Now, leader: &MemberId, protocol: &str) {
        self.generation = next_generation(self.generation);
        self.leader = Some(leader.clone());
        self.protocol = Some(protocol.to_owned());
        self.state_timestamp_ms = Some(now.wall_ms);
        self.members.for_each(|member| {
            member.joining = None;
            member.is_new = false;
            member.session_ends_ms = session_end(now.monotonic_ms, member.session_timeout_ms);
        });
        let everyone = self.members.iter().map(|member| member.id.clone());
        self.phase = Phase::Completing(everyone.collect());
        self.find_subscribed_topics();
    }

    fn sync(&mut self, member: &MemberId, waiting: Option<RequestToken>) {
        if let Phase::Completing(unsynced) | Phase::Stable(unsynced) = &mut self.phase {
            unsynced.remove(member);
        }
        self.members.set_syncing(member, waiting);
    }

    fn find_subscribed_topics(&mut self) {
        let is_consumer = self.protocol_type.as_deref() == Some(subscription::CONSUMER);
        self.subscribed_topics = match is_consumer {
            true => subscription::of_members(self.members.iter(), self.protocol.as_deref()),
            false => None,
        };
    }
}

/// The generation after `generation`. A group that lasts 2³¹ rebalances begins
/// again, since −1 and below mean "outside the group".
pub(super) fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(0)
}

/// Of a member that was here before, only what no record says is kept. The
/// record names one protocol; those the member supports besides are soft state,
/// and belong to what it says under that one.
fn keep_soft_state(member: &mut Member, known: Member) {
    if let [written] = &member.protocols[..]
        && known.protocols.contains(written)
    {
        member.protocols = known.protocols;
    }
    member.is_new = known.is_new;
    member.joining = known.joining;
    member.syncing = known.syncing;
    member.session_ends_ms = known.session_ends_ms;
}

fn loaded_member(metadata: &GroupMetadata, written: &MemberMetadata) -> Member {
    Member {
        id: written.member.clone(),
        instance: written.instance.clone(),
        client: ClientIdentity {
            client_id: written.client_id.clone(),
            client_host: written.client_host.clone(),
        },
        rebalance_timeout_ms: written.rebalance_timeout_ms,
        session_timeout_ms: written.session_timeout_ms,
        protocols: vec![Protocol {
            name: metadata.protocol.clone().unwrap_or_default(),
            metadata: written.subscription.clone(),
        }],
        protocol_type: metadata.protocol_type.clone(),
        assignment: written.assignment.clone(),
        is_new: false,
        joining: None,
        syncing: None,
        session_ends_ms: 0,
    }
}
