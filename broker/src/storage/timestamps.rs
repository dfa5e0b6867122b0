//! Finding a record by its timestamp (ListOffsets): planned under the
//! partition's lock, done outside it, like a read.
//!
//! Owns which record is "the first with at least this timestamp": exactly that
//! one, also inside of a compressed batch.

use std::sync::Arc;

use ottla_core::batch::BatchHeader;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::record::records;
use ottla_core::ids::{LeaderEpoch, Offset};
use ottla_core::mutants::{self, Mutant};

use super::StorageError;
use super::index::NO_TIMESTAMP;
use super::segment::Segment;

/// What one batch may inflate to while its records' timestamps are looked at.
const INFLATED_BYTES_MAX: usize = 256 << 20;

/// A search for a record.
#[derive(Debug)]
pub(crate) struct TimestampLookup {
    segments: Vec<Arc<Segment>>,
    target: Target,
    range: OffsetRange,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The first record with this timestamp or a later one.
    AtLeast(i64),
    /// The first record with the largest timestamp of all (KIP-734).
    Largest,
}

/// Records before `from`, and from `below` on, do not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffsetRange {
    pub from: Offset,
    pub below: Offset,
}

/// A record that was searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Where it is.
    pub offset: Offset,
    /// Its timestamp, Unix milliseconds.
    pub timestamp_ms: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: LeaderEpoch,
}

impl TimestampLookup {
    pub(super) fn new(segments: Vec<Arc<Segment>>, target: Target, range: OffsetRange) -> Self {
        TimestampLookup {
            segments,
            target,
            range,
        }
    }

    /// The record, if there is one. Reads files and inflates batches: call it
    /// on a thread that may block.
    pub fn find(self) -> Result<Option<Located>, StorageError> {
        let timestamp_ms = match self.target {
            Target::AtLeast(timestamp_ms) => timestamp_ms,
            Target::Largest => self.largest()?,
        };
        for segment in &self.segments {
            let newest = segment.max_timestamp()?;
            if newest.map_or(NO_TIMESTAMP, |(_, newest_ms)| newest_ms) < timestamp_ms {
                continue;
            }
            if let Some(located) = segment.find_timestamp(timestamp_ms, self.range)? {
                return Ok(Some(located));
            }
        }
        Ok(None)
    }

    /// The largest timestamp of those that were not deleted. Records without
    /// one count as the oldest there are.
    fn largest(&self) -> Result<i64, StorageError> {
        let mut largest_ms = NO_TIMESTAMP;
        let skipped = match mutants::on(Mutant::LooksForTheLargestInOneSegment) {
            true => self.segments.len().saturating_sub(1),
            false => 0,
        };
        for segment in &self.segments[skipped..] {
            let newest = if segment.base() < self.range.from {
                segment.max_timestamp_from(self.range.from)?
            } else {
                segment.max_timestamp()?.map(|(_, newest_ms)| newest_ms)
            };
            largest_ms = largest_ms.max(newest.unwrap_or(NO_TIMESTAMP));
        }
        Ok(largest_ms)
    }
}

/// The largest timestamp of a batch's records from `from` on.
pub(super) fn largest_from(header: &BatchHeader, batch: &[u8], from: Offset) -> Option<i64> {
    let bytes = record_bytes(header, batch, INFLATED_BYTES_MAX).ok()?;
    records(header, &bytes)
        .map_while(Result::ok)
        .filter(|record| record.offset >= from)
        .map(|record| record.timestamp_ms)
        .max()
}

/// The first record of a batch that is in `range` and has at least
/// `timestamp_ms`. Records that cannot be read are passed over, as far as they
/// can be: whoever fetches them will see what is wrong.
pub(super) fn first_at_least(
    header: &BatchHeader,
    batch: &[u8],
    timestamp_ms: i64,
    range: OffsetRange,
) -> Option<Located> {
    let bytes = record_bytes(header, batch, INFLATED_BYTES_MAX).ok()?;
    records(header, &bytes)
        .map_while(Result::ok)
        .take_while(|record| record.offset < range.below)
        .find(|record| record.offset >= range.from && record.timestamp_ms >= timestamp_ms)
        .map(|record| Located {
            offset: match mutants::on(Mutant::NamesTheBatchOfATimestamp) {
                true => header.base_offset,
                false => record.offset,
            },
            timestamp_ms: record.timestamp_ms,
            leader_epoch: header.leader_epoch,
        })
}
