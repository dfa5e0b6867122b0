//! From an address to a pool whose schema is up to date. Waits for a database that is not there.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::Address;

/// How many connections one process opens at most.
const CONNECTIONS_MAX: u32 = 16;
/// How long a caller waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening one connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a database that is not there is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often the log says that it still is not there.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// What every session asks of the server, in PostgreSQL's names.
const SESSION: [(&str, &str); 7] = [
    ("default_transaction_isolation", "read committed"),
    ("statement_timeout", "15s"),
    // A relay holds its transaction while it publishes, half a minute at most.
    ("idle_in_transaction_session_timeout", "60s"),
    // Locks of a machine that vanished are free after half a minute.
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    // Whatever the server's default is: an acknowledged comment survives a power cut.
    ("synchronous_commit", "on"),
];

/// Why there will be no pool, however long one waits.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server refuses us, or speaks otherwise.
    #[error("cannot use the database at {address}: {cause}")]
    Refused {
        /// Where, without a password.
        address: String,
        /// What the server or its driver says.
        cause: sqlx::Error,
    },
    /// The schema is another version's, or cannot be changed.
    #[error("cannot bring the schema at {address} up to date: {cause}")]
    Schema {
        /// Where, without a password.
        address: String,
        /// What stands in the way.
        cause: MigrateError,
    },
}

/// Opens a pool for `application` and brings the schema up to date by `migrator`. As long as the
/// database is not there, says so in the log and waits.
///
/// # Errors
/// When waiting would not help: a wrong password, another version's schema.
pub async fn connect(
    address: &Address,
    application: &str,
    migrator: &Migrator,
) -> Result<PgPool, ConnectError> {
    let plain = address.options().application_name(application);
    let options = plain.options([("search_path", address.schema())]);
    let mut told: Option<Instant> = None;
    loop {
        match prepare(&options, address.schema(), migrator).await {
            Ok(()) => break,
            Err(Failure::NotThere(cause)) => {
                if told.is_none_or(|at| at.elapsed() > SAY_AGAIN) {
                    tracing::warn!(database = %address, cause, "waiting for the database");
                    told = Some(Instant::now());
                }
                sleep(LOOK_AGAIN).await;
            }
            Err(Failure::Refused(cause)) => {
                let address = address.to_string();
                return Err(ConnectError::Refused { address, cause });
            }
            Err(Failure::Schema(cause)) => {
                let address = address.to_string();
                return Err(ConnectError::Schema { address, cause });
            }
        }
    }
    tracing::info!(database = %address, "the database is there");
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_lazy_with(options.options(SESSION)))
}

/// Why a try failed.
enum Failure {
    /// It may be there later.
    NotThere(String),
    Refused(sqlx::Error),
    Schema(MigrateError),
}

/// On a connection of its own, without the limits that sessions have later: a migration may take
/// its time. Instances that start together take turns, by the migrator's lock.
async fn prepare(
    options: &PgConnectOptions,
    schema: &str,
    migrator: &Migrator,
) -> Result<(), Failure> {
    let connecting = PgConnection::connect_with(options);
    let mut connection = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(failure)?,
        Err(_) => return Err(Failure::NotThere("it does not answer".to_owned())),
    };
    // Two that create it at once: one of them fails, and finds it at its next try.
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
    connection.execute(create).await.map_err(failure)?;
    let migrated = migrator.run(&mut connection).await;
    migrated.map_err(|error| match error {
        MigrateError::Execute(error) => failure(error),
        error => Failure::Schema(error),
    })?;
    connection.close().await.map_err(failure)
}

/// Whether to wait or to give up. A database that is still to be created counts as not there.
fn failure(error: sqlx::Error) -> Failure {
    let code = error.as_database_error().and_then(|error| error.code());
    // No such database; created by another at this moment; no connection left.
    let to_come = ["3D000", "23505", "42P06", "53300"];
    if is_away(&error) || code.is_some_and(|code| to_come.contains(&code.as_ref())) {
        Failure::NotThere(error.to_string())
    } else {
        Failure::Refused(error)
    }
}

/// Whether the server cannot be reached, or is starting or stopping.
#[must_use]
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P0") || code.starts_with("08")),
        _ => false,
    }
}
