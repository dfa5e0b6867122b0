//! Cleaning one log: closed segments are written again without what compaction
//! drops, and take the place of the old ones.
//!
//! Owns the reading, the writing and the exchange of files. What stays is
//! decided in `ottla_core::partition::compaction`, when to look by the node.
//!
//! ```text
//!   LogView   the segments as they are, taken under the partition's lock
//!     │ range      what is dirty
//!     │ index      reads it: the last offset of each key
//!     │ clean      B.log.cleaned, synced ─► B.log.swap, the folder synced
//!     ▼                                     (from here on a restart goes on with it)
//!   may_swap       under the lock: are the old segments still there?
//!   rename         B.log … ─► B.log.deleted …, synced ─► B.log.swap ─► B.log
//!   finish_swap    under the lock: readers get the new segment from now on
//! ```
//!
//! A read that was planned before holds the old segments, whose files are open
//! and whose indexes are loaded: it never looks for them by name.

mod dirty;
mod output;
mod recover;
mod swap;
#[cfg(test)]
mod tests;
mod view;
mod walk;

use ottla_core::partition::compaction::CompactionError;
use thiserror::Error;

use super::StorageError;
use super::folder::Folder;

pub(super) use recover::finish_swaps;
pub(crate) use swap::Replacement;
pub(crate) use view::LogView;

/// A segment that is being written, as Kafka names it.
const CLEANED: &str = ".log.cleaned";
/// One that is complete, and replaces others.
const SWAP: &str = ".log.swap";

/// What one batch may inflate to.
const INFLATED_BYTES_MAX: usize = 256 << 20;

/// Why a cleaning ended early. The log is as it was, up to the segments that
/// were replaced before.
#[derive(Debug, Error)]
pub(crate) enum CleanError {
    /// The log was closed or removed, or the broker stops.
    #[error("the log was closed, or the broker stops")]
    Stopped,
    /// The disk refused something.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A batch is damaged: trying again would not help.
    #[error(transparent)]
    Damaged(#[from] CompactionError),
}

/// Does something with names in a folder that the log must not lose meanwhile.
fn at_work<T>(
    folder: &Folder,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, CleanError> {
    let mut done = None;
    folder.work(|| done = Some(work()));
    Ok(done.ok_or(CleanError::Stopped)??)
}
