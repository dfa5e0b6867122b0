//! What can go wrong between a log and its disk.

use std::io;
use std::sync::Arc;

use ottla_core::ids::Offset;
use thiserror::Error;

/// Why the storage could not do what was asked. Cheap to clone: one failure
/// may have to be told to many.
#[derive(Clone, Debug, Error)]
pub(crate) enum StorageError {
    /// No space, or a quota. Nothing was written; writing works again once
    /// there is space.
    #[error("no space left on the disk that holds {path}: free some, reads go on meanwhile")]
    DiskFull {
        /// What was to grow.
        path: String,
    },
    /// The operating system refused an operation. What was asked did not
    /// happen, and nothing else changed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// An fsync failed: what is on the disk is not known any more, and asking
    /// again would not tell (the pages may have been dropped).
    #[error("a sync of {path} failed, so this disk takes no more writes until a restart: {source}")]
    DiskFailed {
        /// Which file's sync.
        path: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Bytes that had been synced are damaged or gone.
    #[error(
        "{folder} is damaged at offset {offset}, below {synced} which had been synced: \
         restore the partition's folder or delete the topic"
    )]
    Corrupt {
        /// The partition's folder.
        folder: String,
        /// The first offset that cannot be read.
        offset: Offset,
        /// Up to where the log had been synced.
        synced: Offset,
    },
    /// This log can no longer be written or read.
    #[error("{folder} is offline: {reason}")]
    Offline {
        /// The partition's folder.
        folder: String,
        /// The failure that put it there.
        reason: String,
    },
    /// The segment was removed between planning a read and reading.
    #[error("the segment was deleted while it was being read")]
    SegmentGone,
    /// Another process works in the same folder.
    #[error(
        "{folder} is in use by another process: stop that broker or choose another data directory"
    )]
    InUse {
        /// The data directory.
        folder: String,
    },
}

impl StorageError {
    /// An I/O failure, told apart by kind.
    pub(super) fn io(action: &'static str, path: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::DiskFull {
                path: path.to_owned(),
            },
            _ => StorageError::Io {
                action,
                path: path.to_owned(),
                source: Arc::new(source),
            },
        }
    }
}

/// Why a read cannot be planned.
#[derive(Clone, Debug, Error)]
pub(crate) enum ReadError {
    /// Nothing has that offset, now or next.
    #[error("offset {from} is outside of the log, which goes from {log_start} to {log_end}")]
    OffsetOutOfRange {
        /// What was asked for.
        from: Offset,
        /// The first offset there is.
        log_start: Offset,
        /// The next offset to be written.
        log_end: Offset,
    },
    /// The log is offline, or its index could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
