//! The command line: flags and environment become settings, once.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use social_events::bus::kafka::KafkaOptions;
use url::Url;

use crate::language::Language;

/// A comment becomes a push: broker, API and push service in one process.
///
/// Without a command everything starts and runs until Ctrl-C. Nothing is left
/// behind unless --data is given.
#[derive(Debug, Parser)]
#[command(name = "ottla-demo", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) run: RunOptions,

    /// Speak Korean or English [default: as LANG says]
    #[arg(long = "lang", value_enum, global = true, value_name = "ko|en")]
    pub(crate) language: Option<Language>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the story without hands: join, subscribe, comment, and count every push
    Tour(TourOptions),
    /// Open Firefox on the page, with notifications that need no internet
    Firefox(FirefoxOptions),
    /// Run the local push service alone, for browsers without the internet
    PushService(PushServiceOptions),
}

/// What carries events between the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BusKind {
    /// Kafka: the embedded broker, or the one that --bootstrap names
    Kafka,
    /// This process's own event bus, which cannot span processes
    Local,
}

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) services: ServicesOptions,

    /// Also run the local push service there, and allow pushes to it
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:7070")]
    pub(crate) push_service: Option<SocketAddr>,

    /// Make three users to try things with: tester00, tester01, tester02
    #[arg(long)]
    pub(crate) seed_data: bool,
}

/// What runs, where, and on which data.
#[derive(Debug, Args)]
pub(crate) struct ServicesOptions {
    /// Where the API listens
    #[arg(
        long,
        env = "API_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "HOST:PORT"
    )]
    pub(crate) listen: SocketAddr,

    /// Where the push service's /healthz, /metrics and /admin listen
    #[arg(
        long,
        env = "PUSH_LISTEN",
        default_value = "127.0.0.1:8081",
        value_name = "HOST:PORT"
    )]
    pub(crate) push_listen: SocketAddr,

    /// Where the embedded broker listens
    #[arg(
        long,
        env = "BROKER_LISTEN",
        default_value = "127.0.0.1:9092",
        value_name = "HOST:PORT"
    )]
    pub(crate) broker_listen: SocketAddr,

    /// Keep everything in this directory; without it everything lives in memory
    #[arg(long, env = "OTTLA_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// What carries events
    #[arg(long, value_enum, default_value_t = BusKind::Kafka)]
    pub(crate) bus: BusKind,

    #[command(flatten)]
    pub(crate) kafka: ForeignKafka,
}

#[derive(Debug, Args)]
pub(crate) struct TourOptions {
    /// How many comments are written
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) comments: u32,

    /// Also write the report there as JSON; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Play against services that run already; their API is there
    #[arg(long, value_name = "URL", requires = "push_service")]
    pub(crate) api: Option<String>,

    /// With --api: the local push service that plays the browser's part
    #[arg(long, value_name = "URL", requires = "api")]
    pub(crate) push_service: Option<String>,

    /// With --api: the file that the push service's standard output goes to
    #[arg(long, value_name = "FILE", requires = "api")]
    pub(crate) push_console: Option<PathBuf>,

    /// With --api: run this in a shell before the comments are written, to try an outage
    #[arg(long, value_name = "COMMAND", requires = "api")]
    pub(crate) before_comments: Option<String>,

    /// With --api: run this in a shell when all comments were acknowledged
    #[arg(long, value_name = "COMMAND", requires = "api")]
    pub(crate) after_comments: Option<String>,

    #[command(flatten)]
    pub(crate) kafka: ForeignKafka,
}

#[derive(Debug, Args)]
pub(crate) struct FirefoxOptions {
    /// Keep Firefox's profile in this directory; without it Firefox remembers nothing
    #[arg(long, value_name = "DIR")]
    pub(crate) profile: Option<PathBuf>,

    /// Without a window, and with notifications allowed already
    #[arg(long)]
    pub(crate) headless: bool,

    /// Open the page of services that run already; their API is there
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<Url>,

    /// Where the local push service listens; with --api it must run there
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7070")]
    pub(crate) push_service: SocketAddr,

    #[command(flatten)]
    pub(crate) services: ServicesOptions,

    /// What else Firefox is started with
    #[arg(last = true, value_name = "FIREFOX ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct PushServiceOptions {
    /// Where browsers and the push service connect to; loopback only
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "HOST:PORT")]
    pub(crate) listen: SocketAddr,

    /// Keep browsers and undelivered messages in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// How to reach a Kafka that is not embedded here.
#[derive(Debug, Args)]
pub(crate) struct ForeignKafka {
    /// Use the Kafka at HOST:PORT,… instead of the embedded broker
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", value_name = "HOST:PORT")]
    pub(crate) bootstrap: Option<String>,

    /// Create missing topics, or require that they exist
    #[arg(long, env = "TOPICS", value_enum, default_value_t)]
    pub(crate) topics: social_events::bus::TopicsMode,

    /// Replicas of topics that are created [default: the number of brokers, at most 3]
    #[arg(long, env = "TOPIC_REPLICATION_FACTOR", value_name = "COUNT",
          value_parser = clap::value_parser!(i32).range(1..=32))]
    pub(crate) replication_factor: Option<i32>,

    /// A librdkafka property; may be repeated. KAFKA_SASL_USERNAME and the like are read too
    #[arg(long = "kafka", value_name = "KEY=VALUE")]
    pub(crate) properties: Vec<String>,
}

impl ForeignKafka {
    /// The services' own options, for the Kafka at `bootstrap`.
    pub(crate) fn options(&self, bootstrap: String) -> KafkaOptions {
        KafkaOptions {
            bootstrap,
            topics: self.topics,
            partitions: social_events::topics::DEFAULT_PARTITIONS,
            replication_factor: self.replication_factor,
            properties: self.properties.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_everything_runs_on_the_usual_ports() {
        let cli = Cli::parse_from(["ottla-demo"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.run.services.broker_listen.port(), 9092);
        assert_eq!(cli.run.push_service, None);
    }

    #[test]
    fn the_local_push_service_has_a_usual_port() {
        let cli = Cli::parse_from(["ottla-demo", "--push-service"]);
        assert_eq!(
            cli.run.push_service.map(|address| address.port()),
            Some(7070)
        );
    }

    #[test]
    fn wrong_flags_are_refused() {
        for arguments in [
            ["ottla-demo", "--listen=8080"],
            ["ottla-demo", "--bus=carrier-pigeon"],
            ["ottla-demo", "--nonsense"],
        ] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
        assert!(Cli::try_parse_from(["ottla-demo", "tour", "--comments", "0"]).is_err());
        assert!(Cli::try_parse_from(["ottla-demo", "tour", "--api", "http://h"]).is_err());
    }
}
