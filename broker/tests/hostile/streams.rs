//! Connections that keep the broker waiting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ottla::Broker;

use crate::{ALLOCATOR, alone};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(10);

fn broker() -> Broker {
    Broker::builder()
        .topic("orders", 1)
        .start_blocking()
        .unwrap()
}

#[test]
fn connections_that_claim_a_hundred_megabytes_and_send_nothing_cost_next_to_nothing() {
    let _alone = alone();
    let broker = broker();
    let before_bytes = ALLOCATOR.current_usage();
    let claim = (100_i32 << 20).to_be_bytes();
    let connections: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.address()).unwrap();
            stream.write_all(&claim).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    let each_bytes = (ALLOCATOR.current_usage() - before_bytes) / connections.len();
    assert!(each_bytes < 32 << 10, "{each_bytes} bytes each");
}

#[test]
fn a_frame_that_never_ends_is_cut_off_after_the_idle_time() {
    let _alone = alone();
    let broker = Broker::builder()
        .config("connections.max.idle.ms", "200")
        .start_blocking()
        .unwrap();
    let mut stream = TcpStream::connect(broker.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&100_i32.to_be_bytes()).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn connections_beyond_the_limits_are_closed_at_once_and_their_places_are_used_again() {
    let _alone = alone();
    for limit in ["max.connections", "max.connections.per.ip"] {
        let broker = Broker::builder()
            .config(limit, "3")
            .start_blocking()
            .unwrap();
        let mut open: Vec<_> = (0..3).map(|_| connect(&broker)).collect();
        assert!(open.iter_mut().all(is_served), "{limit}");
        assert!(!is_served(&mut connect(&broker)), "{limit}");
        open.pop();
        let started = Instant::now();
        while !is_served(&mut connect(&broker)) {
            assert!(started.elapsed() < PATIENCE, "{limit}: no place came back");
        }
        assert!(open.iter_mut().all(is_served), "{limit}");
    }
}

fn connect(broker: &Broker) -> TcpStream {
    let stream = TcpStream::connect(broker.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether ApiVersions is answered, and not the connection closed.
fn is_served(stream: &mut TcpStream) -> bool {
    let hello = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let mut length = [0; 4];
    if stream.write_all(&hello).is_err() || stream.read_exact(&mut length).is_err() {
        return false;
    }
    let mut answer = vec![0; i32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).is_ok()
}
