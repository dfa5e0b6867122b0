//! Everything the logs of one broker share: the disk, and what happens on it.

use std::sync::Arc;

use super::Disk;
use super::memory::MemoryDisk;

/// One data directory, or the memory that stands for one.
#[derive(Debug)]
pub(crate) struct Storage {
    disk: Arc<dyn Disk>,
}

impl Storage {
    /// Keeps everything in memory; it is gone when the last reference is.
    pub fn in_memory() -> Arc<Storage> {
        let disk = Arc::new(MemoryDisk::default());
        Arc::new(Storage { disk })
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }
}
