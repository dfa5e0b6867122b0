//! A client of one connection that speaks exactly the version it is told to,
//! with the `kafka-protocol` crate on its side of the socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use ottla::Broker;

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a broker.
pub struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    /// Connects, or fails the test.
    pub fn connect(broker: &Broker) -> Client {
        let stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            correlation_id: 0,
        }
    }

    /// Sends a request and returns its answer.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.receive::<R>(version)
    }

    /// Sends a request without waiting for the answer.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        let key = ApiKey::try_from(R::KEY).unwrap();
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("test")))
            .encode(&mut frame, key.request_header_version(version))
            .unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = frame.len() as i32 - 4;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).unwrap();
    }

    /// Sends a request body that was encoded before; the body of its answer, or
    /// `None` where the broker closes the connection.
    #[allow(dead_code, reason = "most tests know their requests' types")]
    pub fn call_encoded(&mut self, key: i16, version: i16, body: &[u8]) -> Option<Bytes> {
        self.correlation_id += 1;
        let api = ApiKey::try_from(key).unwrap();
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        RequestHeader::default()
            .with_request_api_key(key)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .encode(&mut frame, api.request_header_version(version))
            .unwrap();
        frame.put_slice(body);
        let length = frame.len() as i32 - 4;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).unwrap();
        let mut answer = self.frame()?;
        ResponseHeader::decode(&mut answer, api.response_header_version(version)).unwrap();
        Some(answer)
    }

    /// The answer to the latest request that was sent.
    pub fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut frame = self
            .frame()
            .expect("an answer, not the end of the connection");
        let key = ApiKey::try_from(R::KEY).unwrap();
        let header =
            ResponseHeader::decode(&mut frame, key.response_header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "nothing is left behind the answer");
        response
    }

    /// Whether the broker closes the connection instead of answering.
    pub fn is_closed(&mut self) -> bool {
        self.frame().is_none()
    }

    fn frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; i32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        Some(Bytes::from(frame))
    }
}
