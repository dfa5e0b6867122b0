//! The tour: the seed's story, played without hands.
//!
//! ```text
//!  join ×2 ─ log in ─ connect ─ subscribe ─ post ─ comment ×N ─ count ─ verdict
//! ```
//!
//! It speaks to the services as anybody could: HTTP to the API, the browser's
//! WebSocket protocol to the local push service, Kafka's protocol to Kafka. It
//! believes nothing that it did not read there: a comment counts as delivered
//! when its event id was decrypted at the receiver.

mod browser;
mod console;
mod hooks;
mod journey;
mod kafka;
mod report;
mod show;
mod story;
mod verdict;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use social_server_push::Console;
use social_server_push::transport::Transport;

use crate::cli::{BusKind, TourOptions};
use crate::language::Language;
use crate::parts::{self, Parts, Plan};

pub(crate) use report::Report;
use show::Show;
use story::Stage;

/// A story that is not over by then hangs.
const DEADLINE: Duration = Duration::from_secs(55);

/// Plays the tour; the report says what happened, and whether all is well.
pub(crate) async fn run(options: &TourOptions, language: Language) -> anyhow::Result<Report> {
    let show = Show::new(language, writes_json_to_stdout(options));
    show.title();
    let report = match &options.api {
        Some(api) => {
            let stage = Stage::of_running_services(options, api)?;
            story::play(stage, options.comments, &show, DEADLINE).await?
        }
        None => in_this_process(options, &show, None).await?,
    };
    show.verdict(&report.verdict);
    if let Some(file) = &options.json {
        write_json(&report, file)?;
    }
    Ok(report)
}

fn writes_json_to_stdout(options: &TourOptions) -> bool {
    options
        .json
        .as_deref()
        .is_some_and(|file| file == Path::new("-"))
}

/// Starts everything on free ports, plays, and stops everything. Pushes leave
/// by `transport`, or over HTTP.
async fn in_this_process(
    options: &TourOptions,
    show: &Show,
    transport: Option<Arc<dyn Transport>>,
) -> anyhow::Result<Report> {
    let console = Console::silent();
    let lines = console.observe();
    let free = "127.0.0.1:0".parse().context("it is an address")?;
    let plan = Plan {
        api: free,
        push: free,
        broker: free,
        push_service: Some(free),
        data: None,
        bus: BusKind::Kafka,
        seed_data: false,
        kafka: &options.kafka,
        console,
        transport,
    };
    let parts = parts::start(plan).await?;
    show.parts(&parts.list);
    let report = match Stage::of_parts(options, &parts, lines) {
        Ok(stage) => story::play(stage, options.comments, show, DEADLINE).await,
        Err(error) => Err(error),
    };
    stop(parts).await;
    report
}

async fn stop(parts: Parts) {
    if !parts.shutdown().await {
        tracing::warn!("a part was cut off at its deadline");
    }
}

fn write_json(report: &Report, file: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(report).context("the report is plain data")?;
    if file == Path::new("-") {
        println!("{json}");
        return Ok(());
    }
    std::fs::write(file, json + "\n")
        .with_context(|| format!("cannot write the report to {}", file.display()))
}

#[cfg(test)]
mod tests;
