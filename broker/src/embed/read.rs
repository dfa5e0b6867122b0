//! Records out of a partition's log, typed; compressed batches included.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use ottla_core::batch::{BatchHeader, batches, compression, records};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::error::EmbedError;
use super::record::Record;
use crate::node::partition::{FetchFrom, Partition, Planned};

/// Read at a time; a batch larger than this comes whole.
const READ_BYTES: usize = 1 << 20;
/// What one batch may inflate to.
const INFLATED_BYTES_MAX: usize = 256 << 20;

/// Reads one partition from its start on, each record once.
#[derive(Debug)]
pub(super) struct Reader {
    topic: String,
    partition: Arc<Partition>,
    next: Offset,
    /// The high watermark up to which it has read.
    seen: Offset,
}

impl Reader {
    pub(super) fn new(topic: &str, partition: Arc<Partition>) -> Reader {
        Reader {
            topic: topic.to_owned(),
            partition,
            next: Offset(0),
            seen: Offset(0),
        }
    }

    pub(super) fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    pub(super) fn seen(&self) -> Offset {
        self.seen
    }

    /// Reads what there is, but no more once `out` has `limit` records. Nothing
    /// of a partition that is gone. Blocks on the disk.
    pub(super) fn read(&mut self, limit: usize, out: &mut Vec<Record>) -> Result<(), EmbedError> {
        while out.len() < limit {
            let Ok(marks) = self.partition.marks() else {
                return Ok(());
            };
            self.next = self.next.max(marks.log_start);
            self.seen = marks.high_watermark;
            if self.next >= self.seen {
                return Ok(());
            }
            let bytes = self.read_bytes()?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.take(&bytes, limit, out)?;
        }
        Ok(())
    }

    fn read_bytes(&self) -> Result<Bytes, EmbedError> {
        let from = FetchFrom {
            offset: self.next,
            current_leader_epoch: LeaderEpoch::NONE,
            last_fetched_epoch: LeaderEpoch::NONE,
            max_bytes: READ_BYTES,
            at_least_one: true,
        };
        let planned = self.partition.plan_fetch(from);
        let planned = planned.map_err(|error| self.unreadable(error))?;
        match planned.read {
            Planned::Read(plan) => {
                let read = plan.read().map_err(|error| self.unreadable(error))?;
                Ok(read.into_bytes())
            }
            Planned::Diverging { .. } => Err(self.unreadable("a log cannot diverge from itself")),
        }
    }

    fn take(
        &mut self,
        bytes: &[u8],
        limit: usize,
        out: &mut Vec<Record>,
    ) -> Result<(), EmbedError> {
        for batch in batches(bytes) {
            let (header, batch) = batch.map_err(|error| self.unreadable(error))?;
            if out.len() >= limit {
                return Ok(());
            }
            if !header.attributes.is_control() {
                self.take_batch(&header, batch, out)?;
            }
            self.next = header.next_offset();
        }
        Ok(())
    }

    fn take_batch(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        out: &mut Vec<Record>,
    ) -> Result<(), EmbedError> {
        let inflated = compression::record_bytes(header, batch, INFLATED_BYTES_MAX)
            .map_err(|error| self.unreadable(error))?;
        for record in records(header, &inflated) {
            let record = record.map_err(|error| self.unreadable(error))?;
            // A batch may begin before the log's start, or what was read.
            if record.offset >= self.next {
                out.push(self.typed(&record));
            }
        }
        Ok(())
    }

    fn typed(&self, record: &ottla_core::batch::Record<'_>) -> Record {
        let kept = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let headers = record.headers.map(|header| {
            let name = String::from_utf8_lossy(header.key).into_owned();
            (name, kept(header.value))
        });
        Record {
            partition: self.partition.index().0,
            offset: record.offset.0,
            timestamp_ms: record.timestamp_ms,
            key: kept(record.key),
            value: kept(record.value),
            headers: headers.collect(),
        }
    }

    fn unreadable(&self, problem: impl Display) -> EmbedError {
        EmbedError::Read {
            topic: self.topic.clone(),
            partition: self.partition.index().0,
            problem: problem.to_string(),
        }
    }
}
