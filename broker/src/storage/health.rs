//! Whether the disk may still be written to.

use std::sync::OnceLock;

use super::StorageError;

/// The first failed sync ends all writing for good: the system may have thrown
/// the bytes away and would report the next sync as a success.
#[derive(Debug, Default)]
pub(super) struct Health {
    failure: OnceLock<StorageError>,
}

impl Health {
    /// An error once a sync has failed.
    pub fn check(&self) -> Result<(), StorageError> {
        match self.failure.get() {
            None => Ok(()),
            Some(failure) => Err(failure.clone()),
        }
    }

    /// Remembers the first failure and returns it.
    pub fn fail(&self, failure: StorageError) -> StorageError {
        self.failure
            .get_or_init(|| {
                tracing::error!(%failure, "the disk takes no more writes");
                failure
            })
            .clone()
    }
}
