//! What changed in the database, told to whoever shows it live.
//!
//! A change names what changed and nothing of it: who is told reads it anew, and only what they
//! may see. A store tells of every change once it is committed, whichever instance made it: SQLite
//! has one process and tells in memory; a database that several instances share tells all of them.

use serde::{Deserialize, Serialize};
use social_events::{CommentId, PostId, UserId};
use tokio::sync::broadcast;

/// How many changes a listener may be behind before it is told that it missed some.
const BEHIND_MAX: usize = 4096;

/// Something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// A post was written, liked or commented on.
    Post(PostId),
    /// A comment was written.
    Comment(CommentId),
    /// A comment's event came further.
    Journey(CommentId),
    /// The push service told what became of a comment's event.
    Outcome(CommentId),
    /// Connections between two users were asked for, granted or removed.
    Connections(UserId, UserId),
    /// A user's devices changed.
    Devices(UserId),
    /// A session of a user ended.
    Session(UserId),
    /// Changes may have been missed: whoever shows something reads it anew.
    Missed,
}

/// Where a store tells its changes. Clones share it.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Changes {
    /// Tells every listener. Nobody listening is the normal case.
    pub fn tell(&self, change: Change) {
        let _ = self.0.send(change);
    }

    /// Every change from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
