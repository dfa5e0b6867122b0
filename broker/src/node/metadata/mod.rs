//! The node's copy of the cluster's metadata, and the log behind it.
//!
//! ```text
//! propose ─ lock ─► decide on a draft ─► one batch in the log
//!                                        ─► once it is committed: partitions ─► image, swapped whole
//! ```
//!
//! Readers take the image and never lock: it tells of nothing that a restart
//! could take back. One proposal is decided at a time, so each sees what the
//! one before it changed, committed or not.

mod load;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use arc_swap::{ArcSwap, Guard};
use bytes::BytesMut;
use ottla_core::batch::RecordBatchBuilder;
use ottla_core::controller::{MetadataImage, MetadataRecord};
use ottla_core::ids::Offset;
use ottla_core::partition::AppendOrigin;
use ottla_core::time::Now;
use tokio::sync::oneshot;

use super::partition::{OnCommitted, Partition};

pub(crate) use load::load;

/// The folder of the metadata log, as Kafka names it.
pub(crate) const METADATA_FOLDER: &str = "__cluster_metadata-0";

/// Why metadata did not change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("the metadata log took no record: {0}")]
    Append(String),
    #[error("the metadata log failed before the change was committed")]
    LogFailed,
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
    proposals: Mutex<Proposals>,
    /// Held while what was committed is brought in line and published.
    publishing: Mutex<()>,
}

#[derive(Debug)]
struct Proposals {
    /// What all of them lead to.
    latest: MetadataImage,
    /// Those that are in the log and not published yet, oldest first.
    waiting: VecDeque<Proposal>,
    /// Who waits for the one that is being published, while one is.
    publishing: Option<Vec<oneshot::Sender<()>>>,
}

/// A change that is in the log.
#[derive(Debug)]
pub(crate) struct Proposal {
    /// Behind its records.
    end: Offset,
    pub(crate) records: Vec<MetadataRecord>,
    pub(crate) image: Arc<MetadataImage>,
    /// Who waits for it.
    told: Vec<oneshot::Sender<()>>,
}

/// The end of a proposal: it may be told once that is committed and published.
#[derive(Debug, Default)]
pub(crate) struct Committed(Option<oneshot::Receiver<()>>);

impl Committed {
    /// True when it can be told now.
    pub(crate) fn is_certain(&self) -> bool {
        self.0.is_none()
    }

    /// Returns once the proposal would survive what the log's settings promise
    /// to survive, and is seen by everybody. Never returns when the log failed:
    /// then nobody knows, and the client's own timeout has to say so.
    pub(crate) async fn wait(self) {
        if let Some(told) = self.0
            && told.await.is_err()
        {
            std::future::pending::<()>().await;
        }
    }

    /// [`wait`](Self::wait) on this thread, which may be one that serves
    /// connections and must not do so for long.
    pub(crate) fn wait_here(self) -> Result<(), MetadataError> {
        let Some(mut told) = self.0 else {
            return Ok(());
        };
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut told).poll(&mut context) {
                Poll::Ready(Ok(())) => return Ok(()),
                Poll::Ready(Err(_)) => return Err(MetadataError::LogFailed),
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
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
            proposals: Mutex::new(Proposals {
                latest: image.clone(),
                waiting: VecDeque::new(),
                publishing: None,
            }),
            image: ArcSwap::from_pointee(image),
            log,
            publishing: Mutex::default(),
        }
    }

    /// The cluster's metadata now.
    pub(crate) fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// When all that was proposed so far may be told.
    pub(crate) fn committed(&self) -> Result<Committed, MetadataError> {
        let mut proposals = self.proposals()?;
        // Nothing waits any more then, and nothing is certain.
        self.log.marks().map_err(|_| MetadataError::LogFailed)?;
        let Proposals {
            waiting,
            publishing,
            ..
        } = &mut *proposals;
        let last = waiting.back_mut().map(|last| &mut last.told);
        let told = last.or(publishing.as_mut()).map(|last| {
            let (tell, told) = oneshot::channel();
            last.push(tell);
            told
        });
        Ok(Committed(told))
    }

    /// Has `publish` called, on the syncing thread, when records may have been
    /// committed, or never will be.
    pub(crate) fn on_committed(&self, publish: impl Fn() + Send + Sync + 'static) {
        self.log.on_committed(OnCommitted(Box::new(publish)));
    }

    /// Closes the log: nothing is proposed any more.
    pub(crate) fn close(&self) {
        self.log.shut_down();
    }

    /// A proposal that nobody writes, to see what it would do.
    pub(crate) fn draft(&self) -> Result<Draft, MetadataError> {
        Ok(self.proposals()?.draft())
    }

    /// Decides and writes one proposal: all of it or nothing. Says whether it
    /// is committed already, and waits to be published.
    pub(crate) fn propose<T>(
        &self,
        now: Now,
        decide: impl FnOnce(&mut Draft) -> T,
    ) -> Result<(T, bool), MetadataError> {
        if self.publishing.is_poisoned() {
            return Err(MetadataError::HalfDone);
        }
        let mut proposals = self.proposals()?;
        let mut draft = proposals.draft();
        let decided = decide(&mut draft);
        if draft.records.is_empty() {
            return Ok((decided, false));
        }
        let batch = encode(now, &draft.records)?;
        let appended = self
            .log
            .append(now, batch, AppendOrigin::Coordinator)
            .map_err(|error| MetadataError::Append(error.to_string()))?;
        proposals.latest = draft.image.clone();
        proposals.waiting.push_back(Proposal {
            end: appended.end_offset,
            records: draft.records,
            image: Arc::new(draft.image),
            told: Vec::new(),
        });
        Ok((decided, appended.ticket.is_none()))
    }

    /// Publishes what was committed, in order. `apply` brings the partitions in
    /// line before each image is published, `after` whoever must see it.
    pub(crate) fn publish(
        &self,
        apply: impl Fn(&Proposal),
        after: impl Fn(&MetadataImage, &Proposal),
    ) {
        // Who comes while one is published finds the rest when it is his turn.
        let Ok(_alone) = self.publishing.lock() else {
            return;
        };
        while let Some(proposal) = self.next_committed() {
            let publishing = Publishing(self);
            apply(&proposal);
            let before = self.image.swap(Arc::clone(&proposal.image));
            after(&before, &proposal);
            publishing.tell();
        }
    }

    fn next_committed(&self) -> Option<Proposal> {
        let mut proposals = self.proposals().ok()?;
        match self.log.marks() {
            Ok(marks) => {
                let waiting = &mut proposals.waiting;
                let mut next = waiting.pop_front_if(|first| first.end <= marks.high_watermark)?;
                proposals.publishing = Some(std::mem::take(&mut next.told));
                Some(next)
            }
            Err(_) => {
                // Nobody will ever know what became of them.
                proposals.waiting.clear();
                None
            }
        }
    }

    fn proposals(&self) -> Result<MutexGuard<'_, Proposals>, MetadataError> {
        self.proposals.lock().map_err(|_| MetadataError::HalfDone)
    }
}

/// That a change is being published. When this ends nobody waits for it any
/// more, however it ended.
struct Publishing<'a>(&'a Metadata);

impl Publishing<'_> {
    fn take(&self) -> Vec<oneshot::Sender<()>> {
        let proposals = self.0.proposals();
        let told = proposals.map(|mut proposals| proposals.publishing.take());
        told.ok().flatten().unwrap_or_default()
    }

    fn tell(&self) {
        for tell in self.take() {
            // Whoever waited may have gone.
            let _ = tell.send(());
        }
    }
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl Proposals {
    fn draft(&self) -> Draft {
        Draft {
            image: self.latest.clone(),
            records: Vec::new(),
        }
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

#[cfg(test)]
mod tests;
