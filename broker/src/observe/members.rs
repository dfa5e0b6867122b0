//! Members of a group of either kind, and what each of them has.

use std::sync::Arc;

use ottla_core::group::admin::{self, AdminReply, AdminRequest};
use ottla_core::group::classic::assigned_topics;
use ottla_core::group::consumer::{self, ConsumerReply, ConsumerRequest};
use ottla_core::group::{GroupId, GroupReply, GroupRequest};

use crate::node::Node;

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// What it calls itself: `client.id`.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// What it has. Of a classic group that is known while it is stable only.
    pub assigned: Vec<AssignedPartitions>,
}

/// Partitions of one topic that a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignedPartitions {
    /// The topic.
    pub topic: String,
    /// Their indexes.
    pub partitions: Vec<i32>,
}

/// A group's state and members at one moment; `None` if it is gone.
pub(super) async fn describe(
    node: &Arc<Node>,
    group: &GroupId,
) -> Option<(&'static str, Vec<GroupMember>)> {
    let now = node.clock.now();
    let request = AdminRequest::Describe {
        group: group.clone(),
    };
    let asked = node.ask_group(now, group, GroupRequest::Admin(request));
    if let Ok(GroupReply::Admin(AdminReply::Describe(Ok(classic)))) = asked.answer().await {
        let members = classic.members.iter().map(classic_member).collect();
        return Some((classic.state.name(), members));
    }
    let groups = vec![group.clone()];
    let request = GroupRequest::Consumer(ConsumerRequest::Describe { groups });
    match node.ask_group(now, group, request).answer().await {
        Ok(GroupReply::Consumer(ConsumerReply::Describe(mut groups))) => {
            let described = groups.pop()?.1.ok()?;
            let members = described.members.iter().map(consumer_member).collect();
            Some((described.state, members))
        }
        _ => None,
    }
}

fn classic_member(member: &admin::DescribedMember) -> GroupMember {
    // What other protocols than the consumers' give out, nobody can read here.
    let assigned = assigned_topics(&member.assignment).unwrap_or_default();
    let assigned = assigned.into_iter().map(|topic| AssignedPartitions {
        topic: topic.name,
        partitions: topic.partitions,
    });
    GroupMember {
        id: member.member.to_string(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        assigned: assigned.collect(),
    }
}

fn consumer_member(member: &consumer::DescribedMember) -> GroupMember {
    let assigned = member.assignment.iter().map(|topic| AssignedPartitions {
        topic: topic.name.to_string(),
        partitions: topic.partitions.iter().map(|index| index.0).collect(),
    });
    GroupMember {
        id: member.id.to_string(),
        client_id: member.metadata.client_id.clone(),
        client_host: member.metadata.client_host.clone(),
        assigned: assigned.collect(),
    }
}
