//! The members of a classic group, with the counts a rebalance asks for kept
//! up to date: a join is not allowed to look at every member.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::{InstanceId, MemberId};
use super::{ClientIdentity, JoinedMember};
use crate::decision::RequestToken;

/// A protocol a member can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name: for consumers, the assignor's.
    pub name: String,
    /// What the member says under it; opaque here.
    pub metadata: Bytes,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// Whose it is.
    pub client: ClientIdentity,
    /// How long a rebalance waits for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it supports, the preferred one first.
    pub protocols: Vec<Protocol>,
    /// "consumer", "connect", …
    pub protocol_type: String,
    /// What the leader gave it.
    pub assignment: Bytes,
    /// Soft: it has not been told a generation yet.
    pub is_new: bool,
    /// Soft: its JoinGroup that waits for the generation.
    pub joining: Option<RequestToken>,
    /// Soft: its SyncGroup that waits for the leader.
    pub syncing: Option<RequestToken>,
    /// Soft: when it counts as dead, on the monotonic clock.
    pub session_ends_ms: u64,
}

impl Member {
    /// What it says under `protocol`; empty if it does not support it.
    pub fn metadata(&self, protocol: Option<&str>) -> Bytes {
        self.protocols
            .iter()
            .find(|supported| Some(supported.name.as_str()) == protocol)
            .map(|supported| supported.metadata.clone())
            .unwrap_or_default()
    }

    /// How the leader is told of it.
    pub(super) fn joined(&self, protocol: &str) -> JoinedMember {
        JoinedMember {
            member: self.id.clone(),
            instance: self.instance.clone(),
            metadata: self.metadata(Some(protocol)),
        }
    }
}

/// Every member by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Members {
    by_id: BTreeMap<MemberId, Member>,
    by_instance: BTreeMap<InstanceId, MemberId>,
    /// How many members support each protocol.
    supporters: BTreeMap<String, usize>,
    joining: usize,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many wait for the next generation.
    pub(super) fn joining(&self) -> usize {
        self.joining
    }

    pub(super) fn get(&self, id: &MemberId) -> Option<&Member> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> + Clone {
        self.by_id.values()
    }

    /// Who goes by this static name now.
    pub(super) fn of_instance(&self, instance: &InstanceId) -> Option<&Member> {
        self.by_id.get(self.by_instance.get(instance)?)
    }

    /// Whether every member supports one of these.
    pub(super) fn all_support_one_of(&self, protocols: &[Protocol]) -> bool {
        protocols
            .iter()
            .any(|protocol| self.supporters.get(&protocol.name) == Some(&self.len()))
    }

    /// The longest a rebalance waits for any of them.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.iter()
            .map(|member| member.rebalance_timeout_ms)
            .max()
            .unwrap_or(0)
    }

    /// Adds a member, or puts it in the place of the one with its id.
    pub(super) fn insert(&mut self, member: Member) {
        self.remove(&member.id);
        for protocol in &member.protocols {
            *self.supporters.entry(protocol.name.clone()).or_default() += 1;
        }
        if let Some(instance) = &member.instance {
            self.by_instance.insert(instance.clone(), member.id.clone());
        }
        self.joining += usize::from(member.joining.is_some());
        self.by_id.insert(member.id.clone(), member);
    }

    pub(super) fn remove(&mut self, id: &MemberId) -> Option<Member> {
        let member = self.by_id.remove(id)?;
        for protocol in &member.protocols {
            self.withdraw_support(&protocol.name);
        }
        if let Some(instance) = &member.instance
            && self.by_instance.get(instance) == Some(id)
        {
            self.by_instance.remove(instance);
        }
        self.joining -= usize::from(member.joining.is_some());
        Some(member)
    }

    /// Changes one member, keeping the counts right.
    pub(super) fn change(&mut self, id: &MemberId, change: impl FnOnce(&mut Member)) {
        if let Some(mut member) = self.remove(id) {
            change(&mut member);
            self.insert(member);
        }
    }

    /// Changes every member in what the counts do not depend on.
    pub(super) fn for_each(&mut self, mut change: impl FnMut(&mut Member)) {
        for member in self.by_id.values_mut() {
            let joining = member.joining.is_some();
            change(member);
            self.joining -= usize::from(joining);
            self.joining += usize::from(member.joining.is_some());
        }
    }

    /// Notes that a member was heard from; cheap, it happens all the time.
    pub(super) fn touch(&mut self, id: &MemberId, now_ms: u64) {
        if let Some(member) = self.by_id.get_mut(id) {
            member.session_ends_ms = session_end(now_ms, member.session_timeout_ms);
        }
    }

    /// Notes that a member waits for its assignment, or does not.
    pub(super) fn set_syncing(&mut self, id: &MemberId, waiting: Option<RequestToken>) {
        if let Some(member) = self.by_id.get_mut(id) {
            member.syncing = waiting;
        }
    }

    fn withdraw_support(&mut self, protocol: &str) {
        if let Some(count) = self.supporters.get_mut(protocol) {
            *count -= 1;
            if *count == 0 {
                self.supporters.remove(protocol);
            }
        }
    }
}

/// When a member heard from now counts as dead.
pub(super) fn session_end(now_ms: u64, session_timeout_ms: i32) -> u64 {
    now_ms.saturating_add(u64::try_from(session_timeout_ms).unwrap_or(0))
}

/// The protocol most members prefer among those all support: each votes for the
/// first of its own that is a candidate. A tie goes to the name that sorts
/// first, so that the same members always agree on the same.
pub(super) fn select_protocol<'a>(
    members: impl Iterator<Item = &'a [Protocol]> + Clone,
) -> Option<String> {
    let mut supporters: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = 0;
    for protocols in members.clone() {
        count += 1;
        for protocol in protocols {
            *supporters.entry(&protocol.name).or_default() += 1;
        }
    }
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for protocols in members {
        let favourite = protocols
            .iter()
            .find(|protocol| supporters[protocol.name.as_str()] == count)?;
        *votes.entry(&favourite.name).or_default() += 1;
    }
    let most = votes.values().max()?;
    let (name, _) = votes.iter().find(|(_, count)| *count == most)?;
    Some((*name).to_owned())
}
