//! A disk in memory that fails as it is told, forgets what was not synced when
//! the power is cut, and can tell its history change by change.
//!
//! For tests: of this crate, and behind the feature `faulty-disk` of whoever
//! judges a whole broker. It stands in for the file system below one data
//! directory; nothing of the broker knows which of the two it has.

mod history;
mod state;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{Disk, DiskFile};
use super::{Storage, StorageError};
pub use history::History;
use state::{Change, FileId, State};

/// What a power cut takes of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: it had all been written in time.
    Nothing,
    /// All of it: bytes, sizes, and names in folders.
    Unsynced,
    /// Each 512-byte sector, each cut and the latest names on their own, as a
    /// seed decides; some sectors come back with a flipped bit.
    Torn {
        /// The same seed loses the same.
        seed: u64,
    },
}

/// A disk in memory that can be told to fail.
#[derive(Debug, Default)]
pub struct FaultyDisk {
    shared: Arc<Shared>,
    /// How often the power was cut.
    boot: u64,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Held {
    state: State,
    /// From when it was asked for.
    history: Option<History>,
}

/// What goes wrong, as long as it is set.
#[derive(Default)]
pub struct Faults {
    /// Bytes that may still be written; what is more finds no space (ENOSPC).
    pub space_bytes: Mutex<Option<usize>>,
    /// Reads fail (EIO).
    pub reads_fail: AtomicBool,
    /// Reads end early, as if the file did.
    pub short_reads: AtomicBool,
    /// Writes fail after the first half of their bytes (EIO).
    pub writes_fail: AtomicBool,
    /// Files cannot be cut (EIO).
    pub truncate_fails: AtomicBool,
    /// Syncs of files fail (EIO).
    pub sync_fails: AtomicBool,
    /// Happens in the middle of the next sync.
    pub during_sync: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// How often one file was synced, and all of them at once.
    pub syncs_of_files: AtomicU64,
    /// See above.
    pub syncs_of_all: AtomicU64,
    /// The most bytes that were asked for at once.
    pub largest_read: AtomicU64,
    /// Bytes that were asked for in all.
    pub asked_bytes: AtomicU64,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "space {:?}", self.space_bytes)
    }
}

impl FaultyDisk {
    /// An empty disk that works.
    pub fn new() -> Arc<FaultyDisk> {
        Arc::new(FaultyDisk::default())
    }

    /// To make it fail.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// A copy as another start of the system finds it, when nothing was lost.
    pub fn after_power_cut(&self) -> Arc<FaultyDisk> {
        self.after_power_cut_with(Loss::Nothing)
    }

    /// A copy as another start of the system finds it. It works.
    pub fn after_power_cut_with(&self, loss: Loss) -> Arc<FaultyDisk> {
        let state = self.held().state.after_power_cut(loss);
        FaultyDisk::of(state, self.boot + 1)
    }

    /// A copy as the same system finds it once the process was killed: nothing
    /// is lost, and nothing is surer than it was. It works.
    pub fn after_kill(&self) -> Arc<FaultyDisk> {
        let state = self.held().state.clone();
        FaultyDisk::of(state, self.boot)
    }

    /// Begins to keep every change, from what there is now on.
    pub fn keep_history(&self) {
        let mut held = self.held();
        held.history = Some(History::from(&held.state, self.boot));
    }

    /// The changes since [`keep_history`](Self::keep_history); no more are kept.
    pub fn take_history(&self) -> Option<History> {
        self.held().history.take()
    }

    /// Leaves a mark in the history: whoever uses the disk has come this far.
    pub fn note(&self, number: u64) {
        self.held().change(Change::Note(number));
    }

    /// Every file's path, in order.
    pub fn paths(&self) -> Vec<String> {
        self.held().state.paths()
    }

    /// A file's bytes.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let held = self.held();
        let file = held.state.file(path);
        let file = file.unwrap_or_else(|| panic!("there is no file {path}"));
        held.state.bytes(file).to_vec()
    }

    /// Replaces a file, or makes it, its folders included; all of it is sure to
    /// survive.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        let mut held = self.held();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            held.change(Change::CreateFolder(folder.to_owned()));
        }
        held.change(Change::Create(path.to_owned()));
        let file = held.state.file(path).expect("it was just made");
        let bytes = Bytes::copy_from_slice(bytes);
        held.change(Change::Write {
            file,
            position: 0,
            bytes,
        });
        held.change(Change::Sync(file));
        held.change(Change::SyncFolder(folder.to_owned()));
        held.change(Change::SyncFolder(String::new()));
    }

    /// All files whose names end so, with their bytes.
    pub fn all(&self, suffix: &str) -> Vec<(String, Vec<u8>)> {
        let mut paths = self.paths();
        paths.retain(|path| path.ends_with(suffix));
        paths
            .into_iter()
            .map(|path| (path.clone(), self.bytes(&path)))
            .collect()
    }

    /// Removes a file, for good.
    pub fn erase(&self, path: &str) {
        let mut held = self.held();
        held.change(Change::Remove(path.to_owned()));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        held.change(Change::SyncFolder(folder.to_owned()));
    }

    /// The storage of a broker that keeps its logs here.
    pub(crate) fn storage(self: &Arc<Self>) -> Result<Arc<Storage>, StorageError> {
        Storage::on(Arc::clone(self) as _, None)
    }

    fn of(state: State, boot: u64) -> Arc<FaultyDisk> {
        let held = Held {
            state,
            history: None,
        };
        let shared = Shared {
            held: Mutex::new(held),
            faults: Faults::default(),
        };
        Arc::new(FaultyDisk {
            shared: Arc::new(shared),
            boot,
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.shared.held()
    }

    fn file(&self, file: FileId) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile {
            file,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn change(&mut self, change: Change) {
        self.state.apply(&change);
        if let Some(history) = &mut self.history {
            history.push(change);
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.held().state.file(path) {
            Some(file) => Ok(self.file(file)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut held = self.held();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !held.state.has_folder(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        held.change(Change::Create(path.to_owned()));
        let file = held.state.file(path).expect("it was just made");
        Ok(self.file(file))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        Ok(self.held().state.list(folder))
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.held().change(Change::CreateFolder(folder.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut held = self.held();
        if held.state.file(from).is_none() && !held.state.has_folder(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        held.change(Change::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut held = self.held();
        if held.state.file(path).is_some() {
            held.change(Change::Remove(path.to_owned()));
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        self.held().change(Change::RemoveFolder(folder.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.held().change(Change::SyncFolder(folder.to_owned()));
        Ok(())
    }

    fn can_sync_all(&self) -> bool {
        true
    }

    fn sync_all(&self) -> io::Result<()> {
        let faults = &self.shared.faults;
        faults.syncs_of_all.fetch_add(1, Ordering::Relaxed);
        if faults.sync_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.held().change(Change::SyncAll);
        Ok(())
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot {}", self.boot))
    }

    fn is_memory(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: FileId,
    shared: Arc<Shared>,
}

impl FaultyFile {
    fn fails(&self, fault: impl FnOnce(&Faults) -> &AtomicBool) -> io::Result<()> {
        match fault(&self.shared.faults).load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        }
    }

    /// How many bytes of a write there is space for.
    fn take_space(&self, wanted: usize) -> usize {
        let space = &self.shared.faults.space_bytes;
        match &mut *space.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(left) => {
                let fitting = wanted.min(*left);
                *left -= fitting;
                fitting
            }
            None => wanted,
        }
    }

    fn put(&self, position: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.shared.held().change(Change::Write {
                file: self.file,
                position,
                bytes: Bytes::copy_from_slice(bytes),
            });
        }
    }
}

impl DiskFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.shared.held().state.bytes(self.file).len() as u64)
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.fails(|faults| &faults.writes_fail) {
            self.put(position, &bytes[..bytes.len() / 2]);
            return Err(error);
        }
        let fitting = self.take_space(bytes.len());
        self.put(position, &bytes[..fitting]);
        match fitting == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Vec<Bytes>> {
        let faults = &self.shared.faults;
        faults
            .asked_bytes
            .fetch_add(length as u64, Ordering::Relaxed);
        faults
            .largest_read
            .fetch_max(length as u64, Ordering::Relaxed);
        self.fails(|faults| &faults.reads_fail)?;
        let held = self.shared.held();
        let bytes = held.state.bytes(self.file);
        let from = bytes.len().min(position as usize);
        let mut to = bytes.len().min(from.saturating_add(length));
        if faults.short_reads.load(Ordering::Relaxed) {
            to = from + (to - from) / 2;
        }
        Ok(vec![Bytes::copy_from_slice(&bytes[from..to])])
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.fails(|faults| &faults.truncate_fails)?;
        let file = self.file;
        self.shared.held().change(Change::Truncate { file, size });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let during_sync = &self.shared.faults.during_sync;
        let during_sync = during_sync
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let faults = &self.shared.faults;
        faults.syncs_of_files.fetch_add(1, Ordering::Relaxed);
        // What is written from here on is not part of this sync.
        self.fails(|faults| &faults.sync_fails)?;
        self.shared.held().change(Change::Sync(self.file));
        if let Some(happen) = during_sync {
            happen();
        }
        Ok(())
    }

    fn reserve(&self, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn modified_ms(&self) -> io::Result<i64> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }
}
