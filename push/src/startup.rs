//! From a configuration to a running push service, and back to nothing.
//!
//! ```text
//!  bus ──► consumers/events ──► pusher ──► transport ──► push services
//!      ──► consumers/requests ─► store ◄─┘  ▲
//!      ◄── relay ◄── outbox ◄──┘    retries ┘
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{BusError, Committed, Consumer, ConsumerSettings};
use social_events::{Bus, Timestamp, topics};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::consumers::{self, events, requests};
use crate::data_dir::{DataDir, DataDirError};
use crate::metrics::Metrics;
use crate::pusher::{Pusher, UNFINISHED_EVENTS_MAX};
use crate::sending::Sender;
use crate::store::{PostgresStore, SqliteStore, Store, StoreError};
use crate::transport::{HttpTransport, Transport, TransportError};
use crate::vapid::{SharedKeyError, VapidError, VapidKeys, VapidSigner};
use crate::{relay, retries, web};

const DATABASE_FILE: &str = "social-server-push.db";
const LOCK_FILE: &str = "social-server-push.lock";
const KEY_FILE: &str = "vapid.key";
/// How often a bus that does not answer is asked again for the topics.
const TOPICS_AGAIN: Duration = Duration::from_secs(1);

/// Why a push service did not start: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no VAPID key.
    #[error(transparent)]
    Vapid(#[from] VapidError),
    /// Workers have no VAPID key to share.
    #[error(transparent)]
    SharedKey(#[from] SharedKeyError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The bus refuses.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}: {cause}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        cause: io::Error,
    },
}

/// A push service at work. Dropping it stops it without waiting.
pub struct Running {
    /// Where its HTTP side listens.
    pub address: SocketAddr,
    /// The VAPID public key, as browsers want it.
    pub public_key: String,
    stop: CancellationToken,
    tasks: TaskTracker,
    consumers: Arc<Consumers>,
    bus: Bus,
    deadline: Duration,
    /// Held as long as the service runs, so that no second one uses the directory.
    _data_dir: Option<DataDir>,
}

/// The two consumers, shared with the readiness check.
pub(crate) struct Consumers {
    pub(crate) events: Consumer,
    pub(crate) requests: Consumer,
}

/// Starts a push service on `bus`. It listens when this returns; it is ready (`/readyz`) when the
/// bus answers and its consumers have their partitions. A Kafka that is down is no reason not to
/// start: what must wait is in the database.
///
/// # Errors
/// When something of it cannot be had, see [`StartError`].
pub async fn start(config: Config, bus: Bus) -> Result<Running, StartError> {
    let listener = listen(config.listen).await?;
    let address = listener
        .local_addr()
        .map_err(|cause| not_listening(config.listen, cause))?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    // However this ends before the service is there: nobody is left listening.
    let unfinished = stop.clone().drop_guard();
    let opening = web::Opening::default();
    tasks.spawn(web::serve(listener, Arc::clone(&opening), stop.clone()));

    let Memory {
        store,
        keys,
        data_dir,
    } = remember(&config).await?;
    store.keep_alive(config.process, Timestamp::now()).await?;
    let signer = Arc::new(VapidSigner::new(keys, config.contact.clone()));
    let public_key = signer.public_key();
    let metrics = Arc::new(Metrics::default());
    let pusher = Arc::new(Pusher {
        store: Arc::clone(&store),
        process: config.process,
        sender: Sender::new(Arc::clone(&signer), transport(&config)?),
        endpoints: config.endpoints.clone(),
        retry: config.retry,
        console: config.console.clone(),
        metrics: Arc::clone(&metrics),
        outbox_filled: Notify::new(),
        retry_planned: Notify::new(),
        unfinished: Arc::new(Semaphore::new(UNFINISHED_EVENTS_MAX)),
        tasks: tasks.clone(),
    });
    let desk = Arc::new(requests::Desk {
        bus: bus.clone(),
        store: Arc::clone(&store),
        endpoints: config.endpoints.clone(),
        subscriptions_per_user_max: config.subscriptions_per_user_max,
        public_key: public_key.clone(),
        metrics: Arc::clone(&metrics),
    });
    let (told, commits) = mpsc::channel(relay::COMMITS_MAX);
    let consumers = Arc::new(consume(&bus, &pusher, &desk, config.ttl, told)?);

    tasks.spawn(retries::run(Arc::clone(&pusher), stop.clone()));
    tasks.spawn(retries::heartbeat(Arc::clone(&pusher), stop.clone()));
    tasks.spawn(retries::housekeeping(Arc::clone(&pusher), stop.clone()));
    tasks.spawn(ensure_read_topics(bus.clone(), stop.clone()));
    tasks.spawn(publish(pusher, bus.clone(), commits, stop.clone()));
    let web = web::Web {
        store,
        bus: bus.clone(),
        consumers: Arc::clone(&consumers),
        metrics,
        admin_token: config.admin_token,
    };
    let first = opening.set(web).is_ok();
    debug_assert!(first, "a service starts once");
    tasks.close();
    unfinished.disarm();
    let deadline = config.shutdown_deadline;
    Ok(Running {
        address,
        public_key,
        stop,
        tasks,
        consumers,
        bus,
        deadline,
        _data_dir: data_dir,
    })
}

impl Running {
    /// Waits, at most `deadline`, until both consumers have their partitions.
    pub async fn ready(&self, deadline: Duration) -> bool {
        let Consumers { events, requests } = &*self.consumers;
        let (events, requests) =
            tokio::join!(events.assigned(deadline), requests.assigned(deadline));
        events && requests
    }

    /// Stops in order: no new records, the pushes in hand are finished, their offsets committed
    /// and their outcomes published. False when the deadline came first; nothing is lost then,
    /// since whatever was not settled is in the database.
    pub async fn shutdown(self) -> bool {
        let until = Instant::now() + self.deadline;
        let left = || until.saturating_duration_since(Instant::now());
        let stopped = tokio::join!(
            self.consumers.events.shutdown(left()),
            self.consumers.requests.shutdown(left())
        );
        self.stop.cancel();
        let finished = tokio::time::timeout(left(), self.tasks.wait())
            .await
            .is_ok();
        self.bus.flush(left()).await;
        stopped == (true, true) && finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn consume(
    bus: &Bus,
    pusher: &Arc<Pusher>,
    desk: &Arc<requests::Desk>,
    ttl: Duration,
    commits: mpsc::Sender<Committed>,
) -> Result<Consumers, BusError> {
    let pusher = Arc::clone(pusher);
    let settings =
        ConsumerSettings::new(consumers::EVENTS_GROUP, events::TOPICS).telling_commits(commits);
    let events = bus.consume(settings, move |delivery| {
        events::handle(Arc::clone(&pusher), ttl, delivery)
    })?;
    let desk = Arc::clone(desk);
    let settings =
        ConsumerSettings::new(consumers::REQUESTS_GROUP, &[topics::SUBSCRIPTION_REQUEST]);
    let requests = bus.consume(settings, move |delivery| {
        requests::handle(Arc::clone(&desk), delivery)
    })?;
    Ok(Consumers { events, requests })
}

/// Nothing is published before its topic is there: a cluster that creates topics by itself would
/// make it with another number of partitions.
async fn publish(
    pusher: Arc<Pusher>,
    bus: Bus,
    commits: mpsc::Receiver<Committed>,
    stop: CancellationToken,
) {
    ensure_topics(&bus, topics::OWNED_BY_PUSH, &stop).await;
    relay::run(pusher, bus, commits, stop).await;
}

/// Makes sure, as soon as the bus answers, that what this service reads exists, whether or not its
/// owner has been there.
async fn ensure_read_topics(bus: Bus, stop: CancellationToken) {
    ensure_topics(&bus, topics::READ_BY_PUSH, &stop).await;
}

/// Makes sure, as soon as the bus answers, that `topics` exist.
async fn ensure_topics(bus: &Bus, topics: &[&str], stop: &CancellationToken) {
    let mut told = false;
    while let Err(reason) = bus.ensure_topics(topics).await {
        if !told {
            tracing::warn!(%reason, "topics are not there yet");
            told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(TOPICS_AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What outlives a run.
struct Memory {
    store: Arc<dyn Store>,
    keys: VapidKeys,
    /// None where workers share a database: a directory belongs to one.
    data_dir: Option<DataDir>,
}

async fn remember(config: &Config) -> Result<Memory, StartError> {
    if let Some(address) = &config.database {
        let store = PostgresStore::open(address).await?;
        let file = config.data_dir.as_ref().map(|folder| folder.join(KEY_FILE));
        let keys = VapidKeys::shared(&store, file.as_deref()).await?;
        return Ok(Memory {
            store: Arc::new(store),
            keys,
            data_dir: None,
        });
    }
    let Some(folder) = &config.data_dir else {
        return Ok(Memory {
            store: Arc::new(SqliteStore::in_memory().await?),
            keys: VapidKeys::generate()?,
            data_dir: None,
        });
    };
    let folder = DataDir::open(folder, LOCK_FILE)?;
    Ok(Memory {
        store: Arc::new(SqliteStore::open(&folder.file(DATABASE_FILE)).await?),
        keys: VapidKeys::load_or_create(&folder.file(KEY_FILE))?,
        data_dir: Some(folder),
    })
}

fn transport(config: &Config) -> Result<Arc<dyn Transport>, TransportError> {
    match &config.transport {
        Some(transport) => Ok(Arc::clone(transport)),
        None => Ok(Arc::new(HttpTransport::new(config.answer_timeout)?)),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| not_listening(address, cause))
}

fn not_listening(address: SocketAddr, cause: io::Error) -> StartError {
    StartError::Listen { address, cause }
}
