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
use crate::embed::{
    Api, BrokerClock, Control, EmbedConfig, FaultBuilder, GroupHandle, NewRecord, TopicHandle,
    Wait, Waits, client_config,
};
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
    /// A record that should be there at start cannot be appended.
    #[error("cannot append to topic '{topic}': {problem}")]
    Record {
        /// The topic.
        topic: String,
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
    worker_threads: Option<usize>,
    wait_deadline: Option<Duration>,
    embed: EmbedConfig,
    #[cfg(feature = "faulty-disk")]
    disk: Option<Arc<crate::storage::faulty::FaultyDisk>>,
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

    /// Keeps logs on this disk instead of in memory; it outlives the broker.
    #[cfg(feature = "faulty-disk")]
    pub fn disk(mut self, disk: Arc<crate::storage::faulty::FaultyDisk>) -> Self {
        self.disk = Some(disk);
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
        self.embed.initial.add_topic(name.into(), partitions);
        self
    }

    /// Has these records in a topic from the first moment on, appended one by
    /// one as a producer would. The topic has the default number of partitions
    /// unless [`topic`](Self::topic) says another. Where it is there already, on
    /// disk, nothing is appended.
    pub fn records<R: Into<NewRecord>>(
        mut self,
        topic: impl AsRef<str>,
        records: impl IntoIterator<Item = R>,
    ) -> Self {
        for record in records {
            self.embed.initial.add_record(topic.as_ref(), record.into());
        }
        self
    }

    /// Lets the broker's time stand still until
    /// [`advance`](BrokerClock::advance) moves it: no session expires because a
    /// machine is slow.
    pub fn paused_clock(mut self) -> Self {
        self.embed.paused_clock = true;
        self
    }

    /// How long waits ([`Broker::group`], [`Broker::topic`]) last at most,
    /// unless one says something else; 30 seconds by default.
    pub fn wait_deadline(mut self, limit: Duration) -> Self {
        self.wait_deadline = Some(limit);
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
        self.embed.keeps_requests = true;
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
        let config = NodeConfig {
            embed: self.embed,
            #[cfg(feature = "faulty-disk")]
            disk: self.disk,
            ..NodeConfig::new(properties, self.listen, self.data)?
        };
        let runtime = Runtime::start(self.worker_threads.unwrap_or(DEFAULT_WORKER_THREADS))?;
        // Sockets and timers belong to the broker's own runtime, so that a test
        // on a single-threaded one can block and the broker still answers.
        let starting = runtime.handle().spawn(start_node(config));
        let running = starting
            .await
            .map_err(|error| StartError::Data(error.to_string()))??;
        Ok(Broker {
            running: Some(running),
            runtime,
            wait_deadline: self.wait_deadline,
        })
    }
}

/// Wakeups, not bytes, are scarce: two threads serve more than four.
const DEFAULT_WORKER_THREADS: usize = 2;

async fn start_node(config: NodeConfig) -> Result<Running, StartError> {
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
    node.config.embed.initial.create(&node)?;
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
    wait_deadline: Option<Duration>,
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

    /// What a client needs to connect, and short pauses where it would wait:
    /// properties that librdkafka and Java's clients share, `bootstrap.servers`
    /// first.
    pub fn client_config(&self) -> Vec<(String, String)> {
        client_config(self.bootstrap_servers())
    }

    /// The group of that id, to wait for. It need not be there yet.
    pub fn group(&self, id: impl Into<String>) -> GroupHandle {
        GroupHandle::new(self.waits(), id.into())
    }

    /// The topic of that name, to wait for its records or to append some. It
    /// need not be there yet.
    pub fn topic(&self, name: impl Into<String>) -> TopicHandle {
        TopicHandle::new(self.waits(), name.into())
    }

    /// A fault for the next requests of `api`:
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use std::time::Duration;
    /// use ottla::embed::{Api, ErrorCode};
    /// # let broker = ottla::Broker::builder().start().await?;
    /// let leaderless: ErrorCode = "NOT_LEADER_OR_FOLLOWER".parse().expect("Kafka has it");
    /// let fault = broker.fault(Api::Produce).partition("orders", 0).times(2).error(leaderless);
    /// broker.fault(Api::Fetch).delay(Duration::from_millis(300));
    /// // … produce, and see that it retries …
    /// # assert_eq!(fault.struck(), 0);
    /// fault.remove();
    /// broker.clear_faults();
    /// # Ok::<(), ottla::StartError>(())
    /// # }).unwrap();
    /// ```
    pub fn fault(&self, api: Api) -> FaultBuilder {
        self.control().fault(api)
    }

    /// Takes every fault back, and says how many there were.
    pub fn clear_faults(&self) -> usize {
        self.control().clear_faults()
    }

    /// The broker's clock, to move it forward.
    pub fn clock(&self) -> BrokerClock {
        self.control().clock()
    }

    /// Takes back what happened since the start, in one step: topics, records,
    /// groups, their offsets and faults are gone; what the
    /// builder was told ([`topic`](BrokerBuilder::topic),
    /// [`records`](BrokerBuilder::records)) is there again, under new topic ids.
    ///
    /// Connections stay, and so do time, as far as it was advanced, and the
    /// counters. Requests on their way find what they asked for gone, and fail
    /// as after the deletion of a topic. A consumer that goes on belongs to its
    /// group again: end it first.
    pub fn reset(&self) -> Wait<()> {
        self.control().reset()
    }

    /// What drives this broker, to hand to somebody else.
    pub fn control(&self) -> Control {
        Control::new(self.waits())
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

    /// [`shutdown`](Self::shutdown) for programs without a runtime of their
    /// own, or on a thread that may block.
    pub fn shutdown_blocking(mut self) {
        if let Some(running) = self.running.take() {
            let (stopped, wait) = std::sync::mpsc::sync_channel(1);
            self.runtime.handle().spawn(async move {
                running.stop().await;
                // Whoever asked blocks until this is sent.
                let _ = stopped.send(());
            });
            wait.recv().ok();
        }
    }

    fn waits(&self) -> Waits {
        let runtime = self.runtime.handle().clone();
        Waits::new(&self.running().node, runtime, self.wait_deadline)
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
