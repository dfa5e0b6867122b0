//! One connection to one broker: requests go out in order, several may be on
//! their way, answers come back in the same order.
//!
//! ```text
//! request() ─► queue ─► writer ─► stream        one task owns the stream;
//!                 └► awaiting answers ─► reader ─► the caller   both halves end together
//! ```
//!
//! Nothing is retried here and no metadata is known: that is [`crate::Client`]'s.
//! A request whose deadline passes closes the connection, because the answers
//! behind it cannot be told apart from a stalled stream.

mod driver;
mod frame;
mod guard;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request, StrBytes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::error::ClientError;
use driver::{Awaited, Outgoing};
pub use versions::ApiVersionRanges;

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// `client.id`, which brokers log.
    pub client_id: String,
    /// How long an answer may take, in milliseconds, beyond what the request
    /// itself asks the broker to wait.
    pub request_timeout_ms: u64,
    /// Requests that may be on their way at once; the next one waits.
    pub in_flight_max: usize,
    /// The largest answer accepted, in bytes. A response can make the client
    /// reserve a few hundred times its own size at most, and touch far less.
    pub frame_bytes_max: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        ConnectionConfig {
            client_id: "ottla-client".to_owned(),
            request_timeout_ms: 30_000,
            in_flight_max: 5,
            frame_bytes_max: 100 * 1024 * 1024,
        }
    }
}

/// A connection whose API versions are agreed. Cloning shares it; dropping
/// the last clone closes it.
#[derive(Clone, Debug)]
pub struct Connection {
    address: Arc<str>,
    queue: mpsc::Sender<Outgoing>,
    ranges: Arc<ApiVersionRanges>,
    client_id: StrBytes,
    request_timeout: Duration,
}

impl Connection {
    /// Starts to speak over `stream` and agrees on versions (KIP-511).
    ///
    /// # Errors
    /// When the broker closes the stream or does not answer ApiVersions.
    pub async fn open<S>(
        stream: S,
        address: &str,
        config: &ConnectionConfig,
    ) -> Result<Connection, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (queue, outgoing) = mpsc::channel(config.in_flight_max.max(1));
        let address: Arc<str> = address.into();
        tokio::spawn(driver::run(
            stream,
            outgoing,
            address.clone(),
            config.clone(),
        ));
        let mut connection = Connection {
            address,
            queue,
            ranges: Arc::new(ApiVersionRanges::of_api_versions_only()),
            client_id: StrBytes::from_string(config.client_id.clone()),
            request_timeout: Duration::from_millis(config.request_timeout_ms),
        };
        connection.ranges = Arc::new(versions::agree(&connection).await?);
        Ok(connection)
    }

    /// `host:port` as the caller named it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The versions agreed with the broker.
    pub fn api_versions(&self) -> &ApiVersionRanges {
        &self.ranges
    }

    /// Whether the connection has ended; a request would fail at once.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// The version a request of type `R` would have.
    ///
    /// # Errors
    /// [`ClientError::UnsupportedApi`] when there is none in common.
    pub fn version_of<R: Request>(&self) -> Result<i16, ClientError> {
        self.ranges
            .highest_common::<R>()
            .ok_or_else(|| ClientError::UnsupportedApi {
                address: self.address.to_string(),
                api: api_name(R::KEY),
            })
    }

    /// Sends a request in the highest version both sides speak and waits for
    /// its answer. `broker_wait` is how long the broker may hold it on purpose.
    ///
    /// # Errors
    /// When the request cannot be encoded, the connection ends or the answer
    /// does not come in time or cannot be read. Error codes inside the answer
    /// are the caller's to look at.
    pub async fn request<R: Request>(
        &self,
        request: &R,
        broker_wait: Duration,
    ) -> Result<R::Response, ClientError> {
        let version = self.version_of::<R>()?;
        let body = self
            .round_trip(R::KEY, version, request, broker_wait)
            .await?;
        self.decode::<R>(&body, version)
    }

    /// Sends a request that the broker does not answer (Produce with acks=0).
    ///
    /// # Errors
    /// When the request cannot be encoded or the connection has ended.
    pub async fn send_unanswered<R: Request>(&self, request: &R) -> Result<(), ClientError> {
        let version = self.version_of::<R>()?;
        let frame = self.encode(R::KEY, version, request)?;
        self.enqueue(Outgoing {
            frame,
            awaited: None,
        })
        .await
    }

    /// Sends the request in `version` and returns the answer's body.
    async fn round_trip<M: Encodable + HeaderVersion>(
        &self,
        api_key: i16,
        version: i16,
        message: &M,
        broker_wait: Duration,
    ) -> Result<Bytes, ClientError> {
        let timeout = self.request_timeout + broker_wait;
        let (answer, answered) = oneshot::channel();
        let awaited = Awaited {
            api_key,
            version,
            deadline: Instant::now() + timeout,
            timeout,
            answer,
        };
        self.enqueue(Outgoing {
            frame: self.encode(api_key, version, message)?,
            awaited: Some(awaited),
        })
        .await?;
        answered
            .await
            .unwrap_or_else(|_| Err(self.disconnected("it was closed")))
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<(), ClientError> {
        self.queue
            .send(outgoing)
            .await
            .map_err(|_| self.disconnected("it was closed before the request was sent"))
    }

    /// The frame without its length and correlation id, which the writer adds:
    /// header, then body.
    fn encode<M: Encodable + HeaderVersion>(
        &self,
        api_key: i16,
        version: i16,
        message: &M,
    ) -> Result<BytesMut, ClientError> {
        let header = RequestHeader::default()
            .with_request_api_key(api_key)
            .with_request_api_version(version)
            .with_client_id(Some(self.client_id.clone()));
        let mut frame = BytesMut::zeroed(driver::LENGTH_BYTES);
        header
            .encode(&mut frame, M::header_version(version))
            .and_then(|()| message.encode(&mut frame, version))
            .map_err(|error| ClientError::Unencodable {
                api: api_name(api_key),
                version,
                reason: error.to_string(),
            })?;
        Ok(frame)
    }

    fn decode<R: Request>(&self, body: &Bytes, version: i16) -> Result<R::Response, ClientError> {
        // ApiVersions answers carry an old header but a new body.
        let flexible = R::header_version(version) >= 2;
        guard::decode(body, version, flexible).map_err(|reason| ClientError::Malformed {
            address: self.address.to_string(),
            api: api_name(R::KEY),
            reason,
        })
    }

    fn disconnected(&self, reason: &str) -> ClientError {
        ClientError::Disconnected {
            address: self.address.to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// The API's name, as in `Metadata`.
pub(crate) fn api_name(key: i16) -> String {
    match ApiKey::try_from(key) {
        Ok(key) => format!("{key:?}").trim_end_matches("Key").to_owned(),
        Err(()) => format!("API {key}"),
    }
}
