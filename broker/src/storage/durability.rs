//! What of one log is written, and what of that is synced.
//!
//! Owned by the log and shared with the syncing thread, which never takes the
//! partition's lock.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ottla_core::ids::Offset;

use super::folder::Folder;
use super::segment::Segment;
use super::{Disk, StorageError, identity};

/// Told after every sync: the offset below which all is synced now, or why
/// nothing is known any more. Runs on the syncing thread.
pub(crate) type OnSynced = Box<dyn Fn(Result<Offset, StorageError>) + Send + Sync>;

/// The two ends of a log, and what lies between them.
pub(super) struct Durability {
    folder: Arc<Folder>,
    state: Mutex<State>,
    on_synced: OnceLock<OnSynced>,
}

#[derive(Debug)]
struct State {
    written_end: Offset,
    synced_end: Offset,
    /// Segments with bytes that no sync has covered, oldest first.
    dirty: Vec<Arc<Segment>>,
    /// Files made, and how many of them there were when their names were synced.
    files_made: u64,
    files_named: u64,
    is_queued: bool,
    is_timed: bool,
    /// The log is gone, and its files are where nobody looks for them.
    is_removed: bool,
}

/// What lies before a log's end and no sync has covered.
struct Dirty {
    segments: Vec<Arc<Segment>>,
    end: Offset,
    files_made: u64,
}

/// What a sync did.
#[derive(Debug)]
pub(super) struct Synced {
    /// Everything below is synced.
    pub end: Offset,
    /// Whether a segment was completed, which is worth a checkpoint.
    pub completed_segment: bool,
    /// Of so many files the names are.
    files_made: u64,
}

impl Durability {
    /// A log that was found written up to `written_end` and is known to be
    /// synced up to `synced_end`; its files' names may not be
    /// (`has_new_files`).
    pub fn new(
        folder: Arc<Folder>,
        written_end: Offset,
        synced_end: Offset,
        dirty: Vec<Arc<Segment>>,
        has_new_files: bool,
    ) -> Self {
        Durability {
            folder,
            state: Mutex::new(State {
                written_end,
                synced_end,
                dirty,
                files_made: u64::from(has_new_files),
                files_named: 0,
                is_queued: false,
                is_timed: false,
                is_removed: false,
            }),
            on_synced: OnceLock::new(),
        }
    }

    /// The name of the log's folder.
    pub fn folder(&self) -> &str {
        self.folder.name()
    }

    /// Sets who is told; once, by the log's owner.
    pub fn tell(&self, on_synced: OnSynced) {
        // A second owner would be a mistake of this program; the first stays.
        let _ = self.on_synced.set(on_synced);
    }

    /// Bytes up to `end` have been written, the last ones to `segment`.
    pub fn written(&self, segment: &Arc<Segment>, end: Offset) {
        let mut state = self.state();
        state.written_end = end;
        if state
            .dirty
            .last()
            .is_none_or(|last| last.base() != segment.base())
        {
            state.dirty.push(Arc::clone(segment));
        }
    }

    /// A segment gets no more bytes, but its indexes are not saved yet.
    pub fn closed(&self, segment: &Arc<Segment>) {
        let mut state = self.state();
        let base = segment.base();
        if state.dirty.iter().all(|dirty| dirty.base() != base) {
            state.dirty.push(Arc::clone(segment));
        }
    }

    /// A file was made.
    pub fn created(&self, segment: &Arc<Segment>) {
        let mut state = self.state();
        state.files_made += 1;
        state.dirty.push(Arc::clone(segment));
    }

    /// Everything below is synced.
    pub fn synced_end(&self) -> Offset {
        self.state().synced_end
    }

    /// Whether the caller should put it into the queue: it is not there yet.
    pub fn queue(&self) -> bool {
        !std::mem::replace(&mut self.state().is_queued, true)
    }

    /// Whether the caller should set the timer: it is not set yet.
    pub fn time(&self) -> bool {
        !std::mem::replace(&mut self.state().is_timed, true)
    }

    /// The timer fired.
    pub fn timed(&self) {
        self.state().is_timed = false;
    }

    /// The log is being removed: nothing of it needs to be durable any more.
    pub fn removed(&self) {
        let mut state = self.state();
        state.is_removed = true;
        state.dirty.clear();
        state.files_named = state.files_made;
    }

    /// Lets `record` make a mark of this log, unless it was removed: nobody may
    /// take that for one of a new log in the same folder.
    pub fn unless_removed(&self, record: impl FnOnce()) {
        let state = self.state();
        if !state.is_removed {
            record();
        }
    }

    /// Makes the names of the log's files durable, and whose they are, if they
    /// are not: whoever makes a mark of this log asks before. A mark without a
    /// folder could be another log's, of a topic that had the name before.
    pub fn sync_names(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        let synced = self.sync_new_names(disk);
        match self.state().is_removed {
            // Its files were moved away in the middle of it, perhaps.
            true => Ok(()),
            false => synced,
        }
    }

    /// Syncs all that was written before now and, unless the log was removed
    /// meanwhile, lets `record` keep what that means. What is written meanwhile
    /// is left to the next sync.
    ///
    /// Removal waits for `record`: no mark of the old log can be made after it
    /// and be taken for one of a new log in the same folder.
    pub fn sync(
        &self,
        disk: &dyn Disk,
        record: impl FnOnce(&Synced),
    ) -> Result<Offset, StorageError> {
        self.finish(self.sync_files(disk), record)
    }

    /// As [`Durability::sync`] does all before the files themselves are synced,
    /// for who syncs the whole disk next and then calls [`Durability::finish`].
    pub fn begin_with_others(&self) -> Result<Synced, StorageError> {
        let Dirty {
            segments,
            end,
            files_made,
        } = self.take_dirty();
        let mut completed_segment = false;
        for segment in &segments {
            let completed = segment.complete(false)?;
            completed_segment |= completed.is_some_and(|completed| completed.is_closed);
        }
        Ok(Synced {
            end,
            completed_segment,
            files_made,
        })
    }

    /// Lets `record` keep what a sync means, unless the log was removed.
    pub fn finish(
        &self,
        outcome: Result<Synced, StorageError>,
        record: impl FnOnce(&Synced),
    ) -> Result<Offset, StorageError> {
        let mut state = self.state();
        if state.is_removed {
            // Its files were moved away in the middle of it, perhaps.
            return Ok(state.synced_end);
        }
        let synced = outcome?;
        state.synced_end = synced.end;
        state.files_named = state.files_named.max(synced.files_made);
        record(&synced);
        Ok(synced.end)
    }

    fn sync_files(&self, disk: &dyn Disk) -> Result<Synced, StorageError> {
        let Dirty {
            segments: dirty,
            end,
            files_made,
        } = self.take_dirty();
        let mut completed_segment = false;
        for segment in &dirty {
            completed_segment |= segment.sync()?;
        }
        self.sync_new_names(disk)?;
        Ok(Synced {
            end,
            completed_segment,
            files_made,
        })
    }

    fn sync_new_names(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        let made = {
            let state = self.state();
            if state.files_named == state.files_made {
                return Ok(());
            }
            state.files_made
        };
        identity::sync(self.folder(), disk)?;
        for folder in [self.folder(), ""] {
            disk.sync_folder(folder)
                .map_err(|error| failed(folder, error))?;
        }
        let mut state = self.state();
        state.files_named = state.files_named.max(made);
        Ok(())
    }

    fn take_dirty(&self) -> Dirty {
        let mut state = self.state();
        state.is_queued = false;
        Dirty {
            segments: std::mem::take(&mut state.dirty),
            end: state.written_end,
            files_made: state.files_made,
        }
    }

    /// Tells the owner.
    pub fn report(&self, outcome: Result<Offset, StorageError>) {
        if let Some(on_synced) = self.on_synced.get() {
            on_synced(outcome);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sync that failed.
pub(super) fn failed(path: &str, error: std::io::Error) -> StorageError {
    StorageError::DiskFailed {
        path: path.to_owned(),
        source: Arc::new(error),
    }
}

impl std::fmt::Debug for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.folder(), self.state())
    }
}
