//! Reading the dirty part of a log before anything of it is cleaned.

use std::ops::ControlFlow;

use ottla_core::ids::Offset;
use ottla_core::partition::compaction::{
    AbortedTransaction, DirtyIndex, OffsetMap, TransactionScan,
};

use super::view::LogView;
use super::walk::{READ_BYTES, Walk};
use super::{CleanError, INFLATED_BYTES_MAX};
use crate::storage::segment::HOP_BYTES;

/// What a cleaning goes by, once the dirty part was read.
#[derive(Debug)]
pub(crate) struct DirtyPart {
    pub(super) map: OffsetMap,
    /// By their first records.
    pub(super) aborted: Vec<AbortedTransaction>,
    /// Where it ends at the latest; where a segment begins.
    pub(super) bound: Offset,
}

impl DirtyPart {
    /// Everything below is clean once the segments are replaced.
    pub fn end(&self) -> Offset {
        self.map.end()
    }
}

impl LogView {
    /// Reads the dirty part. `None` when an open transaction leaves nothing of
    /// it to be cleaned. `map_bytes_max` is `log.cleaner.dedupe.buffer.size`.
    pub fn index(
        &self,
        wall_ms: i64,
        map_bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<DirtyPart>, CleanError> {
        let (aborted, first_open) = self.transactions(go_on)?;
        let stable_end = first_open.map_or(self.stable_end, |open| open.min(self.stable_end));
        let range = self.range_below(stable_end, wall_ms)?;
        if range.dirty_bytes == 0 {
            return Ok(None);
        }
        let from = range.first_dirty;
        let index = DirtyIndex::new(from, &aborted, map_bytes_max, INFLATED_BYTES_MAX);
        let map = self.fill(index, from, range.bound, go_on)?;
        Ok(Some(DirtyPart {
            map,
            aborted,
            bound: range.bound,
        }))
    }

    fn fill(
        &self,
        mut index: DirtyIndex,
        from: Offset,
        bound: Offset,
        go_on: &dyn Fn() -> bool,
    ) -> Result<OffsetMap, CleanError> {
        for (number, segment) in self.closed.iter().enumerate() {
            let next_base = self.base_behind(number);
            if next_base <= from || segment.base() >= bound {
                continue;
            }
            let file = segment.file()?;
            let position = segment.position_for(from)?;
            let mut walk = Walk::new(segment, &*file, position, READ_BYTES);
            while let Some((header, batch)) = walk.next(go_on)? {
                if header.last_offset() >= from
                    && index.note(&header, &batch)? == ControlFlow::Break(())
                {
                    return Ok(index.into_map());
                }
            }
            index.segment_ended(next_base);
        }
        Ok(index.into_map())
    }

    /// How transactions ended, from all there is to be read, and the first
    /// record of one that did not.
    fn transactions(
        &self,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(Vec<AbortedTransaction>, Option<Offset>), CleanError> {
        let mut scan = TransactionScan::default();
        for segment in self.closed.iter().chain([&self.active]) {
            let file = segment.file()?;
            let mut walk = Walk::new(segment, &*file, 0, HOP_BYTES);
            while let Some(header) = walk.next_header(go_on)? {
                if header.base_offset >= self.stable_end {
                    break;
                }
                let marker = match header.attributes.is_control() {
                    true => walk.marker(&header)?,
                    false => None,
                };
                scan.note(&header, marker);
            }
        }
        let first_open = scan.first_open();
        Ok((scan.aborted(), first_open))
    }
}
