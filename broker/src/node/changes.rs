//! Tells whoever looks at topics and groups that there is something new to see.
//! Says nothing of what it is: they look again.

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Told at the end of every step that changed metadata or a group.
#[derive(Debug, Default)]
pub(crate) struct Changes(Notify);

impl Changes {
    /// Something changed. Costs one atomic load while nobody waits.
    pub(crate) fn tell(&self) {
        self.0.notify_waiters();
    }

    /// Completes with the next change after it was enabled or first polled.
    pub(crate) fn next(&self) -> Notified<'_> {
        self.0.notified()
    }
}
