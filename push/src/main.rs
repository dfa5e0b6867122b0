//! The binary: reads flags and environment, starts the push service, stops it on a signal.

mod cli;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use social_events::Bus;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, LogFormat};

/// How long blocking work that outlives the orderly stop may keep the process.
const LAST_DEADLINE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.log_format);
    let done = Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let done = runtime.block_on(run(cli));
            runtime.shutdown_timeout(LAST_DEADLINE);
            done
        });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = cli.config().map_err(anyhow::Error::msg)?;
    let (kafka, warnings) = cli.kafka.config(std::env::vars())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if config.data_dir.is_none() && config.database.is_none() {
        tracing::warn!(
            "subscriptions live in memory and end with this process; give --data or --database"
        );
    }
    // Heard from the start, so that a signal during the start stops it as well.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = tokio::select! {
        running = social_server_push::start(config, Bus::kafka(kafka)?) => running?,
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
    };
    tracing::info!(address = %running.address, public_key = running.public_key, "push service up");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    if running.shutdown().await {
        return Ok(ExitCode::SUCCESS);
    }
    tracing::warn!("stopped at the deadline; what was not finished will be tried again");
    Ok(ExitCode::FAILURE)
}

/// Logs go to stderr: stdout belongs to the seed's lines.
fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logging.init(),
        LogFormat::Json => logging.json().init(),
    }
}
