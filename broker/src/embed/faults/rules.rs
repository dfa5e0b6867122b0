//! Which faults are set, in which order, and how often each still strikes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::effect::Effect;
use super::selection::About;

/// The faults of one broker.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// How many are set: all that a request looks at while there are none.
    count: AtomicUsize,
    set: Mutex<Set>,
}

#[derive(Debug, Default)]
struct Set {
    rules: Vec<Arc<Rule>>,
    next_id: u64,
}

/// One fault.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: u64,
    pub(super) api_key: i16,
    pub(super) about: About,
    pub(super) effect: Effect,
    /// How often it strikes; `None` is until it is removed.
    times: Option<u64>,
    struck: AtomicU64,
}

impl Rule {
    /// How often it has struck.
    pub(super) fn struck(&self) -> u64 {
        self.struck.load(Ordering::Acquire)
    }

    /// Whether it has a strike left.
    pub(super) fn is_due(&self) -> bool {
        self.times.is_none_or(|times| self.struck() < times)
    }

    /// Counts a strike; false if none was left.
    pub(super) fn strike(&self) -> bool {
        let count = |struck: u64| match self.times {
            Some(times) if struck >= times => None,
            _ => Some(struck + 1),
        };
        self.struck
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, count)
            .is_ok()
    }
}

impl Faults {
    /// Whether a request needs to look at all.
    pub(crate) fn are_set(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    pub(super) fn add(
        &self,
        api_key: i16,
        about: About,
        times: Option<u64>,
        effect: Effect,
    ) -> Arc<Rule> {
        let mut set = self.set();
        let rule = Arc::new(Rule {
            id: set.next_id,
            api_key,
            about,
            effect,
            times,
            struck: AtomicU64::new(0),
        });
        set.next_id += 1;
        set.rules.push(Arc::clone(&rule));
        self.count.store(set.rules.len(), Ordering::Relaxed);
        rule
    }

    /// Those of an API that have strikes left, the oldest first.
    pub(super) fn due(&self, api_key: i16) -> Vec<Arc<Rule>> {
        let set = self.set();
        let due = set.rules.iter();
        due.filter(|rule| rule.api_key == api_key && rule.is_due())
            .cloned()
            .collect()
    }

    /// Forgets those that have no strike left.
    pub(super) fn forget_spent(&self) {
        self.retain(Rule::is_due);
    }

    /// Forgets one; false if it was not there any more.
    pub(crate) fn remove(&self, id: u64) -> bool {
        self.retain(|rule| rule.id != id) > 0
    }

    /// Forgets all of them, and says how many there were.
    pub(crate) fn clear(&self) -> usize {
        self.retain(|_| false)
    }

    fn retain(&self, keep: impl Fn(&Rule) -> bool) -> usize {
        let mut set = self.set();
        let before = set.rules.len();
        set.rules.retain(|rule| keep(rule));
        self.count.store(set.rules.len(), Ordering::Relaxed);
        before - set.rules.len()
    }

    fn set(&self) -> MutexGuard<'_, Set> {
        // Every step leaves it whole.
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
