//! Folders of logs that are gone: moved out of the way, then removed.
//!
//! Owns both steps, which wait for the disk and are done by the chores. A log
//! that is opened under the same name meanwhile has the first step done at
//! once. Before a folder is moved the checkpoints are saved without the marks of
//! its log: those that are found in them are of who has the name now, and as
//! long as they are of the old log, so is what is in the folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::chores::Chores;
use super::folder::Folder;
use super::marks::Marks;
use super::{Disk, StorageError};

/// What the name of a folder ends with that holds a partition's folder which is
/// about to be removed. Nothing is added to the name of that itself: a topic's
/// name may be as long as a file system takes.
const DELETED_FOLDER: &str = "-delete";

/// The folders that are being removed.
#[derive(Debug)]
pub(super) struct Removal {
    disk: Arc<dyn Disk>,
    marks: Arc<Marks>,
    /// Not moved yet, and where to, by name.
    leaving: Mutex<BTreeMap<Arc<str>, Leaving>>,
    /// Tells apart the folders they are moved to.
    count: AtomicU64,
}

#[derive(Clone, Debug)]
struct Leaving {
    folder: Arc<Folder>,
    aside: String,
}

impl Removal {
    pub fn new(disk: &Arc<dyn Disk>, marks: &Arc<Marks>) -> Arc<Removal> {
        Arc::new(Removal {
            disk: Arc::clone(disk),
            marks: Arc::clone(marks),
            leaving: Mutex::default(),
            count: AtomicU64::new(0),
        })
    }

    /// Goes on with what an earlier process had moved away.
    pub fn go_on(self: &Arc<Self>, chores: &Chores) -> Result<(), StorageError> {
        let names = self.list("")?;
        for name in names {
            let number = name.strip_suffix(DELETED_FOLDER);
            let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
                continue;
            };
            self.count.fetch_max(number + 1, Ordering::Relaxed);
            self.unlink_later(chores, name, Duration::ZERO);
        }
        Ok(())
    }

    /// Has a folder moved away soon and removed after `delay`. Its name may be
    /// used again at once, after [`Removal::settle`].
    pub fn begin(self: &Arc<Self>, chores: &Chores, folder: Arc<Folder>, delay: Duration) {
        folder.leave();
        let name = Arc::clone(folder.name());
        self.marks.forget(&name);
        if self.disk.is_memory() {
            let removed = self.disk.remove_folder(&name);
            return removed.expect("memory refuses nothing");
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let aside = format!("{number}{DELETED_FOLDER}");
        let leaving = Leaving {
            folder,
            aside: aside.clone(),
        };
        self.leaving().insert(Arc::clone(&name), leaving);
        let removal = Arc::clone(self);
        chores.soon(Box::new(move || {
            if let Err(error) = removal.settle(&name) {
                tracing::warn!(%error, "a removed partition's folder stays for now");
            }
        }));
        self.unlink_later(chores, aside, delay);
    }

    /// Makes sure that what is in a folder is not of a log that was removed.
    pub fn settle(&self, name: &str) -> Result<(), StorageError> {
        // Held meanwhile: nobody else may begin in this folder.
        let mut all = self.leaving();
        let Some(leaving) = all.get(name) else {
            return Ok(());
        };
        leaving.folder.wait_for_work();
        self.marks.save_changed()?;
        if !self.list(name)?.is_empty() {
            let aside = &leaving.aside;
            self.disk
                .create_folder(aside)
                .and_then(|()| self.disk.rename(name, &format!("{aside}/{name}")))
                // A power cut must not bring it back where another log began.
                .and_then(|()| self.disk.sync_folder(aside))
                .and_then(|()| self.disk.sync_folder(""))
                .map_err(|error| StorageError::io("rename", name, error))?;
        }
        all.remove(name);
        Ok(())
    }

    fn unlink_later(self: &Arc<Self>, chores: &Chores, aside: String, delay: Duration) {
        let removal = Arc::clone(self);
        let unlink = move || {
            if let Err(error) = removal.disk.remove_folder(&aside) {
                tracing::warn!(%error, "a removed partition's folder stays for now");
            }
        };
        chores.after(delay, Box::new(unlink));
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        let names = self.disk.list(folder);
        names.map_err(|error| match folder {
            "" => StorageError::io("list", "the data directory", error),
            _ => StorageError::io("list", folder, error),
        })
    }

    fn leaving(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Leaving>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
