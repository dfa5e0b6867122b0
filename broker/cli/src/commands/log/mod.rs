//! `ottla log …`

mod dump;

use clap::Subcommand;

use crate::failure::Failure;
use crate::output::Output;

/// The verbs of `ottla log`.
#[derive(Debug, Subcommand)]
pub enum LogVerb {
    /// Print a partition's batches and records from its files, checking each
    Dump(dump::DumpArguments),
}

/// Carries the verb out.
pub fn run(verb: &LogVerb, output: Output) -> Result<(), Failure> {
    match verb {
        LogVerb::Dump(arguments) => dump::run(arguments, output),
    }
}
