//! Something an embedded broker will have done, with a deadline: awaited, or
//! blocked on. It runs on the broker's threads either way.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Weak, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::error::EmbedError;
use super::report;
use crate::node::Node;

/// How long a wait lasts unless told otherwise: clients may take seconds to
/// find their coordinator, on a busy machine more.
const DEADLINE: Duration = Duration::from_secs(30);

type Work<T> = Pin<Box<dyn Future<Output = Result<T, EmbedError>> + Send>>;

/// Something that will have happened once this was awaited or
/// [`blocking`](Self::blocking) has returned. Does nothing before.
#[must_use = "nothing happens until it is awaited, or `blocking()` is called"]
pub struct Wait<T> {
    waits: Waits,
    limit: Duration,
    work: Box<dyn FnOnce(Arc<Node>, Duration) -> Work<T> + Send>,
}

impl<T: Send + 'static> Wait<T> {
    /// Gives up after this time instead of the broker's
    /// [`wait_deadline`](crate::BrokerBuilder::wait_deadline).
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Blocks this thread until it has happened. Works without a runtime, and
    /// on a thread of one: what is waited for happens on the broker's threads.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn blocking(self) -> Result<T, EmbedError> {
        let runtime = self.waits.runtime.clone();
        let work = self.work()?;
        let (done, outcome) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Whoever asked blocks until this is sent.
            let _ = done.send(work.await);
        });
        outcome.recv().unwrap_or(Err(EmbedError::Stopped))
    }

    fn work(self) -> Result<Work<T>, EmbedError> {
        let node = self.waits.node.upgrade().ok_or(EmbedError::Stopped)?;
        Ok((self.work)(node, self.limit))
    }
}

impl<T: Send + 'static> IntoFuture for Wait<T> {
    type Output = Result<T, EmbedError>;
    type IntoFuture = Waiting<T>;

    fn into_future(self) -> Waiting<T> {
        let runtime = self.waits.runtime.clone();
        Waiting(self.work().ok().map(|work| runtime.spawn(work)))
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("limit", &self.limit).finish()
    }
}

/// A [`Wait`] that is awaited. Dropping it ends the waiting.
#[derive(Debug)]
pub struct Waiting<T>(Option<JoinHandle<Result<T, EmbedError>>>);

impl<T> Future for Waiting<T> {
    type Output = Result<T, EmbedError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(running) = &mut self.0 else {
            return Poll::Ready(Err(EmbedError::Stopped));
        };
        Pin::new(running).poll(task).map(|ended| match ended {
            Ok(outcome) => outcome,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(EmbedError::Stopped),
        })
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.abort();
        }
    }
}

/// Makes waits of one broker. Does not keep it alive.
#[derive(Clone, Debug)]
pub(crate) struct Waits {
    node: Weak<Node>,
    runtime: Handle,
    limit: Duration,
}

impl Waits {
    pub(crate) fn new(node: &Arc<Node>, runtime: Handle, limit: Option<Duration>) -> Waits {
        Waits {
            node: Arc::downgrade(node),
            runtime,
            limit: limit.unwrap_or(DEADLINE),
        }
    }

    /// The broker, while it runs.
    pub(super) fn node(&self) -> Option<Arc<Node>> {
        self.node.upgrade()
    }

    /// A wait for `work`, which is called `what` should it take too long.
    /// `about` is the group that an explanation begins with, if there is one.
    pub(super) fn wait<T, F>(
        &self,
        what: String,
        about: Option<String>,
        work: impl FnOnce(Arc<Node>) -> F + Send + 'static,
    ) -> Wait<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EmbedError>> + Send + 'static,
    {
        let work = move |node: Arc<Node>, limit| -> Work<T> {
            Box::pin(async move {
                let working = tokio::time::timeout(limit, work(Arc::clone(&node)));
                match working.await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(EmbedError::TimedOut {
                        what,
                        waited: limit,
                        found: report::of(&node, about.as_deref()).await,
                    }),
                }
            })
        };
        Wait {
            waits: self.clone(),
            limit: self.limit,
            work: Box::new(work),
        }
    }
}
