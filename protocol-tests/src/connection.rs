//! One Kafka connection, blocking and without any comfort: a request goes out,
//! its answer comes back, and what does not fit is an error.
//!
//! Owns frames and correlation ids. It never retries, reconnects, negotiates
//! versions or interprets an error code: whoever judges a broker wants to see
//! all of that.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use thiserror::Error;

/// How long an answer may take unless [`Connection::set_timeout`] says
/// otherwise.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// No answer is longer; a length beyond it is a broken peer.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The peer closed the connection, in order or by a reset.
    #[error("the peer closed the connection")]
    Closed,
    /// Nothing came in time. The connection is of no more use: the answer may
    /// still come.
    #[error("no answer within the time that was set")]
    TimedOut,
    /// The socket failed in another way.
    #[error("the socket failed: {0}")]
    Io(io::Error),
    /// The answer is another request's.
    #[error("asked with correlation id {expected} and answered with {found}")]
    Correlation {
        /// As sent.
        expected: i32,
        /// As received.
        found: i32,
    },
    /// The bytes are no answer to that request and version, or go on behind it.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ConnectionError::Closed,
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ConnectionError::TimedOut,
            _ => ConnectionError::Io(error),
        }
    }
}

/// A connection to one broker.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    correlation_id: i32,
}

impl Connection {
    /// Connects; answers may take [`ANSWER_TIMEOUT`].
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
        stream.set_nodelay(true)?;
        let connection = Connection {
            stream,
            correlation_id: 0,
        };
        connection.set_timeout(ANSWER_TIMEOUT)?;
        Ok(connection)
    }

    /// How long each read and each write may take from now on.
    ///
    /// # Errors
    /// What the system says; a timeout of zero is refused.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))?;
        self.stream.set_write_timeout(Some(timeout))
    }

    /// Sends a request and decodes its answer, all of it.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no more use then.
    pub fn send<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ConnectionError> {
        let correlation_id = self.send_only(version, request)?;
        let mut answer = Bytes::from(self.receive_frame()?);
        let malformed =
            |error: &dyn std::fmt::Display| ConnectionError::Malformed(error.to_string());
        let header_version = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut answer, header_version)
            .map_err(|error| malformed(&error))?;
        if header.correlation_id != correlation_id {
            return Err(ConnectionError::Correlation {
                expected: correlation_id,
                found: header.correlation_id,
            });
        }
        let response =
            R::Response::decode(&mut answer, version).map_err(|error| malformed(&error))?;
        match answer.len() {
            0 => Ok(response),
            rest => Err(malformed(&format!("{rest} bytes behind its last field"))),
        }
    }

    /// Sends a request whose answer is read by the caller, or never comes
    /// (Produce with acks=0). Returns its correlation id.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no more use then.
    pub fn send_only<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<i32, ConnectionError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let frame = request_frame(version, self.correlation_id, request)?;
        self.write_frame(&frame)?;
        Ok(self.correlation_id)
    }

    /// Sends any bytes as one frame, behind their length, and returns the next
    /// frame that comes back without its length; `None` when the peer closes
    /// the connection instead.
    ///
    /// # Errors
    /// [`ConnectionError`], but not `Closed`.
    pub fn send_frame(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, ConnectionError> {
        let answered = self.write_frame(frame).and_then(|()| self.receive_frame());
        match answered {
            Ok(answer) => Ok(Some(answer)),
            Err(ConnectionError::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a frame, behind its length.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no more use then.
    pub fn write_frame(&mut self, frame: &[u8]) -> Result<(), ConnectionError> {
        let mut framed = Vec::with_capacity(4 + frame.len());
        framed.put_u32(frame.len() as u32);
        framed.extend_from_slice(frame);
        self.write_raw(&framed)
    }

    /// Sends bytes as they are, without a length in front.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no more use then.
    pub fn write_raw(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Waits for the next frame and returns it without its length.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no more use then.
    pub fn receive_frame(&mut self) -> Result<Vec<u8>, ConnectionError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            let problem = format!("it claims to have {length} bytes");
            return Err(ConnectionError::Malformed(problem));
        }
        // Grows with what comes, not with what is claimed.
        let mut frame = Vec::new();
        (&self.stream).take(length as u64).read_to_end(&mut frame)?;
        match frame.len() == length {
            true => Ok(frame),
            false => Err(ConnectionError::Closed),
        }
    }

    /// Whether bytes, or the end of the connection, arrive within that time.
    /// Nothing is read, so the connection stays of use.
    ///
    /// # Errors
    /// What the system says; a time of zero is refused.
    pub fn arrives_within(&self, patience: Duration) -> io::Result<bool> {
        let timeout = self.stream.read_timeout()?;
        self.stream.set_read_timeout(Some(patience))?;
        let arrived = match self.stream.peek(&mut [0]) {
            Ok(_) => true,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ),
        };
        self.stream.set_read_timeout(timeout)?;
        Ok(arrived)
    }

    /// Says that nothing more will be sent; answers can still be read.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

/// A request with its header as it goes into a frame, without the length.
///
/// # Errors
/// [`ConnectionError::Malformed`] when the version has no room for a field
/// that is set.
pub fn request_frame<R: Request>(
    version: i16,
    correlation_id: i32,
    request: &R,
) -> Result<BytesMut, ConnectionError> {
    let malformed = |error: &dyn std::fmt::Display| ConnectionError::Malformed(error.to_string());
    let key = ApiKey::try_from(R::KEY).map_err(|()| malformed(&"no such API"))?;
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("protocol-tests")))
        .encode(&mut frame, key.request_header_version(version))
        .map_err(|error| malformed(&error))?;
    request
        .encode(&mut frame, version)
        .map_err(|error| malformed(&error))?;
    Ok(frame)
}
