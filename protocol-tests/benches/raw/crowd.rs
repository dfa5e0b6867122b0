//! Does a crowd that asks for nothing, or never finishes asking, cost those
//! who do?

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::peers::{self, Storage};
use super::process;
use super::report::{Figure, Table, Verdicts};
use super::{Effort, driver, frames};

/// Said hello and say nothing more.
const IDLE: usize = 10_000;
/// Began a frame and send a byte of it now and then.
const SLOW: usize = 1_000;
/// What each of the slow ones says its frame is long.
const CLAIMED_BYTES: i32 = 100 << 20;
/// Between two bytes of one of them.
const DRIP: Duration = Duration::from_secs(1);

/// Needs about 11,100 file descriptors in each of the two processes.
pub fn measure(ottla: &Path, effort: &Effort, verdicts: &mut Verdicts) {
    let mut table = Table::new("10,000 idle connections and 1,000 that drip");
    for _ in 0..effort.rounds {
        let running = peers::serve(ottla, Storage::Memory);
        let address = running.address();
        driver::ask(address, &frames::create_topic());
        // The first round trips are those of a cold broker.
        p99(address, effort);
        let alone = p99(address, effort);
        let hello = frames::api_versions();
        let _idle: Vec<_> = (0..IDLE)
            .map(|_| driver::idle_connection(address, &hello))
            .collect();
        let crowded = beside_slow_ones(address, || p99(address, effort));
        let memory = process::memory(running.process_id());
        table.add("round trip alone: p99, microseconds", alone);
        table.add("round trip in the crowd: p99, microseconds", crowded);
        table.add("in the crowd, of alone", crowded / alone);
        table.add("resident, MB", memory.resident_megabytes);
        table.add("private, MB", memory.private_megabytes);
    }
    table.print();
    let what = "resident with 11,000 connections, MB";
    verdicts.at_most(what, 256.0, &table, "resident, MB");
    let what = "p99 beside 11,000 connections, of alone";
    verdicts.at_most(what, 2.0, &table, "in the crowd, of alone");
}

fn p99(address: SocketAddr, effort: &Effort) -> f64 {
    let frame = frames::produce(100, 100);
    let times = driver::round_trips(address, &frame, effort.round_trips);
    Figure::of(&times).percentile(99.0)
}

fn beside_slow_ones(address: SocketAddr, measured: impl FnOnce() -> f64) -> f64 {
    let slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(&CLAIMED_BYTES.to_be_bytes()).unwrap();
            stream
        })
        .collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for mut stream in &slow {
                    stream.write_all(&[0]).unwrap();
                    std::thread::sleep(DRIP / SLOW as u32);
                }
            }
        });
        let figure = measured();
        is_over.store(true, Ordering::Relaxed);
        figure
    })
}
