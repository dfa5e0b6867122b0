//! `ottla topic list`

use clap::Args;
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, printable};

/// Arguments of `ottla topic list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Leave out topics that brokers keep for themselves
    #[arg(long)]
    exclude_internal: bool,
}

#[derive(Debug, Serialize)]
struct Topics {
    topics: Vec<ListedTopic>,
}

#[derive(Debug, Serialize)]
struct ListedTopic {
    name: String,
    topic_id: String,
    partitions: i32,
    internal: bool,
}

impl Report for Topics {
    fn text(&self, _: Language) -> String {
        let lines = self
            .topics
            .iter()
            .map(|topic| printable(&topic.name) + "\n");
        lines.collect()
    }
}

pub async fn run(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let metadata = session.check(client.refresh_all_topics().await)?;
    let topics = metadata
        .topics
        .values()
        .filter(|topic| !(arguments.exclude_internal && topic.is_internal))
        .map(|topic| ListedTopic {
            name: topic.name.clone(),
            topic_id: topic.id.to_string(),
            partitions: topic.partition_count(),
            internal: topic.is_internal,
        });
    let topics = Topics {
        topics: topics.collect(),
    };
    session.output.report(&topics).map(drop)
}
