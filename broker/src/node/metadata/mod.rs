//! The node's copy of the cluster's metadata, and the log behind it.
//!
//! ```text
//! propose ─ lock ─► decide on a draft ─► one batch in the log ─► replay
//!                                        ─► partitions ─► image, swapped whole
//! ```
//!
//! Readers take the image and never lock. One proposal is decided at a time,
//! so each sees what the one before it changed.

mod load;

use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};
use bytes::BytesMut;
use ottla_core::batch::RecordBatchBuilder;
use ottla_core::controller::{MetadataImage, MetadataRecord};
use ottla_core::time::Now;

use ottla_core::partition::AppendOrigin;

use super::partition::{Partition, Ticket};

pub(crate) use load::load;

/// The folder of the metadata log, as Kafka names it.
pub(crate) const METADATA_FOLDER: &str = "__cluster_metadata-0";

/// Why metadata did not change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("the metadata log took no record: {0}")]
    Append(String),
    #[error("an earlier change was interrupted half-way: restart the broker")]
    HalfDone,
    #[error("the metadata log holds a record that cannot be read: {0}")]
    Unreadable(String),
}

/// What the cluster knows, for this node.
#[derive(Debug)]
pub(crate) struct Metadata {
    image: ArcSwap<MetadataImage>,
    log: Arc<Partition>,
    /// Held from deciding a proposal until its image is published.
    proposing: Mutex<()>,
}

/// The end of a proposal in the log: it may be told once that is committed.
#[derive(Debug, Default)]
pub(crate) struct Committed(Option<Ticket>);

impl Committed {
    /// True when it can be told now.
    pub(crate) fn is_certain(&self) -> bool {
        self.0.is_none()
    }

    /// Returns once the proposal would survive what the log's settings promise
    /// to survive. Never returns when the log failed: then nobody knows, and
    /// the client's own timeout has to say so.
    pub(crate) async fn wait(self) {
        if let Some(ticket) = self.0
            && ticket.await.is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

/// The image as this proposal makes it, and the records that do so.
#[derive(Debug)]
pub(crate) struct Draft {
    image: MetadataImage,
    records: Vec<MetadataRecord>,
}

impl Draft {
    /// What the records so far lead to.
    pub(crate) fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// Adds records to the proposal.
    pub(crate) fn write(&mut self, records: impl IntoIterator<Item = MetadataRecord>) {
        for record in records {
            self.image.replay(&record);
            self.records.push(record);
        }
    }
}

impl Metadata {
    pub(crate) fn new(image: MetadataImage, log: Arc<Partition>) -> Metadata {
        Metadata {
            image: ArcSwap::from_pointee(image),
            log,
            proposing: Mutex::new(()),
        }
    }

    /// The cluster's metadata now.
    pub(crate) fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// When all that was proposed so far may be told.
    pub(crate) fn committed(&self) -> Committed {
        let ticket = self
            .log
            .marks()
            .and_then(|marks| self.log.ticket(marks.log_end));
        // A closed log tells nobody anything: neither do the connections.
        Committed(ticket.unwrap_or_default())
    }

    /// Closes the log: nothing is proposed any more.
    pub(crate) fn close(&self) {
        self.log.shut_down();
    }

    /// A proposal that nobody writes, to see what it would do.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            image: MetadataImage::clone(&self.image.load()),
            records: Vec::new(),
        }
    }

    /// Decides, writes and replays one proposal: all of it or nothing.
    /// `apply` brings the partitions in line before the image is published.
    pub(crate) fn propose<T>(
        &self,
        now: Now,
        decide: impl FnOnce(&mut Draft) -> T,
        apply: impl FnOnce(&MetadataImage, &[MetadataRecord]),
    ) -> Result<(T, Committed), MetadataError> {
        let _alone = self.proposing.lock().map_err(|_| MetadataError::HalfDone)?;
        let mut draft = self.draft();
        let decided = decide(&mut draft);
        if draft.records.is_empty() {
            return Ok((decided, Committed::default()));
        }
        let batch = encode(now, &draft.records)?;
        let appended = self
            .log
            .append(now, batch, AppendOrigin::Coordinator)
            .map_err(|error| MetadataError::Append(error.to_string()))?;
        apply(&draft.image, &draft.records);
        self.image.store(Arc::new(draft.image));
        Ok((decided, Committed(appended.ticket)))
    }
}

fn encode(now: Now, records: &[MetadataRecord]) -> Result<BytesMut, MetadataError> {
    let mut batch = RecordBatchBuilder::new();
    for record in records {
        batch
            .push(now.wall_ms, None, Some(&record.encode()), &[])
            .map_err(|error| MetadataError::Append(error.to_string()))?;
    }
    Ok(batch.build())
}
