//! `ottla group describe`: who reads what, how far, and how far behind.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use ottla_client::admin::{GroupDescription, GroupKind, MemberDescription};
use ottla_client::{Client, Committed, OffsetSpec, TopicPartition};
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, Table};

const NONE: &str = "-";

/// Arguments of `ottla group describe`.
#[derive(Debug, Args)]
pub struct DescribeArguments {
    /// The group
    group: String,
}

#[derive(Debug, Serialize)]
struct Group {
    group: String,
    protocol: &'static str,
    state: String,
    assignor: String,
    epoch: Option<i32>,
    coordinator: i32,
    /// Every partition the group has committed for or is assigned.
    partitions: Vec<PartitionOfGroup>,
    members: Vec<Member>,
}

#[derive(Debug, Serialize)]
struct PartitionOfGroup {
    topic: String,
    partition: i32,
    current_offset: Option<i64>,
    log_end_offset: Option<i64>,
    lag: Option<i64>,
    member_id: Option<String>,
    host: Option<String>,
    client_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Member {
    member_id: String,
    instance_id: Option<String>,
    client_id: String,
    host: String,
    epoch: Option<i32>,
    assignment: Vec<String>,
}

impl Report for Group {
    fn text(&self, language: Language) -> String {
        let epoch = self.epoch.map(|epoch| format!(", epoch {epoch}"));
        let heading = format!(
            "{} {} ({}, {}{}), {} {}\n",
            language.pick("group", "그룹"),
            crate::output::printable(&self.group),
            self.protocol,
            self.state,
            epoch.unwrap_or_default(),
            language.pick("members", "멤버"),
            self.members.len(),
        );
        heading + &self.offsets() + &self.standby(language)
    }
}

impl Group {
    /// The columns of Kafka's tool.
    fn offsets(&self) -> String {
        let mut table = Table::new(&[
            "GROUP",
            "TOPIC",
            "PARTITION",
            "CURRENT-OFFSET",
            "LOG-END-OFFSET",
            "LAG",
            "CONSUMER-ID",
            "HOST",
            "CLIENT-ID",
        ]);
        let number = |value: Option<i64>| value.map_or(NONE.to_owned(), |value| value.to_string());
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.to_owned());
        for row in &self.partitions {
            table.row(&[
                self.group.clone(),
                row.topic.clone(),
                row.partition.to_string(),
                number(row.current_offset),
                number(row.log_end_offset),
                number(row.lag),
                text(&row.member_id),
                text(&row.host),
                text(&row.client_id),
            ]);
        }
        table.render()
    }

    /// Members that wait for a partition to become free.
    fn standby(&self, language: Language) -> String {
        let mut text = String::new();
        for member in self.members.iter().filter(|m| m.assignment.is_empty()) {
            text += &language.pick(
                format!("standby: {} has no partition\n", member.member_id),
                format!("대기: {}에게는 파티션이 없어요\n", member.member_id),
            );
        }
        text
    }
}

pub async fn run(arguments: &DescribeArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let group = &arguments.group;
    let described = session.check(client.describe_group(group).await)?;
    let committed = session.check(client.committed_offsets(group).await)?;
    let assigned = described.members.iter().flat_map(|m| m.assignment.clone());
    let partitions: BTreeSet<_> = committed.keys().cloned().chain(assigned).collect();
    let ends = log_ends(&client, session, &partitions).await?;
    let rows = partitions
        .iter()
        .map(|partition| row(partition, &described, &committed, &ends));
    let report = Group {
        group: group.clone(),
        protocol: match described.kind {
            GroupKind::Classic => "classic",
            GroupKind::Consumer => "consumer",
        },
        state: described.state.clone(),
        assignor: described.assignor.clone(),
        epoch: described.epoch,
        coordinator: described.coordinator,
        partitions: rows.collect(),
        members: described.members.iter().map(member).collect(),
    };
    session.output.report(&report).map(drop)
}

/// Where the logs end; nothing for partitions that are gone.
async fn log_ends(
    client: &Client,
    session: &Session,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let metadata = session.check(client.refresh_all_topics().await)?;
    let wanted = partitions
        .iter()
        .filter(|p| metadata.leader(&p.topic, p.partition).is_some())
        .map(|partition| (partition.clone(), OffsetSpec::Latest))
        .collect();
    let listed = client.list_offsets(&wanted).await;
    let ends = listed.into_iter();
    Ok(ends
        .filter_map(|(partition, end)| Some((partition, end.ok()?)))
        .collect())
}

fn row(
    partition: &TopicPartition,
    group: &GroupDescription,
    committed: &BTreeMap<TopicPartition, Committed>,
    ends: &BTreeMap<TopicPartition, i64>,
) -> PartitionOfGroup {
    let owner = group
        .members
        .iter()
        .find(|member| member.assignment.contains(partition));
    let current_offset = committed.get(partition).map(|committed| committed.offset);
    let log_end_offset = ends.get(partition).copied();
    let lag = current_offset
        .zip(log_end_offset)
        .map(|(current, end)| end.saturating_sub(current).max(0));
    PartitionOfGroup {
        topic: partition.topic.clone(),
        partition: partition.partition,
        current_offset,
        log_end_offset,
        lag,
        member_id: owner.map(|owner| owner.member_id.clone()),
        host: owner.map(|owner| owner.host.clone()),
        client_id: owner.map(|owner| owner.client_id.clone()),
    }
}

fn member(member: &MemberDescription) -> Member {
    Member {
        member_id: member.member_id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        host: member.host.clone(),
        epoch: member.epoch,
        assignment: member.assignment.iter().map(ToString::to_string).collect(),
    }
}
