//! How a cleaned segment takes the place of others: in the log under the
//! partition's lock, on the disk without it.
//!
//! ```text
//!   crash while …           what is there                    a restart
//!   writing                 B.log.cleaned                    drops it
//!   renaming the old ones   B.log.swap, some *.deleted       goes on with the new one
//!   renaming the new one    B.log.swap or B.log              has the new one
//! ```

use std::sync::Arc;

use super::output::{file_name, remove_quietly};
use super::view::LogView;
use super::{CleanError, SWAP, at_work};
use crate::storage::durability::failed;
use crate::storage::folder::Folder;
use crate::storage::log::Log;
use crate::storage::retention::unlink_later;
use crate::storage::segment::Segment;
use crate::storage::{Storage, StorageError};

/// A cleaned segment, and the run of old ones it stands for. It is durable, and
/// waits under the name from which a restart would go on.
#[derive(Debug)]
pub(crate) struct Replacement {
    storage: Arc<Storage>,
    folder: Arc<Folder>,
    /// Never empty.
    run: Vec<Arc<Segment>>,
    segment: Arc<Segment>,
}

impl Replacement {
    pub(super) fn new(view: &LogView, run: Vec<Arc<Segment>>, segment: Arc<Segment>) -> Self {
        Replacement {
            storage: Arc::clone(&view.storage),
            folder: Arc::clone(&view.folder),
            run,
            segment,
        }
    }

    /// By how much the log grows, which is negative unless nothing was dropped.
    pub fn change_bytes(&self) -> i64 {
        let old_bytes: u64 = self.run.iter().map(|old| old.size_bytes()).sum();
        self.segment.size_bytes() as i64 - old_bytes as i64
    }

    /// Exchanges the files. To be done between [`Log::may_swap`] and
    /// [`Log::finish_swap`], on a thread that may block. After an error the
    /// cleaned segment is whole, and a restart finds it or makes it so.
    pub fn rename(&self) -> Result<(), CleanError> {
        for old in &self.run {
            old.set_aside()?;
        }
        at_work(&self.folder, || {
            // Should the renames reach the disk in another order, a restart would
            // find old and new segments side by side.
            self.sync_folder()?;
            let from = file_name(self.segment.base(), SWAP);
            let to = file_name(self.segment.base(), ".log");
            let renamed = self.folder.rename(&from, &to);
            renamed.map_err(|error| StorageError::io("rename", &self.folder.path(&from), error))?;
            // A missing index is made again, at the cost of time.
            if let Err(error) = self.segment.save_index(false) {
                tracing::warn!(%error, "index not saved");
            }
            Ok(())
        })
    }

    /// Removes the cleaned segment, which nobody has seen: the old ones stay.
    pub fn discard(&self) {
        let base = self.segment.base();
        self.folder.work(|| remove_quietly(&self.folder, base));
    }

    fn sync_folder(&self) -> Result<(), StorageError> {
        let name = self.folder.name();
        let synced = self.folder.disk().sync_folder(name);
        synced.map_err(|error| self.storage.health().fail(failed(name, error)))
    }
}

impl Log {
    /// Whether the run is still there, whole. Nobody may remove segments from
    /// then on until [`Log::finish_swap`].
    pub fn may_swap(&self, replacement: &Replacement) -> bool {
        self.check_online().is_ok() && self.find(&replacement.run).is_some()
    }

    /// Puts the cleaned segment into the place of the run. Who reads from now on
    /// reads it.
    pub fn finish_swap(&mut self, replacement: &Replacement) {
        let Some(first) = self.find(&replacement.run) else {
            return;
        };
        let behind = first + replacement.run.len();
        let new = Arc::clone(&replacement.segment);
        self.size_bytes += new.size_bytes();
        let delay_ms = self.config.file_delete_delay_ms;
        for old in self.segments.drain(first..behind) {
            self.size_bytes -= old.size_bytes();
            unlink_later(&self.storage, old, delay_ms);
        }
        self.segments.insert(first, new);
        // It may hold what has just been dropped.
        self.tail = None;
    }

    /// Never cleans this log again in this run: it is damaged, or its files
    /// could not be exchanged.
    pub fn give_up_cleaning(&mut self) {
        self.is_cleaning_given_up = true;
    }

    /// Where the run lies, if all of it does.
    fn find(&self, run: &[Arc<Segment>]) -> Option<usize> {
        let first = run.first()?;
        let at = self
            .segments
            .iter()
            .position(|segment| Arc::ptr_eq(segment, first))?;
        let there = self.segments.range(at..).take(run.len());
        let is_whole =
            there.len() == run.len() && there.zip(run).all(|(there, run)| Arc::ptr_eq(there, run));
        is_whole.then_some(at)
    }
}
