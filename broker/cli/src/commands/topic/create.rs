//! `ottla topic create`

use clap::Args;
use ottla_client::ErrorCode;
use ottla_client::admin::NewTopic;
use serde::Serialize;

use super::super::Session;
use crate::arguments::name_and_value;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Report;

const EXAMPLES: &str = "\
Examples:
  ottla topic create orders --partitions 3
  ottla topic create audit --partitions 1 --config retention.ms=86400000";

/// Arguments of `ottla topic create`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CreateArguments {
    /// The topic's name
    name: String,
    /// How many partitions [default: the broker's num.partitions]
    #[arg(long, short = 'p', value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas of each [default: the broker's]
    #[arg(long, short = 'r', value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A property of the topic, by Kafka's name; may be repeated
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = name_and_value)]
    configs: Vec<(String, String)>,
    /// Accept a topic of that name that is there already
    #[arg(long)]
    if_not_exists: bool,
}

#[derive(Debug, Serialize)]
struct Created {
    topic: String,
    topic_id: Option<String>,
    partitions: Option<i32>,
    created: bool,
}

impl Report for Created {
    fn text(&self, language: Language) -> String {
        let name = &self.topic;
        match (self.created, self.partitions) {
            (true, Some(count)) => language.pick(
                format!("created topic {name} with {count} partitions\n"),
                format!("토픽 {name}을(를) 파티션 {count}개로 만들었어요\n"),
            ),
            _ => language.pick(
                format!("topic {name} is there already\n"),
                format!("토픽 {name}은(는) 이미 있어요\n"),
            ),
        }
    }
}

pub async fn run(arguments: CreateArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let mut topic = NewTopic::new(&arguments.name);
    if let Some(partitions) = arguments.partitions {
        topic = topic.with_partitions(partitions);
    }
    if let Some(replicas) = arguments.replication_factor {
        topic = topic.with_replication_factor(replicas);
    }
    for (name, value) in arguments.configs {
        topic = topic.with_config(name, value);
    }
    let created = match client.create_topic(&topic).await {
        Ok(made) => Created {
            topic: made.name.clone(),
            topic_id: Some(made.id.to_string()),
            partitions: Some(made.partition_count()),
            created: true,
        },
        Err(error)
            if arguments.if_not_exists && error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) =>
        {
            Created {
                topic: arguments.name,
                topic_id: None,
                partitions: None,
                created: false,
            }
        }
        Err(error) => return session.check(Err(error)),
    };
    session.output.report(&created).map(drop)
}
