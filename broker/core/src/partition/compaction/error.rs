//! Why a log cannot be cleaned.

use thiserror::Error;

use crate::batch::compression::CompressionError;
use crate::batch::record::RecordError;
use crate::ids::Offset;

/// Why a log cannot be cleaned. Its bytes are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompactionError {
    /// Writing the batch again would give wrong bytes a right checksum.
    #[error("the batch at offset {0} does not fit its checksum")]
    Checksum(Offset),
    /// Its records cannot be inflated, or are not records.
    #[error("the records of the batch at offset {base_offset} cannot be read: {problem}")]
    Records {
        /// The batch.
        base_offset: Offset,
        /// What is wrong.
        problem: RecordsProblem,
    },
}

/// What is wrong with the records of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordsProblem {
    /// They cannot be inflated, or not be compressed again.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// They are not as many or as long as they claim.
    #[error(transparent)]
    Records(#[from] RecordError),
}
