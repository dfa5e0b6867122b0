//! How much does the broker add to the work that cannot be avoided?
//!
//! A driver with pre-encoded Produce frames drives the broker and, in the same
//! run, a raw sink that does only what every broker must: read the frame,
//! check its CRC-32C, write it to a file, acknowledge. A TCP echo gives the
//! floor of a round trip. Each of them is a process of its own, so that the
//! operating system can say what processor time it took.
//!
//! ```text
//! cargo build --release -p ottla-cli && cargo bench -p protocol-tests --bench raw
//! cargo bench -p protocol-tests --bench raw -- --quick
//! ```
//!
//! Rounds are interleaved (sink, broker, sink, broker, …) and medians are
//! shown with their range: on a shared machine trust the ratios.

#![allow(clippy::unwrap_used)]

mod driver;
mod frames;
mod peers;
mod process;
mod report;
mod restart;

use std::path::PathBuf;

use frames::Frame;
use peers::{Peer, Storage};
use process::Running;
use report::{Figure, Table};

/// One produce workload.
struct Workload {
    name: &'static str,
    record_bytes: usize,
    batch_bytes: usize,
    connections: usize,
    in_flight: usize,
    total_bytes: usize,
}

const MIB: usize = 1 << 20;

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "produce, 64 KiB batches of 1 KiB records, 1 connection x 8",
        record_bytes: 1024,
        batch_bytes: 64 << 10,
        connections: 1,
        in_flight: 8,
        total_bytes: 2048 * MIB,
    },
    Workload {
        name: "produce, 64 KiB batches of 100 B records, 1 connection x 8",
        record_bytes: 100,
        batch_bytes: 64 << 10,
        connections: 1,
        in_flight: 8,
        total_bytes: 2048 * MIB,
    },
    Workload {
        name: "produce, 1 KiB requests, 8 connections x 5",
        record_bytes: 900,
        batch_bytes: 1 << 10,
        connections: 8,
        in_flight: 5,
        total_bytes: 256 * MIB,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = arguments
        .first()
        .filter(|argument| argument.starts_with("--role="))
    {
        return peers::play(role.trim_start_matches("--role="), &arguments[1..]);
    }
    if arguments.iter().any(|argument| argument == "--restart") {
        let ottla = ottla_binary().expect("build it first");
        return restart::measure(&ottla, 10, 10_000, 5);
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let (rounds, divisor) = if quick { (3, 8) } else { (5, 1) };
    println!("{}", report::machine());
    for workload in WORKLOADS {
        throughput(workload, rounds, divisor);
    }
    round_trips(if quick { 2_000 } else { 20_000 }, rounds);
    starts(if quick { 5 } else { 20 });
    if let Some(ottla) = ottla_binary() {
        let (gigabytes, rounds) = if quick { (2, 3) } else { (10, 5) };
        restart::measure(&ottla, gigabytes, 10_000, rounds);
    }
    idle_memory();
}

fn throughput(workload: &Workload, rounds: usize, divisor: usize) {
    let frame = frames::produce(workload.record_bytes, workload.batch_bytes);
    let requests = workload.total_bytes / divisor / workload.batch_bytes;
    let mut table = Table::new(workload.name);
    for _ in 0..rounds {
        let mut sink = (0.0, 0.0);
        for peer in [
            Peer::Sink,
            Peer::Broker(Storage::Disk),
            Peer::Broker(Storage::Memory),
        ] {
            process::warm_memory(workload.total_bytes / divisor);
            let running = peer.start();
            let before = running.cpu_seconds();
            let seconds = driver::saturate(
                running.address(),
                &frame,
                requests,
                workload.connections,
                workload.in_flight,
            );
            let cpu = running.cpu_seconds() - before;
            if let Peer::Broker(_) = peer {
                check_that_all_was_written(&running, &frame, requests);
            }
            let megabytes = (requests * frame.records_bytes()) as f64 / 1e6;
            let (rate, cost) = (megabytes / seconds, cpu / megabytes * 1e3);
            table.add(&format!("{peer}: MB/s"), rate);
            table.add(&format!("{peer}: requests/s"), requests as f64 / seconds);
            table.add(&format!("{peer}: CPU-s/GB"), cost);
            if peer == Peer::Sink {
                sink = (rate, cost);
            } else {
                table.add(&format!("{peer}: throughput, of the sink's"), rate / sink.0);
                table.add(&format!("{peer}: CPU, of the sink's"), cost / sink.1);
            }
        }
    }
    table.print();
}

/// What comes next is given the offset behind all that was sent.
fn check_that_all_was_written(running: &Running, frame: &Frame, requests: usize) {
    let answer = driver::ask(running.address(), frame);
    let written = usize::try_from(frames::acknowledged_offset(&answer)).unwrap();
    assert_eq!(written, requests * frame.records());
}

fn round_trips(count: usize, rounds: usize) {
    let frame = frames::produce(100, 100);
    let mut table = Table::new("round trip of one 100 B record, one in flight, microseconds");
    for _ in 0..rounds {
        let mut echo_p50 = 0.0;
        for peer in [
            Peer::Echo,
            Peer::Broker(Storage::Memory),
            Peer::Broker(Storage::Disk),
        ] {
            let running = peer.start();
            let times = driver::round_trips(running.address(), &frame, count);
            let figure = Figure::of(&times);
            table.add(&format!("{peer}: p50"), figure.percentile(50.0));
            table.add(&format!("{peer}: p99"), figure.percentile(99.0));
            if peer == Peer::Echo {
                echo_p50 = figure.percentile(50.0);
            } else {
                table.add(
                    &format!("{peer}: p50, of the echo's"),
                    figure.percentile(50.0) / echo_p50,
                );
            }
        }
    }
    table.print();
}

fn starts(rounds: usize) {
    let mut table = Table::new("spawn of `ottla serve` to the first acknowledged record, ms");
    let Some(ottla) = ottla_binary() else { return };
    for _ in 0..rounds {
        for storage in [Storage::Memory, Storage::Disk] {
            let milliseconds = peers::start_to_first_acknowledgement(&ottla, storage);
            table.add(&format!("{storage}"), milliseconds);
        }
    }
    table.print();
}

fn idle_memory() {
    let mut table = Table::new("memory of an idle `ottla serve`, MB");
    let Some(ottla) = ottla_binary() else { return };
    let running = peers::serve(&ottla, Storage::Memory);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let memory = process::memory(running.process_id());
    table.add("private", memory.private_megabytes);
    table.add(
        "resident, with the pages of the program file",
        memory.resident_megabytes,
    );
    table.print();
}

/// The binary that users run, which this bench does not build.
fn ottla_binary() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let release = own.ancestors().nth(2)?;
    let binary = release.join("ottla");
    if binary.exists() {
        return Some(binary);
    }
    eprintln!("not measured: build it first with `cargo build --release -p ottla-cli`");
    None
}
