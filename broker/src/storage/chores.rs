//! The thread for slow work that nobody waits for: reserving space, removing
//! files, writing indexes.
//!
//! Owns the thread and its queue, which holds at most three jobs per segment:
//! one reservation, one mark, one removal. The thread starts with the first
//! job; without one there is none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work to be done once.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Does jobs, each when it is due.
#[derive(Debug, Default)]
pub(super) struct Chores {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// By time due, then in the order they came.
    jobs: BTreeMap<(Instant, u64), Job>,
    count: u64,
    is_stopping: bool,
}

impl Chores {
    /// Does `job` as soon as the ones before it are done.
    pub fn soon(&self, job: Job) {
        self.after(Duration::ZERO, job);
    }

    /// Does `job` after `delay`, or when the broker stops.
    pub fn after(&self, delay: Duration, job: Job) {
        let mut queue = self.shared.queue();
        let key = (Instant::now() + delay, queue.count);
        queue.count += 1;
        queue.jobs.insert(key, job);
        drop(queue);
        self.shared.changed.notify_one();
        self.start();
    }

    /// Does all that is left and ends the thread.
    pub fn stop(&self) {
        self.shared.queue().is_stopping = true;
        self.shared.changed.notify_one();
        let thread = self.thread().take();
        // The last owner may let go on that very thread.
        let others = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = others {
            // A job that panicked has said so; nothing depends on it.
            let _ = thread.join();
        }
    }

    fn start(&self) {
        let mut thread = self.thread();
        if thread.is_some() || self.shared.queue().is_stopping {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("ottla-chores".into())
            .spawn(move || shared.run());
        match started {
            Ok(started) => *thread = Some(started),
            Err(error) => tracing::error!(%error, "no thread to tidy up the disk"),
        }
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// Waits for the next job that is due; `None` when all is done for good.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            let Some(first) = queue.jobs.first_entry() else {
                if queue.is_stopping {
                    return None;
                }
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let wait = first.key().0.saturating_duration_since(Instant::now());
            if wait.is_zero() || queue.is_stopping {
                return queue.jobs.pop_first().map(|(_, job)| job);
            }
            let waited = self.changed.wait_timeout(queue, wait);
            (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs", self.jobs.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_are_done_when_due_and_the_rest_at_the_stop() {
        let (done, order) = mpsc::channel();
        let chores = Chores::default();
        let say = |word: &'static str| -> Job {
            let done = done.clone();
            Box::new(move || done.send(word).unwrap())
        };
        chores.after(Duration::from_secs(3_600), say("much later"));
        chores.soon(say("first"));
        chores.soon(say("second"));
        assert_eq!(order.recv().unwrap(), "first");
        assert_eq!(order.recv().unwrap(), "second");
        chores.stop();
        assert_eq!(order.try_recv().unwrap(), "much later");
    }
}
