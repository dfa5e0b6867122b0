//! Opening a log that was there before.
//!
//! Owns the judgement of what is found: whole batches are kept up to the first
//! that is not, and everything behind is cut off, unless it had been synced.
//! Then nothing is touched, and the log stays closed.
//!
//! ```text
//!   clean stop    nothing is read, sizes must fit
//!   same boot     checked from max(synced, verified) on
//!   other boot    checked from synced on
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ottla_core::batch::BatchHeader;
use ottla_core::batch::crc::checksum_fits;
use ottla_core::ids::Offset;

use super::index::SegmentIndex;
use super::marks::LogMarks;
use super::scan::BatchScan;
use super::segment::{DELETED, HOP_BYTES, Segment};
use super::{Disk, DiskFile, LogConfig, StorageError};

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
    pub disk: &'a Arc<dyn Disk>,
    pub folder: &'a str,
    pub config: &'a LogConfig,
    pub marks: LogMarks,
    /// Headers before this offset need not be visited.
    pub replay_from: Offset,
    pub visit: &'a mut dyn FnMut(&BatchHeader),
}

/// How far the batches of one segment go.
struct Checked {
    index: SegmentIndex,
    valid_bytes: u64,
    end: Offset,
}

impl Recovery<'_> {
    /// Opens what is there, and repairs what may be repaired.
    pub fn run(mut self) -> Result<Recovered, StorageError> {
        let bases = self.clear_leftovers()?;
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
        if recovered.log_end < self.marks.synced {
            return Err(self.corrupt_at(recovered.log_end));
        }
        if recovered.log_end == self.marks.synced {
            recovered.dirty.clear();
        }
        Ok(recovered)
    }

    /// The base offsets of the segments, in order. Files of segments that were
    /// being removed, and half-made ones, are removed.
    fn clear_leftovers(&self) -> Result<Vec<Offset>, StorageError> {
        let names = self.disk.list(self.folder);
        let names = names.map_err(|error| StorageError::io("list", self.folder, error))?;
        let bases: BTreeSet<Offset> = names.iter().filter_map(|name| base_of(name)).collect();
        for name in &names {
            let is_orphan = [".index", ".timeindex"]
                .iter()
                .filter_map(|suffix| digits(name.strip_suffix(suffix)?))
                .any(|base| !bases.contains(&base));
            if is_orphan || name.ends_with(DELETED) || name.ends_with(".tmp") {
                let path = format!("{}/{name}", self.folder);
                let removed = self.disk.remove(&path);
                removed.map_err(|error| StorageError::io("remove", &path, error))?;
            }
        }
        Ok(bases.into_iter().collect())
    }

    /// One segment, and whether nothing had to be cut off it.
    fn segment(
        &mut self,
        base: Offset,
        next_base: Option<Offset>,
        recovered: &mut Recovered,
    ) -> Result<(Segment, bool), StorageError> {
        let interval = self.config.index_interval_bytes;
        let path = Segment::found(self.disk, self.folder, base, interval, 0).log_path();
        let opened = self.disk.open(&path);
        let file = opened.map_err(|error| StorageError::io("open", &path, error))?;
        let size = file.size();
        let size = size.map_err(|error| StorageError::io("look at", &path, error))?;

        let segment = Segment::found(self.disk, self.folder, base, interval, size);
        if let Some(end) = self.trusted_end(base, next_base, size)
            && end <= self.replay_from
        {
            self.trust(&segment, next_base);
            recovered.log_end = recovered.log_end.max(end);
            return Ok((segment, true));
        }
        let checked = self.check(&segment, &*file, size, next_base)?;
        recovered.log_end = recovered.log_end.max(checked.end);
        let is_whole = checked.valid_bytes == size;
        if !is_whole {
            self.cut(&*file, &path, size, &checked)?;
        }
        let segment = Segment::found(self.disk, self.folder, base, interval, checked.valid_bytes);
        segment.set_index(checked.index);
        if next_base.is_some() && is_whole {
            segment.close();
            segment.save_index(false)?;
        }
        Ok((segment, is_whole))
    }

    /// Where a segment ends that need not be looked into.
    fn trusted_end(&self, base: Offset, next_base: Option<Offset>, size: u64) -> Option<Offset> {
        match (next_base, self.marks.clean_end) {
            (Some(next), Some(_)) => Some(next),
            (Some(next), None) => (next <= self.trusted()).then_some(next),
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
            (Some(_), _) => segment.set_closed(),
            (None, Some(clean)) => {
                segment.set_max_timestamp(Some((clean.offset_of_max, clean.max_timestamp_ms)));
            }
            (None, None) => {}
        }
    }

    /// Everything below was written whole, as far as is known.
    fn trusted(&self) -> Offset {
        match self.marks.clean_end {
            Some(clean) => clean.log_end,
            None => self.marks.synced.max(self.marks.verified),
        }
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
        let trusted = self.trusted();
        let unreadable = |error| StorageError::io("read", &segment.log_path(), error);
        let mut index = SegmentIndex::new(segment.base());
        let mut end = segment.base();
        let mut scan = BatchScan::new(file, 0, size, HOP_BYTES);
        while !scan.is_at_end() {
            let Some(header) = scan.header().map_err(unreadable)? else {
                break;
            };
            let is_checked = header.base_offset >= trusted;
            // No checksum covers the offset. Where no compaction has been, the
            // only right one is the next.
            let may_skip = !is_checked || self.config.is_compacted;
            let follows = header.base_offset == end || (header.base_offset > end && may_skip);
            let precedes = next_base.is_none_or(|next| header.last_offset() < next);
            if !follows || !precedes || !segment.takes(&header, scan.position()) {
                break;
            }
            if is_checked {
                scan.set_window(CHECK_BYTES);
                if !checksum_fits(&scan.batch(&header).map_err(unreadable)?) {
                    break;
                }
            }
            index.note(
                &header,
                scan.position() as u32,
                self.config.index_interval_bytes,
            );
            end = header.next_offset();
            if header.last_offset() >= self.replay_from {
                (self.visit)(&header);
            }
            scan.pass(&header);
        }
        Ok(Checked {
            index,
            valid_bytes: scan.position(),
            end,
        })
    }

    /// Cuts off what is no valid batch, for good, if it had not been synced.
    fn cut(
        &self,
        file: &dyn DiskFile,
        path: &str,
        size: u64,
        checked: &Checked,
    ) -> Result<(), StorageError> {
        if checked.end < self.marks.synced {
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
            let segment = Segment::found(self.disk, self.folder, base, 0, 0);
            tracing::warn!(path = segment.log_path(), "it lay behind a cut: removed");
            segment.set_aside()?;
            segment.unlink();
        }
        if !bases.is_empty() {
            let synced = self.disk.sync_folder(self.folder);
            synced.map_err(|error| StorageError::io("sync", self.folder, error))?;
        }
        Ok(())
    }

    fn corrupt_at(&self, offset: Offset) -> StorageError {
        StorageError::Corrupt {
            folder: self.folder.to_owned(),
            offset,
            synced: self.marks.synced,
        }
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
