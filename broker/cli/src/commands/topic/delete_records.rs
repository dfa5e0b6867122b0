//! `ottla topic delete-records`

use clap::Args;
use ottla_client::TopicPartition;
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Report;

const EXAMPLES: &str = "\
Examples:
  ottla topic delete-records orders --partition 0 --before 42
  ottla topic delete-records orders                          everything there is by now

It cannot be undone.";

/// Arguments of `ottla topic delete-records`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DeleteRecordsArguments {
    /// The topic
    name: String,
    /// Only this partition
    #[arg(long, short = 'p', value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Keep records from this offset on [default: delete all that consumers may read]
    #[arg(long, value_name = "OFFSET", requires = "partition", value_parser = clap::value_parser!(i64).range(0..))]
    before: Option<i64>,
}

#[derive(Debug, Serialize)]
struct DeletedRecords {
    topic: String,
    partition: i32,
    /// The first offset that is left.
    log_start_offset: i64,
}

impl Report for DeletedRecords {
    fn text(&self, language: Language) -> String {
        let (name, partition, start) = (&self.topic, self.partition, self.log_start_offset);
        language.pick(
            format!("{name}-{partition} starts at offset {start} now\n"),
            format!("{name}-{partition}의 첫 오프셋이 이제 {start}이에요\n"),
        )
    }
}

pub async fn run(arguments: &DeleteRecordsArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let topic = session.check(client.topic(&arguments.name, false).await)?;
    let partitions = match arguments.partition {
        Some(partition) => vec![partition],
        None => topic.partitions.iter().map(|one| one.index).collect(),
    };
    for partition in partitions {
        let place = TopicPartition::new(&topic.name, partition);
        let deleted = client.delete_records(&place, arguments.before).await;
        let deleted = DeletedRecords {
            topic: topic.name.clone(),
            partition,
            log_start_offset: session.check(deleted)?,
        };
        session.output.report(&deleted)?;
    }
    Ok(())
}
