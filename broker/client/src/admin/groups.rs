//! Groups of either protocol: list, describe, delete.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::consumer_group_describe_response as modern;
use kafka_protocol::messages::describe_groups_response as classic;
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    ListGroupsRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::client::Client;
use crate::committed::ask;
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::group::parse_assignment;
use crate::record::TopicPartition;

/// Which protocol a group speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Members elect a leader that assigns.
    Classic,
    /// The coordinator assigns (KIP-848).
    Consumer,
}

/// A group, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub group: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// Kafka's name of its state; empty from old brokers.
    pub state: String,
    /// Kafka's name of its protocol: `classic` or `consumer`.
    pub kind: String,
}

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group: String,
    /// Its protocol.
    pub kind: GroupKind,
    /// Kafka's name of its state, such as `Stable` or `Empty`.
    pub state: String,
    /// The assignor in use.
    pub assignor: String,
    /// KIP-848: the group's epoch.
    pub epoch: Option<i32>,
    /// The coordinator's node id.
    pub coordinator: i32,
    /// Who is in it.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub member_id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// KIP-848: its epoch.
    pub epoch: Option<i32>,
    /// Its partitions. Empty for a classic group of something else than
    /// consumers.
    pub assignment: BTreeSet<TopicPartition>,
}

impl Client {
    /// Every group of every broker, in order of id.
    ///
    /// # Errors
    /// When a broker does not answer or refuses.
    pub async fn list_groups(&self) -> Result<Vec<ListedGroup>, ClientError> {
        let metadata = self.refresh(&[], false).await?;
        let mut groups = BTreeMap::new();
        for node in metadata.brokers.keys() {
            let request = ListGroupsRequest::default();
            let response = self
                .ask_node(*node, &request, std::time::Duration::ZERO)
                .await?;
            ClientError::check(|| format!("broker {node}"), response.error_code, None)?;
            for group in response.groups {
                let listed = ListedGroup {
                    group: group.group_id.to_string(),
                    protocol_type: group.protocol_type.to_string(),
                    state: group.group_state.to_string(),
                    kind: group.group_type.to_string().to_lowercase(),
                };
                groups.insert(listed.group.clone(), listed);
            }
        }
        Ok(groups.into_values().collect())
    }

    /// A group with its members, whatever its protocol.
    ///
    /// # Errors
    /// GROUP_ID_NOT_FOUND when there is none of that id.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        let coordinator = self.coordinator(group).await?;
        let connection = self.connection(coordinator).await?;
        let knows_both = connection
            .api_versions()
            .contains(ApiKey::ConsumerGroupDescribe as i16);
        if knows_both {
            match self.describe_modern(group, coordinator).await {
                // It may be a classic one.
                Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {}
                described => return described,
            }
        }
        self.describe_classic(group, coordinator).await
    }

    async fn describe_modern(
        &self,
        group: &str,
        coordinator: i32,
    ) -> Result<GroupDescription, ClientError> {
        let request = ConsumerGroupDescribeRequest::default()
            .with_group_ids(vec![StrBytes::from_string(group.to_owned()).into()]);
        let response = ask(self, group, &request, |response| {
            response.groups.first().map(|group| group.error_code)
        })
        .await?;
        let described = response.groups.first().ok_or_else(|| not_found(group))?;
        Ok(GroupDescription {
            group: group.to_owned(),
            kind: GroupKind::Consumer,
            state: described.group_state.to_string(),
            assignor: described.assignor_name.to_string(),
            epoch: Some(described.group_epoch),
            coordinator,
            members: described.members.iter().map(modern_member).collect(),
        })
    }

    async fn describe_classic(
        &self,
        group: &str,
        coordinator: i32,
    ) -> Result<GroupDescription, ClientError> {
        let request = DescribeGroupsRequest::default()
            .with_groups(vec![StrBytes::from_string(group.to_owned()).into()]);
        let response = ask(self, group, &request, |response| {
            response.groups.first().map(|group| group.error_code)
        })
        .await?;
        let described = response.groups.first().ok_or_else(|| not_found(group))?;
        // Before version 6 a group that does not exist is described as dead.
        if &*described.group_state == "Dead" {
            return Err(not_found(group));
        }
        Ok(GroupDescription {
            group: group.to_owned(),
            kind: GroupKind::Classic,
            state: described.group_state.to_string(),
            assignor: described.protocol_data.to_string(),
            epoch: None,
            coordinator,
            members: described.members.iter().map(classic_member).collect(),
        })
    }

    /// Deletes a group without members, and its committed offsets.
    ///
    /// # Errors
    /// NON_EMPTY_GROUP while it has members; GROUP_ID_NOT_FOUND.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        let request = DeleteGroupsRequest::default()
            .with_groups_names(vec![StrBytes::from_string(group.to_owned()).into()]);
        ask(self, group, &request, |response| {
            response.results.first().map(|result| result.error_code)
        })
        .await?;
        Ok(())
    }
}

fn modern_member(member: &modern::Member) -> MemberDescription {
    let topics = member.assignment.topic_partitions.iter();
    let assignment = topics.flat_map(|topic| {
        let indexes = topic.partitions.iter();
        indexes.map(|index| TopicPartition::new(topic.topic_name.to_string(), *index))
    });
    MemberDescription {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: Some(member.member_epoch),
        assignment: assignment.collect(),
    }
}

fn classic_member(member: &classic::DescribedGroupMember) -> MemberDescription {
    // Another kind of client's assignment is its own business.
    let assignment = parse_assignment(member.member_assignment.clone()).unwrap_or_default();
    MemberDescription {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: None,
        assignment: assignment.into_iter().collect(),
    }
}

fn not_found(group: &str) -> ClientError {
    ClientError::refused(format!("group {group}"), ErrorCode::GROUP_ID_NOT_FOUND)
}
