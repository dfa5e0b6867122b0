//! Counters of this push service, and their text for Prometheus. No global registry: several
//! services run in one process.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::Settlement;

/// What is counted since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    events: AtomicU64,
    accepted: AtomicU64,
    gone: AtomicU64,
    dead: AtomicU64,
    postponed: AtomicU64,
    requests: AtomicU64,
    refused: AtomicU64,
}

impl Metrics {
    /// An event was taken from the bus.
    pub(crate) fn event(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    /// A subscription request was answered; `refused` when the answer is a refusal.
    pub(crate) fn request(&self, refused: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.refused
            .fetch_add(u64::from(refused), Ordering::Relaxed);
    }

    /// A try of a push came to an end.
    pub(crate) fn settled(&self, settlement: &Settlement) {
        let counter = match settlement {
            Settlement::Accepted => &self.accepted,
            Settlement::Gone => &self.gone,
            Settlement::Dead { .. } => &self.dead,
            Settlement::Later { .. } => &self.postponed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        family(
            &mut text,
            "push_events_total",
            "Events taken from the bus.",
            &[("", &self.events)],
        );
        let results = [
            (r#"{result="accepted"}"#, &self.accepted),
            (r#"{result="gone"}"#, &self.gone),
            (r#"{result="dead"}"#, &self.dead),
            (r#"{result="later"}"#, &self.postponed),
        ];
        family(
            &mut text,
            "push_tries_total",
            "Pushes tried, by what came of it.",
            &results,
        );
        let requests = [("", &self.requests)];
        family(
            &mut text,
            "push_requests_total",
            "Subscription requests answered.",
            &requests,
        );
        let refused = [("", &self.refused)];
        family(
            &mut text,
            "push_requests_refused_total",
            "Of those, refused.",
            &refused,
        );
        text
    }
}

fn family(text: &mut String, name: &str, help: &str, samples: &[(&str, &AtomicU64)]) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
    for (labels, counter) in samples {
        let _ = writeln!(text, "{name}{labels} {}", counter.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_in_the_text_format() {
        let metrics = Metrics::default();
        metrics.event();
        metrics.settled(&Settlement::Gone);
        let text = metrics.render();
        assert!(
            text.contains("# TYPE push_events_total counter\npush_events_total 1\n"),
            "{text}"
        );
        assert!(
            text.contains("push_tries_total{result=\"gone\"} 1\n"),
            "{text}"
        );
    }
}
