//! Everything the logs of one broker share: the disk, and what happens on it.

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ottla_core::ids::{Offset, TopicId};

use super::chores::Chores;
use super::file::FileDisk;
use super::folder::Folder;
use super::health::Health;
use super::lock::FolderLock;
use super::marks::Marks;
use super::memory::MemoryDisk;
use super::removal::Removal;
use super::sync::Syncer;
use super::{Disk, DiskSpace, StorageError, identity};

/// See [`Storage::on_dirtier`].
#[derive(Default)]
struct OnDirtier(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl fmt::Debug for OnDirtier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDirtier")
    }
}

/// The folder of a log that is about to be opened.
pub(super) struct Claimed {
    pub folder: Arc<Folder>,
    /// Whether a file in it tells whose it is.
    pub tells_owner: bool,
}

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
    removal: Arc<Removal>,
    /// Told when a compacted log may have become dirtier.
    on_dirtier: OnDirtier,
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
            removal: Removal::new(&disk, &marks),
            on_dirtier: OnDirtier::default(),
            disk,
            health,
            marks,
            _lock: lock,
        };
        storage.removal.go_on(&storage.chores)?;
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

    /// Removes a partition's folder that no log is open in.
    pub fn remove_stray(&self, folder: &str) {
        self.remove_folder(Folder::new(&self.disk, folder), Duration::ZERO);
    }

    /// Removes a log's folder later, off this thread; its name is free at once.
    pub(super) fn remove_folder(&self, folder: Arc<Folder>, delay: Duration) {
        self.removal.begin(&self.chores, folder, delay);
    }

    /// The folder of a log that is about to be opened. What another topic of
    /// that name has left in it is removed first, as if it had been deleted now;
    /// only then are the marks of that name this log's. Whose a folder is was
    /// synced before anything in it, so one that does not tell, and has no mark
    /// of a sync, holds nothing that had to survive.
    pub(super) fn claim(&self, name: &str, topic_id: TopicId) -> Result<Claimed, StorageError> {
        self.removal.settle(name)?;
        let folder = Folder::new(&self.disk, name);
        let owner = identity::read(&folder)?;
        let is_ours = owner.map_or_else(
            || self.marks.of(name).synced > Offset(0),
            |owner| owner == topic_id,
        );
        if is_ours || self.disk.is_memory() {
            let tells_owner = owner.is_some();
            return Ok(Claimed {
                folder,
                tells_owner,
            });
        }
        let names = folder.list();
        let names = names.map_err(|error| StorageError::io("list", name, error))?;
        if names.is_empty() {
            // A power cut took the folder; what is marked is of who had the name.
            self.marks.forget(name);
        } else {
            let folder_name = name;
            match owner {
                Some(_) => tracing::warn!(
                    folder_name,
                    "a deleted topic's, which had come back: removed"
                ),
                None => tracing::warn!(
                    folder_name,
                    "nothing in it was ever synced, not even whose it is: removed"
                ),
            }
            self.remove_folder(folder, Duration::ZERO);
            self.removal.settle(name)?;
        }
        Ok(Claimed {
            folder: Folder::new(&self.disk, name),
            tells_owner: false,
        })
    }

    /// Whether there may be something of a log in `folder`. If not, it need not
    /// be opened before somebody asks for it.
    pub fn knows_log(&self, folder: &str) -> bool {
        let is_empty = |names: Vec<String>| names.is_empty();
        self.marks.know(folder) || !self.disk.list(folder).is_ok_and(is_empty)
    }

    /// Sets, once, who is told when a segment of a compacted log was closed, or
    /// a log is compacted from now on. It runs under the log's lock.
    pub fn on_dirtier(&self, tell: Box<dyn Fn() + Send + Sync>) {
        // A second owner would be a mistake of this program; the first stays.
        let _ = self.on_dirtier.0.set(tell);
    }

    pub(super) fn dirtier(&self) {
        if let Some(tell) = self.on_dirtier.0.get() {
            tell();
        }
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

    fn names(&self) -> Result<Vec<String>, StorageError> {
        let names = self.disk.list("");
        names.map_err(|error| StorageError::io("list", "the data directory", error))
    }
}
