//! One task that sleeps until the next deadline; nothing here polls.
//!
//! A timer is a deadline and a callback. The callback runs on the timer task,
//! so it must be short and must not block; it usually fires into a `decide`.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::clock::Clock;

type Callback = Box<dyn FnOnce() + Send>;

/// Names a scheduled timer, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    at_monotonic_ms: u64,
    serial: u64,
}

#[derive(Default)]
struct Queue {
    by_deadline: BTreeMap<TimerId, Callback>,
    next_serial: u64,
}

/// The node's timers, ordered by deadline.
#[derive(Default)]
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    /// Told when the first deadline moved forward or the clock was advanced.
    first_changed: Notify,
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("pending", &self.queue().by_deadline.len())
            .finish()
    }
}

impl Timers {
    /// Runs `callback` once `at_monotonic_ms` has passed, unless cancelled.
    pub(crate) fn schedule(
        &self,
        at_monotonic_ms: u64,
        callback: impl FnOnce() + Send + 'static,
    ) -> TimerId {
        let mut queue = self.queue();
        let id = TimerId {
            at_monotonic_ms,
            serial: queue.next_serial,
        };
        queue.next_serial += 1;
        let is_first = queue
            .by_deadline
            .first_key_value()
            .is_none_or(|(first, _)| id < *first);
        queue.by_deadline.insert(id, Box::new(callback));
        drop(queue);
        if is_first {
            self.first_changed.notify_one();
        }
        id
    }

    /// Forgets a timer. Harmless when it has fired already.
    pub(crate) fn cancel(&self, id: TimerId) {
        // The callback is dropped after the lock is released: what it owns may
        // cancel or schedule timers in its own `Drop`.
        let forgotten = self.queue().by_deadline.remove(&id);
        drop(forgotten);
    }

    /// To be called after the clock was moved by hand.
    pub(crate) fn clock_advanced(&self) {
        self.first_changed.notify_one();
    }

    /// Fires timers as they fall due, for as long as the future is polled.
    pub(crate) async fn run(self: Arc<Self>, clock: Arc<Clock>) {
        loop {
            self.fire_due(clock.now().monotonic_ms);
            let first = self
                .queue()
                .by_deadline
                .first_key_value()
                .map(|(id, _)| *id);
            match first {
                None => self.first_changed.notified().await,
                Some(id) => {
                    let sleep = tokio::time::sleep(clock.until(id.at_monotonic_ms));
                    tokio::select! {
                        biased;
                        () = self.first_changed.notified() => {}
                        () = sleep => {}
                    }
                }
            }
        }
    }

    fn fire_due(&self, now_ms: u64) {
        while let Some(callback) = self.take_due(now_ms) {
            // A callback that panics must not take the other timers with it:
            // no session would ever end again.
            if catch_unwind(AssertUnwindSafe(callback)).is_err() {
                tracing::error!("a timer's callback panicked; the others go on");
            }
        }
    }

    fn take_due(&self, now_ms: u64) -> Option<Callback> {
        let mut queue = self.queue();
        let first = queue.by_deadline.first_entry()?;
        (first.key().at_monotonic_ms <= now_ms).then(|| first.remove())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue
            .lock()
            .expect("no callback runs under this lock, so none panicked under it")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn started() -> (Arc<Timers>, Arc<Clock>) {
        let timers = Arc::new(Timers::default());
        let clock = Arc::new(Clock::new(false));
        tokio::spawn(Arc::clone(&timers).run(Arc::clone(&clock)));
        (timers, clock)
    }

    #[tokio::test(start_paused = true)]
    async fn timers_fire_in_the_order_of_their_deadlines() {
        let (timers, clock) = started();
        let (fired, order) = mpsc::channel();
        let now_ms = clock.now().monotonic_ms;
        for (name, delay_ms) in [("late", 300), ("early", 100), ("middle", 200)] {
            let fired = fired.clone();
            timers.schedule(now_ms + delay_ms, move || fired.send(name).unwrap());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["early", "middle"]);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["late"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_timer_never_fires() {
        let (timers, clock) = started();
        let (fired, order) = mpsc::channel();
        let id = timers.schedule(clock.now().monotonic_ms + 10, move || {
            fired.send(()).unwrap();
        });
        timers.cancel(id);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(order.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_callback_that_panics_stops_no_other_timer() {
        let (timers, clock) = started();
        let (fired, order) = mpsc::channel();
        let now_ms = clock.now().monotonic_ms;
        timers.schedule(now_ms + 10, || panic!("on purpose"));
        timers.schedule(now_ms + 20, move || fired.send(()).unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(order.try_recv(), Ok(()));
    }

    #[tokio::test]
    async fn advancing_the_clock_fires_what_it_passed() {
        let (timers, clock) = started();
        let (fired, order) = tokio::sync::oneshot::channel();
        timers.schedule(clock.now().monotonic_ms + 3_600_000, move || {
            fired.send(()).unwrap();
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(3_600));
        timers.clock_advanced();
        tokio::time::timeout(Duration::from_secs(5), order)
            .await
            .unwrap()
            .unwrap();
    }
}
