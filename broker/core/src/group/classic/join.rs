//! JoinGroup: who is let in, as whom, and what that leads to.

use super::super::record::{ClassicRecord, classic::GroupMetadata};
use super::super::shard::Group;
use super::super::{
    GroupConfig, GroupDecision, GroupEffect, GroupError, GroupRecord, GroupShard, InstanceId,
    MemberId,
};
use super::group::Phase;
use super::members::{Member, Protocol, select_protocol, session_end};
use super::rebalance::{current_assignment, everyone};
use super::{
    ClassicChange, ClassicGroup, ClassicReply, JoinRequest, Joined, again_join, again_rebalance,
    cancel_session, observe, refuse_join, refuse_sync, reply, set_session,
};
use crate::decision::RequestToken;
use crate::time::Now;

/// A member whose first generation does not come within this time is taken for
/// a client that gave up: it cannot send heartbeats before it knows its id.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1_000;

/// The longest text the records' schema can hold.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// One JoinGroup with what it is about.
struct Step<'a> {
    config: &'a GroupConfig,
    group: &'a ClassicGroup,
    now: Now,
    token: RequestToken,
    request: JoinRequest,
    decision: GroupDecision,
}

pub(super) fn decide(
    shard: &GroupShard,
    now: Now,
    token: RequestToken,
    mut request: JoinRequest,
) -> GroupDecision {
    keep_first_of_each_name(&mut request.protocols);
    let new_group = ClassicGroup::default();
    let mut decision = GroupDecision::default();
    let group = match admit(shard, now, &request, &mut decision) {
        Ok(group) => group.unwrap_or(&new_group),
        Err((member, error)) => {
            let mut decision = GroupDecision::default();
            decision.effects.push(refuse_join(token, &member, error));
            return decision;
        }
    };
    let step = Step {
        config: &shard.config,
        group,
        now,
        token,
        request,
        decision,
    };
    step.run()
}

/// Finds the group, or writes the record that begins one. Refusals name the
/// member as Kafka does: some with the id it came with, some without any.
fn admit<'a>(
    shard: &'a GroupShard,
    now: Now,
    request: &JoinRequest,
    decision: &mut GroupDecision,
) -> Result<Option<&'a ClassicGroup>, (MemberId, GroupError)> {
    let nobody = || MemberId::from("");
    check_texts(request).map_err(|error| (nobody(), error))?;
    if request.group.is_empty() {
        return Err((request.member.clone(), GroupError::InvalidGroupId));
    }
    let config = &shard.config;
    let session_limits = config.min_session_timeout_ms..=config.max_session_timeout_ms;
    if !session_limits.contains(&request.session_timeout_ms) {
        let member = request.member.clone();
        return Err((member, GroupError::InvalidSessionTimeout));
    }
    match shard.groups.get(&request.group) {
        Some(Group::Classic(group)) => return Ok(Some(group)),
        Some(Group::Consumer(group)) if !group.is_empty() => {
            return Err((nobody(), GroupError::InconsistentGroupProtocol));
        }
        _ if !request.member.is_empty() => {
            return Err((request.member.clone(), GroupError::UnknownMemberId));
        }
        Some(Group::Consumer(group)) => {
            let tombstones = group.tombstones().into_iter().map(GroupRecord::Consumer);
            decision.records.extend(tombstones);
        }
        None => {}
    }
    decision.records.push(GroupRecord::Classic(ClassicRecord {
        group: request.group.clone(),
        metadata: Some(GroupMetadata {
            protocol_type: String::new(),
            generation: 0,
            protocol: None,
            leader: None,
            state_timestamp_ms: Some(now.wall_ms),
            members: Vec::new(),
        }),
    }));
    Ok(None)
}

/// From version 6 texts may be longer on the wire than in a record.
fn check_texts(request: &JoinRequest) -> Result<(), GroupError> {
    let protocols = request.protocols.iter().map(|protocol| &*protocol.name);
    let longest = protocols
        .chain([request.group.as_str(), &request.protocol_type])
        .chain([&*request.client.client_id])
        .chain(request.instance.as_ref().map(InstanceId::as_str))
        .map(str::len)
        .max();
    // A member id is the longest of what is made from these and a UUID.
    match longest {
        Some(bytes) if bytes > TEXT_BYTES_MAX - 64 => Err(GroupError::InvalidRequest(
            "a name in the request is longer than a group's record can hold".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Kafka reads the protocols into a set; of two by one name the first counts.
fn keep_first_of_each_name(protocols: &mut Vec<Protocol>) {
    let mut names = std::collections::BTreeSet::new();
    protocols.retain(|protocol| names.insert(protocol.name.clone()));
}

impl Step<'_> {
    fn run(mut self) -> GroupDecision {
        let request = &self.request;
        if !self.has_room() {
            let member = request.member.clone();
            if !member.is_empty() {
                self.evict(member);
            }
            return self.refuse(&MemberId::from(""), GroupError::GroupMaxSizeReached);
        }
        if !self
            .group
            .supports(&request.protocol_type, &request.protocols)
        {
            let member = request.member.clone();
            return self.refuse(&member, GroupError::InconsistentGroupProtocol);
        }
        match request.member.is_empty() {
            true => self.join_unknown(),
            false => self.join_known(),
        }
    }

    /// While members join, those who have joined count: the last of a group
    /// that has become too large are turned away.
    fn has_room(&self) -> bool {
        let members = &self.group.members;
        let known = members.get(&self.request.member);
        match self.group.phase {
            Phase::Empty => true,
            Phase::Preparing(_) => {
                known.is_some_and(|member| member.joining.is_some())
                    || members.joining() < self.config.max_size
            }
            Phase::Completing(_) | Phase::Stable(_) => {
                known.is_some() || members.len() < self.config.max_size
            }
        }
    }

    /// A member that does not fit any more.
    fn evict(&mut self, member: MemberId) {
        self.push(cancel_session(&self.request.group, &member));
        self.observe(ClassicChange::Gone { member });
        self.push(again_join(&self.request.group));
    }

    fn join_unknown(self) -> GroupDecision {
        let request = &self.request;
        let name = match &request.instance {
            Some(instance) => instance.as_str(),
            None => &request.client.client_id,
        };
        let member = MemberId::from(format!("{name}-{}", request.fresh_uuid));
        match &request.instance {
            Some(instance) => match self.group.members.of_instance(instance) {
                Some(current) => self.take_over(current, member),
                None => self.add(&member),
            },
            None if request.requires_known_member => self.give_id(&member),
            None => self.add(&member),
        }
    }

    fn join_known(self) -> GroupDecision {
        let member = self.request.member.clone();
        if self.group.pending.contains_key(&member) {
            if self.request.instance.is_some() {
                // Only dynamic members are given ids to come back with.
                return self.refuse(&member, GroupError::UnknownMemberId);
            }
            return self.add(&member);
        }
        let instance = self.request.instance.as_ref();
        let known = match self.group.check_member(&member, instance) {
            Ok(known) => known,
            Err(error) => return self.refuse(&member, error),
        };
        let unchanged = known.protocols == self.request.protocols;
        let is_leader = self.group.leader.as_ref() == Some(&member);
        match self.group.phase {
            // It may not have received the answer: tell it again.
            Phase::Completing(_) if unchanged => self.answer_current(known, is_leader),
            // Nothing new from a follower. A leader that joins wants to assign
            // anew, for reasons of its own, such as a topic that has grown.
            Phase::Stable(_) if unchanged && !is_leader => self.answer_current(known, false),
            Phase::Empty => self.refuse(&member, GroupError::UnknownMemberId),
            _ => self.rejoin(known),
        }
    }

    /// KIP-394: a new member must come back with the id it is given.
    fn give_id(mut self, member: &MemberId) -> GroupDecision {
        let session_timeout_ms = self.request.session_timeout_ms;
        let ends_ms = session_end(self.now.monotonic_ms, session_timeout_ms);
        self.push(set_session(&self.request.group, member, ends_ms));
        self.observe(ClassicChange::MemberIdGiven {
            member: member.clone(),
            session_timeout_ms,
        });
        self.refuse(member, GroupError::MemberIdRequired(member.clone()))
    }

    fn add(mut self, id: &MemberId) -> GroupDecision {
        let session_ends_ms = session_end(self.now.monotonic_ms, NEW_MEMBER_JOIN_TIMEOUT_MS);
        let request = &self.request;
        let member = Member {
            id: id.clone(),
            instance: request.instance.clone(),
            client: request.client.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: request.protocols.clone(),
            protocol_type: request.protocol_type.clone(),
            assignment: bytes::Bytes::new(),
            is_new: true,
            joining: Some(self.token),
            syncing: None,
            session_ends_ms,
        };
        self.push(set_session(&self.request.group, id, session_ends_ms));
        self.observe(ClassicChange::Joined(Box::new(member)));
        self.rebalance()
    }

    fn rejoin(mut self, known: &Member) -> GroupDecision {
        if let Some(earlier) = known.joining {
            // The client has given that request up, but somebody waits there.
            let error = GroupError::RebalanceInProgress;
            self.push(refuse_join(earlier, &known.id, error));
        }
        self.update(known.id.clone(), Some(self.token));
        self.rebalance()
    }

    /// A static member is back without its id: it takes the place of the one it
    /// was, which is fenced if it still waits somewhere.
    fn take_over(mut self, current: &Member, id: MemberId) -> GroupDecision {
        let error = GroupError::FencedInstanceId;
        if let Some(token) = current.joining {
            self.push(refuse_join(token, &current.id, error.clone()));
        }
        if let Some(token) = current.syncing {
            self.push(refuse_sync(token, error));
        }
        self.push(cancel_session(&self.request.group, &current.id));
        if matches!(self.group.phase, Phase::Stable(_)) && self.keeps_protocol(current) {
            return self.take_over_silently(current, id);
        }
        let instance = current.instance.clone().expect("it was found by this name");
        self.observe(ClassicChange::Replaced {
            instance,
            member: id.clone(),
        });
        self.update(id, Some(self.token));
        self.rebalance()
    }

    /// Whether the group would agree on the same protocol again.
    fn keeps_protocol(&self, current: &Member) -> bool {
        let request = &self.request;
        let members = self.group.members.iter();
        let protocols = members.map(|member| match member.id == current.id {
            true => &request.protocols[..],
            false => &member.protocols[..],
        });
        let selected = select_protocol(protocols);
        selected.is_some() && selected == self.group.protocol
    }

    /// KIP-345: nobody else notices; the new id becomes hard state.
    fn take_over_silently(mut self, current: &Member, id: MemberId) -> GroupDecision {
        let protocol = self.group.protocol.as_deref();
        let was_leader = self.group.leader.as_ref() == Some(&current.id);
        let successor = Member {
            id: id.clone(),
            protocols: self.request.protocols.clone(),
            rebalance_timeout_ms: self.request.rebalance_timeout_ms,
            session_timeout_ms: self.request.session_timeout_ms,
            ..current.clone()
        };
        let mut metadata = self
            .group
            .metadata(self.group.state_timestamp_ms, current_assignment);
        for member in &mut metadata.members {
            if member.member == current.id {
                let assignment = successor.assignment.clone();
                *member = self.group.member_metadata(&successor, assignment);
            }
        }
        if was_leader {
            metadata.leader = Some(id.clone());
        }
        let leader = self.group.leader.clone().unwrap_or_else(|| id.clone());
        let mut joined = Joined {
            member: id.clone(),
            generation: self.group.generation,
            protocol_type: self.group.protocol_type.clone(),
            protocol: self.group.protocol.clone(),
            // A client before version 9 must not believe that it leads, or it
            // would assign: it is told the id of the leader it was.
            leader,
            skip_assignment: false,
            members: Vec::new(),
        };
        if self.request.can_skip_assignment && was_leader {
            let mut members = everyone(self.group, protocol.unwrap_or_default());
            for member in &mut members {
                if member.member == current.id {
                    *member = successor.joined(protocol.unwrap_or_default());
                }
            }
            joined.leader = id.clone();
            joined.skip_assignment = true;
            joined.members = members;
        }
        self.decision
            .records
            .push(GroupRecord::Classic(ClassicRecord {
                group: self.request.group.clone(),
                metadata: Some(metadata),
            }));
        self.update(id, None);
        self.push(reply(self.token, ClassicReply::Join(Ok(joined))));
        self.decision
    }

    /// The member is what it says it is now, heard from just now.
    fn update(&mut self, member: MemberId, waiting: Option<RequestToken>) {
        let ends_ms = session_end(self.now.monotonic_ms, self.request.session_timeout_ms);
        self.push(set_session(&self.request.group, &member, ends_ms));
        self.observe(ClassicChange::Rejoined {
            member,
            protocols: self.request.protocols.clone(),
            rebalance_timeout_ms: self.request.rebalance_timeout_ms,
            session_timeout_ms: self.request.session_timeout_ms,
            waiting,
        });
    }

    fn answer_current(mut self, member: &Member, is_leader: bool) -> GroupDecision {
        let group = self.group;
        let protocol = group.protocol.as_deref().unwrap_or_default();
        let joined = Joined {
            member: member.id.clone(),
            generation: group.generation,
            protocol_type: group.protocol_type.clone(),
            protocol: group.protocol.clone(),
            leader: group.leader.clone().unwrap_or_else(|| member.id.clone()),
            skip_assignment: false,
            members: match is_leader {
                true => everyone(group, protocol),
                false => Vec::new(),
            },
        };
        self.push(reply(self.token, ClassicReply::Join(Ok(joined))));
        self.decision
    }

    fn refuse(mut self, member: &MemberId, error: GroupError) -> GroupDecision {
        self.push(refuse_join(self.token, member, error));
        self.decision
    }

    fn rebalance(mut self) -> GroupDecision {
        self.push(again_rebalance(&self.request.group));
        self.decision
    }

    fn observe(&mut self, change: ClassicChange) {
        self.push(observe(&self.request.group, change));
    }

    fn push(&mut self, effect: GroupEffect) {
        self.decision.effects.push(effect);
    }
}
