//! Wiring the service, starting it, and stopping it in order.
//!
//! ```text
//!  start:  database → event bus, relay, replies, outcomes → router → socket
//!  stop:   socket → event bus → relay (one last pass) → outcomes → bus → database
//! ```
//!
//! A bus that is down is no reason not to start: comments are stored all the same, and readiness
//! says what is missing.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use social_events::bus::BusError;
use social_events::{Bus, EventBus, topics};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answers::Answers;
use crate::app::{App, Settings};
use crate::auth::{PasswordHashError, PasswordHasher, RateLimits};
use crate::backend::Backend;
use crate::config::Config;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::outbox::Relay;
use crate::push_service::PushService;
use crate::store::{PostgresStore, SqliteStore, Store, StoreError};
use crate::stream::Streams;
use crate::{checker, events, outcomes, router, seed, server};

const DATABASE_FILE: &str = "social-server-api.db";
const LOCK_FILE: &str = "social-server-api.lock";
/// How often a bus that does not answer is asked again for the topics.
const TOPICS_AGAIN: Duration = Duration::from_secs(1);

/// The service could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}: {cause}", .directory.display())]
    DataDir {
        /// The directory.
        directory: PathBuf,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// Another instance uses the data directory.
    #[error("the data directory {} is used by another instance", .0.display())]
    DataDirInUse(PathBuf),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The password parameters are wrong.
    #[error(transparent)]
    PasswordHash(#[from] PasswordHashError),
}

/// The service without a socket: its router may be called directly.
#[derive(Debug)]
pub struct Service {
    router: Router,
    app: Arc<App>,
    stop: CancellationToken,
    relay: JoinHandle<()>,
    /// What ends with the service and leaves nothing undone that matters.
    background: Vec<JoinHandle<()>>,
    /// Held for as long as the database is open.
    _lock: Option<File>,
}

/// The running service. Dropping it stops it without waiting; [`Running::shutdown`] waits.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    service: Service,
    server: JoinHandle<()>,
    stop_listening: CancellationToken,
}

/// Starts the service: when this returns it answers at [`Running::address`]. A database that is
/// not there yet is waited for, while `/readyz` says so.
///
/// # Errors
/// When the address, the data directory or the database cannot be used.
pub async fn start(config: Config, bus: Bus) -> Result<Running, StartError> {
    let address = config.listen;
    let listen = |cause| StartError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let stop_listening = CancellationToken::new();
    // However this ends before the service is there: nobody is left listening.
    let unfinished = stop_listening.clone().drop_guard();
    let gate = Gate::default();
    let server = server::serve(listener, gate.router(), stop_listening.clone());
    let server = tokio::spawn(server);
    let service = Service::assemble(config, bus).await?;
    gate.open(service.router());
    unfinished.disarm();
    tracing::info!(%address, "social-server-api is up");
    Ok(Running {
        address,
        service,
        server,
        stop_listening,
    })
}

impl Running {
    /// The service behind the socket.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Stops in order, within `deadline`: requests under way are answered, pending events
    /// published if the bus takes them, offsets committed. What is left then is cut off; the
    /// outbox keeps its events.
    pub async fn shutdown(&mut self, deadline: Duration) {
        let until = Instant::now() + deadline;
        self.stop_listening.cancel();
        self.service.app.streams.end();
        // Half of the time for clients that are slow to take their answers.
        if tokio::time::timeout(deadline / 2, &mut self.server)
            .await
            .is_err()
        {
            tracing::warn!("cut off requests that took too long");
            self.server.abort();
        }
        self.service
            .shutdown(until.saturating_duration_since(Instant::now()))
            .await;
    }
}

impl Service {
    /// Wires the service: database, listeners, relay, consumers, router.
    ///
    /// # Errors
    /// When the data directory or the database cannot be used.
    pub async fn assemble(config: Config, bus: Bus) -> Result<Self, StartError> {
        // A database of its own that instances share; a directory belongs to one.
        let (store, lock): (Arc<dyn Store>, _) = match &config.database {
            Some(address) => (Arc::new(PostgresStore::open(address).await?), None),
            None => {
                let lock = config.data_dir.as_deref().map(lock).transpose()?;
                (open(config.data_dir.as_deref()).await?, lock)
            }
        };
        if matches!(bus, Bus::Local(_)) {
            // That bus went with its process: what it had not handed on is published again.
            store.publish_again().await?;
        }
        let passwords = PasswordHasher::new(config.password_cost)?;
        if config.seed_data {
            seed::add(&*store, &passwords).await?;
        }
        let event_bus = EventBus::new();
        let wake = Arc::new(Notify::new());
        events::subscribe_relay(&event_bus, &wake);
        let requester = bus.requester(topics::SUBSCRIPTION_RESPONSE)?;
        let (answers, keeping_answers) = Answers::start(Arc::clone(&store));
        let backend = Backend::new(config.one_process, config.beside_broker);
        let app = Arc::new(App {
            outcomes: outcomes::consume(&bus, &store)?,
            push_service: PushService::new(requester, config.reply_deadline),
            settings: Settings {
                allowed_origins: config.allowed_origins,
                secure_cookie: config.secure_cookie,
                seed_data: config.seed_data,
                process: config.process,
                session_lifetime: config.session_lifetime,
            },
            passwords,
            limits: RateLimits::new(),
            metrics: Metrics::new(),
            event_bus,
            backend,
            answers,
            streams: Streams::new(),
            bus,
            store,
        });
        let stop = CancellationToken::new();
        let watching = app.backend.clone().watch(app.bus.clone(), stop.clone());
        let reading = ensure_read_topics(app.bus.clone(), stop.clone());
        let background = vec![
            keeping_answers,
            tokio::spawn(watching),
            tokio::spawn(reading),
            tokio::spawn(checker::run(
                Arc::clone(&app),
                config.check_interval,
                stop.clone(),
            )),
            tokio::spawn(checker::housekeeping(Arc::clone(&app), stop.clone())),
            tokio::spawn(app.streams.fill(Arc::clone(&app.store), stop.clone())),
        ];
        let relay = tokio::spawn(publish(Arc::clone(&app), wake, stop.clone()));
        let router = router::router(Arc::clone(&app));
        Ok(Self {
            router,
            app,
            stop,
            relay,
            background,
            _lock: lock,
        })
    }

    /// The router, to be called without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Waits until requests would succeed; false when `deadline` passes first.
    pub async fn ready(&self, deadline: Duration) -> bool {
        let ready = async {
            while !(self.app.push_service.is_ready() && self.app.outcomes.is_assigned()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(deadline, ready).await.is_ok()
    }

    /// Stops what runs behind the router, in order, within `deadline`.
    pub async fn shutdown(&mut self, deadline: Duration) {
        let until = Instant::now() + deadline;
        let left = || until.saturating_duration_since(Instant::now());
        self.app.event_bus.shutdown(left()).await;
        self.stop.cancel();
        if tokio::time::timeout(left(), &mut self.relay).await.is_err() {
            tracing::warn!("events are left in the outbox for the next start");
            self.relay.abort();
        }
        self.app.outcomes.shutdown(left()).await;
        self.app.bus.flush(left()).await;
        if tokio::time::timeout(left(), self.app.store.close())
            .await
            .is_err()
        {
            tracing::warn!("the database was left without waiting for its readers");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
        self.relay.abort();
        for task in &self.background {
            task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_listening.cancel();
        self.server.abort();
    }
}

/// Makes the data directory, for its owner only, and takes its lock.
fn lock(directory: &Path) -> Result<File, StartError> {
    let unusable = |cause| StartError::DataDir {
        directory: directory.to_owned(),
        cause,
    };
    create(directory).map_err(unusable)?;
    let lock = File::create(directory.join(LOCK_FILE)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::DataDirInUse(directory.to_owned())),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

fn create(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

async fn open(data_dir: Option<&Path>) -> Result<Arc<dyn Store>, StartError> {
    let Some(directory) = data_dir else {
        return Ok(Arc::new(SqliteStore::in_memory().await?));
    };
    let file = directory.join(DATABASE_FILE);
    let unusable = |cause| StartError::DataDir {
        directory: directory.to_owned(),
        cause,
    };
    make_private(&file).map_err(unusable)?;
    Ok(Arc::new(SqliteStore::open(&file).await?))
}

/// Creates the file for its owner only: it will hold password hashes. SQLite gives the files it
/// puts beside it the same permissions.
fn make_private(file: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Nothing is published before its topic is there: a cluster that creates topics by itself would
/// make it with another number of partitions. Until then events wait in the outbox.
async fn publish(app: Arc<App>, wake: Arc<Notify>, stop: CancellationToken) {
    if ensure_topics(&app.bus, topics::OWNED_BY_API, &stop).await {
        let relay = Relay::new(app.store.clone(), app.bus.clone());
        relay.run(wake, app, stop).await;
    }
}

/// Makes sure, as soon as the bus answers, that what this service reads exists, whether or not its
/// owner has been there.
async fn ensure_read_topics(bus: Bus, stop: CancellationToken) {
    ensure_topics(&bus, topics::READ_BY_API, &stop).await;
}

/// Makes sure, as soon as the bus answers, that `topics` exist; false when the service stops
/// before.
async fn ensure_topics(bus: &Bus, topics: &[&str], stop: &CancellationToken) -> bool {
    let mut told = false;
    while let Err(reason) = bus.ensure_topics(topics).await {
        if !told {
            tracing::warn!(%reason, "topics are not there yet");
            told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(TOPICS_AGAIN) => {}
            () = stop.cancelled() => return false,
        }
    }
    true
}
