//! What a node counts while it serves: relaxed additions on plain atomics, a
//! handful a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::Histogram;
use super::{ApiTraffic, Traffic};
use crate::apis::Row;

/// Counters of one node, from its start on.
#[derive(Debug)]
pub(crate) struct Counters {
    connections_opened: AtomicU64,
    connections_closed: AtomicU64,
    connections_refused: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    malformed: AtomicU64,
    unsupported: AtomicU64,
    /// One a row of the table, in its order.
    apis: Box<[ApiCounters]>,
}

#[derive(Debug)]
struct ApiCounters {
    row: &'static Row,
    /// By version from 0 on.
    requests: Box<[AtomicU64]>,
    latency: Histogram,
}

impl Counters {
    pub(crate) fn new(table: &'static [Row]) -> Counters {
        Counters {
            connections_opened: AtomicU64::default(),
            connections_closed: AtomicU64::default(),
            connections_refused: AtomicU64::default(),
            received_bytes: AtomicU64::default(),
            sent_bytes: AtomicU64::default(),
            malformed: AtomicU64::default(),
            unsupported: AtomicU64::default(),
            apis: table.iter().map(ApiCounters::new).collect(),
        }
    }

    pub(crate) fn connection_opened(&self) {
        add(&self.connections_opened, 1);
    }

    pub(crate) fn connection_closed(&self) {
        add(&self.connections_closed, 1);
    }

    /// One more than the limits allow knocked.
    pub(crate) fn connection_refused(&self) {
        add(&self.connections_refused, 1);
    }

    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received_bytes, bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
    }

    /// A frame that no client following the protocol sends.
    pub(crate) fn malformed(&self) {
        add(&self.malformed, 1);
    }

    /// A request for an API or version that is not in the table.
    pub(crate) fn unsupported(&self) {
        add(&self.unsupported, 1);
    }

    /// So many requests of a version its row serves.
    pub(crate) fn requested(&self, api_key: i16, api_version: i16, count: u64) {
        let version = usize::try_from(api_version).ok();
        if let (Some(api), Some(version)) = (self.api(api_key), version)
            && let Some(requests) = api.requests.get(version)
        {
            add(requests, count);
        }
    }

    /// The replies to so many went to the socket's buffer, this long after they
    /// were parsed.
    pub(crate) fn answered(&self, api_key: i16, after: Duration, count: u64) {
        if let Some(api) = self.api(api_key) {
            api.latency.record(after, count);
        }
    }

    pub(crate) fn snapshot(&self) -> Traffic {
        let opened = read(&self.connections_opened);
        Traffic {
            connections_opened: opened,
            connections_open: opened.saturating_sub(read(&self.connections_closed)),
            connections_refused: read(&self.connections_refused),
            received_bytes: read(&self.received_bytes),
            sent_bytes: read(&self.sent_bytes),
            malformed_requests: read(&self.malformed),
            unsupported_requests: read(&self.unsupported),
            apis: self.apis.iter().map(ApiCounters::snapshot).collect(),
        }
    }

    fn api(&self, api_key: i16) -> Option<&ApiCounters> {
        let position = self
            .apis
            .binary_search_by_key(&api_key, |api| api.row.key as i16)
            .ok()?;
        Some(&self.apis[position])
    }
}

impl ApiCounters {
    fn new(row: &'static Row) -> ApiCounters {
        ApiCounters {
            row,
            requests: (0..=row.max_version)
                .map(|_| AtomicU64::default())
                .collect(),
            latency: Histogram::default(),
        }
    }

    fn snapshot(&self) -> ApiTraffic {
        let requests = (0..).zip(self.requests.iter().map(read));
        ApiTraffic {
            key: self.row.key as i16,
            name: format!("{:?}", self.row.key),
            requests: requests.filter(|(_, count)| *count > 0).collect(),
            latency: self.latency.snapshot(),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apis::{API_VERSIONS_KEY, TABLE};

    #[test]
    fn requests_are_counted_by_version_and_replies_by_time() {
        let counters = Counters::new(TABLE);
        for version in [0, 3, 3] {
            counters.requested(API_VERSIONS_KEY, version, 1);
        }
        counters.answered(API_VERSIONS_KEY, Duration::from_micros(70), 1);
        let seen = counters.snapshot();
        let api = seen
            .apis
            .iter()
            .find(|api| api.key == API_VERSIONS_KEY)
            .unwrap();
        assert_eq!(api.name, "ApiVersions");
        assert_eq!(api.requests, [(0, 1), (3, 2)]);
        assert_eq!(api.latency.count(), 1);
    }

    #[test]
    fn a_key_or_version_outside_the_table_counts_nowhere_and_does_not_panic() {
        let counters = Counters::new(TABLE);
        for (key, version) in [
            (-1, 0),
            (i16::MAX, 0),
            (API_VERSIONS_KEY, -1),
            (API_VERSIONS_KEY, 99),
        ] {
            counters.requested(key, version, 1);
            counters.answered(key, Duration::ZERO, 1);
        }
        let requests: usize = counters
            .snapshot()
            .apis
            .iter()
            .map(|api| api.requests.len())
            .sum();
        assert_eq!(requests, 0);
    }

    #[test]
    fn connections_and_bytes_add_up() {
        let counters = Counters::new(TABLE);
        counters.connection_opened();
        counters.connection_opened();
        counters.connection_closed();
        counters.received(10);
        counters.received(5);
        counters.sent(7);
        let seen = counters.snapshot();
        assert_eq!((seen.connections_opened, seen.connections_open), (2, 1));
        assert_eq!((seen.received_bytes, seen.sent_bytes), (15, 7));
    }
}
