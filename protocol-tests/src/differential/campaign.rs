//! Many scripts, several at a time, on one pair of servers: finds what differs,
//! makes it small, and adds up what was reached.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compare::{Difference, differences};
use super::coverage::Coverage;
use super::generate;
use super::known::Known;
use super::normalise::normalise;
use super::run::run;
use super::script::{Names, Operation, Script};
use super::server::Server;
use super::versions::Versions;

/// So often is a script tried again before its difference counts: what a
/// loaded machine makes late does not come out the same way twice.
const TRIES: usize = 3;

/// A run of many scripts.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Decides all scripts.
    pub seed: u64,
    /// Their numbers: from, and before.
    pub numbers: (u64, u64),
    /// How many at a time.
    pub jobs: usize,
    /// Where Apache Kafka listens.
    pub kafka: SocketAddr,
    /// Where Ottla listens.
    pub ottla: SocketAddr,
    /// Part of every name, and so different from every other run's.
    pub run: String,
    /// What may differ.
    pub known: Vec<Known>,
    /// Whether what is found is made small.
    pub shrink: bool,
    /// Whether differences are only counted, all of them, and none looked into.
    pub survey: bool,
}

/// A difference that nobody listed.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The script's number.
    pub script: u64,
    /// The step's position in the whole script.
    pub position: usize,
    /// What differs.
    pub difference: Difference,
    /// The request, as sent to Ottla.
    pub request: String,
    /// Both answers.
    pub answers: (String, String),
    /// What is left of the script, one line a step.
    pub script_text: Vec<String>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Unlisted differences, the first of each script.
    pub findings: Vec<Finding>,
    /// How often each listed difference was seen, by its row.
    pub known: BTreeMap<String, usize>,
    /// Every unlisted difference, also those that follow from another one: how
    /// often, and where it was seen first.
    pub survey: BTreeMap<Difference, (usize, String)>,
    /// Scripts that differed once and not again.
    pub unsteady: Vec<(u64, String)>,
    /// What was reached.
    pub coverage: Coverage,
    /// What both servers serve.
    pub versions: Versions,
    /// Scripts that were run.
    pub scripts: u64,
}

/// A step on both servers.
struct Compared {
    position: usize,
    operation: Operation,
    answers: (serde_json::Value, serde_json::Value),
    differences: Vec<Difference>,
}

impl Campaign {
    /// Runs all scripts.
    ///
    /// # Errors
    /// When a server cannot be reached or a request cannot be made.
    pub fn run(&self) -> anyhow::Result<Report> {
        let name = format!("{}-versions", self.run);
        let ottla = Server::open(self.ottla, &name)?.versions()?;
        let versions = ottla.shared_with(&Server::open(self.kafka, &name)?.versions()?);
        let report = Mutex::new(Report {
            versions: versions.clone(),
            ..Report::default()
        });
        let next = AtomicU64::new(self.numbers.0);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs)
                .map(|worker| {
                    let (report, next, versions) = (&report, &next, &versions);
                    scope.spawn(move || self.work(worker, next, versions, report))
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })?;
        let mut report = report.into_inner().expect("no worker panicked");
        report.findings.sort_by_key(|finding| finding.script);
        Ok(report)
    }

    fn work(
        &self,
        worker: usize,
        next: &AtomicU64,
        versions: &Versions,
        report: &Mutex<Report>,
    ) -> anyhow::Result<()> {
        let name = format!("{}-{worker}", self.run);
        let mut pair = Pair {
            campaign: self,
            kafka: Server::open(self.kafka, &name)?,
            ottla: Server::open(self.ottla, &name)?,
            versions,
            attempts: 0,
        };
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.numbers.1 {
                return Ok(());
            }
            pair.script(number, report)?;
        }
    }

    fn unlisted<'a>(&self, compared: &'a [Compared]) -> Option<(&'a Compared, &'a Difference)> {
        compared.iter().find_map(|step| {
            let unlisted =
                |difference: &&Difference| !self.known.iter().any(|known| known.covers(difference));
            Some((step, step.differences.iter().find(unlisted)?))
        })
    }
}

/// Both servers, as one worker sees them.
struct Pair<'a> {
    campaign: &'a Campaign,
    kafka: Server,
    ottla: Server,
    versions: &'a Versions,
    attempts: usize,
}

impl Pair<'_> {
    fn script(&mut self, number: u64, report: &Mutex<Report>) -> anyhow::Result<()> {
        let compared = self.attempt(number, None)?;
        let found = self.campaign.unlisted(&compared);
        let found = found.map(|(step, difference)| (step.position, difference.clone()));
        {
            let mut report = report.lock().expect("no worker panicked");
            report.scripts += 1;
            for step in &compared {
                let (kafka, ottla) = &step.answers;
                report.coverage.count(&step.operation, kafka, ottla);
                for difference in &step.differences {
                    let known = &self.campaign.known;
                    for known in known.iter().filter(|known| known.covers(difference)) {
                        *report.known.entry(known.to_string()).or_default() += 1;
                    }
                    if !known.iter().any(|known| known.covers(difference)) {
                        let seen = report.survey.entry(difference.clone());
                        let example = || (0, format!("script {number}, {}", with_answers(step)));
                        seen.or_insert_with(example).0 += 1;
                    }
                }
            }
        }
        let Some((position, difference)) = found else {
            return Ok(());
        };
        if self.campaign.survey {
            return Ok(());
        }
        for _ in 1..TRIES {
            if !self.shows(number, None, &difference)? {
                let mut report = report.lock().expect("no worker panicked");
                report
                    .unsteady
                    .push((number, format!("step {position}: {difference}")));
                return Ok(());
            }
        }
        let finding = self.finding(number, &difference)?;
        let mut report = report.lock().expect("no worker panicked");
        report.findings.extend(finding);
        Ok(())
    }

    /// Runs a script, or what is kept of it, on both servers.
    fn attempt(&mut self, number: u64, kept: Option<&[usize]>) -> anyhow::Result<Vec<Compared>> {
        self.attempts += 1;
        let campaign = self.campaign;
        let attempt = self.attempts;
        let names = Names::new(format!("d{}-{number}-{attempt}-", campaign.run));
        let script = self.generate(number, &names, kept);
        let (kafka, ottla) = std::thread::scope(|scope| {
            let on_kafka = scope.spawn(|| run(&script, &names, &mut self.kafka));
            let on_ottla = run(&script, &names, &mut self.ottla);
            (on_kafka.join().expect("a run does not panic"), on_ottla)
        });
        let (kafka, ottla) = (kafka?, ottla?);
        let steps = script.positions.iter().zip(&script.operations).enumerate();
        let compared = steps
            .map(|(step, (position, operation))| {
                let of_kafka = normalise(&kafka.exchanges[step], &kafka.world)?;
                let of_ottla = normalise(&ottla.exchanges[step], &ottla.world)?;
                Ok(Compared {
                    position: *position,
                    operation: ottla.exchanges[step].sent.clone(),
                    differences: differences(
                        operation.api,
                        operation.version,
                        &of_kafka,
                        &of_ottla,
                    ),
                    answers: (of_kafka, of_ottla),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(self.together(compared))
    }

    /// Only up to where a listed difference leaves the servers in different
    /// states; of that step, only that difference.
    fn together(&self, mut compared: Vec<Compared>) -> Vec<Compared> {
        let known = &self.campaign.known;
        let parts = |difference: &Difference| {
            known
                .iter()
                .any(|known| known.apart && known.covers(difference))
        };
        let end = compared
            .iter()
            .position(|step| step.differences.iter().any(parts));
        if let Some(end) = end {
            compared.truncate(end + 1);
            compared[end].differences.retain(parts);
        }
        compared
    }

    fn generate(&self, number: u64, names: &Names, kept: Option<&[usize]>) -> Script {
        let script = generate::script(self.campaign.seed, number, names, self.versions);
        match kept {
            Some(kept) => script.only(kept),
            None => script,
        }
    }

    /// Whether the first unlisted difference is this one.
    fn shows(
        &mut self,
        number: u64,
        kept: Option<&[usize]>,
        difference: &Difference,
    ) -> anyhow::Result<bool> {
        let compared = self.attempt(number, kept)?;
        let found = self.campaign.unlisted(&compared);
        Ok(found.is_some_and(|(_, found)| found == difference))
    }

    /// Leaves out every step that the difference does not need.
    fn finding(&mut self, number: u64, difference: &Difference) -> anyhow::Result<Option<Finding>> {
        let names = Names::new(String::new());
        let mut kept = self.generate(number, &names, None).positions;
        let mut chunk = if self.campaign.shrink {
            kept.len() / 2
        } else {
            0
        };
        while chunk > 0 {
            let mut start = 0;
            while start < kept.len() {
                let end = (start + chunk).min(kept.len());
                let smaller = [&kept[..start], &kept[end..]].concat();
                if self.shows(number, Some(&smaller), difference)? {
                    kept = smaller;
                } else {
                    start = end;
                }
            }
            chunk /= 2;
        }
        let compared = self.attempt(number, Some(&kept))?;
        let text = compared.iter().map(describe).collect();
        let found = self.campaign.unlisted(&compared);
        Ok(found.map(|(step, difference)| Finding {
            script: number,
            position: step.position,
            difference: difference.clone(),
            request: describe(step),
            answers: (step.answers.0.to_string(), step.answers.1.to_string()),
            script_text: text,
        }))
    }
}

fn describe(step: &Compared) -> String {
    let Operation {
        client,
        api,
        version,
        call,
    } = &step.operation;
    format!(
        "{}: client {client}, {api:?} v{version}, {call:?}",
        step.position
    )
}

fn with_answers(step: &Compared) -> String {
    let (kafka, ottla) = &step.answers;
    format!("{}\n  Kafka: {kafka}\n  Ottla: {ottla}", describe(step))
}
