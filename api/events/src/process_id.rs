//! Which process told a moment: two moments of one process share its clock.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names a running process. Whoever starts several services in one gives them the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(Uuid);

impl ProcessId {
    /// A new random name.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}
