//! How much does the broker add to writing what it is sent?

use super::frames::{self, Frame};
use super::peers::{Peer, Storage};
use super::process::{self, Running};
use super::report::{Table, Verdicts};
use super::rivals::Rival;
use super::{Effort, driver};

const MIB: usize = 1 << 20;
/// Rivals are given a part of the bytes: they take longer for each.
const RIVALS_PART: usize = 4;

/// One produce workload.
struct Workload {
    name: &'static str,
    short: &'static str,
    record_bytes: usize,
    batch_bytes: usize,
    connections: usize,
    in_flight: usize,
    total_bytes: usize,
    /// Of the sink's throughput, at least.
    throughput: f64,
    /// Of the sink's processor time for a byte, at most.
    cpu: f64,
}

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "produce, 64 KiB batches of 1 KiB records, 1 connection x 8",
        short: "64 KiB batches of 1 KiB records",
        record_bytes: 1024,
        batch_bytes: 64 << 10,
        connections: 1,
        in_flight: 8,
        total_bytes: 2048 * MIB,
        throughput: 0.8,
        cpu: 1.25,
    },
    Workload {
        name: "produce, 64 KiB batches of 100 B records, 1 connection x 8",
        short: "64 KiB batches of 100 B records",
        record_bytes: 100,
        batch_bytes: 64 << 10,
        connections: 1,
        in_flight: 8,
        total_bytes: 2048 * MIB,
        throughput: 0.8,
        cpu: 1.5,
    },
    Workload {
        name: "produce, 1 KiB requests, 8 connections x 5",
        short: "1 KiB requests, 40 in flight",
        record_bytes: 900,
        batch_bytes: 1 << 10,
        connections: 8,
        in_flight: 5,
        total_bytes: 256 * MIB,
        throughput: 0.75,
        cpu: 1.3,
    },
];

pub fn measure(effort: &Effort, verdicts: &mut Verdicts) {
    for workload in WORKLOADS {
        let table = throughput(workload, effort);
        table.print();
        for storage in [Storage::Disk, Storage::Memory] {
            let peer = Peer::Broker(storage);
            let what = format!("{}, {storage}", workload.short);
            verdicts.at_least(
                &format!("{what}: throughput, of the sink's"),
                workload.throughput,
                &table,
                &format!("{peer}: throughput, of the sink's"),
            );
            verdicts.at_most(
                &format!("{what}: processor time for a byte, of the sink's"),
                workload.cpu,
                &table,
                &format!("{peer}: CPU, of the sink's"),
            );
        }
    }
}

fn throughput(workload: &Workload, effort: &Effort) -> Table {
    let frame = frames::produce(workload.record_bytes, workload.batch_bytes);
    let mut table = Table::new(workload.name);
    let mut peers = vec![
        Peer::Sink,
        Peer::Broker(Storage::Disk),
        Peer::Broker(Storage::Memory),
    ];
    for rival in Rival::present() {
        // Once for nothing: compilers that work while it runs get warm.
        run(workload, &frame, Peer::Rival(rival), effort);
        peers.push(Peer::Rival(rival));
    }
    for _ in 0..effort.rounds {
        let mut sink = (0.0, 0.0);
        for &peer in &peers {
            let (rate, cost) = run(workload, &frame, peer, effort);
            table.add(&format!("{peer}: MB/s"), rate);
            let requests = rate * 1e6 / frame.records_bytes() as f64;
            table.add(&format!("{peer}: requests/s"), requests);
            table.add(&format!("{peer}: CPU-s/GB"), cost);
            if peer == Peer::Sink {
                sink = (rate, cost);
            } else {
                table.add(&format!("{peer}: throughput, of the sink's"), rate / sink.0);
                table.add(&format!("{peer}: CPU, of the sink's"), cost / sink.1);
            }
        }
    }
    table
}

/// Megabytes a second, and processor seconds for a gigabyte.
fn run(workload: &Workload, frame: &Frame, peer: Peer, effort: &Effort) -> (f64, f64) {
    let part = match peer {
        Peer::Rival(_) => RIVALS_PART,
        _ => 1,
    };
    let requests = workload.total_bytes / effort.divisor / part / workload.batch_bytes;
    process::warm_memory(workload.total_bytes / effort.divisor);
    let running = peer.start();
    let first = peer.is_broker().then(|| next_offset(&running, frame));
    let before = running.cpu_seconds();
    let seconds = driver::saturate(
        running.address(),
        frame,
        requests,
        workload.connections,
        workload.in_flight,
    );
    let cpu = running.cpu_seconds() - before;
    if let Some(first) = first {
        // What comes next is given the offset behind all that was sent.
        let written = next_offset(&running, frame) - first;
        assert_eq!(written, (requests + 1) * frame.records());
    }
    let megabytes = (requests * frame.records_bytes()) as f64 / 1e6;
    (megabytes / seconds, cpu / megabytes * 1e3)
}

fn next_offset(running: &Running, frame: &Frame) -> usize {
    let answer = driver::ask(running.address(), frame);
    usize::try_from(frames::acknowledged_offset(&answer)).unwrap()
}
