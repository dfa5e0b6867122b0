//! Runs generated scripts on Ottla and on Apache Kafka and compares every
//! answer. See `protocol_tests::differential`.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Parser;
use ottla::Broker;
use protocol_tests::differential::campaign::{Campaign, Finding, Report};
use protocol_tests::differential::known;

/// What both servers must have in common; `.ci/kafka-single-node` starts Kafka
/// with the same.
const PROPERTIES: &[(&str, &str)] = &[
    ("node.id", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "100"),
    ("log.retention.ms", "-1"),
    ("offsets.topic.num.partitions", "3"),
    ("max.incremental.fetch.session.cache.slots", "100000"),
];

/// A run of fewer scripts need not meet every listed difference, nor reach
/// every API.
const SCRIPTS_THAT_REACH_EVERYTHING: u64 = 400;

/// A run of fewer scripts need not meet what is listed as rare.
const SCRIPTS_THAT_MEET_RARE_THINGS: u64 = 10_000;

/// Different error codes that such a run must have seen on both servers.
const ERROR_CODES_MIN: usize = 40;

/// Runs the same scripts on Ottla and on Apache Kafka.
#[derive(Parser)]
struct Arguments {
    /// Where Apache Kafka 4.3 listens.
    #[arg(long, env = "BOOTSTRAP")]
    kafka: SocketAddr,
    /// Where Ottla listens; without it one is started here, in memory.
    #[arg(long)]
    ottla: Option<SocketAddr>,
    /// How many scripts.
    #[arg(long, default_value_t = 100)]
    scripts: u64,
    /// Decides all of them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the script of this number, to see it again.
    #[arg(long)]
    script: Option<u64>,
    /// Scripts at a time.
    #[arg(long, default_value_t = 8)]
    jobs: usize,
    /// The document that lists what may differ.
    #[arg(long, default_value = "docs/differences.md")]
    differences: PathBuf,
    /// Leave what is found as long as it is.
    #[arg(long)]
    no_shrink: bool,
    /// Starts Ottla with one more property, as NAME=VALUE; one that Kafka has
    /// not plants a difference, to see that it is found.
    #[arg(long, value_parser = property)]
    config: Vec<(String, String)>,
    /// Only count differences, all of them, those that follow from others too.
    #[arg(long)]
    survey: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let document = fs::read_to_string(&arguments.differences)
        .with_context(|| format!("reading {}", arguments.differences.display()))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let broker = match arguments.ottla {
        Some(_) => None,
        None => Some(runtime.block_on(ottla(&arguments.config))?),
    };
    let ottla = arguments.ottla.or(broker.as_ref().map(Broker::address));
    let campaign = Campaign {
        seed: arguments.seed,
        numbers: match arguments.script {
            Some(number) => (number, number + 1),
            None => (0, arguments.scripts),
        },
        jobs: arguments.jobs,
        kafka: arguments.kafka,
        ottla: ottla.expect("one is given or was started"),
        run: run_name()?,
        known: known::read(&document)?,
        shrink: !arguments.no_shrink,
        survey: arguments.survey,
    };
    let started = Instant::now();
    let report = campaign.run()?;
    let complaints = complaints(&campaign, &report);
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&campaign, &report, started);
    }
    for complaint in &complaints {
        eprintln!("FAILED: {complaint}");
    }
    if let Some(broker) = broker {
        runtime.block_on(broker.shutdown());
    }
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn property(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| format!("'{text}' is not NAME=VALUE"))
}

async fn ottla(planted: &[(String, String)]) -> anyhow::Result<Broker> {
    let builder = Broker::builder().listen(([127, 0, 0, 1], 0).into());
    let builder = PROPERTIES.iter().fold(builder, |builder, (name, value)| {
        builder.config(*name, *value)
    });
    let builder = planted.iter().fold(builder, |builder, (name, value)| {
        builder.config(name, value)
    });
    Ok(builder.serve().await?)
}

/// No other run has the same, on a Kafka that outlives this one.
fn run_name() -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(format!("{:x}", now.as_millis()))
}

fn complaints(campaign: &Campaign, report: &Report) -> Vec<String> {
    let mut complaints: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            format!(
                "script {} differs in a way that docs/differences.md does not list: {}",
                finding.script, finding.difference
            )
        })
        .collect();
    if report.scripts < SCRIPTS_THAT_REACH_EVERYTHING {
        return complaints;
    }
    let long = report.scripts >= SCRIPTS_THAT_MEET_RARE_THINGS;
    let due = campaign.known.iter().filter(|known| long || !known.rare);
    let gone = due.filter(|known| !report.known.contains_key(&known.to_string()));
    complaints.extend(
        gone.map(|known| format!("docs/differences.md lists what no longer occurs: {known}")),
    );
    let unused = unused_apis(report);
    if !unused.is_empty() {
        complaints.push(format!("no script used {}", unused.join(", ")));
    }
    let codes = report.coverage.error_codes().len();
    if codes < ERROR_CODES_MIN {
        complaints.push(format!("only {codes} different error codes were seen"));
    }
    complaints
}

fn unused_apis(report: &Report) -> Vec<String> {
    report.coverage.missing(&report.versions)
}

fn print(campaign: &Campaign, report: &Report, started: Instant) {
    for finding in &report.findings {
        print_finding(campaign, finding);
    }
    summarise(report);
    if campaign.survey {
        for (difference, (count, example)) in &report.survey {
            println!("{count} times, {difference}\n  {example}");
        }
    }
    println!("\nListed differences, and in how many answers they were seen:\n");
    for (known, count) in &report.known {
        println!("- {known} ({count})");
    }
    for (script, what) in &report.unsteady {
        println!("\nscript {script} differed once and not again: {what}");
    }
    println!("\n{}", report.coverage.table(&report.versions));
    let codes = report.coverage.error_codes();
    println!(
        "{} different error codes: {}\n",
        codes.len(),
        codes.into_iter().collect::<Vec<_>>().join(", ")
    );
    println!(
        "{} scripts, {} requests to each server, seed {}, {:.0} s; {} unlisted differences, {} seen only once",
        report.scripts,
        report.coverage.operations(),
        campaign.seed,
        started.elapsed().as_secs_f64(),
        report.findings.len(),
        report.unsteady.len(),
    );
}

/// The same difference in many scripts is one line.
fn summarise(report: &Report) {
    let mut seen = BTreeSet::new();
    for finding in &report.findings {
        let difference = &finding.difference;
        let key = (
            &difference.api,
            &difference.field,
            &difference.kafka,
            &difference.ottla,
        );
        if seen.insert(key) {
            println!("unlisted: {difference}");
        }
    }
}

fn print_finding(campaign: &Campaign, finding: &Finding) {
    println!("--- script {}, step {}", finding.script, finding.position);
    println!("{}", finding.difference);
    println!("  request: {}", finding.request);
    println!("  Kafka:   {}", finding.answers.0);
    println!("  Ottla:   {}", finding.answers.1);
    println!("  the least that shows it:");
    for line in &finding.script_text {
        println!("    {line}");
    }
    println!(
        "  again: cargo run --release -p protocol-tests --bin differential -- --kafka {} --seed {} --script {}\n",
        campaign.kafka, campaign.seed, finding.script
    );
}

fn print_json(report: &Report) -> anyhow::Result<()> {
    let findings: Vec<serde_json::Value> = report
        .findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "script": finding.script,
                "position": finding.position,
                "api": finding.difference.api,
                "version": finding.difference.version,
                "field": finding.difference.field,
                "kafka": finding.difference.kafka,
                "ottla": finding.difference.ottla,
                "request": finding.request,
                "steps": finding.script_text,
            })
        })
        .collect();
    println!("{}", serde_json::to_string_pretty(&findings)?);
    Ok(())
}
