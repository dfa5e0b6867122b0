//! Where batches live: segments in memory or on disk, read back byte for byte.
//!
//! Owns the files of partitions, their recovery after a crash, and the threads
//! that sync and tidy up. It never decides what may be appended, never assigns
//! an offset and never changes a byte of a batch.
//!
//! ```text
//! Partition (its mutex) ── Log ──┬─ Segment … Segment (active)     bytes and indexes
//!                                ├─ Tail       the newest bytes, refcounted
//!                                └─ Durability what is written, what is synced
//!      Storage ── Disk (file · memory) · syncing thread · checkpoints · folder lock
//! ```

mod checkpoint;
mod chores;
mod chunks;
mod cleaner;
mod config;
mod durability;
mod error;
#[cfg(any(test, feature = "faulty-disk"))]
#[cfg_attr(
    not(feature = "faulty-disk"),
    allow(
        dead_code,
        reason = "the tests here need less of it than who judges a broker"
    )
)]
pub(crate) mod faulty;
mod file;
mod folder;
mod health;
mod identity;
mod index;
mod lock;
mod log;
mod marks;
mod memory;
mod piece;
mod read;
mod recovery;
mod remember;
mod removal;
mod retention;
mod scan;
mod segment;
mod snapshots;
mod store;
mod sync;
mod tail;
mod timestamps;
mod walk;
mod warmth;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod send_tests;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod testing;

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use cleaner::{CleanError, LogView, Replacement};
pub(crate) use config::LogConfig;
pub(crate) use error::{ReadError, StorageError};
pub(crate) use log::Log;
pub(crate) use piece::{Piece, Stretch};
pub(crate) use read::{Cold, ReadPlan};
pub(crate) use retention::{Expiry, StartMark};
pub(crate) use snapshots::Remembered;
pub(crate) use store::Storage;
pub(crate) use timestamps::{Located, TimestampLookup};

/// What a partition's log needs of a disk. Paths are relative to its root and
/// use `/`; nothing here is asynchronous, callers choose the thread.
pub(crate) trait Disk: Send + Sync + fmt::Debug {
    /// Opens an existing file to read and write.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file to read and write, making it empty if it is there.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// The names in a folder, in no order; none when the folder is missing.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Makes a folder; one that is there already is fine.
    fn create_folder(&self, folder: &str) -> io::Result<()>;
    /// Renames a file or folder, replacing a file of that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; one that is gone already is fine.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder and what is in it; one that is gone already is fine.
    fn remove_folder(&self, folder: &str) -> io::Result<()>;
    /// Makes the names in a folder as durable as `DiskFile::sync` makes bytes.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
    /// Whether [`Disk::sync_all`] does what it says here.
    fn can_sync_all(&self) -> bool {
        false
    }
    /// Returns once every byte and every name would survive a power cut. One call
    /// costs less than many syncs of files that were written to little.
    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Names this start of the operating system: files written under the same
    /// boot have lost nothing but with it. `None` where it cannot be told.
    fn boot_id(&self) -> Option<String>;
    /// The room of the file system below; `None` where it cannot be told.
    fn space(&self) -> Option<DiskSpace> {
        None
    }
    /// Whether every byte is in memory: reads never block, and nothing gains
    /// by syncing or by keeping a second copy.
    fn is_memory(&self) -> bool;
}

/// The room of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiskSpace {
    pub(crate) total_bytes: u64,
    /// What this process could still write.
    pub(crate) usable_bytes: u64,
}

/// One open file of a [`Disk`].
pub(crate) trait DiskFile: Send + Sync + fmt::Debug {
    /// Bytes in the file, without what was only reserved.
    fn size(&self) -> io::Result<u64>;
    /// Writes all of `bytes` at `position`, at most the file's size. Bytes that
    /// lay behind the end of the write must not be relied on. After an error any
    /// part may have been written.
    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()>;
    /// Up to `length` bytes from `position`: fewer only where the file ends.
    /// Pieces follow one another and are shared, not copied, where that is
    /// possible.
    fn read_at(&self, position: u64, length: usize) -> io::Result<Vec<Bytes>>;
    /// Cuts the file to `size` bytes and gives back what was reserved behind.
    fn truncate(&self, size: u64) -> io::Result<()>;
    /// Returns once the bytes and the size would survive a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Takes disk space up to `size` bytes without changing the file's size. A
    /// hint: where it is not supported nothing happens.
    fn reserve(&self, size: u64) -> io::Result<()>;
    /// When the file was last written, Unix milliseconds.
    fn modified_ms(&self) -> io::Result<i64>;
    /// Waits until these bytes are in memory, as good as all of them, so that
    /// who takes them soon will not wait for a disk.
    fn warm_up(&self, _position: u64, _length: usize) -> io::Result<()> {
        Ok(())
    }
    /// Whether these bytes are in memory already, to all appearances: who was
    /// told so and is wrong waits for a disk.
    fn is_warm(&self, _position: u64, _length: usize) -> bool {
        false
    }
    /// The operating system's file, if it is one.
    fn plain(&self) -> Option<&std::fs::File> {
        None
    }
}
