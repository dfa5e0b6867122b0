//! Sends frames and counts answers; blocking sockets, a thread a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::frames::Frame;

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
