//! Sends frames and counts answers; blocking sockets, a thread a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Instant;

use nix::sys::socket::{MsgFlags, recv};

use super::frames::Frame;

/// Bytes of an answer dropped with one call.
const DISCARDED_AT_ONCE_BYTES: usize = 1 << 20;

/// Sends `requests` frames over `connections`, never more than `in_flight`
/// unanswered on each. Seconds until the last answer.
pub fn saturate(
    address: SocketAddr,
    frame: &Frame,
    requests: usize,
    connections: usize,
    in_flight: usize,
) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| drive(address, frame, requests / connections, in_flight));
        }
    });
    started.elapsed().as_secs_f64()
}

fn drive(address: SocketAddr, frame: &Frame, requests: usize, in_flight: usize) {
    let mut stream = connect(address);
    let mut answer = Vec::new();
    let ahead = in_flight.min(requests);
    for _ in 0..ahead {
        stream.write_all(frame.bytes()).unwrap();
    }
    for sent in ahead..requests + ahead {
        read_answer(&mut stream, &mut answer);
        if sent < requests {
            stream.write_all(frame.bytes()).unwrap();
        }
    }
}

/// Microseconds of each of `count` requests, one after the other.
pub fn round_trips(address: SocketAddr, frame: &Frame, count: usize) -> Vec<f64> {
    let mut stream = connect(address);
    let mut answer = Vec::new();
    let mut time_one = || {
        let sent = Instant::now();
        stream.write_all(frame.bytes()).unwrap();
        read_answer(&mut stream, &mut answer);
        sent.elapsed().as_secs_f64() * 1e6
    };
    for _ in 0..count / 10 {
        time_one();
    }
    (0..count).map(|_| time_one()).collect()
}

/// Asks for each of `frames`, `in_flight` ahead on one connection, and throws
/// the answers away unread. Seconds until the last byte, and bytes received.
pub fn drain(address: SocketAddr, frames: &[Frame], in_flight: usize) -> (f64, usize) {
    let mut stream = connect(address);
    let started = Instant::now();
    let mut bytes = 0;
    for frame in frames.iter().take(in_flight) {
        stream.write_all(frame.bytes()).unwrap();
    }
    for answered in 0..frames.len() {
        bytes += discard_answer(&mut stream);
        if let Some(next) = frames.get(answered + in_flight) {
            stream.write_all(next.bytes()).unwrap();
        }
    }
    (started.elapsed().as_secs_f64(), bytes)
}

/// A connection on which this was asked and answered, left open.
pub fn idle_connection(address: SocketAddr, frame: &Frame) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(frame.bytes()).unwrap();
    read_answer(&mut stream, &mut Vec::new());
    stream
}

/// A connection on which this was asked, left open.
pub fn waiting_connection(address: SocketAddr, frame: &Frame) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(frame.bytes()).unwrap();
    stream
}

/// One request and its answer's bytes.
pub fn ask(address: SocketAddr, frame: &Frame) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut stream = connect(address);
    stream.write_all(frame.bytes()).unwrap();
    read_answer(&mut stream, &mut answer);
    answer
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    answer.resize(u32::from_be_bytes(length) as usize, 0);
    stream.read_exact(answer).unwrap();
}

/// Takes an answer off the socket; the kernel drops its bytes where they are,
/// so that a reader's copying is billed to nobody.
fn discard_answer(stream: &mut TcpStream) -> usize {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let whole = u32::from_be_bytes(length) as usize;
    let mut buffer = vec![0; whole.min(DISCARDED_AT_ONCE_BYTES)];
    let mut left = whole;
    while left > 0 {
        let room = left.min(buffer.len());
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_WAITALL;
        let dropped = recv(stream.as_raw_fd(), &mut buffer[..room], flags).unwrap();
        assert!(dropped > 0, "the broker hung up");
        left -= dropped;
    }
    whole
}
