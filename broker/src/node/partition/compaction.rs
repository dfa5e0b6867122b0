//! Compacting a partition's log: looked at and replaced under the lock, read
//! and written without it.

use std::sync::PoisonError;

use ottla_core::partition::compaction::{CompactionPolicy, DirtyRange};
use ottla_core::time::Now;

use super::Partition;
use crate::storage::{CleanError, LogView, Replacement, StorageError};

/// What a cleaning did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cleaned {
    /// Bytes of the closed segments before,
    pub(crate) bytes_before: u64,
    /// and after.
    pub(crate) bytes_after: u64,
}

impl Partition {
    /// What of the log could be compacted now; `None` when it is not to be, or
    /// has no closed segment. May read from the disk.
    pub(crate) fn dirty_range(&self, now: Now) -> Result<Option<DirtyRange>, StorageError> {
        if !self.settings.load().log.is_compacted {
            return Ok(None);
        }
        let view = self.view();
        view.map(|view| view.range(now.wall_ms)).transpose()
    }

    /// When it is due.
    pub(crate) fn compaction_policy(&self) -> CompactionPolicy {
        self.settings.load().log.compaction
    }

    /// Compacts the log as far as `map_bytes_max` of memory takes it, as long as
    /// `go_on` says so. Reads and writes a lot: call it on a thread that may
    /// block.
    pub(crate) fn compact(
        &self,
        now: Now,
        map_bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Cleaned>, CleanError> {
        let Some(view) = self.view() else {
            return Ok(None);
        };
        let cleaned = self.compact_view(&view, now, map_bytes_max, go_on);
        if let Err(CleanError::Damaged(_)) = &cleaned {
            self.give_up_compaction();
        }
        cleaned
    }

    fn compact_view(
        &self,
        view: &LogView,
        now: Now,
        map_bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Cleaned>, CleanError> {
        let Some(dirty) = view.index(now.wall_ms, map_bytes_max, go_on)? else {
            return Ok(None);
        };
        let last_records = self.with_open(|open| open.state.last_records());
        let last_records = last_records.map_err(|_| CleanError::Stopped)?;
        let bytes_before = view.closed_bytes();
        let mut change_bytes = 0;
        view.clean(
            &dirty,
            &last_records,
            now.wall_ms,
            go_on,
            &mut |replacement| {
                change_bytes += replacement.change_bytes();
                self.swap(&replacement)
            },
        )?;
        Ok(Some(Cleaned {
            bytes_before,
            bytes_after: bytes_before.saturating_add_signed(change_bytes),
        }))
    }

    /// Puts a cleaned segment into the place of those it stands for.
    fn swap(&self, replacement: &Replacement) -> Result<(), CleanError> {
        let _alone = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let may_swap = self.with_open(|open| open.log.may_swap(replacement));
        if may_swap != Ok(true) {
            replacement.discard();
            return Err(CleanError::Stopped);
        }
        let renamed = replacement.rename();
        if let Ok(open) = &mut self.inner().open {
            open.log.finish_swap(replacement);
            if renamed.is_err() {
                // A restart finishes it; another cleaning would be in its way.
                open.log.give_up_cleaning();
            }
        }
        renamed
    }

    /// Never compacts the log again before a restart.
    pub(crate) fn give_up_compaction(&self) {
        if let Ok(open) = &mut self.inner().open {
            open.log.give_up_cleaning();
        }
    }

    fn view(&self) -> Option<LogView> {
        if !self.is_used() {
            return None;
        }
        let inner = self.inner();
        let open = inner.open.as_ref().ok()?;
        open.log.view(open.state.marks().high_watermark)
    }
}
