//! Log compaction (KIP-58, KIP-354, KIP-534): the last value of each key stays,
//! at the offset it always had.
//!
//! ```text
//!   DirtyRange::of      what may be cleaned, and whether it is worth it
//!   TransactionScan     how transactions ended                    all of the log
//!   DirtyIndex          key → last offset, into an OffsetMap      the dirty part
//!   groups              segments that become one
//!   BatchFilter         stays · rewritten · gone                  from the log's start
//! ```
//!
//! No bytes are read or written here, and nothing says when: the shell reads
//! the batches, asks, and puts the answer in their place.

mod dirty_index;
mod error;
mod filter;
mod offset_map;
mod range;
mod transactions;

pub use dirty_index::DirtyIndex;
pub use error::{CompactionError, RecordsProblem};
pub use filter::{BatchFilter, CleaningRules, Verdict};
pub use offset_map::OffsetMap;
pub use range::{CompactionPolicy, DirtyRange, LogFacts, SegmentFacts, groups};
pub use transactions::{
    AbortedTransaction, CleanedTransactions, Marker, TransactionScan, marker_of,
};

#[cfg(test)]
mod tests;
