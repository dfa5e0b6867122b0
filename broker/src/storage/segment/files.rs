//! A segment's files: their names, opening them, and how they go.

use std::io;
use std::sync::Arc;

use super::{DELETED, LOG, OFFSET_INDEX, Segment, State, TIME_INDEX};
use crate::storage::snapshots::SNAPSHOT;
use crate::storage::{DiskFile, StorageError};

impl Segment {
    /// Renames the files out of the way, for [`Segment::unlink`].
    pub fn set_aside(&self) -> Result<(), StorageError> {
        let mut set_aside = Ok(());
        self.folder.work(|| set_aside = self.set_files_aside());
        set_aside
    }

    fn set_files_aside(&self) -> Result<(), StorageError> {
        for name in self.names() {
            match self.folder.rename(&name, &format!("{name}{DELETED}")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StorageError::io("rename", &self.folder.path(&name), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files that were set aside.
    pub fn unlink(&self) {
        self.folder.work(|| self.unlink_files());
    }

    fn unlink_files(&self) {
        for name in self.names() {
            if let Err(error) = self.folder.remove(&format!("{name}{DELETED}")) {
                let path = self.folder.path(&name);
                tracing::warn!(path, %error, "file of a removed segment stays");
            }
        }
    }

    /// The name of one of its files. Kafka's: 20 digits.
    pub(super) fn name(&self, suffix: &str) -> String {
        format!("{:020}{suffix}", self.base.0)
    }

    /// All that goes with it.
    pub(super) fn names(&self) -> [String; 4] {
        [LOG, OFFSET_INDEX, TIME_INDEX, SNAPSHOT].map(|suffix| self.name(suffix))
    }

    pub(super) fn opened(&self, state: &mut State) -> Result<Arc<dyn DiskFile>, StorageError> {
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let name = self.name(LOG);
        let opened = self.folder.open(&name).or_else(|error| match error.kind() {
            // It may have been set aside since the read was planned.
            io::ErrorKind::NotFound => self.folder.open(&format!("{name}{DELETED}")),
            _ => Err(error),
        });
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageError::SegmentGone,
            _ => self.failed_to("open", error),
        })?;
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    pub(super) fn whole_file(&self, suffix: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let name = self.name(suffix);
        let read = self.folder.read(&name);
        read.map_err(|error| StorageError::io("read", &self.folder.path(&name), error))
    }
}
