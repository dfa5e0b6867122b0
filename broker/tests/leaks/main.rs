//! What is left of brokers that were dropped: nothing. In a process of its own,
//! because every thread and descriptor of the process is counted.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

// Other tests use all of it.
#[allow(dead_code)]
#[path = "../socket/mod.rs"]
mod socket;

use std::path::Path;
use std::time::{Duration, Instant};

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{FindCoordinatorRequest, JoinGroupRequest};
use kafka_protocol::protocol::StrBytes;
use ottla::{Broker, BrokerBuilder};
use socket::Client;

const BROKERS: usize = 100;
/// Threads end a moment after they were told to.
const PATIENCE: Duration = Duration::from_secs(20);

/// Threads and descriptors of this process.
fn held() -> [usize; 2] {
    ["/proc/self/task", "/proc/self/fd"]
        .map(|folder| std::fs::read_dir(Path::new(folder)).unwrap().count())
}

fn assert_back_to(before: [usize; 2]) {
    let started = Instant::now();
    while held()[0] > before[0] || held()[1] > before[1] {
        let held = held();
        assert!(
            started.elapsed() < PATIENCE,
            "{held:?} instead of {before:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A group with a member: timers and a shard, and with `--data` threads that
/// write.
fn use_it(broker: &Broker) {
    let mut client = Client::connect(broker);
    let text = StrBytes::from_static_str;
    let request = FindCoordinatorRequest::default().with_key(text("group"));
    assert_eq!(client.call(3, &request).error_code, 0);
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let request = JoinGroupRequest::default()
        .with_group_id(text("group").into())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    assert_eq!(client.call(3, &request).error_code, 0);
}

fn start_use_and_drop(builder: impl Fn() -> BrokerBuilder) {
    for number in 0..BROKERS {
        let broker = builder().start_blocking().unwrap();
        // Some stop before anybody has come.
        if number % 2 == 0 {
            use_it(&broker);
        }
        drop(broker);
    }
}

#[test]
fn dropped_brokers_leave_no_thread_and_no_descriptor() {
    // Where another crate of the build wants tokio's signals, the first runtime
    // of a process makes a pair of sockets that stays for good.
    drop(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap(),
    );
    let before = held();
    start_use_and_drop(|| Broker::builder().topic("orders", 3));
    assert_back_to(before);

    let data = tempfile::tempdir().unwrap();
    let folder = std::cell::Cell::new(0);
    start_use_and_drop(|| {
        folder.set(folder.get() + 1);
        let folder = data.path().join(folder.get().to_string());
        Broker::builder().topic("orders", 3).data_dir(folder)
    });
    assert_back_to(before);
}
