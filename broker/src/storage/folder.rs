//! The folder of one log: which files are in it, and whether it is still this
//! log's.
//!
//! Owns the paths and how a small file is replaced. A topic may be deleted and
//! made again under its name: whoever held on to the old log must never get at
//! a file of the new one, neither to read nor to write.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Disk, DiskFile};

/// One log's place on the disk, shared by all who touch its files.
pub(super) struct Folder {
    disk: Arc<dyn Disk>,
    name: Arc<str>,
    is_left: AtomicBool,
    /// Held by work on files that nobody waits for; leaving waits for it.
    at_work: Mutex<()>,
}

impl Folder {
    /// The folder `name` (`topic-0`), whether it is there or not.
    pub fn new(disk: &Arc<dyn Disk>, name: &str) -> Arc<Folder> {
        Arc::new(Folder {
            disk: Arc::clone(disk),
            name: name.into(),
            is_left: AtomicBool::new(false),
            at_work: Mutex::default(),
        })
    }

    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// A file's path, for messages and for the disk.
    pub fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.name)
    }

    /// From now on the folder is another log's. Before files of that are made
    /// in it, see [`Folder::wait_for_work`].
    pub fn leave(&self) {
        self.is_left.store(true, Ordering::SeqCst);
    }

    /// Returns when work that had begun before the log left is done.
    pub fn wait_for_work(&self) {
        drop(self.at_work.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Does work on files that nobody waits for, unless the log has left.
    pub fn work(&self, work: impl FnOnce()) {
        let _at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        if self.check_there().is_ok() {
            work();
        }
    }

    /// The names of the files; none when the folder is missing.
    pub fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list(&self.name)
    }

    /// Opens a file; not found once the log has left.
    pub fn open(&self, file: &str) -> io::Result<Arc<dyn DiskFile>> {
        let opened = self.disk.open(&self.path(file));
        // Asked afterwards: what was opened before is this log's for sure.
        self.check_there()?;
        opened
    }

    pub fn create(&self, file: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.check_there()?;
        self.disk.create(&self.path(file))
    }

    pub fn remove(&self, file: &str) -> io::Result<()> {
        self.check_there()?;
        self.disk.remove(&self.path(file))
    }

    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_there()?;
        self.disk.rename(&self.path(from), &self.path(to))
    }

    /// All bytes of a small file; `None` when it is missing.
    pub fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let read = || -> io::Result<Vec<u8>> {
            let file = self.open(file)?;
            let size = usize::try_from(file.size()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
            Ok(file.read_at(0, size)?.concat())
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a whole file in place; `durably` when it must survive a power cut.
    pub fn replace(&self, file: &str, bytes: &[u8], durably: bool) -> io::Result<()> {
        let draft = format!("{file}.tmp");
        let written = self.create(&draft)?;
        written.write_at(0, bytes)?;
        if durably {
            written.sync()?;
        }
        self.rename(&draft, file)
    }

    /// Whoever writes while the log may leave asks under [`Folder::work`].
    fn check_there(&self) -> io::Result<()> {
        match self.is_left.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
