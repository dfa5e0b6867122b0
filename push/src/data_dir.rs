//! The directory of one push service: private to its user, and to one process at a time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A directory that this process, and no other, uses until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made, or written to.
    #[error("cannot use the data directory {}: {cause}", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// Another process uses it.
    #[error("another push service uses the data directory {}; stop it, or choose another with --data", .0.display())]
    InUse(PathBuf),
}

impl DataDir {
    /// Takes `path` by the file `lock` in it, and makes it if it is not there. Services with locks
    /// of different names may share a directory.
    ///
    /// # Errors
    /// When it cannot be used, or another process holds the lock.
    pub fn open(path: &Path, lock: &str) -> Result<Self, DataDirError> {
        let unusable = |cause| DataDirError::Unusable {
            path: path.to_owned(),
            cause,
        };
        // Endpoints and keys are in it: only for its owner.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(unusable)?;
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(lock))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => Err(unusable(cause)),
        }
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push");
        let first = DataDir::open(&path, "lock").unwrap();
        assert!(matches!(
            DataDir::open(&path, "lock"),
            Err(DataDirError::InUse(_))
        ));
        drop(first);
        DataDir::open(&path, "lock").unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push");
        fs::write(&path, "").unwrap();
        let error = DataDir::open(&path, "lock").unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
