//! Compacts logs, one at a time, the dirtiest first.
//!
//! Owns when it looks. Nothing here polls: a look is asked for when a segment
//! of a compacted log is closed, or when time alone makes one due, and a round
//! of cleaning schedules the next look only if there is a reason for one. Which
//! logs are due, and what of them stays, is decided in
//! `ottla_core::partition::compaction`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ottla_core::partition::compaction::DirtyRange;
use ottla_core::time::Now;

use super::Node;
use super::partition::Partition;
use super::timers::TimerId;
use crate::storage::CleanError;

/// A wall clock that jumps must not put a look off for ever.
const LOOK_WITHIN_MS: u64 = 60 * 60 * 1000;

/// The schedule of cleaning.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    schedule: Mutex<Schedule>,
    /// Told when a round is over.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct Schedule {
    timer: Option<(u64, TimerId)>,
    is_running: bool,
    /// Something happened during the round that it may have missed.
    is_asked_again: bool,
    is_stopping: bool,
}

/// A round that has begun. It ends when this is dropped, even if it never ran:
/// whoever stops the cleaner waits for it.
struct Round {
    node: Arc<Node>,
}

impl Drop for Round {
    fn drop(&mut self) {
        let mut schedule = self.node.cleaner.schedule();
        schedule.is_running = false;
        self.node.cleaner.idle.notify_all();
        let is_asked_again = std::mem::take(&mut schedule.is_asked_again);
        drop(schedule);
        if is_asked_again {
            self.node.look_within_backoff();
        }
    }
}

impl Cleaner {
    /// Ends a round that is running, and begins no other. Blocks until it has.
    pub(super) fn stop(&self) {
        let mut schedule = self.schedule();
        schedule.is_stopping = true;
        while schedule.is_running {
            let woken = self.idle.wait(schedule);
            schedule = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn may_go_on(&self) -> bool {
        !self.schedule().is_stopping
    }

    /// Whether the caller should run a round now.
    fn begins(&self) -> bool {
        let mut schedule = self.schedule();
        schedule.timer = None;
        let begins = !schedule.is_stopping && !schedule.is_running;
        schedule.is_running |= begins;
        begins
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Listens for logs that become dirtier, and looks at those there are.
    pub(super) fn clean_when_dirty(self: &Arc<Node>) {
        if !self.config.properties.is_on("log.cleaner.enable") {
            return;
        }
        // Weak: the storage must not keep a stopped node alive.
        let node = Arc::downgrade(self);
        self.storage.on_dirtier(Box::new(move || {
            if let Some(node) = node.upgrade() {
                node.look_within_backoff();
            }
        }));
        self.look_within_backoff();
    }

    /// Kafka looks every `log.cleaner.backoff.ms`; so nothing waits longer here.
    fn look_within_backoff(self: &Arc<Node>) {
        let backoff_ms = self.config.properties.number("log.cleaner.backoff.ms");
        let now = self.clock.now();
        self.look_at(now.after_ms(u64::try_from(backoff_ms).unwrap_or(0)));
    }

    fn look_at(self: &Arc<Node>, at_monotonic_ms: u64) {
        let mut schedule = self.cleaner.schedule();
        if schedule.is_running {
            schedule.is_asked_again = true;
            return;
        }
        match schedule.timer {
            Some((planned_ms, _)) if planned_ms <= at_monotonic_ms => return,
            Some((_, later)) => self.timers.cancel(later),
            None => {}
        }
        let node = Arc::downgrade(self);
        let timer = self.timers.schedule(at_monotonic_ms, move || {
            if let Some(node) = node.upgrade() {
                node.begin_round();
            }
        });
        schedule.timer = Some((at_monotonic_ms, timer));
    }

    fn begin_round(self: Arc<Node>) {
        if !self.cleaner.begins() {
            return;
        }
        let round = Round { node: self };
        tokio::task::spawn_blocking(move || {
            let node = Arc::clone(&round.node);
            let look_again_ms = node.clean_all_that_is_due();
            drop(round);
            if let Some(look_again_ms) = look_again_ms {
                node.look_when_due(look_again_ms);
            }
        });
    }

    /// Looks when the wall clock will say so, but never more often than Kafka
    /// would.
    fn look_when_due(self: &Arc<Node>, wall_ms: i64) {
        let now = self.clock.now();
        let wait_ms = u64::try_from(wall_ms.saturating_sub(now.wall_ms)).unwrap_or(0);
        let backoff_ms = self.config.properties.number("log.cleaner.backoff.ms");
        let backoff_ms = u64::try_from(backoff_ms).unwrap_or(0).max(1);
        self.look_at(now.after_ms(wait_ms.clamp(backoff_ms, LOOK_WITHIN_MS.max(backoff_ms))));
    }

    /// Returns when time makes a log due, Unix milliseconds.
    fn clean_all_that_is_due(&self) -> Option<i64> {
        let mut failed: Vec<Arc<Partition>> = Vec::new();
        loop {
            let now = self.clock.now();
            let (dirtiest, look_again_ms) = self.dirtiest(now, &failed);
            let Some(partition) = dirtiest.filter(|_| self.cleaner.may_go_on()) else {
                // What failed is tried again with the next look.
                let again_ms = (!failed.is_empty()).then_some(now.wall_ms);
                return [look_again_ms, again_ms].into_iter().flatten().min();
            };
            if !self.clean(&partition, now) {
                failed.push(partition);
            }
        }
    }

    /// The log of which most is dirty, of those that are due, and when time
    /// makes another one due.
    fn dirtiest(
        &self,
        now: Now,
        without: &[Arc<Partition>],
    ) -> (Option<Arc<Partition>>, Option<i64>) {
        let mut dirtiest: Option<(f64, Arc<Partition>)> = None;
        let mut look_again_ms: Option<i64> = None;
        for partition in self.partitions.all() {
            let range = match partition.dirty_range(now) {
                Ok(Some(range)) => range,
                Ok(None) => continue,
                Err(error) => {
                    warn_of(&partition, &error.into());
                    continue;
                }
            };
            let is_out = without.iter().any(|failed| Arc::ptr_eq(failed, &partition));
            if range.is_due(&partition.compaction_policy()) && !is_out {
                let ratio = range.dirty_ratio();
                if dirtiest.as_ref().is_none_or(|(most, _)| ratio > *most) {
                    dirtiest = Some((ratio, partition));
                }
            } else {
                look_again_ms = earlier(look_again_ms, &range);
            }
        }
        (dirtiest.map(|(_, partition)| partition), look_again_ms)
    }

    /// Whether the log got cleaner.
    fn clean(&self, partition: &Partition, now: Now) -> bool {
        let map_bytes_max = self
            .config
            .properties
            .number("log.cleaner.dedupe.buffer.size");
        let map_bytes_max = usize::try_from(map_bytes_max).unwrap_or(0);
        let go_on = || self.cleaner.may_go_on();
        let (topic, index) = (partition.topic_id(), partition.index());
        let compact = || partition.compact(now, map_bytes_max, &go_on);
        let Ok(compacted) = catch_unwind(AssertUnwindSafe(compact)) else {
            tracing::error!(%topic, %index, "compacting a log panicked; the others go on");
            partition.give_up_compaction();
            return false;
        };
        match compacted {
            Ok(Some(cleaned)) => {
                let (before, after) = (cleaned.bytes_before, cleaned.bytes_after);
                tracing::debug!(%topic, %index, before, after, "log compacted");
                true
            }
            Ok(None) => false,
            Err(error) => {
                warn_of(partition, &error);
                false
            }
        }
    }
}

fn earlier(at_ms: Option<i64>, range: &DirtyRange) -> Option<i64> {
    [at_ms, range.look_again_ms].into_iter().flatten().min()
}

fn warn_of(partition: &Partition, error: &CleanError) {
    let (topic, index) = (partition.topic_id(), partition.index());
    match error {
        CleanError::Stopped => {}
        CleanError::Storage(error) => {
            tracing::warn!(%topic, %index, %error, "a log was not compacted; tried again later");
        }
        CleanError::Damaged(error) => {
            tracing::error!(%topic, %index, %error, "a damaged log is not compacted any more");
        }
    }
}
