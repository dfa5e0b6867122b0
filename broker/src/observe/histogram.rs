//! How long things took, counted in buckets. Lock-free; a recording is two
//! additions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds. A cached round trip lies at
/// the lower end, a long poll at the upper.
const BOUNDS_US: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Counts durations by size.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One a bound, and one for what is longer than all of them.
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// So many took this long.
    pub(crate) fn record(&self, duration: Duration, count: u64) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound_us| *bound_us < us);
        self.counts[bucket].fetch_add(count, Ordering::Relaxed);
        let sum_us = us.saturating_mul(count);
        self.sum_us.fetch_add(sum_us, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Durations {
        let bounds = BOUNDS_US.into_iter().map(Duration::from_micros);
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        Durations {
            buckets: bounds.zip(counts).collect(),
            longer: self.counts[BOUNDS_US.len()].load(Ordering::Relaxed),
            sum: Duration::from_micros(self.sum_us.load(Ordering::Relaxed)),
        }
    }
}

/// What a histogram held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Upper bound (inclusive) and how many were at most that long, but longer
    /// than the bound before.
    pub buckets: Vec<(Duration, u64)>,
    /// How many were longer than the last bound.
    pub longer: u64,
    /// All of them added up.
    pub sum: Duration,
}

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.longer + self.buckets.iter().map(|(_, count)| count).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 10_000_000, 10_000_001] {
            histogram.record(Duration::from_micros(us), 1);
        }
        let seen = histogram.snapshot();
        assert_eq!(seen.buckets[0], (Duration::from_micros(50), 2));
        assert_eq!(seen.buckets[1], (Duration::from_micros(100), 1));
        assert_eq!(seen.buckets[16], (Duration::from_secs(10), 1));
        assert_eq!(seen.longer, 1);
        assert_eq!(seen.count(), 5);
        assert_eq!(seen.sum, Duration::from_micros(20_000_102));
    }
}
