//! Why a partition does not do what it is asked.

use ottla_core::ids::LeaderEpoch;
use ottla_core::partition::{AppendRefusal, DeleteRefusal};
use thiserror::Error;

use crate::storage::{ReadError, StorageError};

/// Why a partition cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unavailable {
    /// The topic was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// Its log cannot be written or read any more.
    #[error("the partition is offline because its storage failed")]
    Offline,
}

/// Why nothing was appended.
#[derive(Debug, Error)]
pub(crate) enum AppendError {
    #[error(transparent)]
    Refused(#[from] AppendRefusal),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why nothing can be read.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why no records were deleted.
#[derive(Debug, Error)]
pub(crate) enum DeleteRecordsError {
    #[error(transparent)]
    Refused(#[from] DeleteRefusal),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The start that was asked for may be found after a restart, or not.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The leader epoch a client named is not the partition's (KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum EpochError {
    #[error("leader epoch {asked} is over; the leader is in epoch {current}")]
    Fenced {
        asked: LeaderEpoch,
        current: LeaderEpoch,
    },
    #[error("leader epoch {asked} is not known here; the leader is in epoch {current}")]
    Unknown {
        asked: LeaderEpoch,
        current: LeaderEpoch,
    },
}

impl EpochError {
    /// The epoch the leader is in.
    pub(crate) fn current(self) -> LeaderEpoch {
        match self {
            EpochError::Fenced { current, .. } | EpochError::Unknown { current, .. } => current,
        }
    }
}

/// Compares the leader epoch a client believes in with the partition's.
pub(super) fn check_epoch(asked: LeaderEpoch, current: LeaderEpoch) -> Result<(), EpochError> {
    // Any negative number says that the client does not know.
    if asked < LeaderEpoch(0) || asked == current {
        Ok(())
    } else if asked < current {
        Err(EpochError::Fenced { asked, current })
    } else {
        Err(EpochError::Unknown { asked, current })
    }
}
