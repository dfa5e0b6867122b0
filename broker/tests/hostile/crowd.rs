//! Many connections that ask for nothing, or never finish asking. The large
//! form of this is the benchmark `crowd`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ottla::Broker;

use crate::{ALLOCATOR, alone};

const IDLE: usize = 500;
const SLOW: usize = 50;
/// Idle or slow, a connection may take this much.
const EACH_BYTES_MAX: usize = 24 << 10;
/// A round trip takes far less than a millisecond; a broker that is busy with
/// its crowd takes longer than this.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(50);
const ROUND_TRIPS: usize = 1_000;

/// ApiVersions version 0 without a client id, with its length.
const HELLO: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];

fn ask(stream: &mut TcpStream) {
    stream.write_all(&HELLO).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; i32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn p99(address: SocketAddr) -> Duration {
    let mut stream = connect(address);
    let mut times: Vec<_> = (0..ROUND_TRIPS)
        .map(|_| {
            let asked = Instant::now();
            ask(&mut stream);
            asked.elapsed()
        })
        .collect();
    times.sort();
    times[ROUND_TRIPS * 99 / 100]
}

/// Sends a byte of each frame now and then, until told to stop.
fn drip(slow: &[TcpStream], is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        for mut stream in slow {
            stream.write_all(&[0]).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_crowd_of_idle_and_slow_connections_costs_little_and_delays_nobody() {
    let _alone = alone();
    let broker = Broker::builder().start_blocking().unwrap();
    let address = broker.address();
    ask(&mut connect(address));
    let before_bytes = ALLOCATOR.current_usage();
    let idle = (0..IDLE).map(|_| {
        let mut stream = connect(address);
        ask(&mut stream);
        stream
    });
    let _idle: Vec<_> = idle.collect();
    let slow = (0..SLOW).map(|_| {
        let mut stream = connect(address);
        stream.write_all(&(100_i32 << 20).to_be_bytes()).unwrap();
        stream
    });
    let slow: Vec<_> = slow.collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| drip(&slow, &is_over));
        let p99 = p99(address);
        is_over.store(true, Ordering::Relaxed);
        assert!(p99 < ROUND_TRIP_MAX, "{p99:?}");
    });
    let each_bytes = ALLOCATOR.current_usage().saturating_sub(before_bytes) / (IDLE + SLOW);
    assert!(each_bytes < EACH_BYTES_MAX, "{each_bytes} bytes each");
}
