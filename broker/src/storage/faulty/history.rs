//! What happened to a disk, so that it can be had as it was at every moment.

use std::sync::Arc;

use super::state::{Change, SECTOR_BYTES, State};
use super::{FaultyDisk, Loss};

/// A disk's changes in order, and the disk as it was after the ones that were
/// stepped over. Begins at the first.
#[derive(Clone, Debug)]
pub struct History {
    state: State,
    boot: u64,
    changes: Vec<Change>,
    passed: usize,
    noted: u64,
}

impl History {
    pub(super) fn from(state: &State, boot: u64) -> History {
        History {
            state: state.clone(),
            boot,
            changes: Vec::new(),
            passed: 0,
            noted: 0,
        }
    }

    pub(super) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// How many changes there are, notes among them.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes were stepped over.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// The last number [noted](FaultyDisk::note) before here; 0 if none was.
    pub fn noted(&self) -> u64 {
        self.noted
    }

    /// Steps over the next change. `false` at the end.
    pub fn step(&mut self) -> bool {
        let Some(change) = self.changes.get(self.passed) else {
            return false;
        };
        if let Change::Note(number) = change {
            self.noted = *number;
        }
        self.state.apply(change);
        self.passed += 1;
        true
    }

    /// Whether the next step changes the disk: notes do not.
    pub fn is_before_a_change(&self) -> bool {
        let next = self.changes.get(self.passed);
        next.is_some_and(|change| !matches!(change, Change::Note(_)))
    }

    /// The next change, for people.
    pub fn next_change(&self) -> String {
        let next = self.changes.get(self.passed);
        next.map_or_else(
            || "the end".to_owned(),
            |change| self.state.describe(change),
        )
    }

    /// The disk after the process was killed here.
    pub fn after_kill(&self) -> Arc<FaultyDisk> {
        FaultyDisk::of(self.state.clone(), self.boot)
    }

    /// The disk after the process was killed in the middle of the next write,
    /// with its first sectors done; none when it is no write or too short.
    pub fn after_kill_within_write(&self, sectors: u64) -> Option<Arc<FaultyDisk>> {
        let kept = usize::try_from(sectors.checked_mul(SECTOR_BYTES)?).ok()?;
        let torn = self.changes.get(self.passed)?.torn(kept)?;
        let mut state = self.state.clone();
        state.apply(&torn);
        Some(FaultyDisk::of(state, self.boot))
    }

    /// The disk after the power was cut here, or in the middle of the next
    /// change: with [`Loss::Torn`] any part of that may have happened too.
    pub fn after_power_cut(&self, loss: Loss) -> Arc<FaultyDisk> {
        let state = match (loss, self.changes.get(self.passed)) {
            // A sync that did not return promises nothing.
            (Loss::Torn { .. }, Some(next))
                if !matches!(
                    next,
                    Change::Sync(_) | Change::SyncFolder(_) | Change::SyncAll
                ) =>
            {
                let mut state = self.state.clone();
                state.apply(next);
                state.after_power_cut(loss)
            }
            _ => self.state.after_power_cut(loss),
        };
        FaultyDisk::of(state, self.boot + 1)
    }
}
