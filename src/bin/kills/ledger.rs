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
    /// Comments that were answered with 200.
    acknowledged: usize,
    /// The trace ids of those that have not arrived.
    missing: HashSet<String>,
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
        let mut entries = self.entries();
        entries.acknowledged += 1;
        // Some arrive before their writer has the answer.
        if !entries.arrived.contains_key(trace) {
            entries.missing.insert(trace.to_owned());
        }
    }

    /// A comment that got no answer: it may have been written.
    pub(crate) fn unanswered(&self) {
        self.entries().unanswered += 1;
    }

    pub(crate) fn arrived(&self, trace: &str, tag: &str) {
        let arrival = (Instant::now(), tag.to_owned());
        let mut entries = self.entries();
        entries.missing.remove(trace);
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

    /// Waits until every acknowledged comment has arrived; false when nothing has come for `silence`.
    /// What is still in the log or the database is late, not lost.
    pub(crate) async fn all_arrived(&self, silence: Duration) -> bool {
        let (mut before, mut since) = (self.missing(), Instant::now());
        while before > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.missing();
            if now < before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() > silence {
                return false;
            }
        }
        true
    }

    /// How many acknowledged comments have not arrived.
    pub(crate) fn missing(&self) -> usize {
        self.entries().missing.len()
    }

    pub(crate) fn report(&self) -> Report {
        self.entries().report()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn report(&self) -> Report {
        let repeated = self.arrived.values().filter(|arrivals| arrivals.len() > 1);
        let of_another_tag = |arrivals: &&Vec<(Instant, String)>| {
            arrivals.iter().any(|(_, tag)| *tag != arrivals[0].1)
        };
        Report {
            acknowledged: self.acknowledged,
            unanswered: self.unanswered,
            lost: self.missing.iter().cloned().collect(),
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
