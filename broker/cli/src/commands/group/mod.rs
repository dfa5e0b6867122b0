//! `ottla group …`

mod delete;
mod describe;
mod list;
mod reset;

use clap::Subcommand;

use super::Session;
use crate::failure::Failure;

/// The verbs of `ottla group`.
#[derive(Debug, Subcommand)]
pub enum GroupVerb {
    /// List groups
    List,
    /// Show offsets, lag and members
    Describe(describe::DescribeArguments),
    /// Set the offsets of a group without members
    Reset(reset::ResetArguments),
    /// Delete groups without members, and their offsets
    Delete(delete::DeleteArguments),
}

/// Carries the verb out.
pub async fn run(verb: GroupVerb, session: &Session) -> Result<(), Failure> {
    match verb {
        GroupVerb::List => list::run(session).await,
        GroupVerb::Describe(arguments) => describe::run(&arguments, session).await,
        GroupVerb::Reset(arguments) => reset::run(&arguments, session).await,
        GroupVerb::Delete(arguments) => delete::run(&arguments, session).await,
    }
}
