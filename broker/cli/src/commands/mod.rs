//! The verbs, one file each. A verb reads its arguments, asks the client or
//! starts a broker, and reports.

pub mod cluster;
pub mod consume;
pub mod group;
pub mod log;
pub mod produce;
pub mod serve;
pub mod topic;

use ottla_client::{Client, ClientError};

use crate::arguments::{Arguments, Verb};
use crate::bootstrap;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Output;

/// Carries out what the command line asks for.
pub async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let session = Session {
        bootstrap: arguments.bootstrap,
        output,
    };
    match arguments.verb {
        Verb::Serve(arguments) => serve::run(arguments, output).await,
        Verb::Topic(verb) => topic::run(verb, &session).await,
        Verb::Produce(arguments) => produce::run(arguments, &session).await,
        Verb::Consume(arguments) => consume::run(arguments, &session).await,
        Verb::Group(verb) => group::run(verb, &session).await,
        Verb::Cluster(verb) => cluster::run(&verb, &session).await,
        Verb::Log(verb) => log::run(&verb, &session).await,
    }
}

/// What every verb that speaks to a cluster needs.
#[derive(Debug)]
pub struct Session {
    bootstrap: String,
    output: Output,
}

impl Session {
    async fn connect(&self) -> Result<Client, Failure> {
        bootstrap::connect(&self.bootstrap, self.language()).await
    }

    fn language(&self) -> Language {
        self.output.language
    }

    /// A client's result as a command's.
    fn check<T>(&self, result: Result<T, ClientError>) -> Result<T, Failure> {
        result.map_err(|error| Failure::of_client(self.language(), &error))
    }
}
