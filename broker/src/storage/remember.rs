//! When a log has written down what its partition remembers: at the beginning
//! of each segment, every 64 MiB, and at its end in order.
//!
//! Owns the *verified* mark, which says how far a log was written whole as long
//! as the system runs. What a restart reads then is bounded by it.

use std::sync::Arc;

use ottla_core::ids::Offset;

use super::checkpoint::Verified;
use super::index::NO_TIMESTAMP;
use super::log::Log;
use super::snapshots::{self, Remembered};

impl Log {
    /// Writes down, soon and on another thread, what was remembered before the
    /// segment that begins at `base`.
    pub fn remember_before(&mut self, base: Offset, remembered: Remembered) {
        let folder = Arc::clone(&self.folder);
        // Nothing lies before the first segment of all.
        let is_first = base == Offset(0);
        self.remembered_at = base;
        let save = move || match is_first {
            true => snapshots::save_epochs(&folder, &remembered.epochs),
            false => snapshots::save(&folder, base, &remembered),
        };
        let folder = Arc::clone(&self.folder);
        self.storage
            .chores()
            .soon(Box::new(move || folder.work(save)));
    }

    /// Whether it is time for [`Log::mark_verified`].
    pub fn is_mark_due(&self) -> bool {
        self.unverified_bytes >= self.config.verify_bytes
    }

    /// Writes down, soon and on another thread, that all so far is written
    /// whole, and what is remembered of it.
    pub fn mark_verified(&mut self, remembered: Remembered) {
        self.unverified_bytes = 0;
        let Some(mark) = self.verified() else { return };
        let before = std::mem::replace(&mut self.remembered_at, mark.offset);
        let is_useful = self.segments.iter().any(|segment| segment.base() == before);
        let (marks, folder) = (Arc::clone(self.storage.marks()), Arc::clone(&self.folder));
        let segment = self.segments.back().map(Arc::clone);
        let work = move || {
            snapshots::save(&folder, mark.offset, &remembered);
            let indexed = segment.map_or(Ok(()), |segment| segment.save_open_index());
            let marked = indexed.and_then(|()| marks.verified(folder.name(), mark));
            if let Err(error) = marked {
                tracing::warn!(%error, "a restart after a crash will read more");
            } else if !is_useful {
                snapshots::remove_quietly(&folder, before);
            }
        };
        let folder = Arc::clone(&self.folder);
        self.storage
            .chores()
            .soon(Box::new(move || folder.work(work)));
    }

    /// Writes down what is remembered of all there is; for a log that is about
    /// to be closed.
    pub fn remember_end(&self, remembered: &Remembered) {
        let is_new = self.remembered_at < self.log_end && !self.segments.is_empty();
        if is_new && !self.storage.disk().is_memory() {
            snapshots::save(&self.folder, self.log_end, remembered);
        }
    }

    fn verified(&self) -> Option<Verified> {
        let active = self.active.as_ref()?;
        let newest = active.segment.max_timestamp().ok()?;
        let (offset_of_max, max_timestamp_ms) =
            newest.unwrap_or((active.segment.base(), NO_TIMESTAMP));
        Some(Verified {
            offset: self.log_end,
            base: active.segment.base(),
            position: active.size_bytes,
            max_timestamp_ms,
            offset_of_max,
        })
    }
}
