//! How much does the broker add to the work that cannot be avoided?
//!
//! A driver with pre-encoded frames drives the broker and, in the same run,
//! limits that do only what every broker must: a raw sink reads the frame,
//! checks its CRC-32C, writes it to a file and acknowledges; a TCP echo is the
//! floor of a round trip; a file that goes to a socket is the floor of a fetch.
//! Each of them is a process of its own, so that the operating system can say
//! what processor time it took.
//!
//! ```text
//! cargo build --release -p ottla-cli && cargo bench -p protocol-tests --bench raw
//!     -- --quick         fewer rounds, less in each
//!     -- --only=NAME     refusals, produce, round-trip, fetch, start, many, crowd, restart
//! ```
//!
//! Apache Kafka runs beside them when `KAFKA_LIBS` names the folder of its jars,
//! and franz-go's kfake when there is a `go` to build it with.
//!
//! Rounds are interleaved (sink, broker, sink, broker, …) and medians are
//! shown with their range: on a shared machine trust the ratios.

#![allow(clippy::unwrap_used)]

mod crowd;
mod driver;
mod fetch;
mod files;
mod frames;
mod many;
mod peers;
mod process;
mod produce;
mod refusals;
mod report;
mod restart;
mod rivals;
mod round_trip;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use report::Verdicts;

/// How long to measure.
struct Effort {
    rounds: usize,
    /// Of the bytes.
    divisor: usize,
    round_trips: usize,
    starts: usize,
    /// How long to watch a broker that has nothing to do.
    idle: Duration,
    restart_gigabytes: usize,
}

const FULL: Effort = Effort {
    rounds: 5,
    divisor: 1,
    round_trips: 20_000,
    starts: 20,
    idle: Duration::from_secs(60),
    restart_gigabytes: 10,
};

const QUICK: Effort = Effort {
    rounds: 3,
    divisor: 8,
    round_trips: 2_000,
    starts: 5,
    idle: Duration::from_secs(5),
    restart_gigabytes: 2,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = arguments
        .first()
        .and_then(|argument| argument.strip_prefix("--role="))
    {
        return peers::play(role, &arguments[1..]);
    }
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let only = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--only="));
    let _stop = rivals::StopAll;
    measure(if is_quick { &QUICK } else { &FULL }, only);
}

fn measure(effort: &Effort, only: Option<&str>) {
    let wants = |name: &str| only.is_none_or(|only| only == name);
    let mut verdicts = Verdicts::default();
    println!("{}", report::machine());
    if wants("refusals") || wants("produce") {
        refusals::check();
    }
    if wants("produce") {
        produce::measure(effort, &mut verdicts);
    }
    if wants("round-trip") {
        round_trip::measure(effort, &mut verdicts);
    }
    if wants("fetch") {
        fetch::measure(effort, &mut verdicts);
    }
    if let Some(ottla) = ottla_binary() {
        if wants("start") {
            start::measure(&ottla, effort, &mut verdicts);
        }
        if wants("many") {
            many::measure(&ottla, effort, &mut verdicts);
        }
        if wants("crowd") {
            crowd::measure(&ottla, effort, &mut verdicts);
        }
        if wants("restart") {
            restart::measure(&ottla, effort.restart_gigabytes, 10_000, effort.rounds);
        }
    }
    verdicts.print();
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
