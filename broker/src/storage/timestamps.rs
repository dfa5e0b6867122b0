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

use super::StorageError;
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
            Target::Largest => match self.largest()? {
                Some(timestamp_ms) => timestamp_ms,
                None => return Ok(None),
            },
        };
        for segment in &self.segments {
            let newest = segment.max_timestamp()?;
            if newest.is_none_or(|(_, newest_ms)| newest_ms < timestamp_ms) {
                continue;
            }
            if let Some(located) = segment.find_timestamp(timestamp_ms, self.range)? {
                return Ok(Some(located));
            }
        }
        Ok(None)
    }

    fn largest(&self) -> Result<Option<i64>, StorageError> {
        let mut largest = None;
        for segment in &self.segments {
            let newest = segment.max_timestamp()?;
            largest = largest.max(newest.map(|(_, timestamp_ms)| timestamp_ms));
        }
        Ok(largest)
    }
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
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            leader_epoch: header.leader_epoch,
        })
}
