//! Everything the logs of one broker share: the disk, and what happens on it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::chores::Chores;
use super::file::FileDisk;
use super::health::Health;
use super::lock::FolderLock;
use super::marks::Marks;
use super::memory::MemoryDisk;
use super::sync::Syncer;
use super::{Disk, DiskSpace, StorageError};

/// What the name of a folder ends with that holds a partition's folder which is
/// about to be removed. Nothing is added to the name of that itself: a topic's
/// name may be as long as a file system takes.
const DELETED_FOLDER: &str = "-delete";

/// One data directory, or the memory that stands for one.
#[derive(Debug)]
pub(crate) struct Storage {
    disk: Arc<dyn Disk>,
    health: Arc<Health>,
    marks: Arc<Marks>,
    syncer: Syncer,
    chores: Chores,
    /// Bytes in the tails of all logs.
    tail_bytes: AtomicU64,
    /// Tells apart the folders of logs that are being removed.
    removals: AtomicU64,
    /// Dropped last: until then the directory is ours.
    _lock: Option<FolderLock>,
}

impl Storage {
    /// Keeps everything in memory; it is gone when the last reference is.
    pub fn in_memory() -> Arc<Storage> {
        let disk = Arc::new(MemoryDisk::default());
        let storage = Storage::on(disk, None);
        storage.expect("there is nothing in memory yet that could not be read")
    }

    /// The data directory at `root`, which is made when it is missing, and is
    /// refused when another process works in it.
    pub fn open(root: &Path) -> Result<Arc<Storage>, StorageError> {
        let disk = FileDisk::open(root)
            .map_err(|error| StorageError::io("create", &root.display().to_string(), error))?;
        let lock = FolderLock::take(root)?;
        Storage::on(Arc::new(disk), Some(lock))
    }

    /// Any disk; what was begun to be removed from it before is removed.
    pub(super) fn on(
        disk: Arc<dyn Disk>,
        lock: Option<FolderLock>,
    ) -> Result<Arc<Storage>, StorageError> {
        let health = Arc::new(Health::default());
        let marks = Arc::new(Marks::load(&disk)?);
        let storage = Storage {
            syncer: Syncer::new(Arc::clone(&disk), Arc::clone(&health), Arc::clone(&marks)),
            chores: Chores::default(),
            tail_bytes: AtomicU64::new(0),
            removals: AtomicU64::new(0),
            disk,
            health,
            marks,
            _lock: lock,
        };
        storage.go_on_removing()?;
        Ok(Arc::new(storage))
    }

    /// The folders of partitions there are (`topic-0`), in order.
    pub fn folders(&self) -> Result<Vec<String>, StorageError> {
        let mut folders = self.names()?;
        folders.retain(|name| {
            let index = name.rsplit_once('-').map(|(_, index)| index);
            index.is_some_and(|index| index.parse::<u32>().is_ok())
        });
        folders.sort_unstable();
        Ok(folders)
    }

    /// Ends the threads after all that was asked of them, and writes the marker
    /// of an orderly stop. Logs that were closed before open without recovery.
    pub fn close(&self) -> Result<(), StorageError> {
        self.chores.stop();
        self.syncer.stop();
        if self.disk.is_memory() {
            return Ok(());
        }
        self.health.check()?;
        self.marks.save_clean()
    }

    /// The room left and in all; `None` in memory.
    pub fn space(&self) -> Option<DiskSpace> {
        self.disk.space()
    }

    /// Whether writing has not ended for good.
    pub fn is_online(&self) -> bool {
        self.health.check().is_ok()
    }

    /// Moves a partition's folder out of the way and removes it later.
    pub fn remove_folder(&self, folder: &str, delay: Duration) -> Result<(), StorageError> {
        let io = |doing, error| StorageError::io(doing, folder, error);
        let files = self.disk.list(folder).map_err(|error| io("list", error))?;
        if files.is_empty() {
            // A log that was never appended to has no folder.
            return Ok(());
        }
        let number = self.removals.fetch_add(1, Ordering::Relaxed);
        let aside = format!("{number}{DELETED_FOLDER}");
        self.disk
            .create_folder(&aside)
            .and_then(|()| self.disk.rename(folder, &format!("{aside}/{folder}")))
            .map_err(|error| io("rename", error))?;
        self.marks.forget(folder);
        self.unlink_folder(aside, delay);
        Ok(())
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    pub(super) fn marks(&self) -> &Arc<Marks> {
        &self.marks
    }

    pub(super) fn syncer(&self) -> &Syncer {
        &self.syncer
    }

    pub(super) fn chores(&self) -> &Chores {
        &self.chores
    }

    pub(super) fn tail_bytes(&self) -> &AtomicU64 {
        &self.tail_bytes
    }

    /// Removes what an earlier process had set aside.
    fn go_on_removing(&self) -> Result<(), StorageError> {
        for name in self.names()? {
            let number = name.strip_suffix(DELETED_FOLDER);
            let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
                continue;
            };
            self.removals.fetch_max(number + 1, Ordering::Relaxed);
            let folders = self.disk.list(&name);
            for folder in folders.map_err(|error| StorageError::io("list", &name, error))? {
                self.marks.forget(&folder);
            }
            self.unlink_folder(name, Duration::ZERO);
        }
        Ok(())
    }

    /// Removes a folder that was set aside. As long as it is there, marks of
    /// its log may be in the checkpoints: these are saved first.
    fn unlink_folder(&self, folder: String, delay: Duration) {
        if self.disk.is_memory() {
            let removed = self.disk.remove_folder(&folder);
            return removed.expect("memory refuses nothing");
        }
        let disk = Arc::clone(&self.disk);
        let marks = Arc::clone(&self.marks);
        let unlink = move || {
            let saved = marks.save();
            let removed = saved.and_then(|()| {
                let removed = disk.remove_folder(&folder);
                removed.map_err(|error| StorageError::io("remove", &folder, error))
            });
            if let Err(error) = removed {
                tracing::warn!(%error, "a removed partition's folder stays for now");
            }
        };
        self.chores.after(delay, Box::new(unlink));
    }

    fn names(&self) -> Result<Vec<String>, StorageError> {
        let names = self.disk.list("");
        names.map_err(|error| StorageError::io("list", "the data directory", error))
    }
}
