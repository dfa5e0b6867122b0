//! One client of a script: its connection, and the answers it still waits for,
//! in the order it asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, RequestHeader, ResponseHeader, ResponseKind,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::script::Call;
use crate::connection::{Connection, ConnectionError};

/// How long an answer may take. Far more than any script makes a server wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An answer that the schemas know.
    Response(Box<ResponseKind>),
    /// The server closed the connection.
    Closed,
    /// The client asked for no answer.
    NotAsked,
    /// Nothing in time.
    Late,
    /// Bytes that are no answer to that request.
    Malformed(String),
}

/// A client. It connects when it first sends, and again after it was closed.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    name: String,
    connection: Option<Connection>,
    waiting: VecDeque<(usize, ApiKey, i16)>,
}

impl Client {
    /// A client that calls itself `name`.
    pub fn new(address: SocketAddr, name: String) -> Client {
        Client {
            address,
            name,
            connection: None,
            waiting: VecDeque::new(),
        }
    }

    /// Sends what `step` says.
    pub fn send(
        &mut self,
        step: usize,
        api: ApiKey,
        version: i16,
        call: &Call,
    ) -> anyhow::Result<()> {
        let mut frame = BytesMut::new();
        RequestHeader::default()
            .with_request_api_key(api as i16)
            .with_request_api_version(version)
            .with_correlation_id(i32::try_from(step)?)
            .with_client_id(Some(StrBytes::from_string(self.name.clone())))
            .encode(&mut frame, api.request_header_version(version))?;
        if let Call::Request(request) = call {
            request.encode(&mut frame, version)?;
        }
        // A write into a connection that was just closed shows when reading.
        self.connection()?.write_frame(&frame).ok();
        self.waiting.push_back((step, api, version));
        Ok(())
    }

    /// The last request gets no answer (acks=0): whether the connection lives
    /// on shows with the next one.
    pub fn expect_nothing(&mut self) {
        self.waiting.pop_back();
    }

    /// Whether an answer is due.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether something arrives within that time.
    pub fn arrives_within(&mut self, patience: Duration) -> anyhow::Result<bool> {
        Ok(self.connection()?.arrives_within(patience)?)
    }

    /// The answer to the oldest request that has none yet, and its step.
    pub fn receive(&mut self) -> anyhow::Result<Option<(usize, Answer)>> {
        let Some((step, api, version)) = self.waiting.pop_front() else {
            return Ok(None);
        };
        let answer = match self.connection()?.receive_frame() {
            Ok(frame) => decode(api, version, Bytes::from(frame)),
            Err(ConnectionError::Closed) => Answer::Closed,
            Err(ConnectionError::TimedOut) => Answer::Late,
            Err(error) => Answer::Malformed(error.to_string()),
        };
        if !matches!(answer, Answer::Response(_)) {
            self.connection = None;
            self.waiting.clear();
        }
        Ok(Some((step, answer)))
    }

    fn connection(&mut self) -> anyhow::Result<&mut Connection> {
        if self.connection.is_none() {
            let connection = Connection::open(self.address)?;
            connection.set_timeout(ANSWER_TIMEOUT)?;
            self.connection = Some(connection);
        }
        Ok(self.connection.as_mut().expect("it was just opened"))
    }
}

fn decode(api: ApiKey, version: i16, mut frame: Bytes) -> Answer {
    match decode_body(api, version, &mut frame) {
        Ok(response) if !frame.has_remaining() => Answer::Response(Box::new(response)),
        Ok(_) => Answer::Malformed(format!("{} bytes behind the answer", frame.remaining())),
        Err(error) => Answer::Malformed(format!("{error:#}")),
    }
}

fn decode_body(api: ApiKey, version: i16, frame: &mut Bytes) -> anyhow::Result<ResponseKind> {
    let known = api.valid_versions();
    if api == ApiKey::ApiVersions && !(known.min..=known.max).contains(&version) {
        // A version from the future is answered in the oldest one (KIP-511).
        ResponseHeader::decode(frame, 0)?;
        return Ok(ApiVersionsResponse::decode(frame, 0)?.into());
    }
    ResponseHeader::decode(frame, api.response_header_version(version))?;
    ResponseKind::decode(api, frame, version)
}
