//! The composition root: the only place that links broker, API and push
//! service together. `cargo run --release` starts all of them.

mod api;
mod cli;
mod firefox;
mod language;
mod parts;
mod stop;
mod text;
mod tour;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use social_server_push::Console;
use social_server_push::push_service::{self, PushServiceConfig};
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, PushServiceOptions, RunOptions};
use language::Language;
use parts::Plan;
use stop::Stop;

/// How long blocking work that outlives the orderly stop may keep the process.
const LAST_DEADLINE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let speaks_for_itself = matches!(cli.command, Some(Command::Tour(_) | Command::Firefox(_)));
    start_logging(speaks_for_itself);
    // Only the tour's HTTP client asks for a process-wide one; whoever was
    // first is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let language = cli.language.unwrap_or_else(Language::of_environment);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = runtime.block_on(run(cli, language));
    runtime.shutdown_timeout(LAST_DEADLINE);
    done.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

async fn run(cli: Cli, language: Language) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => everything(cli.run, language).await,
        Some(Command::Tour(options)) => {
            let report = tour::run(&options, language).await?;
            Ok(ExitCode::from(report.verdict.exit_status()))
        }
        Some(Command::Firefox(options)) => firefox::run(options, language).await,
        Some(Command::PushService(options)) => local_push_service(options).await,
    }
}

async fn everything(options: RunOptions, language: Language) -> anyhow::Result<ExitCode> {
    let plan = Plan::new(
        &options.services,
        options.push_service,
        options.seed_data,
        Console::stdout(),
    )?;
    let mut stop = Stop::new()?;
    let parts = tokio::select! {
        parts = parts::start(plan) => parts?,
        () = stop.asked() => return Ok(ExitCode::SUCCESS),
    };
    for part in &parts.list {
        eprintln!("{}", text::part(language, part));
    }
    eprintln!(
        "\n  {} http://{}",
        language.pick("화면을 열어 보세요:", "open the page:"),
        parts.api.address
    );
    eprintln!(
        "  {}",
        language.pick("Ctrl-C로 멈춰요", "Ctrl-C stops everything")
    );
    stop.asked().await;
    eprintln!("\n  {}", language.pick("멈추는 중이에요", "stopping"));
    let in_order = parts.shutdown().await;
    Ok(ExitCode::from(u8::from(!in_order)))
}

async fn local_push_service(options: PushServiceOptions) -> anyhow::Result<ExitCode> {
    let config = PushServiceConfig {
        listen: options.listen,
        data_dir: options.data,
        ..PushServiceConfig::default()
    };
    let mut stop = Stop::new()?;
    let service = push_service::start(config).await?;
    println!("http://{}", service.address);
    stop.asked().await;
    service.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Logs go to standard error; standard output belongs to the seed's lines and
/// the tour. Commands that tell a person what to do are quiet unless something
/// is wrong.
fn start_logging(quiet: bool) {
    let usual = if quiet {
        "warn"
    } else {
        "warn,social_server_api=info,social_server_push=info"
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
