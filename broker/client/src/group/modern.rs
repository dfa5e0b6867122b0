//! The consumer group protocol of KIP-848: one request, ConsumerGroupHeartbeat,
//! through which the coordinator tells each member its partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use kafka_protocol::protocol::StrBytes;

use super::step::{Assignment, Outcome, Parting, adopt, part};
use crate::client::{Client, topic_id, uuid};
use crate::committed::Committer;
use crate::error::ClientError;
use crate::record::TopicPartition;

/// Member epochs with a meaning of their own.
pub(super) const JOIN: i32 = 0;
const LEAVE: i32 = -1;
/// A static member that will be back.
const LEAVE_FOR_A_WHILE: i32 = -2;

/// What a heartbeat needs to know.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat {
    pub(super) client: Client,
    /// Its epoch is [`JOIN`] when the member is new.
    pub(super) committer: Committer,
    pub(super) topics: Vec<String>,
    pub(super) server_assignor: Option<String>,
    pub(super) rebalance_timeout_ms: i32,
    /// The partitions the member holds.
    pub(super) held: BTreeSet<TopicPartition>,
    /// Whether to say so: it changed since the coordinator heard it last.
    pub(super) tell_held: bool,
}

impl Heartbeat {
    pub(super) async fn run(mut self, parting: Parting) -> (String, Outcome) {
        part(&self.client, parting).await;
        let outcome = match self.exchange().await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::of_error(&self.client, &self.committer.group, error),
        };
        (self.committer.member_id, outcome)
    }

    async fn exchange(&mut self) -> Result<Outcome, ClientError> {
        let group = &self.committer.group;
        let response = self
            .client
            .ask_coordinator(group, &self.request(), Duration::ZERO)
            .await?;
        ClientError::check(
            || format!("group {group}"),
            response.error_code,
            response.error_message.as_deref(),
        )?;
        if let Some(member_id) = response.member_id.as_ref().filter(|id| !id.is_empty()) {
            self.committer.member_id = member_id.to_string();
        }
        Ok(Outcome::Member {
            assignment: self.assignment(&response).await?,
            epoch: response.member_epoch,
            heartbeat_interval_ms: u64::try_from(response.heartbeat_interval_ms).ok(),
        })
    }

    /// The first heartbeat says everything; later ones what changed.
    fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let joins = self.committer.epoch == JOIN;
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(text(&self.committer.group).into())
            .with_member_id(text(&self.committer.member_id))
            .with_member_epoch(self.committer.epoch)
            .with_instance_id(self.committer.instance_id.as_deref().map(text))
            .with_rebalance_timeout_ms(if joins { self.rebalance_timeout_ms } else { -1 })
            .with_topic_partitions((joins || self.tell_held).then(|| self.held_by_topic_id()));
        if !joins {
            return request;
        }
        let topics = self.topics.iter().map(|topic| text(topic).into());
        request
            .with_subscribed_topic_names(Some(topics.collect()))
            .with_server_assignor(self.server_assignor.as_deref().map(text))
    }

    fn held_by_topic_id(&self) -> Vec<TopicPartitions> {
        let metadata = self.client.metadata();
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for partition in &self.held {
            let indexes = topics.entry(&partition.topic).or_default();
            indexes.push(partition.partition);
        }
        let topics = topics.into_iter().filter_map(|(name, partitions)| {
            let topic = metadata.topics.get(name)?;
            Some(
                TopicPartitions::default()
                    .with_topic_id(uuid(topic.id))
                    .with_partitions(partitions),
            )
        });
        topics.collect()
    }

    /// The member's partitions by name, if the coordinator says anything.
    async fn assignment(
        &self,
        response: &ConsumerGroupHeartbeatResponse,
    ) -> Result<Option<Assignment>, ClientError> {
        let Some(assignment) = &response.assignment else {
            return Ok(None);
        };
        let mut metadata = self.client.metadata();
        let known = |metadata: &crate::client::Metadata| {
            let mut topics = assignment.topic_partitions.iter();
            topics.all(|topic| metadata.topic_by_id(topic_id(topic.topic_id)).is_some())
        };
        if !known(&metadata) {
            metadata = self.client.refresh_all_topics().await?;
        }
        let mut partitions = BTreeSet::new();
        for topic in &assignment.topic_partitions {
            // A topic that is gone again has no records to read.
            if let Some(found) = metadata.topic_by_id(topic_id(topic.topic_id)) {
                let indexes = topic.partitions.iter();
                partitions.extend(indexes.map(|index| TopicPartition::new(&found.name, *index)));
            }
        }
        let committer = Committer {
            epoch: response.member_epoch,
            ..self.committer.clone()
        };
        adopt(&self.client, &committer, partitions, &self.held)
            .await
            .map(Some)
    }
}

/// Leaves the group.
pub(super) async fn leave(client: &Client, committer: &Committer) -> Result<(), ClientError> {
    let epoch = match committer.instance_id {
        Some(_) => LEAVE_FOR_A_WHILE,
        None => LEAVE,
    };
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(text(&committer.group).into())
        .with_member_id(text(&committer.member_id))
        .with_instance_id(committer.instance_id.as_deref().map(text))
        .with_member_epoch(epoch);
    let response = client
        .ask_coordinator(&committer.group, &request, Duration::ZERO)
        .await?;
    ClientError::check(
        || format!("group {}", committer.group),
        response.error_code,
        response.error_message.as_deref(),
    )
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
