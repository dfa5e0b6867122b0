//! Reading a segment: where wanted batches lie, their bytes, and the records of
//! a time.
//!
//! Never changes anything; runs beside the log that appends.

use bytes::Bytes;
use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader};
use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};

use super::{COPIED_BYTES_MAX, HOP_BYTES, SEEK_BYTES, Segment};
use crate::storage::scan::BatchScan;
use crate::storage::timestamps::{Located, OffsetRange, first_at_least, largest_from};
use crate::storage::walk::{Walked, Wanted, take_batches};
use crate::storage::{Piece, StorageError, Stretch};

impl Segment {
    /// The largest timestamp of the records from `from` on. Reads the headers
    /// behind it, and looks into the batch that `from` lies in.
    pub fn max_timestamp_from(&self, from: Offset) -> Result<Option<i64>, StorageError> {
        let position = self.with_index(|index| index.position_for(from))?;
        let file = self.file()?;
        let mut scan = BatchScan::new(&*file, position.into(), self.size_bytes(), HOP_BYTES);
        let mut largest = None;
        while !scan.is_at_end() {
            let header = scan.header().map_err(|error| self.unreadable(error))?;
            let header = header.ok_or_else(|| self.damaged_at(scan.position()))?;
            if header.base_offset >= from {
                largest = largest.max(Some(header.max_timestamp_ms));
            } else if header.last_offset() >= from {
                let batch = scan
                    .batch(&header)
                    .map_err(|error| self.unreadable(error))?;
                largest = largest.max(largest_from(&header, &batch, from));
            }
            scan.pass(&header);
        }
        Ok(largest)
    }

    /// Where the wanted batches lie; `None` when all batches here lie before
    /// them. Only headers are read, few of them: the index knows of a batch near
    /// either end.
    pub fn stretch(&self, wanted: &Wanted) -> Result<Option<Stretch>, StorageError> {
        let position = self.with_index(|index| index.position_for(wanted.from))?;
        let (file, size_bytes) = {
            let mut state = self.state();
            (self.opened(&mut state)?, state.size_bytes)
        };
        let mut scan = BatchScan::new(&*file, position.into(), size_bytes, SEEK_BYTES);
        let first = loop {
            if scan.is_at_end() {
                return Ok(None);
            }
            let header = self.header_at(&mut scan)?;
            if header.next_offset() > wanted.from {
                break header;
            }
            scan.pass(&header);
        };
        let start = scan.position();
        let mut taken_bytes = 0;
        if wanted.takes(&first, 0) {
            scan.pass(&first);
            taken_bytes = first.size_bytes();
            let limit = start.saturating_add(wanted.max_bytes as u64);
            let near_end = self.with_index(|index| index.position_before(limit, wanted.below))?;
            if u64::from(near_end) > scan.position() {
                scan = BatchScan::new(&*file, near_end.into(), size_bytes, SEEK_BYTES);
                taken_bytes = (scan.position() - start) as usize;
            }
            while !scan.is_at_end() {
                let header = self.header_at(&mut scan)?;
                if !wanted.takes(&header, taken_bytes) {
                    break;
                }
                taken_bytes += header.size_bytes();
                scan.pass(&header);
            }
        }
        if mutants::on(Mutant::GivesPartsOfBatches) {
            taken_bytes = wanted.max_bytes.min((size_bytes - start) as usize);
        }
        Ok(Some(Stretch::new(file, start, taken_bytes)))
    }

    /// Whether [`Segment::stretch`] returns without waiting for a disk, to all
    /// appearances.
    pub fn is_warm(&self, wanted: &Wanted) -> bool {
        let state = self.state();
        let (Some(file), Some(index)) = (&state.file, &state.index) else {
            return false;
        };
        let position = u64::from(index.position_for(wanted.from));
        let there = state.size_bytes.saturating_sub(position);
        // Headers are looked for behind an entry of the index, at either end.
        let beside = self.index_interval_bytes as usize + SEEK_BYTES;
        let length = wanted.max_bytes.saturating_add(beside);
        let length = usize::try_from(there).map_or(length, |there| length.min(there));
        file.is_warm(position, length)
    }

    /// What is said to a reader who gets `stretch`: its bytes where it is short,
    /// and where it is long the stretch itself, in memory.
    pub fn piece(&self, stretch: Stretch) -> Result<Piece, StorageError> {
        let ready = if stretch.len() > COPIED_BYTES_MAX {
            stretch.warm_up().map(|()| Piece::File(stretch))
        } else {
            stretch.read(stretch.len()).map(Piece::from)
        };
        ready.map_err(|error| self.unreadable(error))
    }

    fn header_at(&self, scan: &mut BatchScan<'_>) -> Result<BatchHeader, StorageError> {
        let header = scan.header().map_err(|error| self.unreadable(error))?;
        header.ok_or_else(|| self.damaged_at(scan.position()))
    }

    /// The wanted batches; `None` when all batches here lie before them.
    pub fn read(&self, wanted: &Wanted) -> Result<Option<Vec<Bytes>>, StorageError> {
        let mut position = self
            .with_index(|index| index.position_for(wanted.from))?
            .into();
        let mut window = wanted
            .max_bytes
            .saturating_add(self.index_interval_bytes as usize)
            .max(BATCH_HEADER_BYTES);
        loop {
            let pieces = self.read_at(position, window)?;
            match take_batches(pieces, wanted, None) {
                Walked::Took(pieces) => return Ok(Some(pieces)),
                Walked::NoBatch(at) => return Err(self.damaged_at(position + at as u64)),
                // The index points at batches long before: go on behind them.
                Walked::Behind(length) if position + (length as u64) < self.size_bytes() => {
                    position += length as u64;
                }
                Walked::Behind(_) => return Ok(None),
                Walked::CutOff { skipped, size } => {
                    position += skipped as u64;
                    if skipped == 0 && window >= size.max(BATCH_HEADER_BYTES) {
                        return Err(self.damaged_at(position));
                    }
                    window = window.max(size);
                }
            }
        }
    }

    /// The first record in `range` with at least `timestamp_ms`.
    pub fn find_timestamp(
        &self,
        timestamp_ms: i64,
        range: OffsetRange,
    ) -> Result<Option<Located>, StorageError> {
        let position = self.with_index(|index| {
            index.position_for(index.offset_before(timestamp_ms).max(range.from))
        })?;
        let file = self.file()?;
        let mut scan = BatchScan::new(&*file, position.into(), self.size_bytes(), HOP_BYTES);
        while !scan.is_at_end() {
            let header = scan.header().map_err(|error| self.unreadable(error))?;
            let header = header.ok_or_else(|| self.damaged_at(scan.position()))?;
            if header.base_offset >= range.below {
                break;
            }
            if header.max_timestamp_ms >= timestamp_ms && header.last_offset() >= range.from {
                let batch = scan
                    .batch(&header)
                    .map_err(|error| self.unreadable(error))?;
                let located = first_at_least(&header, &batch, timestamp_ms, range);
                if located.is_some() {
                    return Ok(located);
                }
            }
            scan.pass(&header);
        }
        Ok(None)
    }

    /// Up to `length` bytes of whole batches from `position`.
    fn read_at(&self, position: u64, length: usize) -> Result<Vec<Bytes>, StorageError> {
        let (file, size_bytes) = {
            let mut state = self.state();
            (self.opened(&mut state)?, state.size_bytes)
        };
        let there = size_bytes.saturating_sub(position);
        let length = usize::try_from(there).map_or(length, |there| length.min(there));
        let read = file.read_at(position, length);
        read.map_err(|error| self.unreadable(error))
    }
}
