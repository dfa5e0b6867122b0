//! `ottla topic delete`

use clap::Args;
use ottla_client::ErrorCode;
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Report;

/// Arguments of `ottla topic delete`.
#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// Which topics
    #[arg(required = true)]
    names: Vec<String>,
    /// Accept that one of them is not there
    #[arg(long)]
    if_exists: bool,
}

#[derive(Debug, Serialize)]
struct Deleted {
    topic: String,
    deleted: bool,
}

impl Report for Deleted {
    fn text(&self, language: Language) -> String {
        let name = &self.topic;
        match self.deleted {
            true => language.pick(
                format!("deleted topic {name}\n"),
                format!("토픽 {name}을(를) 지웠어요\n"),
            ),
            false => language.pick(
                format!("topic {name} is not there\n"),
                format!("토픽 {name}은(는) 없어요\n"),
            ),
        }
    }
}

pub async fn run(arguments: &DeleteArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    for name in &arguments.names {
        let deleted = match client.delete_topic(name).await {
            Ok(()) => true,
            Err(error)
                if arguments.if_exists
                    && error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) =>
            {
                false
            }
            Err(error) => return session.check(Err(error)),
        };
        let topic = name.clone();
        session.output.report(&Deleted { topic, deleted })?;
    }
    Ok(())
}
