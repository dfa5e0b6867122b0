//! How a log loses its oldest segments.
//!
//! Owns what is removed; whole segments only, and never the log's end. Indexes
//! are loaded and files renamed without the partition's lock:
//!
//! ```text
//! lock ─ expiry ─ unlock ─► judge ─► set aside ─► lock ─ forget ─ unlock ─► unlink, later
//! ```

use std::sync::Arc;
use std::time::Duration;

use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};

use super::durability::Durability;
use super::log::Log;
use super::segment::Segment;
use super::{LogConfig, Storage, StorageError};

impl Log {
    /// What makes `offset` the log's start for good, to be done without the
    /// partition's lock and before [`Log::raise_start`].
    pub fn start_mark(&self, offset: Offset) -> StartMark {
        StartMark {
            storage: Arc::clone(&self.storage),
            durability: Arc::clone(&self.durability),
            offset,
        }
    }

    /// Moves the log's start to `offset`, whose mark was saved; back it never
    /// goes. The segments that lie before it whole are left to
    /// retention.
    ///
    /// # Panics
    /// When `offset` lies behind the log's end.
    pub fn raise_start(&mut self, offset: Offset) {
        assert!(offset <= self.log_end, "nothing lies behind the end");
        self.log_start = self.log_start.max(offset);
    }

    /// What retention looks at, to be judged without the partition's lock.
    /// Nothing that reaches the high watermark is in it.
    pub fn expiry(&self, high_watermark: Offset) -> Result<Expiry, StorageError> {
        self.check_online()?;
        let mut segments = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(number + 1);
            let end = next.map_or(self.log_end, |next| next.base());
            let is_last_and_empty = next.is_none() && segment.size_bytes() == 0;
            let is_unread = end > high_watermark && !mutants::on(Mutant::ExpiresUnreadRecords);
            if is_unread || is_last_and_empty {
                break;
            }
            // A crash may have come between moving the start and removing.
            let is_before_start = next.is_some() && end <= self.log_start;
            segments.push(Candidate {
                segment: Arc::clone(segment),
                is_before_start,
            });
        }
        Ok(Expiry {
            reaches_end: segments.len() == self.segments.len(),
            segments,
            log_end: self.log_end,
            size_bytes: self.size_bytes,
            config: self.config.clone(),
            storage: Arc::clone(&self.storage),
            durability: Arc::clone(&self.durability),
        })
    }

    /// Begins an empty segment, so that the one before can be removed and the
    /// log's end stays known by a name; not if more was appended since that
    /// was decided.
    pub fn roll_at_end(&mut self, wall_ms: i64, expiry: &Expiry) -> Result<bool, StorageError> {
        self.check_online()?;
        if self.log_end != expiry.log_end {
            return Ok(false);
        }
        self.roll(wall_ms, self.log_end)?;
        Ok(true)
    }

    /// Forgets the oldest segments, whose files were set aside.
    pub fn forget_oldest(&mut self, set_aside: &Expiry) {
        for Candidate { segment, .. } in &set_aside.segments {
            let oldest = self
                .segments
                .pop_front_if(|oldest| Arc::ptr_eq(oldest, segment));
            assert!(
                oldest.is_some(),
                "only retention removes the oldest segment"
            );
            self.size_bytes -= segment.size_bytes();
        }
        if let Some(first) = self.segments.front() {
            self.move_start(first.base());
        }
    }

    /// Removes the log. Its files go later, off this thread.
    pub fn remove(self) {
        let delay = Duration::from_millis(self.config.file_delete_delay_ms);
        self.durability.removed();
        self.storage.remove_folder(self.folder, delay);
    }

    fn move_start(&mut self, offset: Offset) {
        if offset > self.log_start {
            self.log_start = offset;
            if !self.storage.disk().is_memory() {
                self.storage.marks().log_start(self.folder.name(), offset);
                self.storage.syncer().wake();
            }
        }
    }
}

/// Where a log is to begin, before anybody hears of it.
#[derive(Debug)]
pub(crate) struct StartMark {
    storage: Arc<Storage>,
    durability: Arc<Durability>,
    offset: Offset,
}

impl StartMark {
    /// Returns once the start would survive a power cut; blocks on the disk.
    /// After an error a restart may find the log beginning here, or before.
    pub fn save(&self) -> Result<(), StorageError> {
        if self.storage.disk().is_memory() {
            return Ok(());
        }
        let marks = self.storage.marks();
        self.storage.health().check()?;
        let named = self.durability.sync_names(&**self.storage.disk());
        named.map_err(|error| self.judged(error))?;
        self.durability
            .unless_removed(|| marks.log_start(self.durability.folder(), self.offset));
        marks.save_log_starts().map_err(|error| self.judged(error))
    }

    /// A sync that failed ends all writing.
    fn judged(&self, error: StorageError) -> StorageError {
        match error {
            StorageError::DiskFailed { .. } => self.storage.health().fail(error),
            _ => error,
        }
    }
}

/// The oldest segments of a log: first those that may be removed, then those
/// that are.
#[derive(Debug)]
pub(crate) struct Expiry {
    /// Oldest first.
    segments: Vec<Candidate>,
    /// Whether these are all there are, the one appended to included.
    reaches_end: bool,
    log_end: Offset,
    size_bytes: u64,
    config: LogConfig,
    storage: Arc<Storage>,
    durability: Arc<Durability>,
}

#[derive(Debug)]
struct Candidate {
    segment: Arc<Segment>,
    is_before_start: bool,
}

impl Expiry {
    /// Leaves those that are before the log's start, too old (`retention.ms`)
    /// or too much (`retention.bytes`). May read from the disk.
    pub fn judge(&mut self, wall_ms: i64) -> Result<(), StorageError> {
        let mut expired = 0;
        let mut size_bytes = self.size_bytes;
        for candidate in &self.segments {
            let segment = &candidate.segment;
            let is_kept = !candidate.is_before_start
                && !self.is_too_much(size_bytes, segment.size_bytes())
                && !self.is_too_old(segment, wall_ms)?;
            if is_kept {
                break;
            }
            size_bytes -= segment.size_bytes();
            expired += 1;
        }
        self.reaches_end &= expired == self.segments.len();
        self.segments.truncate(expired);
        Ok(())
    }

    /// Whether nothing is to be removed.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether the segment that is appended to would go as well: see
    /// [`Log::roll_at_end`].
    pub fn reaches_end(&self) -> bool {
        self.reaches_end
    }

    /// The offset at which the log ended.
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Keeps the segment that is appended to.
    pub fn spare_last(&mut self) {
        if std::mem::take(&mut self.reaches_end) {
            self.segments.pop();
        }
    }

    /// Renames the files out of the way, the oldest first; the segments whose
    /// files are not are spared. A restart finds the log beginning behind them;
    /// reads find the files under either name.
    pub fn set_aside(&mut self) -> Result<(), StorageError> {
        if !self.is_empty() && !self.storage.disk().is_memory() {
            // The log's start is marked next.
            self.durability.sync_names(&**self.storage.disk())?;
        }
        for (number, candidate) in self.segments.iter().enumerate() {
            if let Err(error) = candidate.segment.set_aside() {
                self.segments.truncate(number);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes the files once the reads that were planned before are over.
    pub fn unlink_later(self) {
        let delay_ms = self.config.file_delete_delay_ms;
        for candidate in self.segments {
            unlink_later(&self.storage, candidate.segment, delay_ms);
        }
    }

    fn is_too_old(&self, segment: &Segment, wall_ms: i64) -> Result<bool, StorageError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        Ok(wall_ms.saturating_sub(segment.newest_ms()?) > self.config.retention_ms)
    }

    fn is_too_much(&self, size_bytes: u64, oldest_bytes: u64) -> bool {
        match u64::try_from(self.config.retention_bytes) {
            Ok(limit) => size_bytes >= limit.saturating_add(oldest_bytes),
            Err(_) => false,
        }
    }
}

/// Leaves the files to reads that were planned before.
pub(super) fn unlink_later(storage: &Storage, segment: Arc<Segment>, delay_ms: u64) {
    if segment.is_memory() {
        // A reader has a share in the bytes already, or finds the segment gone.
        return segment.unlink();
    }
    let unlink = move || segment.unlink();
    let delay = Duration::from_millis(delay_ms);
    storage.chores().after(delay, Box::new(unlink));
}
