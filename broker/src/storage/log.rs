//! One partition's batches, in order, in segments.
//!
//! Owns where the log begins and ends, and when a segment rolls. No lock
//! inside: the partition's mutex guards it. It takes the offsets in the headers
//! as they are.

use std::collections::VecDeque;
use std::iter::once;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader};
use ottla_core::ids::{Offset, TopicId};
use ottla_core::mutants::{self, Mutant};

use super::checkpoint::CleanEnd;
use super::durability::{Durability, OnSynced};
use super::folder::Folder;
use super::index::NO_TIMESTAMP;
use super::recovery::Recovery;
use super::scan::BatchScan;
use super::segment::Segment;
use super::store::Claimed;
use super::tail::Tail;
use super::timestamps::{OffsetRange, Target, TimestampLookup};
use super::walk::Wanted;
use super::{DiskFile, LogConfig, ReadError, ReadPlan, Storage, StorageError, identity};

/// Space is reserved ahead in steps as large as the segment is already, from
/// the first of these to the second.
const RESERVE_BYTES_MIN: u64 = 1 << 20;
const RESERVE_BYTES_MAX: u64 = 64 << 20;

/// Batches up to so much in all are copied to be written at once: longer ones
/// cost more to copy than the system calls that it saves.
const GATHERED_BYTES_MAX: usize = 32 << 10;

/// A partition's log. One that was never appended to costs no file.
#[derive(Debug)]
pub(crate) struct Log {
    pub(super) storage: Arc<Storage>,
    pub(super) folder: Arc<Folder>,
    topic_id: TopicId,
    /// Whether a file in the folder tells whose it is.
    tells_owner: bool,
    pub(super) config: LogConfig,
    /// Oldest first; the last one is appended to.
    pub(super) segments: VecDeque<Arc<Segment>>,
    pub(super) active: Option<Active>,
    pub(super) tail: Option<Box<Tail>>,
    pub(super) durability: Arc<Durability>,
    pub(super) log_start: Offset,
    pub(super) log_end: Offset,
    /// The offset behind the last batch there is: before `log_end` only if
    /// deleted records were lost.
    written_end: Offset,
    pub(super) size_bytes: u64,
    /// Records appended since a sync was last asked for.
    unflushed: u64,
    /// Bytes appended since the last *verified* mark.
    pub(super) unverified_bytes: u64,
    /// Of which offset there is a snapshot already.
    pub(super) remembered_at: Offset,
    /// Compacting it again would not help, or destroy what a restart can finish.
    pub(super) is_cleaning_given_up: bool,
    offline: Option<StorageError>,
}

/// What appending needs of the last segment.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    pub(super) size_bytes: u64,
    reserved_bytes: u64,
    created_ms: i64,
    /// The largest timestamp of the first batch.
    first_timestamp_ms: Option<i64>,
}

/// Where the next batch will lie.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Behind the last batch.
    offset: Offset,
    /// Bytes in the active segment.
    segment_bytes: u64,
    /// What its indexes may have got by then, besides what they have.
    index_entries: usize,
}

impl End {
    fn behind(self, batch: &BatchHeader) -> End {
        End {
            offset: batch.next_offset(),
            segment_bytes: self.segment_bytes + batch.size_bytes() as u64,
            index_entries: self.index_entries + 1,
        }
    }
}

impl Log {
    /// Opens this topic's log in `folder` (`topic-0`), empty when nothing of it
    /// is there, and recovers it to the longest valid prefix. `visit` sees every batch that
    /// reaches `replay_from`, in order: the less there is to replay, the less is
    /// read.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when something is missing that had been synced.
    pub fn open(
        storage: &Arc<Storage>,
        folder: &str,
        topic_id: TopicId,
        config: LogConfig,
        replay_from: Offset,
        visit: &mut dyn FnMut(&BatchHeader),
    ) -> Result<Log, StorageError> {
        let Claimed {
            folder,
            tells_owner,
        } = storage.claim(folder, topic_id)?;
        let marks = storage.marks().of(folder.name());
        let recovery = Recovery {
            folder: &folder,
            config: &config,
            marks,
            replay_from,
            visit,
        };
        let recovered = recovery.run()?;
        storage.marks().opened(folder.name(), recovered.log_end);
        let first = recovered.segments.front();
        let log_start = first.map_or(marks.log_start, |first| marks.log_start.max(first.base()));
        // Records that were deleted may be lost, but their offsets stay used.
        let log_end = match mutants::on(Mutant::GivesOffsetsOutAgain) {
            true => recovered.log_end,
            false => recovered.log_end.max(log_start),
        };
        let synced_end = match recovered.dirty.is_empty() {
            true => log_end,
            false => marks.synced,
        };
        let is_dirty = !recovered.dirty.is_empty() && !storage.disk().is_memory();
        // Whoever made the files may have been killed before it synced their
        // names, and one that was never written to had no reason to.
        let last = recovered.segments.back();
        let has_new_files =
            last.is_some_and(|last| marks.clean_end.is_none() || last.size_bytes() == 0);
        let durability = Durability::new(
            Arc::clone(&folder),
            log_end,
            synced_end,
            recovered.dirty,
            has_new_files,
        );
        let log = Log {
            storage: Arc::clone(storage),
            folder,
            topic_id,
            tells_owner,
            config,
            size_bytes: recovered.segments.iter().map(|s| s.size_bytes()).sum(),
            segments: recovered.segments,
            active: None,
            tail: None,
            durability: Arc::new(durability),
            log_start,
            log_end,
            written_end: recovered.log_end,
            unflushed: 0,
            unverified_bytes: 0,
            remembered_at: replay_from,
            is_cleaning_given_up: false,
            offline: None,
        };
        let syncs_first =
            log.config.flush_messages <= 1 && !mutants::on(Mutant::ServesWhatWasNeverSynced);
        match is_dirty {
            // Nobody may see what a power cut could take back.
            true if syncs_first => {
                storage.syncer().now(&log.durability)?;
            }
            true => log.request_sync(),
            false => {}
        }
        Ok(log)
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
        if self.storage.disk().is_memory() {
            self.log_end
        } else {
            self.durability.synced_end()
        }
    }

    /// Bytes of all segments' batches.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Changes the topic's settings; the next append obeys them.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
        if self.config.is_compacted {
            self.storage.dirtier();
        }
    }

    /// Sets, once, who is told after every sync. It runs on the syncing thread
    /// and may take the partition's lock. In memory there are no syncs: look at
    /// `synced_end` first.
    pub fn on_synced(&self, on_synced: OnSynced) {
        self.durability.tell(on_synced);
    }

    /// Asks for a sync of all that was appended, which `flush.messages` and
    /// `flush.ms` do by themselves. Requests made while one runs share the next.
    pub fn request_sync(&self) {
        if !self.storage.disk().is_memory() {
            self.storage.syncer().soon(&self.durability);
        }
    }

    /// Appends one whole batch, whose header is `batch` and final. One write;
    /// after an error the log is as it was, or offline. Says whether a segment
    /// on disk begins with it: see [`Log::remember_before`].
    ///
    /// # Panics
    /// When the batch lies before the log's end, or its header is another's.
    pub fn append(
        &mut self,
        wall_ms: i64,
        batch: &BatchHeader,
        bytes: &[u8],
    ) -> Result<bool, StorageError> {
        assert!(
            batch.base_offset >= self.log_end && batch.last_offset_delta >= 0,
            "a batch is appended behind the last one"
        );
        assert_eq!(batch.size_bytes(), bytes.len(), "one whole batch");
        self.check_online()?;
        self.storage.health().check()?;
        self.activate(wall_ms)?;
        let rolls = self.must_roll(wall_ms, batch, self.end());
        if rolls {
            self.roll(wall_ms, batch.base_offset)?;
        }
        self.write(bytes)?;
        self.wrote(wall_ms, once((batch, bytes)));
        Ok(rolls && !self.storage.disk().is_memory())
    }

    /// Appends several whole batches, each right behind the one before, with one
    /// write. False, and nothing happened, where that does not pay, or where a
    /// segment would have to begin with one of them; after an error as above.
    pub fn append_together<'a>(
        &mut self,
        wall_ms: i64,
        batches: impl Iterator<Item = (&'a BatchHeader, &'a [u8])> + Clone,
    ) -> Result<bool, StorageError> {
        self.check_online()?;
        self.storage.health().check()?;
        let bytes: usize = batches.clone().map(|(_, bytes)| bytes.len()).sum();
        if bytes > GATHERED_BYTES_MAX || self.storage.disk().is_memory() {
            return Ok(false);
        }
        self.activate(wall_ms)?;
        let mut end = self.end();
        let mut gathered = Vec::with_capacity(bytes);
        for (batch, bytes) in batches.clone() {
            if end.segment_bytes == 0 || self.must_roll(wall_ms, batch, end) {
                return Ok(false);
            }
            end = end.behind(batch);
            gathered.extend_from_slice(bytes);
        }
        self.write(&gathered)?;
        self.wrote(wall_ms, batches);
        Ok(true)
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
            if let Some(tail) = &self.tail {
                tail.note_read();
            }
            return Ok(ReadPlan::nothing(wanted));
        }
        if let Some(tail) = &self.tail
            && let Some(kept) = tail.pieces(from, max_bytes, self.log_end)
        {
            return Ok(ReadPlan::tail(wanted, kept));
        }
        let mut segments = self.segments_from(from);
        match segments.next() {
            Some(first) => Ok(ReadPlan::segments(wanted, first, segments.collect())),
            None => Ok(ReadPlan::nothing(wanted)),
        }
    }

    /// Plans a search for the first record with at least `timestamp_ms` that
    /// lies before `below`.
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
        below: Offset,
    ) -> Result<TimestampLookup, StorageError> {
        self.lookup(Target::AtLeast(timestamp_ms), below)
    }

    /// Plans a search for the first record with the largest timestamp (KIP-734);
    /// none if that lies at `below` or behind.
    pub fn max_timestamp(&self, below: Offset) -> Result<TimestampLookup, StorageError> {
        self.lookup(Target::Largest, below)
    }

    /// Ends the log in order: when [`Storage::close`] follows, it opens without
    /// recovery.
    pub fn close(mut self) -> Result<(), StorageError> {
        self.check_online()?;
        let (false, Some(last)) = (self.storage.disk().is_memory(), self.segments.back()) else {
            return Ok(());
        };
        let max_timestamp = last.max_timestamp()?;
        last.save_index(false)?;
        if let Some(active) = self.active.take() {
            active.segment.trim(&*active.file);
        }
        let (offset_of_max, max_timestamp_ms) =
            max_timestamp.unwrap_or((last.base(), NO_TIMESTAMP));
        let end = CleanEnd {
            log_end: self.log_end,
            active_base: last.base(),
            active_bytes: last.size_bytes(),
            max_timestamp_ms,
            offset_of_max,
            index_checksum: last.index_checksum()?,
        };
        self.storage.marks().ending(self.folder.name(), end);
        if self.durability.synced_end() < self.log_end {
            self.request_sync();
        }
        Ok(())
    }

    pub(super) fn check_online(&self) -> Result<(), StorageError> {
        match &self.offline {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        }
    }

    /// Begins a new segment at `base`.
    pub(super) fn roll(&mut self, wall_ms: i64, base: Offset) -> Result<(), StorageError> {
        let disk = self.storage.disk();
        if self.segments.is_empty() {
            let name = self.folder.name();
            disk.create_folder(name)
                .map_err(|error| StorageError::io("create", name, error))?;
        }
        if !self.tells_owner && !disk.is_memory() {
            identity::write(&self.folder, self.topic_id)?;
            self.tells_owner = true;
        }
        let interval = self.config.index_interval_bytes;
        let segment = Arc::new(Segment::create(&self.folder, base, interval)?);
        let file = segment.file()?;
        if let Some(last) = self.segments.back() {
            last.load_index()?;
            last.close();
            self.durability.closed(last);
            self.request_sync();
            if self.config.is_compacted {
                self.storage.dirtier();
            }
        }
        self.durability.created(&segment);
        self.segments.push_back(Arc::clone(&segment));
        self.active = Some(Active {
            segment,
            file,
            size_bytes: 0,
            reserved_bytes: 0,
            created_ms: wall_ms,
            first_timestamp_ms: None,
        });
        Ok(())
    }

    fn segments_from(&self, offset: Offset) -> impl Iterator<Item = Arc<Segment>> {
        let holding = self
            .segments
            .partition_point(|segment| segment.base() <= offset)
            .saturating_sub(1);
        self.segments.range(holding..).map(Arc::clone)
    }

    fn lookup(&self, target: Target, below: Offset) -> Result<TimestampLookup, StorageError> {
        self.check_online()?;
        let range = OffsetRange {
            from: self.log_start,
            below: below.min(self.log_end),
        };
        let segments = self.segments_from(self.log_start).collect();
        Ok(TimestampLookup::new(segments, target, range))
    }

    /// Opens the last segment to append to it, if that has not happened yet.
    fn activate(&mut self, wall_ms: i64) -> Result<(), StorageError> {
        let (None, Some(last)) = (&self.active, self.segments.back()) else {
            return Ok(());
        };
        last.load_index()?;
        let file = last.file()?;
        let size_bytes = last.size_bytes();
        let first = BatchScan::new(&*file, 0, size_bytes, BATCH_HEADER_BYTES).header();
        let first = first.map_err(|error| StorageError::io("read", &last.log_path(), error))?;
        self.active = Some(Active {
            segment: Arc::clone(last),
            size_bytes,
            file,
            reserved_bytes: size_bytes,
            created_ms: wall_ms,
            first_timestamp_ms: first.map(|first| first.max_timestamp_ms),
        });
        Ok(())
    }

    /// Where the active segment and what was written end.
    fn end(&self) -> End {
        End {
            offset: self.written_end,
            segment_bytes: self.active.as_ref().map_or(0, |active| active.size_bytes),
            index_entries: 0,
        }
    }

    /// Whether a segment begins with `batch`, should it be written at `end`.
    fn must_roll(&self, wall_ms: i64, batch: &BatchHeader, end: End) -> bool {
        let Some(active) = &self.active else {
            return true;
        };
        let relative_end = batch.last_offset().0 - active.segment.base().0;
        if relative_end > i64::from(i32::MAX) {
            return true;
        }
        if end.segment_bytes == 0 {
            return false;
        }
        // Recovery takes a gap inside of a segment for damage.
        if batch.base_offset > end.offset && !self.config.is_compacted {
            return true;
        }
        let size_bytes = end.segment_bytes + batch.size_bytes() as u64;
        let waited_ms = match active.first_timestamp_ms {
            Some(first) if first >= 0 => batch.max_timestamp_ms.saturating_sub(first),
            _ => wall_ms.saturating_sub(active.created_ms),
        };
        size_bytes > u64::from(self.config.segment_bytes)
            || waited_ms > self.config.segment_ms
            || active
                .segment
                .index_is_full(self.config.segment_index_bytes, end.index_entries + 1)
    }

    /// Writes behind the last batch; nothing has changed after an error.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let active = self.active.as_ref().expect("rolling made one");
        let written = active.file.write_at(active.size_bytes, bytes);
        written.map_err(|error| {
            self.cut_back(StorageError::io("append to", self.folder.name(), error))
        })
    }

    /// Takes notice of the batches that were written.
    fn wrote<'a>(
        &mut self,
        wall_ms: i64,
        batches: impl Iterator<Item = (&'a BatchHeader, &'a [u8])> + Clone,
    ) {
        let active = self.active.as_mut().expect("it was written to");
        for (batch, bytes) in batches.clone() {
            active.segment.appended(batch, wall_ms);
            active.size_bytes += bytes.len() as u64;
            active
                .first_timestamp_ms
                .get_or_insert(batch.max_timestamp_ms);
            self.size_bytes += bytes.len() as u64;
            self.log_end = batch.next_offset();
        }
        self.written_end = self.log_end;
        if !self.storage.disk().is_memory() {
            self.wrote_to_disk(batches);
        }
    }

    /// What only a disk needs after an append.
    fn wrote_to_disk<'a>(&mut self, batches: impl Iterator<Item = (&'a BatchHeader, &'a [u8])>) {
        let Some(active) = &mut self.active else {
            return;
        };
        self.durability.written(&active.segment, self.log_end);
        active.reserve_ahead(&self.storage, self.config.segment_bytes);
        let tail = self
            .tail
            .get_or_insert_with(|| Box::new(Tail::new(&self.storage)));
        let mut records = 0;
        for (batch, bytes) in batches {
            tail.append(bytes);
            self.unverified_bytes += bytes.len() as u64;
            records += i64::from(batch.last_offset_delta) + 1;
        }
        self.flush(records);
    }

    fn flush(&mut self, appended_records: i64) {
        self.unflushed += appended_records.unsigned_abs();
        if self.unflushed >= self.config.flush_messages {
            self.unflushed = 0;
            self.request_sync();
        } else if self.config.flush_ms < u64::MAX {
            let delay = Duration::from_millis(self.config.flush_ms);
            self.storage.syncer().within(&self.durability, delay);
        }
    }

    /// Undoes a failed append. What cannot be undone takes the log offline:
    /// nobody could tell any more where its last batch ends.
    fn cut_back(&mut self, error: StorageError) -> StorageError {
        let Some(active) = &mut self.active else {
            return error;
        };
        active.reserved_bytes = active.size_bytes;
        if mutants::on(Mutant::LeavesHalfAnAppend) {
            return error;
        }
        if let Err(failed) = active.file.truncate(active.size_bytes) {
            tracing::error!(folder = %self.folder.name(), %failed, "half an append stays: log offline");
            self.offline = Some(StorageError::Offline {
                folder: self.folder.name().to_string(),
                reason: format!("an append failed ({error}) and could not be undone ({failed})"),
            });
        }
        error
    }
}

impl Active {
    /// Has space reserved before it is needed, off this thread: appends to
    /// reserved space take two thirds of the time.
    fn reserve_ahead(&mut self, storage: &Storage, segment_bytes: u32) {
        let ahead = self.size_bytes.clamp(RESERVE_BYTES_MIN, RESERVE_BYTES_MAX);
        let is_needed = self.size_bytes >= RESERVE_BYTES_MIN
            && self.size_bytes + ahead / 4 > self.reserved_bytes
            && self.reserved_bytes < u64::from(segment_bytes);
        if is_needed {
            self.reserved_bytes = (self.size_bytes + ahead).min(segment_bytes.into());
            let (segment, size_bytes) = (Arc::clone(&self.segment), self.reserved_bytes);
            let reserve = move || segment.reserve(size_bytes);
            storage.chores().soon(Box::new(reserve));
        }
    }
}
