//! Which part of a log is cleaned, and whether it is worth it.
//!
//! ```text
//! log start      first dirty             bound         active segment
//!     │   clean       │      dirty          │  not yet       │
//!     └───────────────┴─────────────────────┴────────────────┴────► offsets
//! ```
//!
//! The bound is where a segment begins: nothing is cleaned that is not decided
//! and committed, lies in the active segment, or is younger than
//! `min.compaction.lag.ms`.

use std::ops::Range;

use crate::ids::Offset;
use crate::mutants::{self, Mutant};

/// What a topic's configuration says of compaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactionPolicy {
    /// `min.cleanable.dirty.ratio`: how much of the log must be dirty.
    pub min_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: how long a record stays whatever comes after.
    pub min_lag_ms: i64,
    /// `max.compaction.lag.ms`: when a dirty segment is cleaned whatever the
    /// ratio.
    pub max_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone can be read after its key was
    /// cleaned.
    pub delete_retention_ms: i64,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        CompactionPolicy {
            min_dirty_ratio: 0.5,
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 60 * 60 * 1000,
        }
    }
}

/// A closed segment, as far as the choice needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// No record in it lies before.
    pub base: Offset,
    /// Bytes of its batches.
    pub size_bytes: u64,
    /// Bytes of the larger of its two indexes.
    pub index_bytes: u64,
    /// Its largest timestamp, or when it was last written if no record has one.
    pub newest_ms: i64,
    /// The largest timestamp of its first batch, if it has one.
    pub first_batch_ms: Option<i64>,
}

/// A log, as far as the choice needs it.
#[derive(Clone, Copy, Debug)]
pub struct LogFacts<'a> {
    /// The first offset that may be read.
    pub log_start: Offset,
    /// The offset the next record gets.
    pub log_end: Offset,
    /// Everything below is committed, belongs to no open transaction, and would
    /// survive a power cut.
    pub stable_end: Offset,
    /// Where the segment begins that is appended to.
    pub active_base: Offset,
    /// Where the last cleaning ended (`cleaner-offset-checkpoint`).
    pub cleaned_end: Option<Offset>,
    /// All segments before the active one, oldest first.
    pub closed: &'a [SegmentFacts],
}

/// What could be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirtyRange {
    /// Everything below was cleaned before, or is gone.
    pub first_dirty: Offset,
    /// Where cleaning must end; where a segment begins.
    pub bound: Offset,
    /// Bytes of the segments that begin before `first_dirty`.
    pub clean_bytes: u64,
    /// Bytes of the segments between.
    pub dirty_bytes: u64,
    /// A record in it is older than `max.compaction.lag.ms`.
    pub is_overdue: bool,
    /// When time alone may have made more of it due, Unix milliseconds; `None`
    /// when only an append can.
    pub look_again_ms: Option<i64>,
}

impl DirtyRange {
    /// What of `log` could be cleaned at `wall_ms`.
    pub fn of(log: &LogFacts<'_>, policy: &CompactionPolicy, wall_ms: i64) -> DirtyRange {
        let first_dirty = first_dirty(log);
        let dirty = closed_from(log, first_dirty);
        let young = (policy.min_lag_ms > 0)
            .then(|| {
                let youngest_ms = wall_ms.saturating_sub(policy.min_lag_ms);
                dirty.iter().find(|segment| segment.newest_ms > youngest_ms)
            })
            .flatten();
        let stable_end = match mutants::on(Mutant::CompactsWhatIsNotCommitted) {
            true => log.log_end,
            false => log.stable_end,
        };
        let limit = [stable_end, log.active_base]
            .into_iter()
            .chain(young.map(|segment| segment.base))
            .min()
            .map_or(first_dirty, |limit| limit.max(first_dirty));
        let bound = segment_start(log, limit);
        let within = dirty
            .iter()
            .filter(|segment| first_dirty < bound && segment.base < bound);
        let clean = log
            .closed
            .iter()
            .filter(|segment| segment.base < first_dirty);
        let first_batch_ms = first_batch_ms(dirty);
        let overdue_from_ms = wall_ms.saturating_sub(policy.max_lag_ms);
        DirtyRange {
            first_dirty,
            bound,
            clean_bytes: clean.map(|segment| segment.size_bytes).sum(),
            dirty_bytes: within.map(|segment| segment.size_bytes).sum(),
            is_overdue: first_batch_ms.is_some_and(|first_ms| first_ms < overdue_from_ms),
            look_again_ms: [
                young.map(|segment| segment.newest_ms.saturating_add(policy.min_lag_ms)),
                first_batch_ms.map(|first_ms| first_ms.saturating_add(policy.max_lag_ms)),
                (log.stable_end < log.active_base && !dirty.is_empty()).then_some(wall_ms),
            ]
            .into_iter()
            .flatten()
            .filter(|at_ms| *at_ms < i64::MAX)
            .min()
            .map(|at_ms| at_ms.max(wall_ms) + 1),
        }
    }

    /// How much of what would be read is dirty, from 0 to 1.
    pub fn dirty_ratio(&self) -> f64 {
        let all_bytes = self.clean_bytes + self.dirty_bytes;
        if all_bytes == 0 {
            return 0.0;
        }
        self.dirty_bytes as f64 / all_bytes as f64
    }

    /// Whether it should be cleaned now.
    pub fn is_due(&self, policy: &CompactionPolicy) -> bool {
        (self.is_overdue && self.dirty_bytes > 0) || self.dirty_ratio() > policy.min_dirty_ratio
    }
}

/// Puts neighbours together that fit into one segment, so that cleaning does
/// not leave ever smaller ones. `segments` are those that begin before the end
/// of the cleaning, and each range is one group of them.
pub fn groups(
    segments: &[SegmentFacts],
    bound: Offset,
    segment_bytes_max: u64,
    index_bytes_max: u64,
) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut first = 0;
    while first < segments.len() {
        let mut next = first + 1;
        let mut size_bytes = segments[first].size_bytes;
        let mut index_bytes = segments[first].index_bytes;
        while let Some(segment) = segments.get(next) {
            size_bytes += segment.size_bytes;
            index_bytes += segment.index_bytes;
            let end = segments.get(next + 1).map_or(bound, |behind| behind.base);
            // What has no record has no offset that an index must be able to name.
            let is_near = segment.size_bytes == 0
                || end.0 - 1 - segments[first].base.0 <= i64::from(i32::MAX);
            if size_bytes > segment_bytes_max || index_bytes > index_bytes_max || !is_near {
                break;
            }
            next += 1;
        }
        groups.push(first..next);
        first = next;
    }
    groups
}

/// A mark outside of the log is of no use: the whole log counts as dirty.
fn first_dirty(log: &LogFacts<'_>) -> Offset {
    log.cleaned_end
        .filter(|end| (log.log_start..=log.log_end).contains(end))
        .unwrap_or(log.log_start)
}

/// The closed segments from the one on that holds `offset`.
fn closed_from<'a>(log: &LogFacts<'a>, offset: Offset) -> &'a [SegmentFacts] {
    if offset >= log.active_base {
        return &[];
    }
    let after = log.closed.partition_point(|segment| segment.base <= offset);
    &log.closed[after.saturating_sub(1)..]
}

/// Where the segment begins that holds `offset`.
fn segment_start(log: &LogFacts<'_>, offset: Offset) -> Offset {
    let holding = closed_from(log, offset).first();
    holding.map_or(log.active_base, |segment| segment.base)
}

/// The oldest first batch, of those that have a timestamp.
fn first_batch_ms(segments: &[SegmentFacts]) -> Option<i64> {
    let firsts = segments.iter().filter_map(|segment| segment.first_batch_ms);
    firsts.filter(|first_ms| *first_ms > 0).min()
}
