//! A child process and what the operating system says about it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Child;
use std::sync::Mutex;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Clock ticks a second in `/proc/PID/stat`; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A peer process with the folder it may write to. Both go when it is dropped.
pub struct Running {
    child: Mutex<Child>,
    process_id: u32,
    address: SocketAddr,
    _folder: TempDir,
}

/// What a process holds.
pub struct Memory {
    /// Pages that are backed by no file: heap, stacks, data it has changed.
    pub private_megabytes: f64,
    /// All pages in memory, shared ones included.
    pub resident_megabytes: f64,
}

impl Running {
    pub fn new(child: Child, address: SocketAddr, folder: TempDir) -> Running {
        Running {
            process_id: child.id(),
            child: Mutex::new(child),
            address,
            _folder: folder,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn process_id(&self) -> u32 {
        self.process_id
    }

    /// Ends it, if it runs.
    pub fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().ok();
        child.wait().ok();
    }

    /// Processor time taken so far, user and system.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process_id)).unwrap();
        // Behind the name, which may hold anything: the 12th and 13th field.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }
}

/// Seconds of processor time that the threads of a process take meanwhile, to
/// the nanosecond. What a thread took that ended before is not told.
pub fn cpu_seconds_during(process_id: u32, time: Duration) -> f64 {
    let before = nanoseconds_by_thread(process_id);
    std::thread::sleep(time);
    let after = nanoseconds_by_thread(process_id);
    let spent = after
        .iter()
        .map(|(thread, spent)| spent - before.get(thread).unwrap_or(&0.0));
    spent.sum::<f64>() / 1e9
}

fn nanoseconds_by_thread(process_id: u32) -> BTreeMap<OsString, f64> {
    let threads = std::fs::read_dir(format!("/proc/{process_id}/task")).unwrap();
    let by_thread = threads.filter_map(|thread| {
        let thread = thread.ok()?;
        let spent = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanoseconds = spent.split_whitespace().next()?.parse().ok()?;
        Some((thread.file_name(), nanoseconds))
    });
    by_thread.collect()
}

/// Keeps this thread, and those it starts, on one processor.
pub fn stay_on(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor).unwrap();
    sched_setaffinity(Pid::from_raw(0), &only).unwrap();
}

/// Lets this thread run anywhere again.
pub fn run_anywhere() {
    let mut all = CpuSet::new();
    for processor in 0..CpuSet::count() {
        all.set(processor).unwrap();
    }
    sched_setaffinity(Pid::from_raw(0), &all).unwrap();
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn memory(process_id: u32) -> Memory {
    let rollup = std::fs::read_to_string(format!("/proc/{process_id}/smaps_rollup")).unwrap();
    let megabytes = |name: &str| -> f64 {
        let lines = rollup.lines().filter(|line| line.starts_with(name));
        let kilobytes = lines.map(|line| line.split_whitespace().nth(1).unwrap());
        kilobytes
            .map(|value| value.parse::<f64>().unwrap())
            .sum::<f64>()
            / 1024.0
    };
    Memory {
        // "Private_*" would count the program file's pages as well.
        private_megabytes: megabytes("Anonymous:"),
        resident_megabytes: megabytes("Rss:"),
    }
}

/// Touches memory and gives it back: on a virtual machine the first touch of a
/// page costs more than any broker, and must not be billed to one.
pub fn warm_memory(bytes: usize) {
    let touched = vec![1_u8; bytes];
    std::hint::black_box(&touched);
}
