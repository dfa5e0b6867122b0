//! What somebody holds who waits on a partition. Dropping it stops waiting.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Partition, Unavailable};
use crate::node::waiters::TicketKey;

/// A reply that must wait for the high watermark. Dropping it stops waiting.
#[derive(Debug)]
pub(crate) struct Ticket {
    partition: Arc<Partition>,
    key: TicketKey,
    outcome: oneshot::Receiver<Result<(), Unavailable>>,
    settled: bool,
}

impl Ticket {
    pub(super) fn new(
        partition: Arc<Partition>,
        (key, outcome): (TicketKey, oneshot::Receiver<Result<(), Unavailable>>),
    ) -> Ticket {
        Ticket {
            partition,
            key,
            outcome,
            settled: false,
        }
    }
}

impl Future for Ticket {
    type Output = Result<(), Unavailable>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.outcome).poll(task);
        outcome.map(|outcome| {
            self.settled = true;
            // The sender goes away unsent only with the partition itself.
            outcome.unwrap_or(Err(Unavailable::Deleted))
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.partition.inner().waiters.remove_ticket(self.key);
        }
    }
}

/// A long poll's place in a partition's list. Dropping it leaves the list.
#[derive(Debug)]
pub(crate) struct FetchWatch {
    pub(super) partition: Arc<Partition>,
    pub(super) serial: u64,
}

impl Drop for FetchWatch {
    fn drop(&mut self) {
        self.partition.inner().waiters.remove_fetch(self.serial);
    }
}
