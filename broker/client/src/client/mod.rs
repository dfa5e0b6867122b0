//! The cluster behind its bootstrap addresses: one connection per broker,
//! what is known of topics and leaders, who coordinates which group.
//!
//! Producers, consumers and the admin calls share one [`Client`]. It opens
//! connections when they are needed, replaces those that ended, and never
//! resends a request on its own: who asked knows whether that is safe.

mod backoff;
mod coordinators;
mod metadata;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::time::{Instant, timeout};

pub(crate) use backoff::Backoff;
pub use metadata::{Broker, Metadata, Partition, Topic};
pub(crate) use metadata::{topic_id, uuid};

use crate::connection::{Connection, ConnectionConfig};
use crate::environment::Environment;
use crate::error::ClientError;
use crate::error_code::ErrorCode;

/// How a client reaches its cluster.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// `host:port` of a few brokers; the others are learned from them.
    pub bootstrap_servers: Vec<String>,
    /// How every connection behaves.
    pub connection: ConnectionConfig,
    /// How long opening one connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one call may go on trying again, in milliseconds.
    pub retry_timeout_ms: u64,
}

impl ClientConfig {
    /// The defaults, for a comma-separated list such as `h1:9092,h2:9092`.
    pub fn new(bootstrap_servers: &str) -> Self {
        let servers = bootstrap_servers.split(',').map(str::trim);
        ClientConfig {
            bootstrap_servers: servers
                .filter(|server| !server.is_empty())
                .map(str::to_owned)
                .collect(),
            connection: ConnectionConfig::default(),
            connect_timeout_ms: 10_000,
            retry_timeout_ms: 30_000,
        }
    }

    /// The name brokers log this client under.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.connection.client_id = client_id.into();
        self
    }
}

/// A cluster to speak to. Cloning shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    environment: Environment,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    metadata: Arc<Metadata>,
    /// By node id.
    connections: BTreeMap<i32, Connection>,
    /// Speaks to the first bootstrap server that answered.
    bootstrap: Option<Connection>,
    /// Group → node id.
    coordinators: BTreeMap<String, i32>,
}

impl Client {
    /// Reaches a bootstrap server and learns which brokers there are.
    ///
    /// # Errors
    /// [`ClientError::NoBrokerAnswered`] when none of them answers; it does
    /// not go on trying.
    pub async fn connect(
        config: ClientConfig,
        environment: Environment,
    ) -> Result<Client, ClientError> {
        let client = Client {
            shared: Arc::new(Shared {
                config,
                environment,
                state: Mutex::default(),
            }),
        };
        client.refresh(&[], false).await?;
        Ok(client)
    }

    /// A client of the same cluster with connections of its own. A broker
    /// answers the requests of one connection in order: what waits there on
    /// purpose, a Fetch or a JoinGroup, would hold up everybody else's.
    #[must_use]
    pub fn separate(&self) -> Client {
        Client {
            shared: Arc::new(Shared {
                config: self.shared.config.clone(),
                environment: self.shared.environment.clone(),
                state: Mutex::new(State {
                    metadata: self.metadata(),
                    ..State::default()
                }),
            }),
        }
    }

    /// What is known at the moment.
    pub fn metadata(&self) -> Arc<Metadata> {
        self.state().metadata.clone()
    }

    /// Asks for the brokers and for `topics` and remembers the answer. Brokers
    /// that allow it create missing topics when `create` is set.
    ///
    /// # Errors
    /// When no broker answers. A topic that is refused is no error here.
    pub async fn refresh(
        &self,
        topics: &[&str],
        create: bool,
    ) -> Result<Arc<Metadata>, ClientError> {
        self.ask_metadata(Some(topics), create).await
    }

    /// Asks for the brokers and every topic there is.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn refresh_all_topics(&self) -> Result<Arc<Metadata>, ClientError> {
        {
            // What was deleted is not in the answer.
            let mut state = self.state();
            let mut metadata = Metadata::clone(&state.metadata);
            metadata.topics.clear();
            metadata.refused_topics.clear();
            state.metadata = Arc::new(metadata);
        }
        self.ask_metadata(None, false).await
    }

    async fn ask_metadata(
        &self,
        topics: Option<&[&str]>,
        create: bool,
    ) -> Result<Arc<Metadata>, ClientError> {
        let named = topics.map(|topics| topics.iter().map(|name| metadata_topic(name)).collect());
        let request = MetadataRequest::default()
            .with_topics(named)
            .with_allow_auto_topic_creation(create);
        let response = self.ask_any(&request).await?;
        ClientError::check(|| "metadata".to_owned(), response.error_code, None)?;
        let mut state = self.state();
        state.metadata = Arc::new(state.metadata.updated(&response));
        Ok(state.metadata.clone())
    }

    /// The topic, waiting while it is being created or has no leaders yet.
    ///
    /// # Errors
    /// The broker's refusal, such as UNKNOWN_TOPIC_OR_PARTITION; or none of
    /// the brokers answered.
    pub async fn topic(&self, name: &str, create: bool) -> Result<Topic, ClientError> {
        if let Some(topic) = self.metadata().topics.get(name) {
            return Ok(topic.clone());
        }
        let mut backoff = self.backoff();
        loop {
            let metadata = self.refresh(&[name], create).await?;
            if let Some(topic) = metadata.topics.get(name) {
                return Ok(topic.clone());
            }
            let code = metadata
                .refused_topics
                .get(name)
                .copied()
                .unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let may_appear = code == ErrorCode::LEADER_NOT_AVAILABLE
                || (create && code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            if !may_appear || !backoff.pause().await {
                return Err(ClientError::refused(format!("topic {name}"), code));
            }
        }
    }

    /// Sends a request to whichever broker answers.
    ///
    /// # Errors
    /// When none does.
    pub async fn ask_any<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        let connection = self.any_connection().await?;
        connection.request(request, Duration::ZERO).await
    }

    /// Sends a request to a broker by its node id. `broker_wait` is how long
    /// the broker may hold it on purpose.
    ///
    /// # Errors
    /// When the broker is unknown or does not answer.
    pub async fn ask_node<R: Request>(
        &self,
        node: i32,
        request: &R,
        broker_wait: Duration,
    ) -> Result<R::Response, ClientError> {
        self.connection(node)
            .await?
            .request(request, broker_wait)
            .await
    }

    /// An open connection to any broker.
    ///
    /// # Errors
    /// [`ClientError::NoBrokerAnswered`].
    pub(crate) async fn any_connection(&self) -> Result<Connection, ClientError> {
        let open = {
            let state = self.state();
            let mut known = state.connections.values().chain(&state.bootstrap);
            known.find(|connection| !connection.is_closed()).cloned()
        };
        match open {
            Some(connection) => Ok(connection),
            None => self.connect_to_bootstrap().await,
        }
    }

    async fn connect_to_bootstrap(&self) -> Result<Connection, ClientError> {
        let mut last = ClientError::InvalidArgument("no bootstrap server is named".to_owned());
        // Brokers learned since may outlive those that were named.
        let known = self.metadata();
        let named = self.shared.config.bootstrap_servers.iter().cloned();
        for address in named.chain(known.brokers.values().map(Broker::address)) {
            match self.open(&address).await {
                Ok(connection) => {
                    self.state().bootstrap = Some(connection.clone());
                    return Ok(connection);
                }
                Err(error) => last = error,
            }
        }
        Err(ClientError::NoBrokerAnswered {
            last: Box::new(last),
        })
    }

    /// An open connection to the broker, made now if there is none.
    ///
    /// # Errors
    /// When the broker is unknown or cannot be reached.
    pub(crate) async fn connection(&self, node: i32) -> Result<Connection, ClientError> {
        let (open, broker) = {
            let state = self.state();
            let open = state.connections.get(&node).cloned();
            (open, state.metadata.brokers.get(&node).cloned())
        };
        if let Some(connection) = open.filter(|connection| !connection.is_closed()) {
            return Ok(connection);
        }
        let broker =
            broker.ok_or_else(|| ClientError::refused(format!("broker {node}"), UNKNOWN_BROKER))?;
        let connection = self.open(&broker.address()).await?;
        self.state().connections.insert(node, connection.clone());
        Ok(connection)
    }

    async fn open(&self, address: &str) -> Result<Connection, ClientError> {
        let config = &self.shared.config;
        let connecting = (self.shared.environment.connect)(address);
        let limit = Duration::from_millis(config.connect_timeout_ms);
        let stream = match timeout(limit, connecting).await {
            Ok(stream) => stream,
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        let stream = stream.map_err(|source| ClientError::Connect {
            address: address.to_owned(),
            source: Arc::new(source),
        })?;
        Connection::open(stream, address, &config.connection).await
    }

    /// Starts the pauses of one call.
    pub(crate) fn backoff(&self) -> Backoff {
        let limit = Duration::from_millis(self.shared.config.retry_timeout_ms);
        Backoff::new(&self.shared.environment, Instant::now() + limit)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, it is still whole.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// BROKER_NOT_AVAILABLE: the metadata does not name the broker.
const UNKNOWN_BROKER: ErrorCode = ErrorCode(8);

fn metadata_topic(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(StrBytes::from_string(name.to_owned()).into()))
}
