//! A running broker, and how to start one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::config::{BrokerConfigs, Overrides};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{InvalidConfig, NodeConfig, set_property};
use crate::node::Node;
use crate::observe::Observer;
use crate::server::listener;

/// How long a stop waits for the logs to be closed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a broker did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The data directory cannot be used, or what is in it cannot be read.
    #[error("cannot use the data directory: {0}")]
    Data(String),
    /// A topic asked for at start cannot be created.
    #[error("cannot create topic '{name}': {problem}")]
    Topic {
        /// The topic.
        name: String,
        /// Why.
        problem: String,
    },
    /// The operating system gave no thread.
    #[error("cannot start the broker's threads: {0}")]
    Threads(std::io::Error),
}

/// Settings of a broker that is about to start. Made by [`Broker::builder`].
#[derive(Clone, Debug, Default)]
pub struct BrokerBuilder {
    properties: Vec<(String, String)>,
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    topics: Vec<(String, i32)>,
    worker_threads: Option<usize>,
}

/// Properties that make sense for a broker inside a test: nothing waits for
/// members that may come, and sessions may be short. `ottla serve` keeps
/// Kafka's values.
const EMBEDDED_PROPERTIES: &[(&str, &str)] = &[
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "100"),
    ("group.consumer.min.session.timeout.ms", "100"),
    ("group.consumer.min.heartbeat.interval.ms", "50"),
    ("group.consumer.heartbeat.interval.ms", "500"),
    ("group.consumer.assignment.interval.ms", "0"),
    ("offsets.topic.num.partitions", "1"),
];

impl BrokerBuilder {
    /// Listens there instead of on a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Keeps logs in this directory instead of in memory.
    pub fn data_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = Some(directory.into());
        self
    }

    /// Sets a property by Kafka's name (`log.retention.ms`). The last value
    /// given for a name counts; wrong names and values are refused at start.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Has a topic with so many partitions from the first moment on. One that
    /// is there already, on disk, stays as it is.
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// How many threads serve connections; 2 unless said otherwise.
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.worker_threads = Some(threads);
        self
    }

    /// Starts the broker with the properties of an embedded one: ready when
    /// this returns.
    pub async fn start(self) -> Result<Broker, StartError> {
        self.with_embedded_properties().start_as_configured().await
    }

    /// Starts the broker with Kafka's own defaults, as `ottla serve` does.
    pub async fn serve(self) -> Result<Broker, StartError> {
        self.start_as_configured().await
    }

    /// [`start`](Self::start) for programs without a runtime of their own.
    pub fn start_blocking(self) -> Result<Broker, StartError> {
        // On a thread of its own, because this one may be inside a runtime,
        // which must not be blocked on a second one.
        let starting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(StartError::Threads)?;
            runtime.block_on(self.start())
        });
        starting
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn with_embedded_properties(mut self) -> Self {
        let embedded = EMBEDDED_PROPERTIES.iter();
        let embedded = embedded.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.properties = embedded
            .chain(std::mem::take(&mut self.properties))
            .collect();
        self.listen = self.listen.or(Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        self
    }

    async fn start_as_configured(self) -> Result<Broker, StartError> {
        let mut fixed = Overrides::default();
        for (name, value) in &self.properties {
            set_property(&mut fixed, name, value)?;
        }
        let properties = BrokerConfigs {
            fixed,
            ..BrokerConfigs::default()
        };
        let config = NodeConfig::new(properties, self.listen, self.data)?;
        let runtime = Runtime::start(self.worker_threads.unwrap_or(DEFAULT_WORKER_THREADS))?;
        // Sockets and timers belong to the broker's own runtime, so that a test
        // on a single-threaded one can block and the broker still answers.
        let starting = runtime.handle().spawn(start_node(config, self.topics));
        let running = starting
            .await
            .map_err(|error| StartError::Data(error.to_string()))??;
        Ok(Broker {
            running: Some(running),
            runtime,
        })
    }
}

/// Wakeups, not bytes, are scarce: two threads serve more than four.
const DEFAULT_WORKER_THREADS: usize = 2;

async fn start_node(config: NodeConfig, topics: Vec<(String, i32)>) -> Result<Running, StartError> {
    let listen = config.listen;
    let cannot_listen = |cause| StartError::Listen {
        address: listen,
        cause,
    };
    let listener = listener::bind(listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    // Timers and listeners come to life on this runtime, files are opened on a
    // thread that may block.
    let node = tokio::task::spawn_blocking(|| Node::start(config))
        .await
        .map_err(|error| StartError::Data(error.to_string()))?
        .map_err(|error| StartError::Data(error.to_string()))?;
    node.create_at_start(&topics)
        .map_err(|(name, problem)| StartError::Topic { name, problem })?;
    Ok(Running::start(node, listener, address))
}

/// What stops when the broker does.
#[derive(Debug)]
struct Running {
    node: Arc<Node>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
    timers: JoinHandle<()>,
}

impl Running {
    fn start(node: Arc<Node>, listener: TcpListener, address: SocketAddr) -> Running {
        let (stop, stopped) = watch::channel(false);
        let listening = tokio::spawn(listener::run(Arc::clone(&node), listener, stopped));
        let timers = tokio::spawn(Arc::clone(&node.timers).run(Arc::clone(&node.clock)));
        Running {
            node,
            address,
            stop,
            listening,
            timers,
        }
    }

    async fn stop(self) {
        // The receiver is gone when the listener has already ended.
        self.stop.send(true).ok();
        self.listening.await.ok();
        self.timers.abort();
        let node = self.node;
        let closing = tokio::task::spawn_blocking(move || node.close());
        if tokio::time::timeout(STOP_TIMEOUT, closing).await.is_err() {
            tracing::warn!("the logs were not closed in time; the next start will check them");
        }
    }
}

/// The broker's own threads. Stopping them never blocks: a runtime may not be
/// dropped inside another one.
#[derive(Debug)]
struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    fn start(worker_threads: usize) -> Result<Runtime, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(worker_threads.max(1))
            .thread_name("ottla")
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        Ok(Runtime(Some(runtime)))
    }

    fn handle(&self) -> &tokio::runtime::Handle {
        self.0
            .as_ref()
            .expect("it is there until it is dropped")
            .handle()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A running broker. Dropping it stops it, as a crash would: nothing of it stays
/// in the process, but its threads and its data directory are free a moment
/// later only. [`shutdown`](Self::shutdown) waits for both.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let broker = ottla::Broker::builder().topic("orders", 3).start().await?;
/// let bootstrap_servers = broker.bootstrap_servers(); // "127.0.0.1:54321"
/// # assert!(bootstrap_servers.starts_with("127.0.0.1:"));
/// broker.shutdown().await;
/// # Ok::<(), ottla::StartError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Broker {
    running: Option<Running>,
    runtime: Runtime,
}

impl Broker {
    /// Settings to start from: in memory, on a free port of 127.0.0.1.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// What clients put into `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        let (host, port) = self.running().node.address_for(reachable(self.address()));
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }

    /// Moves the broker's clock forward: sessions expire and retention is due
    /// as if `by` had passed, timestamps included. It never goes back.
    pub fn advance_clock(&self, by: Duration) {
        let node = &self.running().node;
        node.clock.advance(by);
        node.timers.clock_advanced();
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.running().node.cluster_id
    }

    /// Looks at it from outside: its traffic, topics and groups.
    pub fn observer(&self) -> Observer {
        Observer::new(&self.running().node)
    }

    /// Stops in order: no new requests, then the logs are synced and closed.
    pub async fn shutdown(mut self) {
        if let Some(running) = self.running.take() {
            // On the broker's own threads, where its sockets and timers live.
            self.runtime.handle().spawn(running.stop()).await.ok();
        }
    }

    fn running(&self) -> &Running {
        self.running
            .as_ref()
            .expect("only shutdown takes it, and shutdown takes the broker")
    }
}

/// A wildcard is no address to connect to; loopback always works from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => ([127, 0, 0, 1], v6.port()).into(),
        specific => specific,
    }
}
