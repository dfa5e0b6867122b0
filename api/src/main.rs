//! The binary: flags, log, signals.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use social_events::Bus;
use social_server_api::config::{LogFormat, Options};
use tokio::signal;
use tracing_subscriber::EnvFilter;

/// How long stopping may take.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = Options::parse();
    start_log(options.log_format);
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    let (kafka, warnings) = options.kafka.config(std::env::vars())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let config = options.config()?;
    let mut stop = std::pin::pin!(stop_signal().context("cannot listen for signals")?);
    // Heard from the start: it may wait for its database.
    let mut running = tokio::select! {
        running = social_server_api::start(config, Bus::kafka(kafka)?) => running?,
        () = &mut stop => return Ok(()),
    };
    stop.await;
    tracing::info!("stopping");
    running.shutdown(SHUTDOWN_DEADLINE).await;
    Ok(())
}

/// Ctrl-C, or what a service manager sends.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Logs go to stderr; stdout is for a program's product.
fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
