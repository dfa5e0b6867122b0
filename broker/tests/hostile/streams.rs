//! Connections that keep the broker waiting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ottla::Broker;

use crate::{ALLOCATOR, alone};

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
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.write_all(&100_i32.to_be_bytes()).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}
