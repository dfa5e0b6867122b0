//! A segment's index: loaded when it is first asked for, saved when nothing
//! more comes, and made again from the batches when its files are missing.

use super::{HOP_BYTES, OFFSET_INDEX, Segment, State, TIME_INDEX};
use crate::storage::StorageError;
use crate::storage::checkpoint::Verified;
use crate::storage::index::{SegmentIndex, files_checksum};
use crate::storage::scan::BatchScan;

impl Segment {
    /// The index up to a mark, as the files tell it that were saved with the
    /// mark or later; `None` when they do not reach so far.
    pub fn index_up_to(&self, mark: &Verified) -> Option<SegmentIndex> {
        let offsets = self.whole_file(OFFSET_INDEX).ok()??;
        let times = self.whole_file(TIME_INDEX).ok()??;
        let mut index = SegmentIndex::decode_before(self.base, &offsets, &times, mark.position)?;
        index.restore_max(mark.max_timestamp_ms, mark.offset_of_max);
        Some(index)
    }

    /// Writes the index files of a segment that goes on, for a mark that says
    /// how much of them counts.
    pub fn save_open_index(&self) -> Result<(), StorageError> {
        let index = {
            let state = self.state();
            state.index.clone().filter(|_| !state.is_closed)
        };
        index.map_or(Ok(()), |index| self.write_index(&index, false))
    }

    /// Writes the index files of a closed segment anew, should they not be
    /// there as they must be.
    pub fn repair_index(&self) -> Result<(), StorageError> {
        let (index, size_bytes) = {
            let state = self.state();
            (state.index.clone(), state.size_bytes)
        };
        if let Some(index) = index
            && self.saved_index(size_bytes, None)?.as_ref() != Some(&index)
        {
            self.write_index(&index, true)?;
        }
        self.state().is_index_saved = true;
        Ok(())
    }

    /// Writes the index files as they are now.
    pub fn save_index(&self, durably: bool) -> Result<(), StorageError> {
        let (index, is_closed) = {
            let state = self.state();
            match &state.index {
                Some(index) if !state.is_index_saved => (index.clone(), state.is_closed),
                _ => return Ok(()),
            }
        };
        self.write_index(&index, durably)?;
        self.state().is_index_saved = is_closed;
        Ok(())
    }

    /// Removes index files that do not tell of the whole segment.
    pub fn remove_index(&self) {
        for suffix in [OFFSET_INDEX, TIME_INDEX] {
            let name = self.name(suffix);
            if let Err(error) = self.folder.remove(&name) {
                let path = self.folder.path(&name);
                tracing::warn!(path, %error, "an index that is not whole stays");
            }
        }
    }

    /// The index as its files tell it; `None` when they are missing or wrong, or
    /// not those of `checksum`.
    fn saved_index(
        &self,
        size_bytes: u64,
        checksum: Option<u32>,
    ) -> Result<Option<SegmentIndex>, StorageError> {
        let offsets = self.whole_file(OFFSET_INDEX)?;
        let times = self.whole_file(TIME_INDEX)?;
        let (Some(offsets), Some(times)) = (offsets, times) else {
            return Ok(None);
        };
        if checksum.is_some_and(|checksum| checksum != files_checksum(&offsets, &times)) {
            return Ok(None);
        }
        Ok(SegmentIndex::decode(
            self.base, &offsets, &times, size_bytes,
        ))
    }

    pub(super) fn with_index<T>(
        &self,
        ask: impl FnOnce(&SegmentIndex) -> T,
    ) -> Result<T, StorageError> {
        let mut state = self.state();
        if state.index.is_none() {
            let mut index = match self.saved_index(state.size_bytes, state.index_checksum)? {
                Some(index) => index,
                None => self.made_again(&mut state)?,
            };
            if let Some((offset, timestamp_ms)) = state.max_timestamp {
                index.restore_max(timestamp_ms, offset);
            }
            state.index = Some(index);
        }
        let index = state.index.as_ref().expect("it was just put there");
        Ok(ask(index))
    }

    /// Makes the index from the batches, and its files if they are complete.
    fn made_again(&self, state: &mut State) -> Result<SegmentIndex, StorageError> {
        let file = self.opened(state)?;
        let mut index = SegmentIndex::new(self.base);
        let mut scan = BatchScan::new(&*file, 0, state.size_bytes, HOP_BYTES);
        while !scan.is_at_end() {
            let header = scan.header().map_err(|error| self.unreadable(error))?;
            let fits = header.filter(|header| self.takes(header, scan.position()));
            let header = fits.ok_or_else(|| self.damaged_at(scan.position()))?;
            index.note(&header, scan.position() as u32, self.index_interval_bytes);
            scan.pass(&header);
        }
        if state.is_closed {
            index.close();
            if let Err(error) = self.write_index(&index, true) {
                tracing::warn!(%error, "an index was made again but not saved");
            }
        }
        Ok(index)
    }

    fn write_index(&self, index: &SegmentIndex, durably: bool) -> Result<(), StorageError> {
        let files = [
            (OFFSET_INDEX, index.offset_file()),
            (TIME_INDEX, index.time_file()),
        ];
        for (suffix, bytes) in files {
            let name = self.name(suffix);
            let replaced = self.folder.replace(&name, &bytes, durably);
            replaced.map_err(|error| StorageError::io("write", &self.folder.path(&name), error))?;
        }
        Ok(())
    }
}
