//! One partition's batches, in order, in segments.
//!
//! Owns where the log begins and ends, when a segment rolls, and what
//! retention removes. No lock inside: the partition's mutex guards it. It
//! takes the offsets in the headers as they are.

use std::collections::VecDeque;
use std::sync::Arc;

use ottla_core::batch::BatchHeader;
use ottla_core::ids::Offset;

use super::segment::Segment;
use super::walk::Wanted;
use super::{DiskFile, LogConfig, ReadError, ReadPlan, Storage, StorageError};

/// A partition's log. One that was never appended to costs no file.
#[derive(Debug)]
pub(crate) struct Log {
    storage: Arc<Storage>,
    folder: Arc<str>,
    config: LogConfig,
    /// Oldest first; the last one is appended to.
    segments: VecDeque<Arc<Segment>>,
    active: Option<Active>,
    log_start: Offset,
    log_end: Offset,
    size_bytes: u64,
    offline: Option<StorageError>,
}

/// What appending needs of the last segment.
#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    size_bytes: u64,
    created_ms: i64,
    /// The largest timestamp of the first batch.
    first_timestamp_ms: Option<i64>,
}

impl Log {
    /// Opens the log in `folder` (`topic-0`), empty when nothing is there.
    /// `visit` sees every header from `replay_from` on, in order.
    pub fn open(
        storage: &Arc<Storage>,
        folder: &str,
        config: LogConfig,
        _replay_from: Offset,
        _visit: &mut dyn FnMut(&BatchHeader),
    ) -> Result<Log, StorageError> {
        Ok(Log {
            storage: Arc::clone(storage),
            folder: folder.into(),
            config,
            segments: VecDeque::new(),
            active: None,
            log_start: Offset(0),
            log_end: Offset(0),
            size_bytes: 0,
            offline: None,
        })
    }

    /// The first offset that may be read.
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The offset the next record gets.
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Everything below would survive a power cut; in memory, everything.
    pub fn synced_end(&self) -> Offset {
        self.log_end
    }

    /// Bytes of all segments' batches.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Changes the topic's settings; the next append obeys them.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// Appends one whole batch, whose header is `batch` and final. One write;
    /// after an error the log is as it was, or offline.
    ///
    /// # Panics
    /// When the batch lies before the log's end, or its header is another's.
    pub fn append(
        &mut self,
        wall_ms: i64,
        batch: &BatchHeader,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        assert!(
            batch.base_offset >= self.log_end && batch.last_offset_delta >= 0,
            "a batch is appended behind the last one"
        );
        assert_eq!(batch.size_bytes(), bytes.len(), "one whole batch");
        self.check_online()?;
        if self.must_roll(wall_ms, batch) {
            self.roll(wall_ms, batch.base_offset)?;
        }
        let active = self.active.as_mut().expect("rolling made one");
        if let Err(error) = active.file.write_at(active.size_bytes, bytes) {
            return Err(self.cut_back(StorageError::io("append to", &self.folder, error)));
        }
        active.segment.appended(batch);
        active.size_bytes += bytes.len() as u64;
        active
            .first_timestamp_ms
            .get_or_insert(batch.max_timestamp_ms);
        self.size_bytes += bytes.len() as u64;
        self.log_end = batch.next_offset();
        Ok(())
    }

    /// Plans a read of whole batches from the one that holds `from` on, of
    /// those that end before `below`.
    pub fn plan_read(
        &self,
        from: Offset,
        below: Offset,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<ReadPlan, ReadError> {
        self.check_online()?;
        if from < self.log_start || from > self.log_end {
            return Err(ReadError::OffsetOutOfRange {
                from,
                log_start: self.log_start,
                log_end: self.log_end,
            });
        }
        let wanted = Wanted {
            from,
            below: below.min(self.log_end),
            max_bytes,
            at_least_one,
        };
        if from >= wanted.below || (max_bytes == 0 && !at_least_one) {
            return Ok(ReadPlan::nothing(wanted));
        }
        let holding = self.segment_at(from);
        let mut segments = self.segments.range(holding..).map(Arc::clone);
        match segments.next() {
            Some(first) => Ok(ReadPlan::segments(wanted, first, segments.collect())),
            None => Ok(ReadPlan::nothing(wanted)),
        }
    }

    /// Moves the log's start to `offset` (DeleteRecords) and removes the
    /// segments that lie before it whole. An offset before the start changes
    /// nothing.
    ///
    /// # Panics
    /// When `offset` lies behind the log's end.
    pub fn delete_before(&mut self, offset: Offset) -> Result<(), StorageError> {
        assert!(offset <= self.log_end, "nothing lies behind the end");
        self.check_online()?;
        self.log_start = self.log_start.max(offset);
        while self.segments.len() > 1 && self.segments[1].base() <= self.log_start {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the oldest segments that are too old (`retention.ms`) or too
    /// much (`retention.bytes`), never one that reaches the high watermark.
    pub fn expire(&mut self, wall_ms: i64, high_watermark: Offset) -> Result<(), StorageError> {
        self.check_online()?;
        while let Some(oldest) = self.segments.front() {
            let end = self
                .segments
                .get(1)
                .map_or(self.log_end, |next| next.base());
            let size_bytes = oldest.size_bytes();
            if size_bytes == 0 || end > high_watermark {
                break;
            }
            if !self.is_too_old(oldest, wall_ms)? && !self.is_too_much(size_bytes) {
                break;
            }
            if self.segments.len() == 1 {
                self.roll(wall_ms, self.log_end)?;
            }
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the log and its files.
    pub fn remove(self) -> Result<(), StorageError> {
        self.storage
            .disk()
            .remove_folder(&self.folder)
            .map_err(|error| StorageError::io("remove", &self.folder, error))
    }

    fn check_online(&self) -> Result<(), StorageError> {
        match &self.offline {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        }
    }

    /// The index of the segment an offset lies in, if it lies in any.
    fn segment_at(&self, offset: Offset) -> usize {
        self.segments
            .partition_point(|segment| segment.base() <= offset)
            .saturating_sub(1)
    }

    fn must_roll(&self, wall_ms: i64, batch: &BatchHeader) -> bool {
        let Some(active) = &self.active else {
            return true;
        };
        let relative_end = batch.last_offset().0 - active.segment.base().0;
        if relative_end > i64::from(i32::MAX) {
            return true;
        }
        if active.size_bytes == 0 {
            return false;
        }
        let size_bytes = active.size_bytes + batch.size_bytes() as u64;
        let waited_ms = match active.first_timestamp_ms {
            Some(first) if first >= 0 => batch.max_timestamp_ms.saturating_sub(first),
            _ => wall_ms.saturating_sub(active.created_ms),
        };
        size_bytes > u64::from(self.config.segment_bytes)
            || waited_ms > self.config.segment_ms
            || active
                .segment
                .index_is_full(self.config.segment_index_bytes)
    }

    /// Begins a new segment at `base`.
    fn roll(&mut self, wall_ms: i64, base: Offset) -> Result<(), StorageError> {
        let disk = self.storage.disk();
        if self.segments.is_empty() {
            disk.create_folder(&self.folder)
                .map_err(|error| StorageError::io("create", &self.folder, error))?;
        }
        let interval = self.config.index_interval_bytes;
        let (segment, file) = Segment::create(disk, &self.folder, base, interval)?;
        let segment = Arc::new(segment);
        self.segments.push_back(Arc::clone(&segment));
        self.active = Some(Active {
            segment,
            file,
            size_bytes: 0,
            created_ms: wall_ms,
            first_timestamp_ms: None,
        });
        Ok(())
    }

    /// Undoes a failed append. What cannot be undone takes the log offline:
    /// nobody could tell any more where its last batch ends.
    fn cut_back(&mut self, error: StorageError) -> StorageError {
        let Some(active) = &self.active else {
            return error;
        };
        if let Err(failed) = active.file.truncate(active.size_bytes) {
            tracing::error!(folder = %self.folder, %failed, "half an append stays: log offline");
            self.offline = Some(StorageError::Offline {
                folder: self.folder.to_string(),
                reason: format!("an append failed ({error}) and could not be undone ({failed})"),
            });
        }
        error
    }

    fn is_too_old(&self, segment: &Segment, wall_ms: i64) -> Result<bool, StorageError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        let newest_ms = segment
            .max_timestamp()?
            .map(|(_, timestamp_ms)| timestamp_ms);
        Ok(newest_ms
            .is_some_and(|newest_ms| wall_ms.saturating_sub(newest_ms) > self.config.retention_ms))
    }

    fn is_too_much(&self, oldest_bytes: u64) -> bool {
        match u64::try_from(self.config.retention_bytes) {
            Ok(limit) => self.size_bytes >= limit.saturating_add(oldest_bytes),
            Err(_) => false,
        }
    }

    fn remove_oldest(&mut self) -> Result<(), StorageError> {
        let Some(oldest) = self.segments.pop_front() else {
            return Ok(());
        };
        self.size_bytes -= oldest.size_bytes();
        if let Some(next) = self.segments.front() {
            self.log_start = self.log_start.max(next.base());
        }
        let path = oldest.log_path();
        self.storage
            .disk()
            .remove(&path)
            .map_err(|error| StorageError::io("remove", &path, error))
    }
}
