//! Kills API instances and push workers at random while comments are written, and counts.
//!
//! ```text
//!  writers ──HTTP──► 3 × social-server-api ──┐            ┌──► 3 × social-server-push ──► browsers
//!                              PostgreSQL ◄──┴── Kafka ◄──┴──► PostgreSQL
//!  kill -9 ────────────►  ▲  ───────────────────────────────►  ▲
//! ```
//!
//! At the end every comment that was answered with 200 must have reached its author's browser. One
//! that came twice must have been on its way when a worker was killed, sent and not settled, and
//! must have the tag of the first, so that on screen it is one.

mod browsers;
mod fleet;
mod ledger;
mod seeded;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use ledger::Ledger;
use seeded::Seeded;
use world::World;

/// After the last kill something must arrive at least this often, until everything has. A dead
/// worker's partitions and claims wait some seconds for another.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// What would come too late to be counted has come by then.
const AFTERMATH: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
#[command(about = "Kills services at random while comments are written, and counts")]
struct Options {
    /// How many processes are killed
    #[arg(long, default_value_t = 20)]
    kills: u32,

    /// Chooses who is killed, and when; the one of a run that failed does so again
    #[arg(long)]
    seed: Option<u64>,

    /// The PostgreSQL database of both services, an empty one
    #[arg(long)]
    database: String,

    /// The Kafka to use [default: an embedded broker]
    #[arg(long)]
    bootstrap: Option<String>,

    /// Where the services' binaries are [default: beside this one]
    #[arg(long)]
    binaries: Option<PathBuf>,

    /// Where the services' logs go
    #[arg(long)]
    logs: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(Seeded::fresh);
    println!("{} kills, seed {seed}", options.kills);
    let mut world = World::start(&options).await?;
    let ledger = Ledger::default();
    let writers = world.write(&ledger);
    world
        .kill(&ledger, &mut Seeded::new(seed), options.kills)
        .await?;
    writers.stop().await;
    let arrived = ledger.all_arrived(SILENCE_MAX).await;
    tokio::time::sleep(AFTERMATH).await;
    let report = ledger.report();
    print!("{report}");
    let passed = arrived && report.passed();
    if !passed {
        println!(
            "FAILED; the same again: --kills {} --seed {seed}",
            options.kills
        );
    }
    world.stop().await;
    Ok(ExitCode::from(u8::from(!passed)))
}
