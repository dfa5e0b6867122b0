//! How requests that wrote comments ended, kept without anybody waiting for it.
//!
//! A handler notes the facts and goes on; they are gathered for a moment and written together.
//! What does not fit the queue, or is in it when the process dies, is missing in a journey and
//! nowhere else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::domain::Answer;
use crate::store::Store;

/// How many answers may wait to be written.
const WAITING_MAX: usize = 4096;
/// How many are written in one transaction.
const BATCH: usize = 512;
/// How long they are gathered: the writer is asked for a transaction ten times a second at most.
const GATHER: Duration = Duration::from_millis(100);

/// Where handlers note how a request ended.
#[derive(Debug, Clone)]
pub(crate) struct Answers(mpsc::Sender<Answer>);

impl Answers {
    /// Starts to write what is noted; the task ends when nobody can note anything any more.
    pub(crate) fn start(store: Arc<dyn Store>) -> (Self, JoinHandle<()>) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        (Self(sender), tokio::spawn(write(store, waiting)))
    }

    /// Notes an answer, or passes over it when too many wait.
    pub(crate) fn note(&self, answer: Answer) {
        if self.0.try_send(answer).is_err() {
            tracing::debug!("an answer is not kept for its journey");
        }
    }
}

async fn write(store: Arc<dyn Store>, mut waiting: mpsc::Receiver<Answer>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        if let Err(error) = store.save_answers(&batch).await {
            tracing::warn!(%error, answers = batch.len(), "answers are not kept for their journeys");
        }
        batch.clear();
        tokio::time::sleep(GATHER).await;
    }
}
