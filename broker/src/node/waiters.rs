//! Who waits on a partition, and for what. Woken by the event, never polled.
//!
//! Two kinds wait: a *ticket* for the high watermark to pass an offset (a
//! produce reply, a coordinator's reply), and a *fetch* for bytes that may be
//! read. The partition's lock guards the list; waking happens outside of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ottla_core::ids::Offset;
use tokio::sync::{Notify, oneshot};

use super::partition::Unavailable;

/// Names a waiter of one partition, so that it can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TicketKey {
    /// The high watermark that is waited for.
    target: Offset,
    serial: u64,
}

/// The waiters of one partition.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    tickets: BTreeMap<TicketKey, oneshot::Sender<Result<(), Unavailable>>>,
    fetches: BTreeMap<u64, Arc<FetchSignal>>,
    next_serial: u64,
}

impl Waiters {
    /// Waits for the high watermark to reach `target`.
    pub(super) fn add_ticket(
        &mut self,
        target: Offset,
    ) -> (TicketKey, oneshot::Receiver<Result<(), Unavailable>>) {
        let key = TicketKey {
            target,
            serial: self.next_serial(),
        };
        let (sender, receiver) = oneshot::channel();
        self.tickets.insert(key, sender);
        (key, receiver)
    }

    pub(super) fn remove_ticket(&mut self, key: TicketKey) {
        self.tickets.remove(&key);
    }

    /// Tells `signal` of bytes that arrive from now on.
    pub(super) fn add_fetch(&mut self, signal: Arc<FetchSignal>) -> u64 {
        let serial = self.next_serial();
        self.fetches.insert(serial, signal);
        serial
    }

    pub(super) fn remove_fetch(&mut self, serial: u64) {
        self.fetches.remove(&serial);
    }

    /// Takes out who is to be woken now that the high watermark has reached
    /// `high_watermark`, which made `bytes` more readable.
    pub(super) fn high_watermark_rose(&mut self, high_watermark: Offset, bytes: i64) -> Wake {
        let mut wake = Wake::default();
        while let Some(first) = self.tickets.first_entry() {
            if first.key().target > high_watermark {
                break;
            }
            wake.tickets.push(first.remove());
        }
        for signal in self.fetches.values() {
            if signal.takes(bytes) {
                wake.fetches.push(Arc::clone(signal));
            }
        }
        wake
    }

    /// Takes everybody out: the partition is gone.
    pub(super) fn take_all(&mut self) -> Wake {
        Wake {
            tickets: std::mem::take(&mut self.tickets).into_values().collect(),
            fetches: std::mem::take(&mut self.fetches).into_values().collect(),
        }
    }

    /// How many wait, of both kinds.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tickets.len() + self.fetches.len()
    }

    fn next_serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }
}

/// Waiters on their way out of a partition, to be woken without its lock.
#[derive(Debug, Default)]
#[must_use = "whoever was taken out of the list waits for ever unless woken"]
pub(super) struct Wake {
    tickets: Vec<oneshot::Sender<Result<(), Unavailable>>>,
    fetches: Vec<Arc<FetchSignal>>,
}

impl Wake {
    /// Wakes them; tickets learn `outcome`, fetches look for themselves.
    pub(super) fn up(self, outcome: Result<(), Unavailable>) {
        for ticket in self.tickets {
            // A receiver that is gone has stopped waiting.
            let _ = ticket.send(outcome);
        }
        for fetch in self.fetches {
            fetch.wake();
        }
    }
}

/// What a long poll over several partitions shares with each of them.
#[derive(Debug)]
pub(crate) struct FetchSignal {
    missing_bytes: AtomicI64,
    woken: Notify,
}

impl FetchSignal {
    /// Wakes once `missing_bytes` more can be read.
    pub(crate) fn new(missing_bytes: i64) -> Arc<FetchSignal> {
        Arc::new(FetchSignal {
            missing_bytes: AtomicI64::new(missing_bytes),
            woken: Notify::new(),
        })
    }

    /// Returns once enough bytes arrived, or it was woken for another reason.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Wakes it whatever is missing: there is something else to look at.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Counts bytes that arrived; true when they were enough.
    fn takes(&self, bytes: i64) -> bool {
        self.missing_bytes.fetch_sub(bytes, Ordering::Relaxed) <= bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ticket_resolves_when_the_high_watermark_reaches_it_and_not_before() {
        let mut waiters = Waiters::default();
        let (_, mut early) = waiters.add_ticket(Offset(5));
        let (_, mut late) = waiters.add_ticket(Offset(6));
        waiters.high_watermark_rose(Offset(5), 10).up(Ok(()));
        assert_eq!(early.try_recv(), Ok(Ok(())));
        assert!(late.try_recv().is_err());
        waiters.take_all().up(Err(Unavailable::Deleted));
        assert_eq!(late.try_recv(), Ok(Err(Unavailable::Deleted)));
    }

    #[tokio::test]
    async fn a_fetch_wakes_when_enough_bytes_arrived_in_all() {
        let (mut left, mut right) = (Waiters::default(), Waiters::default());
        let signal = FetchSignal::new(100);
        left.add_fetch(Arc::clone(&signal));
        right.add_fetch(Arc::clone(&signal));
        assert!(left.high_watermark_rose(Offset(1), 60).fetches.is_empty());
        let wake = right.high_watermark_rose(Offset(1), 40);
        assert_eq!(wake.fetches.len(), 1);
        wake.up(Ok(()));
        signal.woken().await;
    }

    #[test]
    fn a_waiter_that_left_is_not_woken() {
        let mut waiters = Waiters::default();
        let (key, _receiver) = waiters.add_ticket(Offset(1));
        let serial = waiters.add_fetch(FetchSignal::new(1));
        waiters.remove_ticket(key);
        waiters.remove_fetch(serial);
        assert_eq!(waiters.len(), 0);
    }
}
