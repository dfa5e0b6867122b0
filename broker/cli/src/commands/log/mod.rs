//! `ottla log …`

mod dirs;
mod dump;

use clap::Subcommand;

use super::Session;
use crate::failure::Failure;

/// The verbs of `ottla log`.
#[derive(Debug, Subcommand)]
pub enum LogVerb {
    /// Print a partition's batches and records from its files, checking each
    Dump(dump::DumpArguments),
    /// Ask brokers where they keep partitions, and how large these are
    Dirs,
}

/// Carries the verb out.
pub async fn run(verb: &LogVerb, session: &Session) -> Result<(), Failure> {
    match verb {
        LogVerb::Dump(arguments) => dump::run(arguments, session.output),
        LogVerb::Dirs => dirs::run(session).await,
    }
}
