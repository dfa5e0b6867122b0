//! What the service is told at its start: by flags and environment, or by whoever embeds it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use social_events::bus::kafka::KafkaOptions;
use social_events::{ProcessId, Secret};
use social_postgres::{Address, AddressError};

use crate::auth::PasswordCost;
use crate::backend::BesideBroker;

/// How the service runs. [`Config::default`] is for embedding: a free port, everything in memory.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the database is kept; in memory, gone with the process, if `None`.
    pub data_dir: Option<PathBuf>,
    /// The PostgreSQL database to use instead; nothing is kept in `data_dir` then.
    pub database: Option<Address>,
    /// Whether users tester00 to tester02 are added.
    pub seed_data: bool,
    /// Pages of these origins (`https://host[:port]`) may call the API as its own pages may.
    pub allowed_origins: Vec<String>,
    /// Whether the session cookie is for HTTPS only.
    pub secure_cookie: bool,
    /// How long a session lasts.
    pub session_lifetime: Duration,
    /// How long a request to the push service may take.
    pub reply_deadline: Duration,
    /// What a password's hash costs.
    pub password_cost: PasswordCost,
    /// The name of this process, by whose clock its moments are.
    pub process: ProcessId,
    /// Whether the push service runs in this process too.
    pub one_process: bool,
    /// The broker in this process, if there is one.
    pub beside_broker: Option<BesideBroker>,
    /// How often it is looked whether an event is lost.
    pub check_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: None,
            database: None,
            seed_data: false,
            allowed_origins: Vec::new(),
            secure_cookie: false,
            session_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            reply_deadline: Duration::from_secs(5),
            password_cost: PasswordCost::default(),
            process: ProcessId::random(),
            one_process: false,
            beside_broker: None,
            check_interval: Duration::from_secs(5),
        }
    }
}

/// The schema of the service's tables in PostgreSQL.
pub const SCHEMA: &str = "social_server_api";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines, one object per line.
    Json,
}

/// The command line.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "social-server-api", version, about)]
pub struct Options {
    /// Where to listen
    #[arg(
        long,
        env = "API_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "HOST:PORT"
    )]
    pub listen: SocketAddr,

    /// Keep the database in this directory [default: in memory]
    #[arg(long = "data", env = "API_DATA", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Use this PostgreSQL database instead: postgres://USER:PASSWORD@HOST:PORT/NAME; several
    /// instances may share it
    #[arg(
        long,
        env = "API_DATABASE_URL",
        hide_env_values = true,
        value_parser = secret,
        value_name = "URL"
    )]
    pub database: Option<Secret>,

    /// Add the users tester00, tester01 and tester02
    #[arg(long)]
    pub seed_data: bool,

    /// Let pages of this origin call the API; may be repeated
    #[arg(
        long = "allow-origin",
        env = "API_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_parser = origin,
        value_name = "ORIGIN"
    )]
    pub allowed_origins: Vec<String>,

    /// Send the session cookie over HTTPS only
    #[arg(long, env = "API_SECURE_COOKIE")]
    pub secure_cookie: bool,

    /// How long a session lasts, in hours
    #[arg(
        long,
        env = "API_SESSION_HOURS",
        default_value_t = 168,
        value_parser = clap::value_parser!(u64).range(1..=8760),
        value_name = "HOURS"
    )]
    pub session_hours: u64,

    /// How long the push service may take to answer, in milliseconds
    #[arg(
        long,
        env = "API_REPLY_TIMEOUT_MS",
        default_value_t = 5000,
        value_parser = clap::value_parser!(u64).range(100..=60_000),
        value_name = "MS"
    )]
    pub reply_timeout_ms: u64,

    /// How log lines look; RUST_LOG chooses which are written
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// How to reach Kafka
    #[command(flatten)]
    pub kafka: KafkaOptions,
}

impl Options {
    /// The configuration these options mean; Kafka's part is apart, in [`Options::kafka`].
    ///
    /// # Errors
    /// When the database is none.
    pub fn config(&self) -> Result<Config, AddressError> {
        let database = self.database.as_ref();
        let database = database.map(|url| Address::parse(url.expose(), SCHEMA));
        Ok(Config {
            listen: self.listen,
            data_dir: self.data_dir.clone(),
            database: database.transpose()?,
            seed_data: self.seed_data,
            allowed_origins: self.allowed_origins.clone(),
            secure_cookie: self.secure_cookie,
            session_lifetime: Duration::from_secs(self.session_hours * 60 * 60),
            reply_deadline: Duration::from_millis(self.reply_timeout_ms),
            ..Config::default()
        })
    }
}

/// Taken as it is, and judged later: a message about a wrong value would repeat it.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// An origin as a browser sends it: exactly, or it would never match.
fn origin(text: &str) -> Result<String, String> {
    let authority = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    match authority {
        Some(host) if !host.is_empty() && host.chars().all(is_host) => Ok(text.to_owned()),
        _ => Err("must be http[s]://HOST[:PORT], without a path".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn flags_become_configuration() {
        let arguments = [
            "api",
            "--listen",
            "127.0.0.1:0",
            "--session-hours",
            "1",
            "--seed-data",
        ];
        let config = Options::parse_from(arguments).config().unwrap();
        assert_eq!(config.session_lifetime, Duration::from_secs(3600));
        assert!(config.seed_data);
    }

    #[test]
    fn a_wrong_database_is_refused_without_its_password() {
        let url = "mysql://social:hunter2@db/social";
        let options = Options::parse_from(["api", "--database", url]);
        assert!(!format!("{options:?}").contains("hunter2"));
        let error = options.config().unwrap_err().to_string();
        assert!(
            error.contains("postgres://") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        for (flag, value) in [
            ("--listen", "nowhere"),
            ("--session-hours", "0"),
            ("--reply-timeout-ms", "5"),
            ("--allow-origin", "https://a.example/path"),
            ("--topics", "maybe"),
            ("--partitions", "0"),
            ("--log-format", "xml"),
        ] {
            assert!(
                Options::try_parse_from(["api", flag, value]).is_err(),
                "{flag} {value}"
            );
        }
    }
}
