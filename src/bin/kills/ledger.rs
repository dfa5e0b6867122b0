//! What was acknowledged, what arrived, who was killed when; and what follows from it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A worker settles a push within this after it was sent, unless it dies: a repeat whose first
/// arrival is further from every kill was no accident.
const WINDOW: Duration = Duration::from_secs(2);

/// Shared by writers, browsers and the killer.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// Trace ids of comments that were answered with 200.
    acknowledged: HashSet<String>,
    /// When each trace's notifications came, and with which tags.
    arrived: BTreeMap<String, Vec<(Instant, String)>>,
    kills_of_apis: u32,
    kills_of_workers: Vec<Instant>,
    unanswered: u32,
}

/// Who was killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Api,
    Worker,
}

impl Ledger {
    pub(crate) fn acknowledged(&self, trace: &str) {
        self.entries().acknowledged.insert(trace.to_owned());
    }

    /// A comment that got no answer: it may have been written.
    pub(crate) fn unanswered(&self) {
        self.entries().unanswered += 1;
    }

    pub(crate) fn arrived(&self, trace: &str, tag: &str) {
        let arrival = (Instant::now(), tag.to_owned());
        let mut entries = self.entries();
        entries
            .arrived
            .entry(trace.to_owned())
            .or_default()
            .push(arrival);
    }

    pub(crate) fn killed(&self, victim: Victim) {
        let mut entries = self.entries();
        match victim {
            Victim::Api => entries.kills_of_apis += 1,
            Victim::Worker => entries.kills_of_workers.push(Instant::now()),
        }
    }

    /// Waits until every acknowledged comment has arrived; false when `deadline` passes first.
    pub(crate) async fn all_arrived(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        while !self.entries().missing().is_empty() {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }

    pub(crate) fn report(&self) -> Report {
        self.entries().report()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn missing(&self) -> Vec<String> {
        let missing = self.acknowledged.iter();
        let missing = missing.filter(|trace| !self.arrived.contains_key(*trace));
        missing.cloned().collect()
    }

    fn report(&self) -> Report {
        let repeated = self.arrived.values().filter(|arrivals| arrivals.len() > 1);
        let of_another_tag = |arrivals: &&Vec<(Instant, String)>| {
            arrivals.iter().any(|(_, tag)| *tag != arrivals[0].1)
        };
        Report {
            acknowledged: self.acknowledged.len(),
            unanswered: self.unanswered,
            lost: self.missing(),
            on_screen: self.arrived.len(),
            repeats: repeated.clone().map(|arrivals| arrivals.len() - 1).sum(),
            of_another_tag: repeated.clone().filter(of_another_tag).count(),
            unexplained: repeated
                .filter(|arrivals| !self.explained(arrivals))
                .count(),
            kills_of_apis: self.kills_of_apis,
            kills_of_workers: self.kills_of_workers.len(),
        }
    }

    /// Whether a worker died about when each arrival but the last was to be settled.
    fn explained(&self, arrivals: &[(Instant, String)]) -> bool {
        let near = |at: Instant, kill: &Instant| {
            let apart = at.max(*kill).duration_since(at.min(*kill));
            apart <= WINDOW
        };
        let repeated = &arrivals[..arrivals.len() - 1];
        let kills = &self.kills_of_workers;
        repeated
            .iter()
            .all(|(at, _)| kills.iter().any(|kill| near(*at, kill)))
    }
}

/// What a run showed.
pub(crate) struct Report {
    acknowledged: usize,
    unanswered: u32,
    lost: Vec<String>,
    on_screen: usize,
    repeats: usize,
    of_another_tag: usize,
    unexplained: usize,
    kills_of_apis: u32,
    kills_of_workers: usize,
}

impl Report {
    /// Nothing is lost, and every repeat is one of those that nobody can prevent.
    pub(crate) fn passed(&self) -> bool {
        self.acknowledged > 0
            && self.lost.is_empty()
            && self.of_another_tag == 0
            && self.unexplained == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (apis, workers) = (self.kills_of_apis, self.kills_of_workers);
        writeln!(
            f,
            "kill -9: {apis} of API instances, {workers} of push workers"
        )?;
        writeln!(f, "comments answered with 200: {}", self.acknowledged)?;
        writeln!(f, "comments that got no answer: {}", self.unanswered)?;
        writeln!(f, "notifications on screen: {}", self.on_screen)?;
        writeln!(f, "acknowledged and lost: {}", self.lost.len())?;
        writeln!(
            f,
            "repeats, sent and not settled when a worker died, folded by their tag: {}",
            self.repeats
        )?;
        writeln!(f, "repeats with another tag: {}", self.of_another_tag)?;
        writeln!(f, "repeats that no kill explains: {}", self.unexplained)?;
        for trace in self.lost.iter().take(10) {
            writeln!(f, "  lost: trace {trace}")?;
        }
        Ok(())
    }
}
