//! `ottla group delete`

use clap::Args;
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Report;

/// Arguments of `ottla group delete`.
#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// Which groups
    #[arg(required = true)]
    groups: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Deleted {
    group: String,
    deleted: bool,
}

impl Report for Deleted {
    fn text(&self, language: Language) -> String {
        let group = &self.group;
        language.pick(
            format!("deleted group {group}\n"),
            format!("그룹 {group}을(를) 지웠어요\n"),
        )
    }
}

pub async fn run(arguments: &DeleteArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    for group in &arguments.groups {
        session.check(client.delete_group(group).await)?;
        let group = group.clone();
        let deleted = true;
        session.output.report(&Deleted { group, deleted })?;
    }
    Ok(())
}
