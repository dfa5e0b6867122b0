//! One stretch of a log: a file of batches and its two indexes.
//!
//! Owns what is known of them while they are in use; names and opening are in
//! `files`, the index in `indexes`, reads in `reading`. Shared between the log that appends, readers without its lock and
//! the syncing thread: what `State` says is there is there, whole.

mod files;
mod indexes;
mod reading;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_core::batch::BatchHeader;
use ottla_core::ids::Offset;

use super::durability::failed;
use super::folder::Folder;
use super::index::SegmentIndex;
use super::{DiskFile, StorageError};

/// What the names of a segment's files end with, as in Kafka.
const LOG: &str = ".log";
const OFFSET_INDEX: &str = ".index";
const TIME_INDEX: &str = ".timeindex";

/// A stretch of a file up to this length is copied: one more system call costs
/// more than the bytes.
pub(super) const COPIED_BYTES_MAX: usize = 32 << 10;

/// How much is read at once to find where batches begin, a few headers away.
const SEEK_BYTES: usize = 4 << 10;

/// How much is read at once to hop from header to header.
pub(super) const HOP_BYTES: usize = 16 << 10;

/// What the name of a file that is about to be removed ends with, as in Kafka.
pub(super) const DELETED: &str = ".deleted";

/// A segment: closed, or the one that is appended to.
#[derive(Debug)]
pub(super) struct Segment {
    base: Offset,
    folder: Arc<Folder>,
    index_interval_bytes: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<Arc<dyn DiskFile>>,
    /// Bytes of whole batches.
    size_bytes: u64,
    /// Loaded when it is first asked for.
    index: Option<SegmentIndex>,
    /// The largest timestamp, for an index that is not loaded yet and whose
    /// file does not tell it: that of a segment still open.
    max_timestamp: Option<(Offset, i64)>,
    /// What the index files must be to be believed, where a clean stop said so.
    index_checksum: Option<u32>,
    /// Nothing will be appended any more.
    is_closed: bool,
    is_index_saved: bool,
    /// When a batch was last appended, if that was in this run.
    appended_ms: Option<i64>,
}

/// What a segment is made of that was written at once.
#[derive(Debug)]
pub(super) struct Content {
    pub file: Arc<dyn DiskFile>,
    pub size_bytes: u64,
    /// Complete.
    pub index: SegmentIndex,
    /// When the newest of it was written, should no record tell.
    pub newest_ms: i64,
}

/// A segment with nothing left to do before its file is synced.
#[derive(Debug)]
pub(super) struct Completed {
    pub file: Arc<dyn DiskFile>,
    /// Whether nothing will be appended any more.
    pub is_closed: bool,
}

impl Segment {
    /// Makes an empty segment and its file.
    pub fn create(
        folder: &Arc<Folder>,
        base: Offset,
        index_interval_bytes: u32,
    ) -> Result<Segment, StorageError> {
        let segment = Segment::found(folder, base, index_interval_bytes, 0);
        let created = folder.create(&segment.name(LOG));
        let file = created.map_err(|error| segment.failed_to("create", error))?;
        let mut state = segment.state();
        state.file = Some(file);
        state.index = Some(SegmentIndex::new(base));
        drop(state);
        Ok(segment)
    }

    /// A segment that is there with `size_bytes` of batches; nothing is opened.
    pub fn found(
        folder: &Arc<Folder>,
        base: Offset,
        index_interval_bytes: u32,
        size_bytes: u64,
    ) -> Segment {
        Segment {
            base,
            folder: Arc::clone(folder),
            index_interval_bytes,
            state: Mutex::new(State {
                file: None,
                size_bytes,
                index: None,
                max_timestamp: None,
                index_checksum: None,
                is_closed: false,
                is_index_saved: false,
                appended_ms: None,
            }),
        }
    }

    /// A closed segment that was written whole, with its file open; its index
    /// files are not there yet.
    pub fn replacing(
        folder: &Arc<Folder>,
        base: Offset,
        index_interval_bytes: u32,
        content: Content,
    ) -> Segment {
        let segment = Segment::found(folder, base, index_interval_bytes, content.size_bytes);
        let mut state = segment.state();
        state.file = Some(content.file);
        state.index = Some(content.index);
        state.appended_ms = Some(content.newest_ms);
        state.is_closed = true;
        drop(state);
        segment
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
        self.folder.disk().is_memory()
    }

    /// The path of the file of batches.
    pub fn log_path(&self) -> String {
        self.folder.path(&self.name(LOG))
    }

    /// The file of batches, opened if it is not yet.
    pub fn file(&self) -> Result<Arc<dyn DiskFile>, StorageError> {
        self.opened(&mut self.state())
    }

    /// Takes notice of a batch whose bytes have been written behind the last
    /// one. Readers see it from now on. The index must have been loaded.
    pub fn appended(&self, batch: &BatchHeader, wall_ms: i64) {
        let mut state = self.state();
        state.appended_ms = Some(wall_ms);
        let position = state.size_bytes;
        if let Some(index) = &mut state.index {
            // It rolls long before 4 GiB: `segment.bytes` is at most 2 GiB.
            index.note(batch, position as u32, self.index_interval_bytes);
        }
        state.size_bytes = position + batch.size_bytes() as u64;
    }

    /// Puts an index in place that was made of this segment's batches.
    pub fn set_index(&self, index: SegmentIndex) {
        self.state().index = Some(index);
    }

    /// A position at or before the batch that holds `offset`, where a batch
    /// begins.
    pub fn position_for(&self, offset: Offset) -> Result<u64, StorageError> {
        self.with_index(|index| index.position_for(offset).into())
    }

    /// Believes the index files only if they are those of this checksum.
    pub fn expect_index(&self, checksum: u32) {
        self.state().index_checksum = Some(checksum);
    }

    /// Sets the largest timestamp for an index that is loaded later.
    pub fn set_max_timestamp(&self, max_timestamp: Option<(Offset, i64)>) {
        self.state().max_timestamp = max_timestamp;
    }

    /// Nothing is appended any more: the index gets its last entry.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        if let Some(index) = &mut state.index {
            index.close();
        }
    }

    /// A segment found closed, with its index files saved before.
    pub fn set_closed(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.is_index_saved = true;
    }

    /// Whether nobody will write to its files any more: it is closed, and its
    /// index is saved, if it is on a disk at all.
    pub fn is_settled(&self) -> bool {
        let state = self.state();
        state.is_closed && (state.is_index_saved || self.is_memory())
    }

    /// Bytes of the larger index file.
    pub fn index_bytes(&self) -> Result<u64, StorageError> {
        self.with_index(SegmentIndex::file_bytes_max)
    }

    /// Whether its index files have no room for so many entries more.
    pub fn index_is_full(&self, index_bytes_max: u32, more: usize) -> bool {
        let state = self.state();
        let index = state.index.as_ref();
        index.is_some_and(|index| index.is_full(index_bytes_max, more))
    }

    /// The largest timestamp, and the last offset of the first batch with it.
    pub fn max_timestamp(&self) -> Result<Option<(Offset, i64)>, StorageError> {
        self.with_index(SegmentIndex::max_timestamp)
    }

    /// What tells its index files from others.
    pub fn index_checksum(&self) -> Result<u32, StorageError> {
        self.with_index(SegmentIndex::checksum)
    }

    /// The largest timestamp, or when the file was last written if no record
    /// has one; what retention goes by.
    pub fn newest_ms(&self) -> Result<i64, StorageError> {
        if let Some((_, timestamp_ms)) = self.max_timestamp()? {
            return Ok(timestamp_ms);
        }
        if let Some(appended_ms) = self.state().appended_ms {
            return Ok(appended_ms);
        }
        let modified = self.file()?.modified_ms();
        modified.map_err(|error| self.failed_to("look at", error))
    }

    /// Loads the index if it is not yet.
    pub fn load_index(&self) -> Result<(), StorageError> {
        self.with_index(|_| ())
    }

    /// Makes everything so far durable; of a closed segment also the indexes,
    /// and gives back the space that was reserved. Says whether it is closed.
    pub fn sync(&self) -> Result<bool, StorageError> {
        let Some(Completed { file, is_closed }) = self.complete(true)? else {
            return Ok(false);
        };
        file.sync()
            .map_err(|error| failed(&self.log_path(), error))?;
        Ok(is_closed)
    }

    /// What comes before the file's own sync: the indexes of a closed segment,
    /// `durably` or for who syncs the whole disk, and the reserved space of it.
    /// `None` if retention was quicker.
    pub fn complete(&self, durably: bool) -> Result<Option<Completed>, StorageError> {
        let file = match self.file() {
            Ok(file) => file,
            Err(StorageError::SegmentGone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_closed = self.state().is_closed;
        if is_closed {
            self.trim(&*file);
            // A missing index is made again, at the cost of time.
            self.folder.work(|| {
                if let Err(error) = self.save_index(durably) {
                    tracing::warn!(%error, "index not saved");
                    self.remove_index();
                }
            });
        }
        Ok(Some(Completed { file, is_closed }))
    }

    /// Takes disk space for the bytes to come, unless there will be none.
    pub fn reserve(&self, size_bytes: u64) {
        let file = {
            let state = self.state();
            state.file.clone().filter(|_| !state.is_closed)
        };
        if let Some(file) = file
            && let Err(error) = file.reserve(size_bytes)
        {
            // The append that really lacks the space will say so.
            tracing::debug!(path = %self.log_path(), %error, "no space reserved");
        }
    }

    /// Gives reserved space back that is not needed.
    pub fn trim(&self, file: &dyn DiskFile) {
        if let Err(error) = file.truncate(self.size_bytes()) {
            tracing::debug!(path = %self.log_path(), %error, "reserved space not given back");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the index can name a batch at that position.
    pub fn takes(&self, header: &BatchHeader, position: u64) -> bool {
        let relative_end = header.last_offset().0.saturating_sub(self.base.0);
        header.base_offset >= self.base
            && header.last_offset_delta >= 0
            && relative_end <= i64::from(i32::MAX)
            && u32::try_from(position).is_ok()
    }

    fn failed_to(&self, action: &'static str, error: io::Error) -> StorageError {
        StorageError::io(action, &self.log_path(), error)
    }

    fn unreadable(&self, error: io::Error) -> StorageError {
        self.failed_to("read", error)
    }

    fn damaged_at(&self, position: u64) -> StorageError {
        let message = format!("no record batch at byte {position}");
        self.unreadable(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}
