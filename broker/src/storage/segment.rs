//! One stretch of a log: a file of batches and its two indexes.
//!
//! Owns the names of the files, opening them when they are first needed, and
//! reading. Shared between the log that appends and readers without its lock:
//! what `State` says is complete is complete.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader};
use ottla_core::ids::Offset;

use super::index::SegmentIndex;
use super::walk::{Walked, Wanted, take_batches};
use super::{Disk, DiskFile, StorageError};

/// A segment; rolled, or the one that is appended to.
#[derive(Debug)]
pub(super) struct Segment {
    base: Offset,
    /// Folder and base offset; the files' names add a suffix.
    stem: String,
    disk: Arc<dyn Disk>,
    index_interval_bytes: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<Arc<dyn DiskFile>>,
    size_bytes: u64,
    index: Option<SegmentIndex>,
}

impl Segment {
    /// Makes an empty segment and its file.
    pub fn create(
        disk: &Arc<dyn Disk>,
        folder: &str,
        base: Offset,
        index_interval_bytes: u32,
    ) -> Result<(Segment, Arc<dyn DiskFile>), StorageError> {
        let stem = stem(folder, base);
        let path = format!("{stem}.log");
        let file = disk
            .create(&path)
            .map_err(|error| StorageError::io("create", &path, error))?;
        let segment = Segment {
            base,
            stem,
            disk: Arc::clone(disk),
            index_interval_bytes,
            state: Mutex::new(State {
                file: Some(Arc::clone(&file)),
                size_bytes: 0,
                index: Some(SegmentIndex::new(base)),
            }),
        };
        Ok((segment, file))
    }

    /// The offset in the file's name: no batch in it begins before.
    pub fn base(&self) -> Offset {
        self.base
    }

    /// Bytes of whole batches.
    pub fn size_bytes(&self) -> u64 {
        self.state().size_bytes
    }

    /// Whether reading it never waits for a disk.
    pub fn is_memory(&self) -> bool {
        self.disk.is_memory()
    }

    /// The path of the file of batches.
    pub fn log_path(&self) -> String {
        format!("{}.log", self.stem)
    }

    /// Takes notice of a batch whose bytes have been written behind the last
    /// one. Readers see it from now on.
    pub fn appended(&self, batch: &BatchHeader) {
        let mut state = self.state();
        let position = state.size_bytes;
        if let Some(index) = &mut state.index {
            index.note(batch, position as u32, self.index_interval_bytes);
        }
        state.size_bytes = position + batch.size_bytes() as u64;
    }

    /// Whether its index files may not grow any more.
    pub fn index_is_full(&self, index_bytes_max: u32) -> bool {
        let state = self.state();
        state
            .index
            .as_ref()
            .is_some_and(|index| index.is_full(index_bytes_max))
    }

    /// The largest timestamp, and the last offset of the first batch with it.
    pub fn max_timestamp(&self) -> Result<Option<(Offset, i64)>, StorageError> {
        self.with_index(SegmentIndex::max_timestamp)
    }

    /// The wanted batches; `None` when all batches here lie before them.
    pub fn read(&self, wanted: &Wanted) -> Result<Option<Vec<Bytes>>, StorageError> {
        let mut position = u64::from(self.with_index(|index| index.position_for(wanted.from))?);
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

    /// Up to `length` bytes of whole batches from `position`.
    pub fn read_at(&self, position: u64, length: usize) -> Result<Vec<Bytes>, StorageError> {
        let (file, size_bytes) = {
            let mut state = self.state();
            (self.opened(&mut state)?, state.size_bytes)
        };
        let there = size_bytes.saturating_sub(position);
        let length = usize::try_from(there).map_or(length, |there| length.min(there));
        file.read_at(position, length)
            .map_err(|error| StorageError::io("read", &self.log_path(), error))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, state: &mut State) -> Result<Arc<dyn DiskFile>, StorageError> {
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let file = match self.disk.open(&self.log_path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StorageError::SegmentGone);
            }
            Err(error) => return Err(StorageError::io("open", &self.log_path(), error)),
        };
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn with_index<T>(&self, ask: impl FnOnce(&SegmentIndex) -> T) -> Result<T, StorageError> {
        let state = self.state();
        match &state.index {
            Some(index) => Ok(ask(index)),
            None => Err(StorageError::SegmentGone),
        }
    }

    fn damaged_at(&self, position: u64) -> StorageError {
        let message = format!("no record batch at byte {position}");
        let error = io::Error::new(io::ErrorKind::InvalidData, message);
        StorageError::io("read", &self.log_path(), error)
    }
}

/// Folder and base offset in 20 digits, as Kafka names a segment's files.
fn stem(folder: &str, base: Offset) -> String {
    format!("{folder}/{:020}", base.0)
}
