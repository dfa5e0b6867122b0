//! Opening a log that was there before.
//!
//! Owns the judgement of what is found: whole batches are kept up to the first
//! that is not, and everything behind is cut off, unless it had been synced.
//! Then nothing is touched, and the log stays closed.
//!
//! ```text
//!   clean stop    nothing is checked, sizes must fit
//!   same boot     checked from max(synced, verified) on
//!   other boot    checked from synced on
//! ```
//!
//! Below that, only headers are read, and only those that must be replayed: an
//! index says where they begin.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use ottla_core::batch::BatchHeader;
use ottla_core::batch::crc::checksum_fits;
use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};

use super::folder::Folder;
use super::index::SegmentIndex;
use super::marks::LogMarks;
use super::scan::BatchScan;
use super::segment::{DELETED, HOP_BYTES, Segment};
use super::{DiskFile, LogConfig, StorageError, cleaner, snapshots};

/// How much is read at once to check every byte.
const CHECK_BYTES: usize = 1 << 20;

/// A log as it was found.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Oldest first.
    pub segments: VecDeque<Arc<Segment>>,
    /// The offset behind the last batch.
    pub log_end: Offset,
    /// Segments with bytes that may not be synced.
    pub dirty: Vec<Arc<Segment>>,
}

/// One log's recovery.
pub(super) struct Recovery<'a> {
    pub folder: &'a Arc<Folder>,
    pub config: &'a LogConfig,
    pub marks: LogMarks,
    /// Headers before this offset need not be visited, or have been.
    pub replay_from: Offset,
    pub visit: &'a mut dyn FnMut(&BatchHeader),
}

/// How far the batches of one segment go.
struct Checked {
    index: SegmentIndex,
    valid_bytes: u64,
    end: Offset,
}

/// What a folder holds.
struct Found {
    bases: Vec<Offset>,
    has_snapshots: bool,
}

impl Recovery<'_> {
    /// Opens what is there, and repairs what may be repaired.
    pub fn run(mut self) -> Result<Recovered, StorageError> {
        cleaner::finish_swaps(self.folder)?;
        let found = self.clear_leftovers()?;
        let bases = &found.bases;
        let mut recovered = Recovered::default();
        for (number, &base) in bases.iter().enumerate() {
            let next_base = bases.get(number + 1).copied();
            let (segment, is_whole) = self.segment(base, next_base, &mut recovered)?;
            let segment = Arc::new(segment);
            if next_base.is_none_or(|next| next > self.marks.synced) {
                recovered.dirty.push(Arc::clone(&segment));
            }
            recovered.segments.push_back(segment);
            if !is_whole {
                self.cut_off_behind(&bases[number + 1..])?;
                break;
            }
        }
        if self.is_damage(recovered.log_end) {
            return Err(self.corrupt_at(recovered.log_end));
        }
        if recovered.log_end == self.marks.synced {
            recovered.dirty.clear();
        }
        if found.has_snapshots {
            self.clear_snapshots(&recovered)?;
        }
        Ok(recovered)
    }

    /// The base offsets of the segments, in order. Files of segments that were
    /// being removed, and half-made ones, are removed.
    fn clear_leftovers(&self) -> Result<Found, StorageError> {
        let names = self.folder.list();
        let names = names.map_err(|error| StorageError::io("list", self.folder.name(), error))?;
        let bases: BTreeSet<Offset> = names.iter().filter_map(|name| base_of(name)).collect();
        for name in &names {
            let is_orphan = [".index", ".timeindex"]
                .iter()
                .filter_map(|suffix| digits(name.strip_suffix(suffix)?))
                .any(|base| !bases.contains(&base));
            if is_orphan || name.ends_with(DELETED) || name.ends_with(".tmp") {
                let removed = self.folder.remove(name);
                removed
                    .map_err(|error| StorageError::io("remove", &self.folder.path(name), error))?;
            }
        }
        Ok(Found {
            bases: bases.into_iter().collect(),
            has_snapshots: names
                .iter()
                .any(|name| snapshots::offset_of(name).is_some()),
        })
    }

    /// What was remembered of batches that are cut off now must not be taken
    /// for what others are that come to lie there: gone for good before any can.
    fn clear_snapshots(&self, recovered: &Recovered) -> Result<(), StorageError> {
        let is_base = |offset| {
            let segments = recovered.segments.iter();
            segments
                .map(|segment| segment.base())
                .any(|base| base == offset)
        };
        match snapshots::keep_useful(self.folder, is_base, recovered.log_end)? {
            true => self.sync_folder(),
            false => Ok(()),
        }
    }

    /// One segment, and whether nothing had to be cut off it.
    fn segment(
        &mut self,
        base: Offset,
        next_base: Option<Offset>,
        recovered: &mut Recovered,
    ) -> Result<(Segment, bool), StorageError> {
        let segment = self.found(base, 0);
        let file = segment.file()?;
        let size = file.size();
        let size = size.map_err(|error| StorageError::io("look at", &segment.log_path(), error))?;
        let segment = self.found(base, size);
        if let Some(end) = self.trusted_end(base, next_base, size) {
            self.trust(&segment, next_base);
            if end <= self.replay_from || self.replay(&segment, &*file, size, end)? {
                recovered.log_end = recovered.log_end.max(end);
                return Ok((segment, true));
            }
        }
        let checked = self.check(&segment, &*file, size, next_base)?;
        recovered.log_end = recovered.log_end.max(checked.end);
        let is_whole =
            checked.valid_bytes == size && !self.is_gap(checked.end, next_base.unwrap_or(base));
        if !is_whole {
            self.cut(&*file, &segment.log_path(), size, &checked)?;
        }
        let segment = self.found(base, checked.valid_bytes);
        segment.set_index(checked.index);
        if next_base.is_some() && is_whole {
            segment.close();
            segment.repair_index()?;
        }
        Ok((segment, is_whole))
    }

    /// Where a segment ends that need not be checked.
    fn trusted_end(&self, base: Offset, next_base: Option<Offset>, size: u64) -> Option<Offset> {
        match (next_base, self.marks.clean_end) {
            (Some(next), Some(_)) => Some(next),
            (Some(next), None) => (next <= self.marks.trusted()).then_some(next),
            (None, Some(clean)) => {
                let fits = clean.active_base == base && clean.active_bytes == size;
                fits.then_some(clean.log_end)
            }
            (None, None) => None,
        }
    }

    /// Takes a segment as it is. Should its index be missing, it is made again
    /// when it is needed.
    fn trust(&self, segment: &Segment, next_base: Option<Offset>) {
        match (next_base, self.marks.clean_end) {
            (Some(next), clean) => {
                if clean.is_none() && next > self.marks.synced {
                    // They were written while it grew, perhaps; the whole ones
                    // come with the sync.
                    segment.remove_index();
                }
                segment.set_closed();
            }
            (None, Some(clean)) => {
                segment.set_max_timestamp(Some((clean.offset_of_max, clean.max_timestamp_ms)));
                segment.expect_index(clean.index_checksum);
            }
            (None, None) => {}
        }
    }

    /// Visits what must be replayed of a segment that need not be checked,
    /// beginning where its index says. `false` when that does not come out at
    /// the segment's end: then it has to be looked at from its beginning.
    fn replay(
        &mut self,
        segment: &Segment,
        file: &dyn DiskFile,
        size: u64,
        end: Offset,
    ) -> Result<bool, StorageError> {
        let Ok(position) = segment.position_for(self.replay_from) else {
            return Ok(false);
        };
        let mut walk = Walk::new(segment, file, position, size);
        let mut reached = None;
        while let Some(header) = walk.next(Some(end))? {
            let follows = match reached {
                Some(reached) => header.base_offset >= reached,
                // What lies there must prove that a batch begins there.
                None => header.base_offset <= self.replay_from || position == 0,
            };
            if !follows || (reached.is_none() && !walk.checksum_fits(&header)?) {
                return Ok(false);
            }
            reached = Some(header.next_offset());
            self.visit(&header);
        }
        let reached = reached.unwrap_or(segment.base());
        Ok(walk.is_at_end() && !self.is_gap(reached, end))
    }

    /// Whether batches are missing between the end of a segment and the next:
    /// they never reached the disk, and what did lies behind. Offsets may be
    /// missing that were compacted, or deleted and then lost.
    fn is_gap(&self, end: Offset, next: Offset) -> bool {
        end < next && next > self.marks.log_start && !self.may_be_compacted(next)
    }

    /// Whether compaction may have removed what lay before `offset`, now or when
    /// the topic's settings were others. It touches only what is synced.
    fn may_be_compacted(&self, offset: Offset) -> bool {
        let cleaned = self.marks.cleaned;
        self.config.is_compacted
            || cleaned.is_some_and(|cleaned| offset <= cleaned.max(self.marks.synced))
    }

    /// Walks through a segment: from header to header where it is trusted, over
    /// every byte where it is not, up to the first that is no valid batch.
    fn check(
        &mut self,
        segment: &Segment,
        file: &dyn DiskFile,
        size: u64,
        next_base: Option<Offset>,
    ) -> Result<Checked, StorageError> {
        let mut checked = self.checked_before(segment, size);
        let mut walk = Walk::new(segment, file, checked.valid_bytes, size);
        while let Some(header) = walk.next(next_base)? {
            let is_checked = header.base_offset >= self.marks.trusted();
            // No checksum covers the offset. Where no compaction has been, the
            // only right one is the next.
            let may_skip = !is_checked || self.may_be_compacted(header.base_offset);
            let follows =
                header.base_offset == checked.end || (header.base_offset > checked.end && may_skip);
            let is_checked = is_checked && !mutants::on(Mutant::KeepsTornBatches);
            if !follows || (is_checked && !walk.checksum_fits(&header)?) {
                break;
            }
            let position = checked.valid_bytes as u32;
            let interval = self.config.index_interval_bytes;
            checked.index.note(&header, position, interval);
            checked.end = header.next_offset();
            checked.valid_bytes += header.size_bytes() as u64;
            self.visit(&header);
        }
        Ok(checked)
    }

    /// The part of a segment that need not be looked at: up to where it was
    /// verified, if nothing before has to be replayed.
    fn checked_before(&self, segment: &Segment, size: u64) -> Checked {
        let mark = self.marks.verified.filter(|mark| {
            mark.base == segment.base() && mark.position <= size && mark.offset <= self.replay_from
        });
        let index = mark.and_then(|mark| Some((mark, segment.index_up_to(&mark)?)));
        match index {
            Some((mark, index)) => Checked {
                index,
                valid_bytes: mark.position,
                end: mark.offset,
            },
            None => Checked {
                index: SegmentIndex::new(segment.base()),
                valid_bytes: 0,
                end: segment.base(),
            },
        }
    }

    /// Shows a header to who replays it, once.
    fn visit(&mut self, header: &BatchHeader) {
        if header.last_offset() >= self.replay_from {
            (self.visit)(header);
            self.replay_from = header.next_offset();
        }
    }

    /// Cuts off what is no valid batch, for good, if it had not been synced.
    fn cut(
        &self,
        file: &dyn DiskFile,
        path: &str,
        size: u64,
        checked: &Checked,
    ) -> Result<(), StorageError> {
        if self.is_damage(checked.end) {
            return Err(self.corrupt_at(checked.end));
        }
        tracing::warn!(
            path,
            log_end = checked.end.0,
            cut_bytes = size - checked.valid_bytes,
            "the last append was not whole, or never reached the disk: cut off"
        );
        file.truncate(checked.valid_bytes)
            .and_then(|()| file.sync())
            .map_err(|error| StorageError::io("truncate", path, error))
    }

    /// Removes the segments behind one that had to be cut.
    fn cut_off_behind(&self, bases: &[Offset]) -> Result<(), StorageError> {
        for &base in bases {
            let segment = self.found(base, 0);
            tracing::warn!(path = segment.log_path(), "it lay behind a cut: removed");
            segment.set_aside()?;
            segment.unlink();
        }
        match bases.is_empty() {
            true => Ok(()),
            false => self.sync_folder(),
        }
    }

    fn sync_folder(&self) -> Result<(), StorageError> {
        let name = self.folder.name();
        let synced = self.folder.disk().sync_folder(name);
        synced.map_err(|error| StorageError::io("sync", name, error))
    }

    fn found(&self, base: Offset, size: u64) -> Segment {
        Segment::found(self.folder, base, self.config.index_interval_bytes, size)
    }

    /// Whether a log that ends here has lost what was synced. What had been
    /// deleted before a power cut may be gone without being damage: only its
    /// offsets count as synced from then on.
    fn is_damage(&self, log_end: Offset) -> bool {
        log_end.max(self.marks.log_start) < self.marks.synced
            && !mutants::on(Mutant::CutsWhatWasSynced)
    }

    fn corrupt_at(&self, offset: Offset) -> StorageError {
        StorageError::Corrupt {
            folder: self.folder.name().to_string(),
            offset,
            synced: self.marks.synced,
        }
    }
}

/// From header to header through one segment's file.
struct Walk<'a> {
    segment: &'a Segment,
    scan: BatchScan<'a>,
    /// The batch that was looked at last, not passed yet.
    current: Option<BatchHeader>,
}

impl<'a> Walk<'a> {
    fn new(segment: &'a Segment, file: &'a dyn DiskFile, position: u64, size: u64) -> Self {
        Walk {
            segment,
            scan: BatchScan::new(file, position, size, HOP_BYTES),
            current: None,
        }
    }

    /// Passes the batch looked at last and looks at the next; `None` at the end
    /// or where no batch of this segment is, below `next_base`.
    fn next(&mut self, next_base: Option<Offset>) -> Result<Option<BatchHeader>, StorageError> {
        if let Some(passed) = self.current.take() {
            self.scan.pass(&passed);
        }
        let header = match self.scan.is_at_end() {
            true => None,
            false => self.scan.header().map_err(|error| self.unreadable(error))?,
        };
        self.current = header.filter(|header| {
            next_base.is_none_or(|next| header.last_offset() < next)
                && self.segment.takes(header, self.scan.position())
        });
        Ok(self.current)
    }

    /// Whether all bytes of that batch are as they were written.
    fn checksum_fits(&mut self, header: &BatchHeader) -> Result<bool, StorageError> {
        self.scan.set_window(CHECK_BYTES);
        let batch = self.scan.batch(header);
        Ok(checksum_fits(
            &batch.map_err(|error| self.unreadable(error))?,
        ))
    }

    fn is_at_end(&self) -> bool {
        self.current.is_none() && self.scan.is_at_end()
    }

    fn unreadable(&self, error: io::Error) -> StorageError {
        StorageError::io("read", &self.segment.log_path(), error)
    }
}

/// The base offset of a segment whose file of batches has that name.
fn base_of(name: &str) -> Option<Offset> {
    digits(name.strip_suffix(".log")?)
}

fn digits(stem: &str) -> Option<Offset> {
    let is_base = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
    is_base.then(|| stem.parse().ok().map(Offset))?
}
