//! What is remembered about every log between two runs.
//!
//! Owns the values of the checkpoints and when they are written. Each may be
//! older than the truth, which costs time at recovery, and is never ahead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ottla_core::ids::Offset;

use super::checkpoint::{self, CleanEnd, CleanEnds, Offsets, Verified, VerifiedMarks};
use super::{Disk, StorageError};

/// How long a mark may wait to be written (Kafka's
/// `log.flush.offset.checkpoint.interval.ms`).
const SAVE_WITHIN: Duration = Duration::from_secs(60);

/// When the marks are saved again that could not be, for lack of space perhaps.
const SAVE_AGAIN_WITHIN: Duration = Duration::from_secs(10);

/// The marks of all logs of a data directory.
#[derive(Debug)]
pub(super) struct Marks {
    disk: Arc<dyn Disk>,
    boot_id: Option<String>,
    state: Mutex<State>,
    /// Held while a file is replaced: two at once would write the same draft,
    /// and the older text could come last.
    saving: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    synced: Offsets,
    log_starts: Offsets,
    cleaned: Offsets,
    /// Whether `cleaned` differs from its file.
    is_cleaned_unsaved: bool,
    verified: VerifiedMarks,
    /// Whether the file of `verified` still knows a log that is gone.
    is_verified_stale: bool,
    /// From the last orderly stop, until the log is opened.
    ended: CleanEnds,
    /// For the orderly stop to come.
    ending: CleanEnds,
    save_at: Option<Instant>,
}

/// What is remembered about one log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LogMarks {
    /// Everything below had been synced.
    pub synced: Offset,
    /// How far it had been written whole, if the system still runs.
    pub verified: Option<Verified>,
    /// Nothing below may be read.
    pub log_start: Offset,
    /// Where compaction ended, if it has been there: offsets may be missing.
    pub cleaned: Option<Offset>,
    /// How the log was stopped, if it was in order.
    pub clean_end: Option<CleanEnd>,
}

impl LogMarks {
    /// Everything below was written whole, as far as is known.
    pub fn trusted(&self) -> Offset {
        match self.clean_end {
            Some(clean) => clean.log_end,
            None => {
                let verified = self.verified.map_or(Offset(0), |mark| mark.offset);
                self.synced.max(verified)
            }
        }
    }
}

impl Marks {
    /// Reads the checkpoints. The marker of an orderly stop is removed before
    /// this returns: it is true until the first write only.
    pub fn load(disk: &Arc<dyn Disk>) -> Result<Marks, StorageError> {
        let boot_id = disk.boot_id();
        let mut state = State::default();
        if let Some(text) = checkpoint::read(&**disk, checkpoint::SYNCED_FILE)? {
            state.synced = decoded(checkpoint::SYNCED_FILE, checkpoint::decode_offsets(&text));
        }
        if let Some(text) = checkpoint::read(&**disk, checkpoint::LOG_START_FILE)? {
            let offsets = checkpoint::decode_offsets(&text);
            state.log_starts = decoded(checkpoint::LOG_START_FILE, offsets);
        }
        if let Some(text) = checkpoint::read(&**disk, checkpoint::CLEANED_FILE)? {
            state.cleaned = decoded(checkpoint::CLEANED_FILE, checkpoint::decode_offsets(&text));
        }
        if let (Some(boot_id), Some(text)) = (
            boot_id.as_deref(),
            checkpoint::read(&**disk, checkpoint::VERIFIED_FILE)?,
        ) {
            state.verified = checkpoint::decode_verified(&text, boot_id).unwrap_or_default();
        }
        if let Some(text) = checkpoint::read(&**disk, checkpoint::CLEAN_FILE)? {
            state.ended = decoded(checkpoint::CLEAN_FILE, checkpoint::decode_clean(&text));
            disk.remove(checkpoint::CLEAN_FILE)
                .and_then(|()| disk.sync_folder(""))
                .map_err(|error| StorageError::io("remove", checkpoint::CLEAN_FILE, error))?;
        }
        Ok(Marks {
            disk: Arc::clone(disk),
            boot_id,
            state: Mutex::new(state),
            saving: Mutex::default(),
        })
    }

    /// What is known about a log that is about to be opened.
    pub fn of(&self, folder: &str) -> LogMarks {
        let state = self.state();
        let at = |offsets: &Offsets| offsets.get(folder).copied().unwrap_or_default();
        LogMarks {
            synced: at(&state.synced),
            verified: state.verified.get(folder).copied(),
            log_start: at(&state.log_starts),
            cleaned: state.cleaned.get(folder).copied(),
            clean_end: state.ended.get(folder).copied(),
        }
    }

    /// Whether anything is known about a log there.
    pub fn know(&self, folder: &str) -> bool {
        let state = self.state();
        let known = [&state.synced, &state.log_starts, &state.cleaned];
        known.iter().any(|offsets| offsets.contains_key(folder))
            || state.verified.contains_key(folder)
            || state.ended.contains_key(folder)
    }

    /// The log was opened and ends at `log_end`: how it was stopped is no
    /// longer true, nor what was said of bytes that are gone.
    pub fn opened(&self, folder: &str, log_end: Offset) {
        let mut state = self.state();
        state.ended.remove(folder);
        if state
            .verified
            .get(folder)
            .is_some_and(|mark| mark.offset > log_end)
        {
            state.verified.remove(folder);
        }
    }

    /// Everything below `offset` is synced. `urgently` when much depends on it.
    pub fn synced(&self, folder: &str, offset: Offset, urgently: bool) {
        let mut state = self.state();
        state.synced.insert(folder.to_owned(), offset);
        state.save_within(if urgently {
            Duration::ZERO
        } else {
            SAVE_WITHIN
        });
    }

    /// Nothing below `offset` may be read any more.
    pub fn log_start(&self, folder: &str, offset: Offset) {
        let mut state = self.state();
        state.log_starts.insert(folder.to_owned(), offset);
        state.save_within(Duration::ZERO);
    }

    /// So far the log is written whole. Written to the file at once, but not
    /// synced: it matters only while the system runs.
    pub fn verified(&self, folder: &str, mark: Verified) -> Result<(), StorageError> {
        let Some(boot_id) = &self.boot_id else {
            return Ok(());
        };
        let _alone = self.saving();
        let text = {
            let mut state = self.state();
            state.verified.insert(folder.to_owned(), mark);
            checkpoint::encode_verified(boot_id, &state.verified)
        };
        checkpoint::replace(&*self.disk, checkpoint::VERIFIED_FILE, &text, false)
    }

    /// Where the last cleaning of a log ended, if there was one.
    pub fn cleaned_end(&self, folder: &str) -> Option<Offset> {
        self.state().cleaned.get(folder).copied()
    }

    /// A log was cleaned up to `offset`.
    pub fn cleaned(&self, folder: &str, offset: Offset) {
        let mut state = self.state();
        state.cleaned.insert(folder.to_owned(), offset);
        state.is_cleaned_unsaved = true;
    }

    /// A log that begins at `log_start` is about to be cleaned: whatever happens,
    /// it is known that offsets may be missing.
    pub fn cleaning(&self, folder: &str, log_start: Offset) {
        let mut state = self.state();
        if !state.cleaned.contains_key(folder) {
            state.cleaned.insert(folder.to_owned(), log_start);
            state.is_cleaned_unsaved = true;
        }
    }

    /// The segments of a log that begin before `offset` are about to be written
    /// again: a mark that tells of bytes in one of them is not true any more.
    pub fn rewriting(&self, folder: &str, offset: Offset) -> Result<(), StorageError> {
        let mark = self.state().verified.get(folder).copied();
        match (&self.boot_id, mark) {
            (Some(boot_id), Some(mark)) if mark.base < offset => {
                let _alone = self.saving();
                let text = {
                    let mut state = self.state();
                    state.verified.remove(folder);
                    checkpoint::encode_verified(boot_id, &state.verified)
                };
                checkpoint::replace(&*self.disk, checkpoint::VERIFIED_FILE, &text, false)
            }
            _ => Ok(()),
        }
    }

    /// The log ends in order, like this.
    pub fn ending(&self, folder: &str, end: CleanEnd) {
        self.state().ending.insert(folder.to_owned(), end);
    }

    /// The log in `folder` is gone. `true` when a checkpoint file still may
    /// know it: it must be saved before another log takes the folder.
    pub fn forget(&self, folder: &str) -> bool {
        let mut state = self.state();
        let was_cleaned = state.cleaned.remove(folder).is_some();
        state.is_cleaned_unsaved |= was_cleaned;
        let was_verified = state.verified.remove(folder).is_some();
        state.is_verified_stale |= was_verified;
        let known = [
            was_cleaned,
            was_verified,
            state.synced.remove(folder).is_some(),
            state.log_starts.remove(folder).is_some(),
            state.ended.remove(folder).is_some(),
        ]
        .contains(&true);
        if known {
            state.save_within(Duration::ZERO);
        }
        known
    }

    /// When the checkpoints want to be saved next.
    pub fn save_at(&self) -> Option<Instant> {
        self.state().save_at
    }

    /// Saves what must survive a power cut; after a failure, tries again later.
    pub fn save(&self) -> Result<(), StorageError> {
        self.save_alone(&self.saving())
    }

    /// Saves what must survive a power cut, unless that was done since it last
    /// changed.
    pub fn save_changed(&self) -> Result<(), StorageError> {
        let alone = self.saving();
        match self.save_at() {
            Some(_) => self.save_alone(&alone),
            None => Ok(()),
        }
    }

    /// Saves where the logs begin.
    pub fn save_log_starts(&self) -> Result<(), StorageError> {
        let _alone = self.saving();
        self.write_log_starts()
    }

    /// Saves how far logs were cleaned.
    pub fn save_cleaned(&self) -> Result<(), StorageError> {
        let _alone = self.saving();
        self.write_cleaned()
    }

    fn save_alone(&self, _alone: &MutexGuard<'_, ()>) -> Result<(), StorageError> {
        self.state().save_at = None;
        // The start first: a synced mark needs nothing from it, but a log whose
        // start went back would show deleted records again.
        let saved = self.write_log_starts().and_then(|()| self.write_cleaned());
        let saved = saved.and_then(|()| self.write_verified());
        let saved = saved.and_then(|()| {
            let synced = checkpoint::encode_offsets(&self.state().synced);
            checkpoint::replace(&*self.disk, checkpoint::SYNCED_FILE, &synced, true)
        });
        if saved.is_err() {
            self.state().save_within(SAVE_AGAIN_WITHIN);
        }
        saved
    }

    fn write_cleaned(&self) -> Result<(), StorageError> {
        let cleaned = {
            let mut state = self.state();
            if !std::mem::take(&mut state.is_cleaned_unsaved) {
                return Ok(());
            }
            checkpoint::encode_offsets(&state.cleaned)
        };
        let written = checkpoint::replace(&*self.disk, checkpoint::CLEANED_FILE, &cleaned, true);
        self.state().is_cleaned_unsaved |= written.is_err();
        written
    }

    fn write_verified(&self) -> Result<(), StorageError> {
        let Some(boot_id) = &self.boot_id else {
            return Ok(());
        };
        let text = {
            let mut state = self.state();
            if !std::mem::take(&mut state.is_verified_stale) {
                return Ok(());
            }
            checkpoint::encode_verified(boot_id, &state.verified)
        };
        let written = checkpoint::replace(&*self.disk, checkpoint::VERIFIED_FILE, &text, false);
        self.state().is_verified_stale |= written.is_err();
        written
    }

    fn write_log_starts(&self) -> Result<(), StorageError> {
        let log_starts = checkpoint::encode_offsets(&self.state().log_starts);
        checkpoint::replace(&*self.disk, checkpoint::LOG_START_FILE, &log_starts, true)
    }

    /// Writes the marker of an orderly stop; everything else must be synced.
    pub fn save_clean(&self) -> Result<(), StorageError> {
        let text = checkpoint::encode_clean(&self.state().ending);
        checkpoint::replace(&*self.disk, checkpoint::CLEAN_FILE, &text, true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saving(&self) -> MutexGuard<'_, ()> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn save_within(&mut self, delay: Duration) {
        let at = Instant::now() + delay;
        self.save_at = Some(self.save_at.map_or(at, |earlier| earlier.min(at)));
    }
}

fn decoded<T: Default>(file: &str, entries: Option<T>) -> T {
    entries.unwrap_or_else(|| {
        tracing::warn!(
            file,
            "not readable, so the logs are checked from their start"
        );
        T::default()
    })
}
