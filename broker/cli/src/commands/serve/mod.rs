//! `ottla serve`: a broker in a process of its own, until somebody ends it.

mod ready;
mod settings;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use ottla::{Broker, StartError};
use ottla_console::Console;
use tracing_subscriber::EnvFilter;

use crate::arguments::name_and_value;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Output;
use crate::stop::Stop;
use ready::Ready;

/// How long stopping may take before the process ends anyway.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

const EXAMPLES: &str = "\
Examples:
  ottla serve                                        in memory, on 127.0.0.1:9092
  ottla serve --data ./data --http 127.0.0.1:8080    keeps records; metrics and state over HTTP
  ottla serve --listen 0.0.0.0:9092 --data /var/lib/ottla
  ottla serve --config server.properties --set log.retention.hours=24
  ottla serve --listen 127.0.0.1:0 --ready-file /tmp/ottla.json --exit-with-stdin
  ottla serve --listen 127.0.0.1:0 --http 127.0.0.1:0 --control    for tests in any language

There is no authentication: whoever reaches the port may read and write.";

/// Arguments of `ottla serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArguments {
    /// Where to listen for Kafka clients; port 0 takes a free one
    /// [default: `listeners` of --config, or 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT", env = "OTTLA_LISTEN")]
    listen: Option<String>,
    /// Where to show metrics, health and state over HTTP
    #[arg(long, value_name = "HOST:PORT", env = "OTTLA_HTTP")]
    http: Option<String>,
    /// Let tests drive the broker over HTTP: faults, its clock, a reset.
    /// Needs --http, on a loopback address
    #[arg(long, requires = "http")]
    control: bool,
    /// Where to keep records [default: `log.dirs` of --config, or memory]
    #[arg(long, value_name = "DIR", env = "OTTLA_DATA")]
    data: Option<PathBuf>,
    /// A properties file with Kafka's names, such as server.properties
    #[arg(long, value_name = "FILE", env = "OTTLA_CONFIG")]
    config: Option<PathBuf>,
    /// A property by Kafka's name, over the file's; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    properties: Vec<(String, String)>,
    /// Write one JSON line with the addresses and the process id to this file,
    /// at once and whole, and to stdout, when clients can connect
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Stop when standard input ends, as it does when the parent process dies
    #[arg(long)]
    exit_with_stdin: bool,
}

/// Carries the verb out.
pub async fn run(arguments: ServeArguments, output: Output) -> Result<(), Failure> {
    let started = Instant::now();
    let language = output.language;
    write_logs_to_stderr();
    let mut stop = Stop::listen()
        .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))?;
    let (broker, console) = start(&arguments, language).await?;
    let ready = Ready::of(&broker, console.as_ref(), &arguments, started.elapsed());
    let shown = announce(&ready, &arguments, output);
    if shown.is_ok() {
        wait(&arguments, &mut stop).await;
        output.remark(language.pick("stopping", "멈추는 중이에요"));
    }
    let stopped = tokio::time::timeout(STOP_TIMEOUT, shut_down(broker, console)).await;
    ready::remove(arguments.ready_file.as_deref());
    shown?;
    stopped.map_err(|_| {
        Failure::failed(language.pick(
            "the broker did not stop in time; the next start checks its logs",
            "브로커가 제시간에 멈추지 않았어요. 다음 시작 때 로그를 검사해요",
        ))
    })
}

/// Both, or neither.
async fn start(
    arguments: &ServeArguments,
    language: Language,
) -> Result<(Broker, Option<Console>), Failure> {
    let http = match &arguments.http {
        Some(http) => Some(settings::resolve("--http", http, language).await?),
        None => None,
    };
    let builder = settings::builder(arguments, language).await?;
    let broker = builder
        .serve()
        .await
        .map_err(|error| cannot_start(&error, language))?;
    let Some(http) = http else {
        return Ok((broker, None));
    };
    let mut console = Console::builder(broker.observer()).listen(http);
    if arguments.control {
        console = console.control(broker.control());
    }
    match console.start().await {
        Ok(console) => Ok((broker, Some(console))),
        Err(error) => {
            broker.shutdown().await;
            Err(console_failure(&error, language))
        }
    }
}

fn announce(ready: &Ready, arguments: &ServeArguments, output: Output) -> Result<(), Failure> {
    match &arguments.ready_file {
        Some(file) => {
            ready.write(file, output.language)?;
            // Programs that ask for the file may read stdout instead.
            let output = Output {
                json: true,
                ..output
            };
            output.report(ready).map(drop)
        }
        None => output.report(ready).map(drop),
    }
}

/// Returns when there is a reason to stop.
async fn wait(arguments: &ServeArguments, stop: &mut Stop) {
    if !arguments.exit_with_stdin {
        return stop.asked().await;
    }
    let (ended, stdin_ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever comes is not for us; an error is an end as well.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        // Nobody listens any more when a signal came first.
        let _ = ended.send(());
    });
    tokio::select! {
        () = stop.asked() => {}
        _ = stdin_ended => {}
    }
}

async fn shut_down(broker: Broker, console: Option<Console>) {
    if let Some(console) = console {
        console.shutdown().await;
    }
    broker.shutdown().await;
}

fn cannot_start(error: &StartError, language: Language) -> Failure {
    match error {
        StartError::Config(wrong) => Failure::usage(wrong.to_string()),
        StartError::Listen { address, cause } => Failure::failed(cannot_listen(
            &address.to_string(),
            cause,
            "--listen",
            language,
        )),
        StartError::Data(why) => Failure::failed(language.pick(
            format!("cannot use the data directory: {why}. Choose another with --data"),
            format!("데이터 디렉터리를 쓸 수 없어요: {why}. --data로 다른 곳을 지정하세요"),
        )),
        other => Failure::failed(other.to_string()),
    }
}

fn console_failure(error: &ottla_console::StartError, language: Language) -> Failure {
    match error {
        ottla_console::StartError::Listen { address, cause } => Failure::failed(cannot_listen(
            &address.to_string(),
            cause,
            "--http",
            language,
        )),
        other => Failure::failed(other.to_string()),
    }
}

fn cannot_listen(address: &str, source: &io::Error, flag: &str, language: Language) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => language.pick(
            format!(
                "{address} is taken: another broker may be running there. \
                 Stop it or choose another address with {flag}"
            ),
            format!(
                "{address}은(는) 이미 쓰이고 있어요. 다른 브로커가 실행 중일 수 있으니 \
                 멈추거나 {flag}으로 다른 주소를 지정하세요"
            ),
        ),
        _ => language.pick(
            format!("cannot listen on {address}: {source}. Choose another with {flag}"),
            format!("{address}에서 들을 수 없어요: {source}. {flag}으로 다른 주소를 지정하세요"),
        ),
    }
}

/// `RUST_LOG` decides what is told; warnings without it.
fn write_logs_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}
