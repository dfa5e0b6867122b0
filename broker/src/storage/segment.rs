//! One stretch of a log: a file of batches and its two indexes.
//!
//! Owns the names of the files, opening them when they are first needed, and
//! reading. Shared between the log that appends, readers without its lock and
//! the syncing thread: what `State` says is there is there, whole.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader};
use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};

use super::checkpoint::Verified;
use super::durability::failed;
use super::folder::Folder;
use super::index::SegmentIndex;
use super::scan::BatchScan;
use super::snapshots::SNAPSHOT;
use super::timestamps::{Located, OffsetRange, first_at_least, largest_from};
use super::walk::{Walked, Wanted, take_batches};
use super::{DiskFile, Piece, StorageError, Stretch};

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

    /// The index up to a mark, as the files tell it that were saved with the
    /// mark or later; `None` when they do not reach so far.
    pub fn index_up_to(&self, mark: &Verified) -> Option<SegmentIndex> {
        let offsets = self.whole_file(OFFSET_INDEX).ok()??;
        let times = self.whole_file(TIME_INDEX).ok()??;
        let mut index = SegmentIndex::decode_before(self.base, &offsets, &times, mark.position)?;
        index.restore_max(mark.max_timestamp_ms, mark.offset_of_max);
        Some(index)
    }

    /// A position at or before the batch that holds `offset`, where a batch
    /// begins.
    pub fn position_for(&self, offset: Offset) -> Result<u64, StorageError> {
        self.with_index(|index| index.position_for(offset).into())
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

    /// Whether its index files may not grow any more.
    pub fn index_is_full(&self, index_bytes_max: u32) -> bool {
        let state = self.state();
        let index = state.index.as_ref();
        index.is_some_and(|index| index.is_full(index_bytes_max))
    }

    /// The largest timestamp, and the last offset of the first batch with it.
    pub fn max_timestamp(&self) -> Result<Option<(Offset, i64)>, StorageError> {
        self.with_index(SegmentIndex::max_timestamp)
    }

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

    /// Makes everything so far durable; of a closed segment also the indexes,
    /// and gives back the space that was reserved. Says whether it is closed.
    pub fn sync(&self) -> Result<bool, StorageError> {
        let file = match self.file() {
            Ok(file) => file,
            // Retention was quicker.
            Err(StorageError::SegmentGone) => return Ok(false),
            Err(error) => return Err(error),
        };
        let is_closed = self.state().is_closed;
        if is_closed {
            self.trim(&*file);
            // A missing index is made again, at the cost of time.
            self.folder.work(|| {
                if let Err(error) = self.save_index(true) {
                    tracing::warn!(%error, "index not saved");
                    self.remove_index();
                }
            });
        }
        file.sync()
            .map_err(|error| failed(&self.log_path(), error))?;
        Ok(is_closed)
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
            && self.saved_index(size_bytes)?.as_ref() != Some(&index)
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

    /// Gives reserved space back that is not needed.
    pub fn trim(&self, file: &dyn DiskFile) {
        if let Err(error) = file.truncate(self.size_bytes()) {
            tracing::debug!(path = %self.log_path(), %error, "reserved space not given back");
        }
    }

    /// Renames the files out of the way, for [`Segment::unlink`].
    pub fn set_aside(&self) -> Result<(), StorageError> {
        let mut set_aside = Ok(());
        self.folder.work(|| set_aside = self.set_files_aside());
        set_aside
    }

    fn set_files_aside(&self) -> Result<(), StorageError> {
        for name in self.names() {
            match self.folder.rename(&name, &format!("{name}{DELETED}")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StorageError::io("rename", &self.folder.path(&name), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files that were set aside.
    pub fn unlink(&self) {
        self.folder.work(|| self.unlink_files());
    }

    fn unlink_files(&self) {
        for name in self.names() {
            if let Err(error) = self.folder.remove(&format!("{name}{DELETED}")) {
                let path = self.folder.path(&name);
                tracing::warn!(path, %error, "file of a removed segment stays");
            }
        }
    }

    /// The index as its files tell it; `None` when they are missing or wrong.
    fn saved_index(&self, size_bytes: u64) -> Result<Option<SegmentIndex>, StorageError> {
        let offsets = self.whole_file(OFFSET_INDEX)?;
        let times = self.whole_file(TIME_INDEX)?;
        let (Some(offsets), Some(times)) = (offsets, times) else {
            return Ok(None);
        };
        Ok(SegmentIndex::decode(
            self.base, &offsets, &times, size_bytes,
        ))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of one of its files. Kafka's: 20 digits.
    fn name(&self, suffix: &str) -> String {
        format!("{:020}{suffix}", self.base.0)
    }

    /// All that goes with it.
    fn names(&self) -> [String; 4] {
        [LOG, OFFSET_INDEX, TIME_INDEX, SNAPSHOT].map(|suffix| self.name(suffix))
    }

    fn opened(&self, state: &mut State) -> Result<Arc<dyn DiskFile>, StorageError> {
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let name = self.name(LOG);
        let opened = self.folder.open(&name).or_else(|error| match error.kind() {
            // It may have been set aside since the read was planned.
            io::ErrorKind::NotFound => self.folder.open(&format!("{name}{DELETED}")),
            _ => Err(error),
        });
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageError::SegmentGone,
            _ => self.failed_to("open", error),
        })?;
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn with_index<T>(&self, ask: impl FnOnce(&SegmentIndex) -> T) -> Result<T, StorageError> {
        let mut state = self.state();
        if state.index.is_none() {
            let mut index = match self.saved_index(state.size_bytes)? {
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

    /// Whether the index can name a batch at that position.
    pub fn takes(&self, header: &BatchHeader, position: u64) -> bool {
        let relative_end = header.last_offset().0.saturating_sub(self.base.0);
        header.base_offset >= self.base
            && header.last_offset_delta >= 0
            && relative_end <= i64::from(i32::MAX)
            && u32::try_from(position).is_ok()
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

    fn whole_file(&self, suffix: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let name = self.name(suffix);
        let read = self.folder.read(&name);
        read.map_err(|error| StorageError::io("read", &self.folder.path(&name), error))
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
