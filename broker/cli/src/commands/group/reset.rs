//! `ottla group reset`

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};
use ottla_client::{Client, Committed, OffsetSpec, TopicPartition};
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, Table};

const EXAMPLES: &str = "\
Examples:
  ottla group reset billing --topic orders --to-earliest --dry-run
  ottla group reset billing --topic orders --partition 0 --to-offset 42
  ottla group reset billing --topic orders --shift-by -10

The group must have no members: stop its consumers first.";

/// Arguments of `ottla group reset`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("where").required(true)))]
pub struct ResetArguments {
    /// The group
    group: String,
    /// The topic whose offsets to set
    #[arg(long, short = 't')]
    topic: String,
    /// Only this partition
    #[arg(long, short = 'p', value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// To the oldest record
    #[arg(long, group = "where")]
    to_earliest: bool,
    /// To the end
    #[arg(long, group = "where")]
    to_latest: bool,
    /// To this offset, or the nearest one that is there
    #[arg(long, group = "where", value_name = "OFFSET")]
    to_offset: Option<i64>,
    /// To the first record of this time or later, in Unix milliseconds
    #[arg(long, group = "where", value_name = "MS")]
    to_timestamp: Option<i64>,
    /// By so many records from what is committed; negative goes back
    #[arg(long, group = "where", value_name = "N", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// Only show what would be set
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Reset {
    group: String,
    dry_run: bool,
    offsets: Vec<ResetOffset>,
}

#[derive(Debug, Serialize)]
struct ResetOffset {
    topic: String,
    partition: i32,
    old_offset: Option<i64>,
    new_offset: i64,
}

impl Report for Reset {
    fn text(&self, language: Language) -> String {
        let mut table = Table::new(&["GROUP", "TOPIC", "PARTITION", "OLD-OFFSET", "NEW-OFFSET"]);
        for offset in &self.offsets {
            table.row(&[
                self.group.clone(),
                offset.topic.clone(),
                offset.partition.to_string(),
                offset
                    .old_offset
                    .map_or("-".to_owned(), |old| old.to_string()),
                offset.new_offset.to_string(),
            ]);
        }
        let note = match self.dry_run {
            true => language.pick(
                "nothing was changed; leave --dry-run out to do it\n",
                "바뀐 것은 없어요. 실제로 바꾸려면 --dry-run을 빼세요\n",
            ),
            false => "",
        };
        table.render() + note
    }
}

pub async fn run(arguments: &ResetArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let partitions = partitions(arguments, &client, session).await?;
    let old = session.check(client.committed_offsets(&arguments.group).await)?;
    let new = targets(arguments, &client, session, &partitions, &old).await?;
    if !arguments.dry_run {
        let commit = new
            .iter()
            .map(|(partition, offset)| (partition.clone(), Committed::at(*offset)))
            .collect();
        let committed = client.commit_group_offsets(&arguments.group, &commit);
        session.check(committed.await)?;
    }
    let offsets = new.into_iter().map(|(partition, new_offset)| ResetOffset {
        old_offset: old.get(&partition).map(|committed| committed.offset),
        topic: partition.topic,
        partition: partition.partition,
        new_offset,
    });
    let reset = Reset {
        group: arguments.group.clone(),
        dry_run: arguments.dry_run,
        offsets: offsets.collect(),
    };
    session.output.report(&reset).map(drop)
}

async fn partitions(
    arguments: &ResetArguments,
    client: &Client,
    session: &Session,
) -> Result<Vec<TopicPartition>, Failure> {
    let topic = session.check(client.topic(&arguments.topic, false).await)?;
    let all = topic.partitions.iter().map(|partition| partition.index);
    let wanted: Vec<_> = all
        .filter(|index| arguments.partition.is_none_or(|wanted| wanted == *index))
        .map(|index| TopicPartition::new(&topic.name, index))
        .collect();
    if wanted.is_empty() {
        let (name, count) = (&topic.name, topic.partition_count());
        return Err(Failure::usage(session.language().pick(
            format!(
                "topic {name} has {count} partition{}, counted from 0",
                if count == 1 { "" } else { "s" }
            ),
            format!("토픽 {name}에는 파티션이 {count}개 있고, 번호는 0부터예요"),
        )));
    }
    Ok(wanted)
}

/// The new offsets, kept within what the logs hold.
async fn targets(
    arguments: &ResetArguments,
    client: &Client,
    session: &Session,
    partitions: &[TopicPartition],
    old: &BTreeMap<TopicPartition, Committed>,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let firsts = list(client, session, partitions, OffsetSpec::Earliest).await?;
    let ends = list(client, session, partitions, OffsetSpec::Latest).await?;
    let timed = match arguments.to_timestamp {
        Some(time) => list(client, session, partitions, OffsetSpec::Timestamp(time)).await?,
        None => BTreeMap::new(),
    };
    let mut targets = BTreeMap::new();
    for partition in partitions {
        let (first, end) = (firsts[partition], ends[partition]);
        let target = if arguments.to_earliest {
            first
        } else if let Some(offset) = arguments.to_offset {
            offset
        } else if let Some(by) = arguments.shift_by {
            let current = old.get(partition).map_or(first, |old| old.offset);
            current.saturating_add(by)
        } else {
            timed.get(partition).copied().unwrap_or(end)
        };
        targets.insert(partition.clone(), target.clamp(first, end.max(first)));
    }
    Ok(targets)
}

async fn list(
    client: &Client,
    session: &Session,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let wanted = partitions.iter().map(|p| (p.clone(), spec)).collect();
    let mut offsets = BTreeMap::new();
    for (partition, offset) in client.list_offsets(&wanted).await {
        offsets.insert(partition, session.check(offset)?);
    }
    Ok(offsets)
}
