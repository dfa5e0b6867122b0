//! The command line of the binary: flags and environment become a [`Config`], once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use social_events::Secret;
use social_events::bus::kafka::KafkaOptions;
use social_postgres::Address;
use social_server_push::endpoint::{EndpointPolicy, HostRule};
use social_server_push::{Config, Console, SCHEMA};

/// The push service: reads events from Kafka, keeps subscriptions, sends Web Push.
///
/// The seed's lines go to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(name = "social-server-push", version)]
pub(crate) struct Cli {
    /// Where /healthz, /readyz, /metrics and /admin listen
    #[arg(
        long,
        env = "PUSH_LISTEN",
        default_value = "127.0.0.1:8081",
        value_name = "HOST:PORT"
    )]
    listen: SocketAddr,

    /// Where the database and the VAPID key live; in memory if not given
    #[arg(long, env = "PUSH_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// Use this PostgreSQL database instead: postgres://USER:PASSWORD@HOST:PORT/NAME; several
    /// workers may share it
    #[arg(
        long,
        env = "PUSH_DATABASE_URL",
        hide_env_values = true,
        value_parser = secret,
        value_name = "URL"
    )]
    database: Option<Secret>,

    /// Which hosts may be pushed to: the big browsers' services (known), or all public ones
    #[arg(
        long,
        env = "PUSH_ENDPOINTS",
        default_value = "known",
        value_name = "known|public"
    )]
    endpoints: HostRule,

    /// An origin that may be pushed to wherever it lives, such as http://127.0.0.1:7070; for
    /// development; may be repeated
    #[arg(
        long,
        env = "PUSH_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    allow_origin: Vec<String>,

    /// What opens /admin to callers from other machines, as a bearer token
    #[arg(
        long,
        env = "PUSH_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    admin_token: Option<String>,

    /// Whom push services may ask about our pushes
    #[arg(
        long,
        env = "PUSH_CONTACT",
        default_value = "mailto:push@example.org",
        value_parser = contact,
        value_name = "mailto:…|https:…"
    )]
    contact: String,

    /// How many devices a user may have
    #[arg(
        long,
        env = "PUSH_DEVICES_PER_USER",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1000),
        value_name = "COUNT"
    )]
    devices_per_user: u32,

    /// For how long a push is worth sending
    #[arg(
        long,
        env = "PUSH_TTL_SECONDS",
        default_value_t = 86_400,
        value_parser = clap::value_parser!(u64).range(1..=2_419_200),
        value_name = "SECONDS"
    )]
    ttl_seconds: u64,

    /// How logs are written
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    #[command(flatten)]
    pub(crate) kafka: KafkaOptions,
}

/// How logs are written to stderr. `RUST_LOG` chooses what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

impl Cli {
    /// The configuration.
    ///
    /// # Errors
    /// One sentence about the flag that is wrong.
    pub(crate) fn config(&self) -> Result<Config, String> {
        let policy = EndpointPolicy::new(self.endpoints);
        let endpoints = self
            .allow_origin
            .iter()
            .try_fold(policy, |policy, origin| {
                policy
                    .allow(origin)
                    .map_err(|error| format!("--allow-origin: {error}"))
            })?;
        if self
            .admin_token
            .as_ref()
            .is_some_and(|token| token.len() < 16)
        {
            return Err("--admin-token must have at least 16 characters".to_owned());
        }
        let database = self.database.as_ref();
        let database = database.map(|url| Address::parse(url.expose(), SCHEMA));
        Ok(Config {
            listen: self.listen,
            data_dir: self.data.clone(),
            database: database.transpose().map_err(|error| error.to_string())?,
            endpoints,
            admin_token: self.admin_token.clone().map(Secret::new),
            subscriptions_per_user_max: self.devices_per_user,
            contact: self.contact.clone(),
            ttl: Duration::from_secs(self.ttl_seconds),
            console: Console::stdout(),
            ..Config::default()
        })
    }
}

/// Taken as it is, and judged later: a message about a wrong value would repeat it.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn contact(text: &str) -> Result<String, String> {
    match text.starts_with("mailto:") || text.starts_with("https://") {
        true => Ok(text.to_owned()),
        false => Err("it must begin with mailto: or https://".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, String> {
        let arguments = std::iter::once("social-server-push").chain(arguments.iter().copied());
        Cli::try_parse_from(arguments)
            .map_err(|error| error.to_string())?
            .config()
    }

    #[test]
    fn without_flags_it_listens_on_loopback_and_knows_the_big_push_services_only() {
        let config = config(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 8081)));
        assert!(
            config
                .endpoints
                .check("https://fcm.googleapis.com/x")
                .is_ok()
        );
        assert!(config.endpoints.check("http://127.0.0.1:7070/x").is_err());
    }

    #[test]
    fn origins_may_be_allowed_one_by_one() {
        let arguments = [
            "--allow-origin",
            "http://127.0.0.1:1",
            "--allow-origin",
            "http://127.0.0.1:2",
        ];
        let config = config(&arguments).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.endpoints.check("http://127.0.0.1:2/x").is_ok());
    }

    #[test]
    fn a_wrong_flag_is_named() {
        for (arguments, named) in [
            (["--allow-origin", "127.0.0.1:7070"], "--allow-origin"),
            (["--endpoints", "all"], "--endpoints"),
            (["--listen", "8081"], "--listen"),
            (["--admin-token", "short"], "--admin-token"),
            (["--contact", "me"], "--contact"),
            (["--database", "mysql://u:hunter2@db/x"], "postgres://"),
            (["--ttl-seconds", "0"], "--ttl-seconds"),
        ] {
            let error = config(&arguments).err().unwrap_or_default();
            assert!(error.contains(named), "{arguments:?}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
