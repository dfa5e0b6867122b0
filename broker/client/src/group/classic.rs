//! The classic group protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
//! One elected member, the leader, computes everybody's assignment.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::assignor::{Assignor, Members, PartitionCounts, withhold_moving};
use super::protocol::{Subscription, encode_assignment, parse_assignment};
use super::step::{Assignment, Outcome, Parting, adopt, part};
use crate::client::Client;
use crate::committed::Committer;
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::record::TopicPartition;

const PROTOCOL_TYPE: &str = "consumer";

/// What a join needs to know.
#[derive(Clone, Debug)]
pub(super) struct Join {
    pub(super) client: Client,
    /// The member as it is; no id yet when it is new.
    pub(super) committer: Committer,
    pub(super) assignors: Vec<Assignor>,
    pub(super) topics: Vec<String>,
    /// Partitions it still holds; empty unless the protocol is cooperative.
    pub(super) held: BTreeSet<TopicPartition>,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
}

impl Join {
    /// Joins the group, through to the member's assignment.
    pub(super) async fn run(mut self, parting: Parting) -> (String, Outcome) {
        part(&self.client, parting).await;
        let outcome = match self.join_and_sync().await {
            Ok(assignment) => Outcome::Member {
                epoch: self.committer.epoch,
                assignment: Some(assignment),
                heartbeat_interval_ms: None,
            },
            Err(error) => Outcome::of_error(&self.client, &self.committer.group, error),
        };
        (self.committer.member_id, outcome)
    }

    async fn join_and_sync(&mut self) -> Result<Assignment, ClientError> {
        let joined = self.join().await?;
        self.committer.member_id = joined.member_id.to_string();
        self.committer.epoch = joined.generation_id;
        let assignor = self.agreed_assignor(&joined)?;
        let mut watched = None;
        let mut assignments = Vec::new();
        if joined.leader == joined.member_id {
            let members = self.members(&joined)?;
            let counts = partition_counts(&self.client, &members).await?;
            // A static member that came back as leader finds it done already.
            if !joined.skip_assignment {
                assignments = assign(assignor, &members, &counts);
            }
            watched = Some(counts);
        }
        let mine = self.sync(&joined, assignments).await?;
        let partitions: BTreeSet<_> = parse_assignment(mine)
            .map_err(|error| self.malformed(&error.to_string()))?
            .into_iter()
            .collect();
        let gives_up = self.held.difference(&partitions).next().is_some();
        let mut assignment = adopt(&self.client, &self.committer, partitions, &self.held).await?;
        assignment.rejoin_when_revoked = assignor.is_cooperative() && gives_up;
        assignment.watched = watched;
        Ok(assignment)
    }

    async fn join(&mut self) -> Result<JoinGroupResponse, ClientError> {
        loop {
            let response = self
                .ask(&self.join_request(), self.rebalance_timeout_ms)
                .await?;
            match ErrorCode(response.error_code) {
                ErrorCode::NONE => return Ok(response),
                // KIP-394: a member's first join only tells it its id.
                ErrorCode::MEMBER_ID_REQUIRED if self.committer.member_id.is_empty() => {
                    self.committer.member_id = response.member_id.to_string();
                }
                code => return Err(self.refused(code)),
            }
        }
    }

    fn join_request(&self) -> JoinGroupRequest {
        let subscription = Subscription {
            topics: self.topics.clone(),
            owned: self.held.iter().cloned().collect(),
            generation: self.committer.epoch,
        }
        .encode();
        let protocols = self.assignors.iter().map(|assignor| {
            JoinGroupRequestProtocol::default()
                .with_name(StrBytes::from_static_str(assignor.name()))
                .with_metadata(subscription.clone())
        });
        JoinGroupRequest::default()
            .with_group_id(text(&self.committer.group).into())
            .with_session_timeout_ms(self.session_timeout_ms)
            .with_rebalance_timeout_ms(self.rebalance_timeout_ms)
            .with_member_id(text(&self.committer.member_id))
            .with_group_instance_id(self.committer.instance_id.as_deref().map(text))
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_protocols(protocols.collect())
    }

    fn agreed_assignor(&self, joined: &JoinGroupResponse) -> Result<Assignor, ClientError> {
        let name = joined.protocol_name.as_deref().unwrap_or_default();
        let agreed = self.assignors.iter().find(|offered| offered.name() == name);
        agreed
            .copied()
            .ok_or_else(|| self.malformed("the group agreed on an assignor nobody offered"))
    }

    fn members(&self, joined: &JoinGroupResponse) -> Result<Members, ClientError> {
        let members = joined.members.iter().map(|member| {
            let subscription = Subscription::parse(member.metadata.clone())
                .map_err(|error| self.malformed(&error.to_string()))?;
            Ok((member.member_id.to_string(), subscription))
        });
        members.collect()
    }

    async fn sync(
        &self,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Bytes, ClientError> {
        let request = SyncGroupRequest::default()
            .with_group_id(text(&self.committer.group).into())
            .with_generation_id(self.committer.epoch)
            .with_member_id(text(&self.committer.member_id))
            .with_group_instance_id(self.committer.instance_id.as_deref().map(text))
            .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
            .with_protocol_name(joined.protocol_name.clone())
            .with_assignments(assignments);
        let response = self.ask(&request, self.rebalance_timeout_ms).await?;
        match ErrorCode(response.error_code) {
            ErrorCode::NONE => Ok(response.assignment),
            code => Err(self.refused(code)),
        }
    }

    async fn ask<R: kafka_protocol::protocol::Request>(
        &self,
        request: &R,
        wait_ms: i32,
    ) -> Result<R::Response, ClientError> {
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
        self.client
            .ask_coordinator(&self.committer.group, request, wait)
            .await
    }

    fn refused(&self, code: ErrorCode) -> ClientError {
        ClientError::refused(format!("group {}", self.committer.group), code)
    }

    fn malformed(&self, reason: &str) -> ClientError {
        ClientError::Malformed {
            address: format!("group {}", self.committer.group),
            api: "JoinGroup".to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// The leader's work: everybody's partitions.
fn assign(
    assignor: Assignor,
    members: &Members,
    counts: &PartitionCounts,
) -> Vec<SyncGroupRequestAssignment> {
    let mut assignments = assignor.assign(members, counts);
    if assignor.is_cooperative() {
        withhold_moving(&mut assignments, members);
    }
    let assignments = assignments.into_iter().map(|(member, partitions)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(StrBytes::from_string(member))
            .with_assignment(encode_assignment(&partitions))
    });
    assignments.collect()
}

async fn partition_counts(
    client: &Client,
    members: &Members,
) -> Result<PartitionCounts, ClientError> {
    let topics = members
        .values()
        .flat_map(|subscription| subscription.topics.iter().cloned());
    let topics: BTreeSet<String> = topics.collect();
    count_partitions(client, topics.iter().map(String::as_str)).await
}

/// How many partitions the topics have now; 0 for those that do not exist.
async fn count_partitions(
    client: &Client,
    topics: impl Iterator<Item = &str>,
) -> Result<PartitionCounts, ClientError> {
    let topics: Vec<_> = topics.collect();
    let metadata = client.refresh(&topics, false).await?;
    let counts = topics.iter().map(|topic| {
        let known = metadata.topics.get(*topic);
        let count = known.map_or(0, crate::client::Topic::partition_count);
        ((*topic).to_owned(), count)
    });
    Ok(counts.collect())
}

/// Tells the coordinator that the member is alive. The leader also looks
/// whether what it assigned by still holds.
pub(super) async fn heartbeat(
    client: Client,
    committer: Committer,
    watched: Option<PartitionCounts>,
) -> (String, Outcome) {
    let request = HeartbeatRequest::default()
        .with_group_id(text(&committer.group).into())
        .with_generation_id(committer.epoch)
        .with_member_id(text(&committer.member_id))
        .with_group_instance_id(committer.instance_id.as_deref().map(text));
    let answer = client
        .ask_coordinator(&committer.group, &request, Duration::ZERO)
        .await
        .and_then(|response| {
            let subject = || format!("group {}", committer.group);
            ClientError::check(subject, response.error_code, None)
        });
    let outcome = match answer {
        Ok(()) if out_of_date(&client, watched).await => Outcome::Rejoin,
        Ok(()) => Outcome::Member {
            epoch: committer.epoch,
            assignment: None,
            heartbeat_interval_ms: None,
        },
        Err(error) => Outcome::of_error(&client, &committer.group, error),
    };
    (committer.member_id, outcome)
}

async fn out_of_date(client: &Client, watched: Option<PartitionCounts>) -> bool {
    let Some(watched) = watched else { return false };
    let now = count_partitions(client, watched.keys().map(String::as_str)).await;
    now.is_ok_and(|now| now != watched)
}

/// Leaves the group, so that others need not wait for the session to end.
pub(super) async fn leave(client: &Client, committer: &Committer) -> Result<(), ClientError> {
    let member = MemberIdentity::default()
        .with_member_id(text(&committer.member_id))
        .with_group_instance_id(committer.instance_id.as_deref().map(text))
        .with_reason(Some(StrBytes::from_static_str(
            "the consumer is being closed",
        )));
    let request = LeaveGroupRequest::default()
        .with_group_id(text(&committer.group).into())
        .with_members(vec![member]);
    let response = client
        .ask_coordinator(&committer.group, &request, Duration::ZERO)
        .await?;
    let subject = || format!("group {}", committer.group);
    ClientError::check(subject, response.error_code, None)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
