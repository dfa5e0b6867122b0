//! One process per data directory.
//!
//! Owns the file `.lock`, which the operating system frees with the process,
//! however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::StorageError;

const LOCK_FILE: &str = ".lock";

/// Held as long as this process works in a data directory.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says who cannot have it; never waits.
    pub fn take(root: &Path) -> Result<FolderLock, StorageError> {
        let path = root.join(LOCK_FILE);
        let shown = path.display().to_string();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StorageError::io("open", &shown, error))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse {
                folder: root.display().to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(StorageError::io("lock", &shown, error)),
        }
    }
}
