//! Looking for an offset (ListOffsets, OffsetForLeaderEpoch): planned under the
//! partition's lock, found outside it.

use std::sync::Arc;

use ottla_core::ids::{LeaderEpoch, Offset};

use super::error::check_epoch;
use super::{FetchError, Partition};
use crate::storage::{Located, ReadError, StorageError, TimestampLookup};

/// Which record is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// The end of what the reader may read.
    Latest,
    /// The log start.
    Earliest,
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// The end of what remote storage holds, which there is none of.
    LatestTiered,
    /// The first record with this timestamp or a later one.
    AtLeast { timestamp_ms: i64 },
}

/// On whose behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Reads to the high watermark.
    Consumer,
    /// Sees everything: a follower, or a tool that looks at a partition.
    Replica,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OffsetQuery {
    pub(crate) search: Search,
    pub(crate) reader: Reader,
    /// −1 when the reader does not say.
    pub(crate) current_leader_epoch: LeaderEpoch,
}

/// How often a search begins anew because a segment it was about to read was
/// removed meanwhile.
const SEARCHES_MAX: usize = 8;

/// A search that may still have to read.
#[derive(Debug)]
pub(crate) enum OffsetSearch {
    Found(Option<Located>),
    LookUp {
        partition: Arc<Partition>,
        query: OffsetQuery,
        lookup: TimestampLookup,
    },
}

impl OffsetSearch {
    /// Whether `find` returns at once. If not, call it on a thread that may
    /// block: it may read files, and inflate a batch to look at its records.
    pub(crate) fn is_immediate(&self) -> bool {
        matches!(self, OffsetSearch::Found(_))
    }

    pub(crate) fn find(self) -> Result<Option<Located>, FetchError> {
        let (partition, query, mut lookup) = match self {
            OffsetSearch::Found(found) => return Ok(found),
            OffsetSearch::LookUp {
                partition,
                query,
                lookup,
            } => (partition, query, lookup),
        };
        for _ in 1..SEARCHES_MAX {
            match lookup.find() {
                Err(StorageError::SegmentGone) => {}
                found => return Ok(found.map_err(ReadError::Storage)?),
            }
            match partition.plan_search(query)? {
                OffsetSearch::Found(found) => return Ok(found),
                OffsetSearch::LookUp { lookup: again, .. } => lookup = again,
            }
        }
        Ok(lookup.find().map_err(ReadError::Storage)?)
    }
}

impl Partition {
    /// Plans what ListOffsets asks for.
    pub(crate) fn plan_search(
        self: &Arc<Self>,
        query: OffsetQuery,
    ) -> Result<OffsetSearch, FetchError> {
        let inner = self.inner();
        let open = inner.open.as_ref().map_err(|unavailable| *unavailable)?;
        let marks = open.state.marks();
        check_epoch(query.current_leader_epoch, marks.leader_epoch)?;
        let below = match query.reader {
            Reader::Consumer => marks.high_watermark,
            Reader::Replica => marks.log_end,
        };
        let found = |offset, leader_epoch| {
            let found = Located {
                offset,
                timestamp_ms: -1,
                leader_epoch,
            };
            OffsetSearch::Found(Some(found))
        };
        let look_up = |lookup: Result<TimestampLookup, StorageError>| {
            lookup
                .map_err(ReadError::Storage)
                .map(|lookup| OffsetSearch::LookUp {
                    partition: Arc::clone(self),
                    query,
                    lookup,
                })
        };
        Ok(match query.search {
            Search::Latest => found(below, marks.leader_epoch),
            Search::Earliest => {
                let epoch = open.state.epochs().at(marks.log_start);
                found(marks.log_start, epoch.unwrap_or(LeaderEpoch::NONE))
            }
            Search::LatestTiered => OffsetSearch::Found(None),
            Search::MaxTimestamp => look_up(open.log.max_timestamp(below))?,
            Search::AtLeast { timestamp_ms } => {
                look_up(open.log.offset_for_timestamp(timestamp_ms, below))?
            }
        })
    }

    /// The largest epoch not above `epoch` and where it ended; `None` if this
    /// partition has not heard of it (KIP-320).
    pub(crate) fn end_of_epoch(
        &self,
        current_leader_epoch: LeaderEpoch,
        epoch: LeaderEpoch,
    ) -> Result<Option<(LeaderEpoch, Offset)>, FetchError> {
        let inner = self.inner();
        let open = inner.open.as_ref().map_err(|unavailable| *unavailable)?;
        let marks = open.state.marks();
        check_epoch(current_leader_epoch, marks.leader_epoch)?;
        Ok(open.state.epochs().end_of(epoch, marks.log_end))
    }
}
