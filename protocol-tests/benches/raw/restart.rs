//! How long does a broker take that finds something in its data directory?
//!
//! Each start is timed from spawning `ottla serve` to the acknowledgement of a
//! record in a partition that was there before.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::report::Table;
use super::{driver, frames, peers};

const GIGABYTE: usize = 1_000_000_000;
/// Written before each kill: more than what lies between two marks.
const BEFORE_KILL_BYTES: usize = 100 << 20;
const IN_FLIGHT: usize = 8;

/// How the broker ended before the start that is timed.
#[derive(Clone, Copy)]
enum End {
    Terminated,
    Killed,
}

/// Starts with `gigabytes` in one partition, and with `partitions` that hold a
/// record each.
pub fn measure(ottla: &Path, gigabytes: usize, partitions: i32, rounds: usize) {
    let mut table =
        Table::new("start with what was there before to the first acknowledged record, ms");
    let large = frames::produce(1024, 64 << 10);
    let requests = |bytes: usize| bytes / large.records_bytes();
    let mut directory = Directory::new(ottla);
    directory.start(&frames::create_topic_of(1), &large);
    directory.write(&large, requests(gigabytes * GIGABYTE));
    for _ in 0..rounds {
        directory.end(End::Terminated);
        let clean = directory.start_again(&large);
        table.add(&format!("{gigabytes} GB, after an orderly stop"), clean);
        directory.write(&large, requests(BEFORE_KILL_BYTES));
        directory.end(End::Killed);
        let killed = directory.start_again(&large);
        table.add(&format!("{gigabytes} GB, after kill -9"), killed);
    }
    let to_each = frames::produce_to_each(partitions);
    let mut directory = Directory::new(ottla);
    directory.start(&frames::create_topic_of(partitions), &to_each);
    for _ in 0..rounds {
        directory.end(End::Terminated);
        let clean = directory.start_again(&large);
        table.add(
            &format!("{partitions} partitions with records, after an orderly stop"),
            clean,
        );
        directory.end(End::Killed);
        let killed = directory.start_again(&large);
        table.add(
            &format!("{partitions} partitions with records, after kill -9"),
            killed,
        );
    }
    table.print();
}

/// A data directory, and the broker in it.
struct Directory {
    ottla: PathBuf,
    folder: TempDir,
    running: Option<(Child, SocketAddr)>,
}

impl Directory {
    fn new(ottla: &Path) -> Directory {
        Directory {
            ottla: ottla.to_owned(),
            folder: tempfile::tempdir_in(peers::scratch()).unwrap(),
            running: None,
        }
    }

    fn start(&mut self, create: &frames::Frame, first: &frames::Frame) {
        self.spawn();
        driver::ask(self.address(), create);
        driver::ask(self.address(), first);
    }

    /// Milliseconds until `record` is acknowledged.
    fn start_again(&mut self, record: &frames::Frame) -> f64 {
        let started = Instant::now();
        self.spawn();
        let answer = driver::ask(self.address(), record);
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        assert!(
            frames::acknowledged_offset(&answer) > 0,
            "it lost what was there"
        );
        milliseconds
    }

    fn write(&self, frame: &frames::Frame, requests: usize) {
        driver::saturate(self.address(), frame, requests, 1, IN_FLIGHT);
    }

    fn spawn(&mut self) {
        let ready = self.folder.path().join("ready.json");
        fs::remove_file(&ready).ok();
        let child = Command::new(&self.ottla)
            .args(["serve", "--listen", "127.0.0.1:0", "--ready-file"])
            .arg(&ready)
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some((child, peers::wait_for_address(&ready)));
    }

    fn end(&mut self, end: End) {
        let Some((mut child, _)) = self.running.take() else {
            return;
        };
        match end {
            End::Killed => child.kill().unwrap(),
            End::Terminated => {
                let id = child.id().to_string();
                Command::new("kill").args(["-TERM", &id]).status().unwrap();
            }
        }
        child.wait().unwrap();
        // What the last process left to be written belongs to nobody's start.
        std::thread::sleep(Duration::from_millis(200));
    }

    fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("it was started").1
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.end(End::Killed);
    }
}
