//! `ottla topic …`

mod alter;
mod create;
mod delete;
mod delete_records;
mod describe;
mod list;

use clap::Subcommand;

use super::Session;
use crate::failure::Failure;

/// The verbs of `ottla topic`.
#[derive(Debug, Subcommand)]
pub enum TopicVerb {
    /// Create a topic
    Create(create::CreateArguments),
    /// List topics
    List(list::ListArguments),
    /// Show partitions, leaders and replicas, as Kafka's tool prints them
    Describe(describe::DescribeArguments),
    /// Delete topics and their records
    Delete(delete::DeleteArguments),
    /// Delete the oldest records of a topic
    DeleteRecords(delete_records::DeleteRecordsArguments),
    /// Add partitions or change properties
    Alter(alter::AlterArguments),
}

/// Carries the verb out.
pub async fn run(verb: TopicVerb, session: &Session) -> Result<(), Failure> {
    match verb {
        TopicVerb::Create(arguments) => create::run(arguments, session).await,
        TopicVerb::List(arguments) => list::run(&arguments, session).await,
        TopicVerb::Describe(arguments) => describe::run(&arguments, session).await,
        TopicVerb::Delete(arguments) => delete::run(&arguments, session).await,
        TopicVerb::DeleteRecords(arguments) => delete_records::run(&arguments, session).await,
        TopicVerb::Alter(arguments) => alter::run(arguments, session).await,
    }
}
