//! librdkafka's blocking calls, kept off the runtime's threads.
//!
//! Destroying a client can block for as long as a broker is silent (rust-rdkafka issues 453, 509
//! and 611), and a runtime waits for its own blocking threads at the end. So these calls get
//! threads of their own, which a process that exits simply leaves.

use std::ops::Deref;
use std::thread;

use tokio::sync::oneshot;

/// A client whose destruction happens on a thread of its own.
pub(super) struct Detached<T: Send + 'static>(Option<T>);

impl<T: Send> Detached<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }

    /// Destroys the client here and now, however long that takes.
    pub(super) fn close(mut self) {
        drop(self.0.take());
    }
}

impl<T: Send> Deref for Detached<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("the client is taken only by drop")
    }
}

impl<T: Send> Drop for Detached<T> {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            // When no thread can be had the closure, and the client in it, is dropped here.
            let _ = thread::Builder::new()
                .name("kafka-close".into())
                .spawn(move || drop(client));
        }
    }
}

/// Runs `work` on a thread of its own. `None` when it panicked or no thread could be had.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    };
    thread::Builder::new()
        .name("kafka-call".into())
        .spawn(work)
        .ok()?;
    receiver.await.ok()
}
