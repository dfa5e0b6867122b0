//! What a push service is started with: one typed value, made once, passed down.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use social_events::{ProcessId, Secret};
use social_postgres::Address;

use crate::console::Console;
use crate::endpoint::EndpointPolicy;
use crate::sending::RetryPolicy;
use crate::transport::Transport;

/// The schema of the service's tables in PostgreSQL.
pub const SCHEMA: &str = "social_server_push";

/// Everything a push service needs to know besides its bus.
#[derive(Clone)]
pub struct Config {
    /// Where its HTTP side listens; port 0 chooses one.
    pub listen: SocketAddr,
    /// Where its database and its VAPID key live; in memory when `None`.
    pub data_dir: Option<PathBuf>,
    /// The PostgreSQL database to use instead; several workers may share it. Of `data_dir` only a
    /// VAPID key is read then, for a database that has none.
    pub database: Option<Address>,
    /// Which endpoints are acceptable.
    pub endpoints: EndpointPolicy,
    /// What opens `/admin` to callers that are not on this machine; closed to them when `None`.
    pub admin_token: Option<Secret>,
    /// How many devices a user may have.
    pub subscriptions_per_user_max: u32,
    /// Whom a push service may ask about our pushes: `mailto:` or `https:`.
    pub contact: String,
    /// How long a push is worth sending, and is kept for a browser that is away.
    pub ttl: Duration,
    /// When a push is tried again.
    pub retry: RetryPolicy,
    /// How long a push service may take to answer.
    pub answer_timeout: Duration,
    /// Where the seed's lines go.
    pub console: Console,
    /// How pushes leave; over HTTP when `None`.
    pub transport: Option<Arc<dyn Transport>>,
    /// How long an orderly stop may take.
    pub shutdown_deadline: Duration,
    /// The name of this process, by whose clock its moments are.
    pub process: ProcessId,
}

impl Default for Config {
    /// In memory, on a free loopback port, known push services only, the console on stdout.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: None,
            database: None,
            endpoints: EndpointPolicy::default(),
            admin_token: None,
            subscriptions_per_user_max: 20,
            contact: "mailto:push@example.org".to_owned(),
            ttl: Duration::from_hours(24),
            retry: RetryPolicy::default(),
            answer_timeout: Duration::from_secs(10),
            console: Console::stdout(),
            transport: None,
            shutdown_deadline: Duration::from_secs(10),
            process: ProcessId::random(),
        }
    }
}
