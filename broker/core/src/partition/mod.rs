//! One partition's rules: what may be appended, where it goes, and what is
//! remembered of it.
//!
//! ```text
//!   bytes ─► prepare (stateless: may be done before any lock) ─► what is stored, or a refusal
//!   header ─► PartitionState::decide_append(&self)            ─► a place, a duplicate, or a refusal
//!             the shell stamps and writes the batch
//!   header ─► PartitionState::replay(&mut self)               the only way the state changes
//! ```
//!
//! Recovery replays the headers it finds on disk; so do followers and the
//! simulator. Nothing here holds record bytes.

pub mod check;
pub mod compaction;
pub mod epochs;
pub mod log_state;
mod prepare;
pub mod producers;
mod records;
pub mod refusal;
pub mod snapshot;
mod state;

pub use check::{AppendOrigin, AppendRules, check_for_version, peek_batch};
pub use epochs::LeaderEpochs;
pub use log_state::Marks;
pub use prepare::{BatchBytes, PreparedBatch, prepare_batch};
pub use producers::LastRecord;
pub use refusal::{AppendRefusal, DeleteRefusal};
pub use state::{AppendDecision, PartitionState, ReaderLog};

#[cfg(test)]
mod tests;
