//! From batch to batch through a segment, until somebody says stop.

use std::io;

use bytes::Bytes;
use ottla_core::batch::BatchHeader;
use ottla_core::batch::compression::record_bytes;
use ottla_core::partition::compaction::{CompactionError, Marker, marker_of};

use super::{CleanError, INFLATED_BYTES_MAX};
use crate::storage::scan::BatchScan;
use crate::storage::segment::Segment;
use crate::storage::{DiskFile, StorageError};

/// How much is read at once where all bytes are (Kafka's
/// `log.cleaner.io.buffer.size`).
pub(super) const READ_BYTES: usize = 512 << 10;

/// A place in a segment.
pub(super) struct Walk<'a> {
    segment: &'a Segment,
    scan: BatchScan<'a>,
    /// The batch that was looked at last, not passed yet.
    current: Option<BatchHeader>,
}

impl<'a> Walk<'a> {
    /// Begins at `position`, where a batch begins.
    pub fn new(
        segment: &'a Segment,
        file: &'a dyn DiskFile,
        position: u64,
        read_bytes: usize,
    ) -> Self {
        Walk {
            segment,
            scan: BatchScan::new(file, position, segment.size_bytes(), read_bytes),
            current: None,
        }
    }

    /// The next batch, whole; `None` at the segment's end.
    pub fn next(
        &mut self,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<(BatchHeader, Bytes)>, CleanError> {
        let Some(header) = self.next_header(go_on)? else {
            return Ok(None);
        };
        let batch = self.scan.batch(&header);
        Ok(Some((
            header,
            batch.map_err(|error| self.unreadable(error))?,
        )))
    }

    /// The next batch's header; `None` at the segment's end.
    pub fn next_header(
        &mut self,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<BatchHeader>, CleanError> {
        if let Some(passed) = self.current.take() {
            self.scan.pass(&passed);
        }
        if !go_on() {
            return Err(CleanError::Stopped);
        }
        if self.scan.is_at_end() {
            return Ok(None);
        }
        let header = self.scan.header().map_err(|error| self.unreadable(error))?;
        if header.is_none() {
            let message = format!("no record batch at byte {}", self.scan.position());
            let error = io::Error::new(io::ErrorKind::InvalidData, message);
            return Err(self.unreadable(error).into());
        }
        self.current = header;
        Ok(header)
    }

    /// What the control batch says whose header came last.
    pub fn marker(&mut self, header: &BatchHeader) -> Result<Option<Marker>, CleanError> {
        let batch = self.scan.batch(header);
        let batch = batch.map_err(|error| self.unreadable(error))?;
        let marker = record_bytes(header, &batch, INFLATED_BYTES_MAX)
            .map_err(Into::into)
            .and_then(|bytes| marker_of(header, &bytes));
        Ok(marker.map_err(|problem| CompactionError::Records {
            base_offset: header.base_offset,
            problem,
        })?)
    }

    fn unreadable(&self, error: io::Error) -> StorageError {
        StorageError::io("read", &self.segment.log_path(), error)
    }
}
