//! How a log loses its oldest segments.
//!
//! Owns what is removed; whole segments only, and never the log's end.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::ids::Offset;

use super::durability::Durability;
use super::log::Log;
use super::segment::Segment;
use super::{Storage, StorageError};

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
    /// [`Log::expire`].
    ///
    /// # Panics
    /// When `offset` lies behind the log's end.
    pub fn raise_start(&mut self, offset: Offset) {
        assert!(offset <= self.log_end, "nothing lies behind the end");
        self.log_start = self.log_start.max(offset);
    }

    /// Removes the oldest segments that are too old (`retention.ms`) or too
    /// much (`retention.bytes`), never one that reaches the high watermark. May
    /// read from the disk: not for a thread that must not block.
    pub fn expire(&mut self, wall_ms: i64, high_watermark: Offset) -> Result<(), StorageError> {
        self.check_online()?;
        while let Some(oldest) = self.segments.front() {
            let end = self
                .segments
                .get(1)
                .map_or(self.log_end, |next| next.base());
            let size_bytes = oldest.size_bytes();
            let is_last_and_empty = size_bytes == 0 && self.segments.len() == 1;
            if is_last_and_empty || end > high_watermark {
                break;
            }
            // A crash may have come between moving the start and removing.
            let is_before_start = self.segments.len() > 1 && end <= self.log_start;
            let is_kept = !is_before_start && !self.is_too_much(size_bytes);
            if is_kept && !self.is_too_old(oldest, wall_ms)? {
                break;
            }
            if self.segments.len() == 1 {
                // The end of the log stays known by the name of an empty segment.
                self.roll(wall_ms, self.log_end)?;
            }
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the log. Its files go later, off this thread.
    pub fn remove(self) -> Result<(), StorageError> {
        let delay = Duration::from_millis(self.config.file_delete_delay_ms);
        self.durability.removed();
        self.folder.leave();
        self.storage.remove_folder(self.folder.name(), delay)
    }

    fn is_too_old(&self, segment: &Segment, wall_ms: i64) -> Result<bool, StorageError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        Ok(wall_ms.saturating_sub(segment.newest_ms()?) > self.config.retention_ms)
    }

    fn is_too_much(&self, oldest_bytes: u64) -> bool {
        match u64::try_from(self.config.retention_bytes) {
            Ok(limit) => self.size_bytes >= limit.saturating_add(oldest_bytes),
            Err(_) => false,
        }
    }

    fn remove_oldest(&mut self) -> Result<(), StorageError> {
        let Some(oldest) = self.segments.front() else {
            return Ok(());
        };
        oldest.set_aside()?;
        let Some(oldest) = self.segments.pop_front() else {
            return Ok(());
        };
        self.size_bytes -= oldest.size_bytes();
        if let Some(next) = self.segments.front() {
            self.move_start(next.base());
        }
        unlink_later(&self.storage, oldest, self.config.file_delete_delay_ms);
        Ok(())
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
        self.durability
            .unless_removed(|| marks.log_start(self.durability.folder(), self.offset));
        marks.save_log_starts()
    }
}

/// Leaves the files to reads that were planned before.
fn unlink_later(storage: &Storage, segment: Arc<Segment>, delay_ms: u64) {
    if segment.is_memory() {
        // A reader has a share in the bytes already, or finds the segment gone.
        return segment.unlink();
    }
    let unlink = move || segment.unlink();
    let delay = Duration::from_millis(delay_ms);
    storage.chores().after(delay, Box::new(unlink));
}
