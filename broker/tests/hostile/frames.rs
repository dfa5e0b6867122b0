//! Whole frames with anything in them, for every API and version.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::{Encodable, StrBytes};
use ottla::Broker;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::requests::{Case, Mutation, cases};
use crate::{ALLOCATOR, alone};

/// What one request of a few hundred bytes may make the broker allocate: the
/// decoder's share is a megabyte (`wire::guard`), the largest answers and ten
/// thousand partitions of a topic have to fit too.
const ALLOCATED_BYTES_MAX: usize = 64 << 20;

/// Requests that wait for something are not answered; nobody waits for them.
const PATIENCE: Duration = Duration::from_millis(10);

/// The requests of one API that are tried.
const FRAMES_PER_API: u32 = 120;

fn header(key: i16, version: i16) -> Vec<u8> {
    let api = ApiKey::try_from(key).unwrap();
    let mut header = Vec::new();
    RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("hostile")))
        .encode(&mut header, api.request_header_version(version))
        .unwrap();
    header
}

fn framed(content: &[u8]) -> Vec<u8> {
    let length = i32::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], content].concat()
}

/// Sends a frame; what comes back, if anything does, is a whole frame of the
/// same correlation id, or the end of the connection.
fn send(address: SocketAddr, frame: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if stream.write_all(frame).is_err() {
        return;
    }
    let mut prefix = [0; 8];
    match stream.read_exact(&mut prefix) {
        Ok(()) => {
            let length = i32::from_be_bytes(*prefix.first_chunk().unwrap());
            assert!(length >= 4, "an answer of {length} bytes");
        }
        Err(error) => assert!(
            matches!(
                error.kind(),
                ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::WouldBlock
                    | ErrorKind::TimedOut
            ),
            "{error}"
        ),
    }
}

/// Somebody else is served meanwhile.
fn assert_serves(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.write_all(&framed(&header(18, 0))).unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[4..], [0, 0, 0, 7, 0, 0], "correlation id, no error");
}

fn broker() -> Broker {
    Broker::builder()
        // Names that are drawn, so that some requests go all the way.
        .topic("t", 3)
        .topic("top", 1)
        .start_blocking()
        .unwrap()
}

fn assert_stands(broker: &Broker, frame: &[u8]) {
    let before_bytes = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    send(broker.address(), frame);
    let taken_bytes = ALLOCATOR.peak_usage().saturating_sub(before_bytes);
    assert!(
        taken_bytes <= ALLOCATED_BYTES_MAX,
        "{taken_bytes} bytes for a frame of {}",
        frame.len()
    );
}

fn run<S: Strategy>(frames: u32, inputs: &S, test: impl Fn(S::Value)) {
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(frames)
    });
    let tried = runner.run(inputs, |input| {
        test(input);
        Ok(())
    });
    tried.unwrap();
}

/// A valid request of any version, damaged in a few places.
fn damaged(case: &Case, (tape, version, mutations): (Vec<u8>, u8, Vec<Mutation>)) -> Vec<u8> {
    let version = case.version(version);
    let mut body = case.body(&tape, version).to_vec();
    assert!(case.decodes(&mut body.clone().into(), version));
    mutations.iter().for_each(|damage| damage.apply(&mut body));
    framed(&[header(case.key, version), body].concat())
}

#[test]
fn valid_and_damaged_requests_of_every_api_leave_the_broker_serving() {
    let _alone = alone();
    for case in cases() {
        let broker = broker();
        let tape = prop::collection::vec(any::<u8>(), 0..300);
        let mutations = prop::collection::vec(Mutation::any(), 0..3);
        run(FRAMES_PER_API, &(tape, any::<u8>(), mutations), |input| {
            assert_stands(&broker, &damaged(&case, input));
        });
        assert_serves(broker.address());
    }
}

#[test]
fn arbitrary_bodies_under_every_header_leave_the_broker_serving() {
    let _alone = alone();
    let broker = broker();
    for case in cases() {
        let bytes = prop::collection::vec(any::<u8>(), 0..200);
        run(
            FRAMES_PER_API / 4,
            &(any::<u8>(), bytes),
            |(version, body)| {
                let header = header(case.key, case.version(version));
                assert_stands(&broker, &framed(&[header, body].concat()));
            },
        );
    }
    assert_serves(broker.address());
}

#[test]
fn arbitrary_frames_leave_the_broker_serving() {
    let _alone = alone();
    let broker = broker();
    let bytes = prop::collection::vec(any::<u8>(), 1..200);
    run(1_000, &bytes, |bytes| {
        assert_stands(&broker, &framed(&bytes));
    });
    assert_serves(broker.address());
}
