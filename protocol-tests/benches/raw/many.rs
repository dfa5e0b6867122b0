//! What do partitions and connections cost that nobody uses?

use std::path::Path;
use std::time::{Duration, Instant};

use super::frames;
use super::peers::{self, Storage};
use super::process::{self, Running};
use super::report::{Table, Verdicts};
use super::rivals::Rival;
use super::{Effort, driver};

const PARTITIONS: i32 = 10_000;
const CONNECTIONS: usize = 1_000;
/// Longer than anybody watches.
const WAIT_MS: i32 = 15 * 60 * 1_000;
/// For what comes with a first request to be over.
const SETTLE: Duration = Duration::from_secs(1);

pub fn measure(ottla: &Path, effort: &Effort, verdicts: &mut Verdicts) {
    let mut table = Table::new("10,000 partitions and 1,000 connections, idle");
    for _ in 0..effort.rounds {
        created_on_disk(ottla, &mut table);
        idle_connections(ottla, &mut table);
    }
    waiting(ottla, effort, &mut table);
    for rival in Rival::present() {
        rival_connections(rival, &mut table);
    }
    table.print();
    for (what, row, bound) in [
        (
            "private memory of an idle `ottla serve`, MB",
            "private memory when idle, MB",
            5.0,
        ),
        (
            "10,000 partitions in one request, memory, ms",
            "created in memory, ms",
            50.0,
        ),
        (
            "an empty partition, KB",
            "private memory for a partition, KB",
            0.5,
        ),
        (
            "an idle connection, KB",
            "private memory for an idle connection, KB",
            4.0,
        ),
        (
            "all of them waiting, % of a core",
            "processor time while all wait, % of a core",
            0.05,
        ),
    ] {
        verdicts.at_most(what, bound, &table, row);
    }
}

fn created_on_disk(ottla: &Path, table: &mut Table) {
    let running = peers::serve(ottla, Storage::Disk);
    table.add("created on disk, ms", create(&running));
}

fn create(running: &Running) -> f64 {
    let request = frames::create_topic_of(PARTITIONS);
    let started = Instant::now();
    driver::ask(running.address(), &request);
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    let last = frames::produce_to(PARTITIONS - 1);
    frames::acknowledged_offset(&driver::ask(running.address(), &last));
    milliseconds
}

fn idle_connections(ottla: &Path, table: &mut Table) {
    let running = peers::serve(ottla, Storage::Memory);
    std::thread::sleep(SETTLE);
    let private = || process::memory(running.process_id()).private_megabytes;
    let empty = process::memory(running.process_id());
    table.add("private memory when idle, MB", empty.private_megabytes);
    table.add(
        "resident, with the pages of the program file, MB",
        empty.resident_megabytes,
    );
    let kilobytes_each = |megabytes: f64, count: usize| megabytes * 1024.0 / count as f64;
    let _open = connect_many(&running);
    std::thread::sleep(SETTLE);
    let connected = private();
    let each = kilobytes_each(connected - empty.private_megabytes, CONNECTIONS);
    table.add("private memory for an idle connection, KB", each);
    table.add("created in memory, ms", create(&running));
    std::thread::sleep(SETTLE);
    let each = kilobytes_each(private() - connected, PARTITIONS as usize);
    table.add("private memory for a partition, KB", each);
}

fn connect_many(running: &Running) -> Vec<std::net::TcpStream> {
    let hello = frames::api_versions();
    (0..CONNECTIONS)
        .map(|_| driver::idle_connection(running.address(), &hello))
        .collect()
}

/// Every connection waits for records of ten partitions of its own.
fn waiting(ottla: &Path, effort: &Effort, table: &mut Table) {
    let running = peers::serve(ottla, Storage::Memory);
    create(&running);
    let each = PARTITIONS / CONNECTIONS as i32;
    let _waiting: Vec<_> = (0..CONNECTIONS as i32)
        .map(|number| {
            // Partition 9,999 has a record, and nobody would wait for it.
            let first = number * each;
            let end = (first + each).min(PARTITIONS - 1);
            let wait = frames::wait_for_records(first..end, WAIT_MS);
            driver::waiting_connection(running.address(), &wait)
        })
        .collect();
    std::thread::sleep(2 * SETTLE);
    let spent = process::cpu_seconds_during(running.process_id(), effort.idle);
    let percent = spent / effort.idle.as_secs_f64() * 100.0;
    table.add("processor time while all wait, % of a core", percent);
}

fn rival_connections(rival: Rival, table: &mut Table) {
    let running = rival.with_a_new_topic();
    let resident = || process::memory(running.process_id()).resident_megabytes;
    let before = resident();
    table.add(&format!("{rival}: resident, MB"), before);
    let _open = connect_many(&running);
    std::thread::sleep(SETTLE);
    let each = (resident() - before) * 1024.0 / CONNECTIONS as f64;
    table.add(
        &format!("{rival}: resident for an idle connection, KB"),
        each,
    );
}
