//! The segment that takes the place of others, while it is written.

use std::sync::Arc;

use ottla_core::batch::BatchHeader;
use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};
use ottla_core::partition::compaction::{BatchFilter, Verdict};

use super::swap::Replacement;
use super::view::LogView;
use super::{CLEANED, CleanError, SWAP, at_work};
use crate::storage::durability::failed;
use crate::storage::folder::Folder;
use crate::storage::index::SegmentIndex;
use crate::storage::segment::{Content, Segment};
use crate::storage::{DiskFile, StorageError};

/// How much is written at once.
const WRITE_BYTES: usize = 512 << 10;

/// A file being written. Dropped unfinished, it is removed.
pub(super) struct Output<'a> {
    view: &'a LogView,
    base: Offset,
    file: Arc<dyn DiskFile>,
    index: SegmentIndex,
    buffer: Vec<u8>,
    /// Bytes in the file and in the buffer.
    size_bytes: u64,
    is_finished: bool,
}

impl<'a> Output<'a> {
    pub fn create(view: &'a LogView, base: Offset) -> Result<Self, CleanError> {
        let name = file_name(base, CLEANED);
        let file = at_work(&view.folder, || {
            let created = view.folder.create(&name);
            created.map_err(|error| StorageError::io("create", &view.folder.path(&name), error))
        })?;
        Ok(Output {
            view,
            base,
            file,
            index: SegmentIndex::new(base),
            buffer: Vec::new(),
            size_bytes: 0,
            is_finished: false,
        })
    }

    /// Writes what is left of the next batch.
    pub fn take(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        filter: &mut BatchFilter<'_>,
    ) -> Result<(), CleanError> {
        match filter.judge(header, batch)? {
            Verdict::AsItIs => self.push(header, batch)?,
            Verdict::Rewritten(batch) => {
                let header = BatchHeader::parse(&batch).expect("it was just written");
                self.push(&header, &batch)?;
            }
            Verdict::Gone => {}
        }
        Ok(())
    }

    /// Makes it durable under the name from which a restart would go on.
    pub fn finish(
        mut self,
        run: Vec<Arc<Segment>>,
        newest_ms: i64,
    ) -> Result<Replacement, CleanError> {
        self.write_out()?;
        self.index.close();
        let view = self.view;
        let is_memory = view.storage.disk().is_memory();
        if !is_memory && !mutants::on(Mutant::SwapsInWhatIsNotSynced) {
            let synced = self.file.sync();
            synced.map_err(|error| self.disk_failed(CLEANED, error))?;
        }
        at_work(&view.folder, || {
            let (from, to) = (file_name(self.base, CLEANED), file_name(self.base, SWAP));
            let renamed = view.folder.rename(&from, &to);
            renamed.map_err(|error| StorageError::io("rename", &view.folder.path(&from), error))?;
            let folder = view.folder.name();
            let synced = view.storage.disk().sync_folder(folder);
            synced.map_err(|error| self.disk_failed("", error))
        })?;
        self.is_finished = true;
        let index = std::mem::replace(&mut self.index, SegmentIndex::new(self.base));
        let content = Content {
            file: Arc::clone(&self.file),
            size_bytes: self.size_bytes,
            index,
            newest_ms,
        };
        let interval = view.config.index_interval_bytes;
        let segment = Segment::replacing(&view.folder, self.base, interval, content);
        Ok(Replacement::new(view, run, Arc::new(segment)))
    }

    fn push(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<(), StorageError> {
        // A group of segments is as large as one at most, which is 2 GiB.
        let position = u32::try_from(self.size_bytes).map_err(|_| self.too_large())?;
        let interval = self.view.config.index_interval_bytes;
        self.index.note(header, position, interval);
        self.buffer.extend_from_slice(batch);
        self.size_bytes += batch.len() as u64;
        match self.buffer.len() >= WRITE_BYTES {
            true => self.write_out(),
            false => Ok(()),
        }
    }

    fn write_out(&mut self) -> Result<(), StorageError> {
        let written_bytes = self.size_bytes - self.buffer.len() as u64;
        let written = self.file.write_at(written_bytes, &self.buffer);
        written.map_err(|error| StorageError::io("write", &self.path(CLEANED), error))?;
        self.buffer.clear();
        Ok(())
    }

    /// A sync that failed says that the disk is not to be relied on.
    fn disk_failed(&self, suffix: &str, error: std::io::Error) -> StorageError {
        let failure = failed(&self.path(suffix), error);
        self.view.storage.health().fail(failure)
    }

    fn too_large(&self) -> StorageError {
        let error = std::io::ErrorKind::FileTooLarge.into();
        StorageError::io("write", &self.path(CLEANED), error)
    }

    fn path(&self, suffix: &str) -> String {
        self.view.folder.path(&file_name(self.base, suffix))
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let folder = &self.view.folder;
        folder.work(|| remove_quietly(folder, self.base));
    }
}

/// Removes what was written in vain.
pub(super) fn remove_quietly(folder: &Folder, base: Offset) {
    for suffix in [CLEANED, SWAP] {
        let name = file_name(base, suffix);
        if let Err(error) = folder.remove(&name) {
            tracing::warn!(path = folder.path(&name), %error, "a half-cleaned segment stays");
        }
    }
}

/// The name of a segment's file, as Kafka gives it.
pub(super) fn file_name(base: Offset, suffix: &str) -> String {
    format!("{:020}{suffix}", base.0)
}
