//! A log as the cleaner sees it, without its lock: the segments there were when
//! it looked. They do not change, and stay readable.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_core::batch::BATCH_HEADER_BYTES;
use ottla_core::ids::{Offset, ProducerId};
use ottla_core::partition::LastRecord;
use ottla_core::partition::compaction::{
    BatchFilter, CleanedTransactions, CleaningRules, DirtyRange, LogFacts, SegmentFacts, groups,
};

use super::dirty::DirtyPart;
use super::output::Output;
use super::swap::Replacement;
use super::walk::{READ_BYTES, Walk};
use super::{CleanError, INFLATED_BYTES_MAX};
use crate::storage::folder::Folder;
use crate::storage::log::Log;
use crate::storage::scan::BatchScan;
use crate::storage::segment::Segment;
use crate::storage::{LogConfig, Storage, StorageError};

/// The closed segments of a log.
#[derive(Debug)]
pub(crate) struct LogView {
    pub(super) storage: Arc<Storage>,
    pub(super) folder: Arc<Folder>,
    pub(super) config: LogConfig,
    /// Oldest first.
    pub(super) closed: Vec<Arc<Segment>>,
    pub(super) active: Arc<Segment>,
    log_start: Offset,
    log_end: Offset,
    /// Everything below is committed and would survive a power cut.
    pub(super) stable_end: Offset,
}

impl Log {
    /// The closed segments, for the cleaner; `None` when there are none or it
    /// must not touch them.
    pub fn view(&self, high_watermark: Offset) -> Option<LogView> {
        let mut closed: Vec<Arc<Segment>> = self.segments.iter().map(Arc::clone).collect();
        let active = closed.pop()?;
        let is_left_alone = self.is_cleaning_given_up || self.check_online().is_err();
        if closed.is_empty() || !self.config.is_compacted || is_left_alone {
            return None;
        }
        // The syncing thread may still write the index of such a segment.
        let unsettled = closed.iter().find(|segment| !segment.is_settled());
        let stable_end = unsettled.map_or(high_watermark, |first| first.base());
        Some(LogView {
            storage: Arc::clone(&self.storage),
            folder: Arc::clone(&self.folder),
            config: self.config.clone(),
            closed,
            active,
            log_start: self.log_start,
            log_end: self.log_end,
            stable_end: stable_end.min(high_watermark).min(self.synced_end()),
        })
    }
}

impl LogView {
    /// What of the log could be cleaned now.
    pub fn range(&self, wall_ms: i64) -> Result<DirtyRange, StorageError> {
        self.range_below(self.stable_end, wall_ms)
    }

    /// Cleans from the log's start to the end of the dirty part, run by run;
    /// `swap` puts each into its place. `last_records` are the partition's.
    pub fn clean(
        &self,
        dirty: &DirtyPart,
        last_records: &BTreeMap<ProducerId, LastRecord>,
        wall_ms: i64,
        go_on: &dyn Fn() -> bool,
        swap: &mut dyn FnMut(Replacement) -> Result<(), CleanError>,
    ) -> Result<(), CleanError> {
        self.prepare(dirty)?;
        let rules = CleaningRules {
            map: &dirty.map,
            last_records,
            bound: dirty.bound,
            wall_ms,
            delete_retention_ms: self.config.compaction.delete_retention_ms,
            inflated_bytes_max: INFLATED_BYTES_MAX,
        };
        let first = self.closed.first();
        let start = first.map_or(self.log_start, |first| first.base());
        let transactions = CleanedTransactions::new(&dirty.aborted, start);
        let mut filter = BatchFilter::new(rules, transactions);
        for run in self.runs(dirty)? {
            swap(self.clean_run(run, &mut filter, go_on)?)?;
        }
        Ok(self.note_cleaned(dirty.end())?)
    }

    /// The runs of segments that each become one, in order.
    fn runs(&self, dirty: &DirtyPart) -> Result<Vec<&[Arc<Segment>]>, StorageError> {
        let end = dirty.end();
        let count = self.closed.partition_point(|segment| segment.base() < end);
        let facts: Result<Vec<SegmentFacts>, StorageError> = self.closed[..count]
            .iter()
            .map(|segment| {
                Ok(SegmentFacts {
                    index_bytes: segment.index_bytes()?,
                    ..facts(segment)
                })
            })
            .collect();
        let groups = groups(
            &facts?,
            dirty.bound,
            self.config.segment_bytes.into(),
            self.config.segment_index_bytes.into(),
        );
        Ok(groups
            .into_iter()
            .map(|group| &self.closed[group])
            .collect())
    }

    /// Before the first segment is replaced: what recovery goes by must not tell
    /// of bytes that will lie elsewhere, and must know that what is replaced was
    /// synced and where offsets may be missing.
    fn prepare(&self, dirty: &DirtyPart) -> Result<(), StorageError> {
        if self.storage.disk().is_memory() {
            return Ok(());
        }
        self.storage.health().check()?;
        let marks = self.storage.marks();
        let mut rewriting = Ok(());
        self.folder.work(|| {
            marks.cleaning(self.folder.name(), self.log_start);
            rewriting = marks.rewriting(self.folder.name(), dirty.bound);
        });
        rewriting?;
        marks.save()
    }

    /// Writes a run again, as one segment that is ready to replace it.
    fn clean_run(
        &self,
        run: &[Arc<Segment>],
        filter: &mut BatchFilter<'_>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Replacement, CleanError> {
        let mut newest_ms = i64::MIN;
        let first = run.first().ok_or(CleanError::Stopped)?;
        let mut output = Output::create(self, first.base())?;
        for segment in run {
            newest_ms = newest_ms.max(segment.newest_ms()?);
            let file = segment.file()?;
            let mut walk = Walk::new(segment, &*file, 0, READ_BYTES);
            while let Some((header, batch)) = walk.next(go_on)? {
                output.take(&header, &batch, filter)?;
            }
        }
        output.finish(run.to_vec(), newest_ms)
    }

    /// Remembers how far the log is clean.
    fn note_cleaned(&self, end: Offset) -> Result<(), StorageError> {
        let marks = self.storage.marks();
        self.folder.work(|| marks.cleaned(self.folder.name(), end));
        match self.storage.disk().is_memory() {
            true => Ok(()),
            false => marks.save_cleaned(),
        }
    }

    /// Bytes in the closed segments.
    pub fn closed_bytes(&self) -> u64 {
        self.closed.iter().map(|segment| segment.size_bytes()).sum()
    }

    pub(super) fn range_below(
        &self,
        stable_end: Offset,
        wall_ms: i64,
    ) -> Result<DirtyRange, StorageError> {
        let policy = &self.config.compaction;
        let cleaned_end = self.storage.marks().cleaned_end(self.folder.name());
        let mut closed = Vec::with_capacity(self.closed.len());
        for (number, segment) in self.closed.iter().enumerate() {
            let is_dirty = cleaned_end.is_none_or(|end| self.base_behind(number) > end);
            let mut facts = facts(segment);
            if is_dirty && policy.min_lag_ms > 0 {
                facts.newest_ms = segment.newest_ms()?;
            }
            if is_dirty && policy.max_lag_ms < i64::MAX {
                facts.first_batch_ms = first_batch_ms(segment)?;
            }
            closed.push(facts);
        }
        let log = LogFacts {
            log_start: self.log_start,
            log_end: self.log_end,
            stable_end,
            active_base: self.active.base(),
            cleaned_end,
            closed: &closed,
        };
        Ok(DirtyRange::of(&log, policy, wall_ms))
    }

    /// Where the segment behind a closed one begins.
    pub(super) fn base_behind(&self, number: usize) -> Offset {
        let next = self.closed.get(number + 1).unwrap_or(&self.active);
        next.base()
    }
}

/// What is known of a segment without reading.
fn facts(segment: &Segment) -> SegmentFacts {
    SegmentFacts {
        base: segment.base(),
        size_bytes: segment.size_bytes(),
        index_bytes: 0,
        newest_ms: i64::MIN,
        first_batch_ms: None,
    }
}

fn first_batch_ms(segment: &Segment) -> Result<Option<i64>, StorageError> {
    let file = segment.file()?;
    let size_bytes = segment.size_bytes();
    let first = BatchScan::new(&*file, 0, size_bytes, BATCH_HEADER_BYTES).header();
    let first = first.map_err(|error| StorageError::io("read", &segment.log_path(), error))?;
    Ok(first.map(|first| first.max_timestamp_ms))
}
