//! What administrators ask of groups of either kind: list, describe, delete.

use bytes::Bytes;

use super::classic::{ClassicGroup, ClassicState};
use super::record::ClassicRecord;
use super::shard::Group;
use super::{
    GroupDecision, GroupEffect, GroupError, GroupId, GroupRecord, GroupReply, GroupShard,
    InstanceId, MemberId, answer,
};
use crate::decision::{Decision, RequestToken};

/// A request of an administrator, to one shard.
#[derive(Clone, Debug, PartialEq)]
pub enum AdminRequest {
    /// ListGroups: the groups of this shard.
    List {
        /// Only groups in one of these states, if any are given.
        states: Vec<String>,
        /// Only groups of one of these kinds, if any are given.
        kinds: Vec<String>,
    },
    /// DescribeGroups, of one classic group.
    Describe {
        /// Which.
        group: GroupId,
    },
    /// DeleteGroups, of one group of either kind.
    Delete {
        /// Which.
        group: GroupId,
    },
}

/// The answer to the request of the same variant.
#[derive(Clone, Debug, PartialEq)]
pub enum AdminReply {
    /// To ListGroups.
    List(Vec<ListedGroup>),
    /// To DescribeGroups.
    Describe(Result<DescribedGroup, GroupError>),
    /// To DeleteGroups.
    Delete(Result<(), GroupError>),
}

/// One line of a list of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub group: GroupId,
    /// "consumer", "connect", …; empty if it only stores offsets.
    pub protocol_type: String,
    /// By the name Kafka gives it.
    pub state: &'static str,
    /// "classic" or "consumer".
    pub kind: &'static str,
}

/// A classic group in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Where it is in its life.
    pub state: ClassicState,
    /// "consumer", "connect", …; empty if it only stores offsets.
    pub protocol_type: String,
    /// What the members agreed on; empty unless the group is stable.
    pub protocol: String,
    /// Everyone.
    pub members: Vec<DescribedMember>,
}

/// A member of a classic group in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// `client.id`
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// What it said; empty unless the group is stable.
    pub metadata: Bytes,
    /// What it was given; empty unless the group is stable.
    pub assignment: Bytes,
}

pub(super) fn decide(
    shard: &GroupShard,
    token: RequestToken,
    request: AdminRequest,
) -> GroupDecision {
    let reply = match request {
        AdminRequest::List { states, kinds } => AdminReply::List(list(shard, &states, &kinds)),
        AdminRequest::Describe { group } => AdminReply::Describe(describe(shard, &group)),
        AdminRequest::Delete { group } => return delete(shard, token, &group),
    };
    answer(token, GroupReply::Admin(reply))
}

fn list(shard: &GroupShard, states: &[String], kinds: &[String]) -> Vec<ListedGroup> {
    let groups = shard.groups.iter().map(|(id, group)| listed(id, group));
    groups
        .filter(|group| matches(states, group.state) && matches(kinds, group.kind))
        .collect()
}

fn listed(id: &GroupId, group: &Group) -> ListedGroup {
    let (protocol_type, state, kind) = match group {
        Group::Classic(group) => (
            group.protocol_type().unwrap_or_default(),
            group.state().name(),
            "classic",
        ),
        Group::Consumer(group) => ("consumer", group.state_name(), "consumer"),
    };
    ListedGroup {
        group: id.clone(),
        protocol_type: protocol_type.to_owned(),
        state,
        kind,
    }
}

/// An empty filter lets everything through; case does not matter.
fn matches(filter: &[String], name: &str) -> bool {
    filter.is_empty()
        || filter
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(name))
}

fn describe(shard: &GroupShard, id: &GroupId) -> Result<DescribedGroup, GroupError> {
    match shard.groups.get(id) {
        Some(Group::Classic(group)) => Ok(describe_classic(group)),
        Some(Group::Consumer(_)) | None => Err(GroupError::GroupIdNotFound(id.to_string())),
    }
}

fn describe_classic(group: &ClassicGroup) -> DescribedGroup {
    let stable = group.state() == ClassicState::Stable;
    let members = group.members().map(|member| DescribedMember {
        member: member.id.clone(),
        instance: member.instance.clone(),
        client_id: member.client.client_id.clone(),
        client_host: member.client.client_host.clone(),
        metadata: match stable {
            true => member.metadata(group.protocol()),
            false => Bytes::new(),
        },
        assignment: member.assignment.clone(),
    });
    DescribedGroup {
        state: group.state(),
        protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
        protocol: match stable {
            true => group.protocol().unwrap_or_default().to_owned(),
            false => String::new(),
        },
        members: members.collect(),
    }
}

/// A group goes with its offsets, all in one batch.
fn delete(shard: &GroupShard, token: RequestToken, id: &GroupId) -> GroupDecision {
    let refuse = |error| answer(token, GroupReply::Admin(AdminReply::Delete(Err(error))));
    let group_tombstones = match shard.groups.get(id) {
        None => return refuse(GroupError::GroupIdNotFound(id.to_string())),
        Some(Group::Classic(group)) if !group.is_empty() => {
            return refuse(GroupError::NonEmptyGroup);
        }
        Some(Group::Consumer(group)) if !group.is_empty() => {
            return refuse(GroupError::NonEmptyGroup);
        }
        Some(Group::Classic(_)) => vec![GroupRecord::Classic(ClassicRecord {
            group: id.clone(),
            metadata: None,
        })],
        Some(Group::Consumer(group)) => {
            let tombstones = group.tombstones().into_iter();
            tombstones.map(GroupRecord::Consumer).collect()
        }
    };
    let mut records = shard.offsets.tombstones(id);
    records.extend(group_tombstones);
    Decision {
        records,
        effects: vec![GroupEffect::Reply {
            token,
            reply: GroupReply::Admin(AdminReply::Delete(Ok(()))),
        }],
    }
}
