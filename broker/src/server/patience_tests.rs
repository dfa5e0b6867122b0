//! How long a connection waits for its peer, on a clock that stands still
//! whenever something can be done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ottla_core::config::{BrokerConfigs, Overrides};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::connection::{ConnectionError, serve};
use crate::config::{NodeConfig, set_property};
use crate::node::Node;

/// As long as Kafka's default for `connections.max.idle.ms`.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Longer than anything here may take.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);
const ANY_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9092);

type Served = JoinHandle<Result<(), ConnectionError>>;

fn node(properties: &[(&str, &str)]) -> Arc<Node> {
    let mut fixed = Overrides::default();
    for (name, value) in properties {
        set_property(&mut fixed, name, value).unwrap();
    }
    let configs = BrokerConfigs {
        fixed,
        ..BrokerConfigs::default()
    };
    Node::start(NodeConfig::new(configs, None, None).unwrap()).unwrap()
}

/// A connection with `pipe_bytes` between the two ends.
fn connect(node: &Arc<Node>, pipe_bytes: usize) -> (DuplexStream, Served) {
    let (here, there) = duplex(pipe_bytes);
    let served = serve(Arc::clone(node), there, ANY_ADDRESS, ANY_ADDRESS);
    (here, tokio::spawn(served))
}

async fn ended(served: Served) -> ConnectionError {
    let result = timeout(FAR, served).await.expect("it ends");
    result.unwrap().expect_err("by the broker")
}

/// ApiVersions version 0 without a client id.
fn hello() -> Vec<u8> {
    framed(&[0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])
}

/// Fetch version 4 of partition 0 of `t`, which waits for a byte to come.
fn fetch_of_a_day() -> Vec<u8> {
    let mut content = vec![0, 1, 0, 4, 0, 0, 0, 8, 0xff, 0xff];
    let (replica, wait_ms, min_bytes, max_bytes) = (-1, 24 * 60 * 60 * 1_000, 1, 1 << 20);
    let (topics, partitions, partition) = (1, 1, 0);
    for field in [replica, wait_ms, min_bytes, max_bytes] {
        content.extend(i32::to_be_bytes(field));
    }
    content.push(0);
    content.extend(i32::to_be_bytes(topics));
    content.extend([0, 1, b't']);
    for field in [partitions, partition] {
        content.extend(i32::to_be_bytes(field));
    }
    content.extend(0_i64.to_be_bytes());
    content.extend(i32::to_be_bytes(max_bytes));
    framed(&content)
}

fn framed(content: &[u8]) -> Vec<u8> {
    let length = content.len() as i32;
    [&length.to_be_bytes()[..], content].concat()
}

async fn answer(stream: &mut DuplexStream) -> BytesMut {
    let length = stream.read_i32().await.unwrap();
    let mut content = BytesMut::zeroed(length as usize);
    stream.read_exact(&mut content).await.unwrap();
    content
}

/// Nobody waits for an answer that does not come, but for a while.
async fn is_answered(stream: &mut DuplexStream) -> bool {
    timeout(Duration::from_secs(1), answer(stream))
        .await
        .is_ok()
}

/// Lets `pause` pass between the bytes of a frame that is `length` bytes long.
async fn drip(stream: &mut DuplexStream, length: i32, pause: Duration) {
    let content = vec![0; length as usize];
    for byte in framed(&content) {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_comes_a_byte_a_minute_has_to_end_within_the_idle_time_of_its_first() {
    let node = node(&[]);
    let (mut stream, served) = connect(&node, 1 << 10);
    // All but idle when the frame begins: it has its whole time nevertheless.
    tokio::time::sleep(IDLE_MAX - Duration::from_secs(1)).await;
    let began = Instant::now();
    let dripping = drip(&mut stream, 1 << 20, Duration::from_secs(60));
    let (error, ()) = tokio::join!(ended(served), dripping);
    assert!(matches!(error, ConnectionError::Idle), "{error}");
    let lasted = Instant::now() - began;
    assert!((IDLE_MAX..IDLE_MAX * 2).contains(&lasted), "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_answer_is_no_excuse_for_a_frame_that_never_ends() {
    let node = node(&[]);
    let (mut stream, served) = connect(&node, 1 << 10);
    node.create_at_start(&[("t".to_owned(), 1)]).unwrap();
    stream.write_all(&fetch_of_a_day()).await.unwrap();
    let dripping = drip(&mut stream, 1 << 20, Duration::from_secs(60));
    let (error, ()) = tokio::join!(ended(served), dripping);
    assert!(matches!(error, ConnectionError::Idle), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_frame_that_ends_in_time_is_answered_and_so_is_the_next() {
    let node = node(&[]);
    let (mut stream, _served) = connect(&node, 1 << 10);
    for _ in 0..5 {
        for byte in hello() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(IDLE_MAX / 20).await;
        }
        assert!(is_answered(&mut stream).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_answer_for_a_minute_is_gone() {
    let node = node(&[]);
    let (mut stream, served) = connect(&node, 1 << 10);
    let began = Instant::now();
    let asking = async {
        // More answers than the pipe holds, and nobody reads one.
        while stream.write_all(&hello()).await.is_ok() {}
    };
    let (error, ()) = tokio::join!(ended(served), asking);
    assert!(matches!(error, ConnectionError::SlowReader), "{error}");
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn requests_over_the_budget_wait_and_are_answered_once_it_is_free() {
    let node = node(&[
        ("socket.request.max.bytes", "1000"),
        ("queued.max.request.bytes", "1500"),
    ]);
    let mut holding: Vec<_> = (0..2).map(|_| connect(&node, 1 << 10)).collect();
    for (stream, _) in &mut holding {
        // Begun and not ended: each counts with all its bytes.
        stream.write_all(&1_000_i32.to_be_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let (mut waiting, served) = connect(&node, 1 << 10);
    waiting.write_all(&hello()).await.unwrap();
    assert!(!is_answered(&mut waiting).await, "nothing is read");
    drop(holding.pop());
    assert!(is_answered(&mut waiting).await);
    assert!(!served.is_finished(), "nobody was closed");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_budget_is_not_closed_for_being_slow() {
    let node = node(&[
        ("socket.request.max.bytes", "1000"),
        ("queued.max.request.bytes", "1000"),
        ("connections.max.idle.ms", "10000"),
    ]);
    let (mut holding, held) = connect(&node, 1 << 10);
    holding.write_all(&1_000_i32.to_be_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    let (mut waiting, _served) = connect(&node, 1 << 10);
    tokio::time::sleep(Duration::from_millis(1)).await;
    waiting.write_all(&hello()).await.unwrap();
    // The one that holds all of it has its deadline, and so nobody waits for ever.
    assert!(matches!(ended(held).await, ConnectionError::Idle));
    assert!(is_answered(&mut waiting).await);
}
