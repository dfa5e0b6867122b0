//! Faults on demand: the answers a sender must be able to live with.
//!
//! Set in the configuration, by `Faults` in the same process, or over HTTP:
//! `POST /control/faults` with `{"fault":"gone","times":2}`, `GET` to look, `DELETE` to end them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Refused;

/// How many plans wait at most.
const PLANS_MAX: usize = 1000;
/// The longest delay of a slow answer.
const DELAY_MS_MAX: u64 = 120_000;

/// What happens to a push instead of being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// 404.
    NotFound,
    /// 410.
    Gone,
    /// 413.
    TooLarge,
    /// 429 with `Retry-After`.
    Throttled,
    /// 500.
    ServerError,
    /// It is taken, after a delay.
    Slow,
}

/// A fault, and for how many pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultPlan {
    /// What happens.
    pub fault: Fault,
    /// To how many pushes; to all until it is ended, when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// `Retry-After` of [`Fault::Throttled`].
    #[serde(default = "one")]
    pub retry_after_seconds: u64,
    /// The delay of [`Fault::Slow`].
    #[serde(default = "one_thousand")]
    pub delay_ms: u64,
}

fn one() -> u64 {
    1
}

fn one_thousand() -> u64 {
    1000
}

impl FaultPlan {
    /// `fault` for the next `times` pushes.
    #[must_use]
    pub fn times(fault: Fault, times: u32) -> Self {
        Self {
            times: Some(times),
            ..Self::always(fault)
        }
    }

    /// `fault` for every push.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            times: None,
            retry_after_seconds: one(),
            delay_ms: one_thousand(),
        }
    }
}

/// The fault switches. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    plans: Arc<Mutex<VecDeque<FaultPlan>>>,
}

/// What the next push meets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Refuse(Refused),
    /// 404 or 410 look the same to the sender as the real thing.
    Delay(Duration),
}

impl Faults {
    pub(super) fn new(plans: Vec<FaultPlan>) -> Self {
        Self {
            plans: Arc::new(Mutex::new(plans.into())),
        }
    }

    /// Adds a plan behind those that wait; false when too many do.
    pub fn add(&self, plan: FaultPlan) -> bool {
        let mut plans = self.lock();
        let room = plans.len() < PLANS_MAX;
        if room {
            plans.push_back(plan);
        }
        room
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The plans that wait.
    #[must_use]
    pub fn plans(&self) -> Vec<FaultPlan> {
        self.lock().iter().copied().collect()
    }

    /// What the next push meets. Counts down.
    pub(super) fn next(&self) -> Effect {
        let mut plans = self.lock();
        while plans.front().is_some_and(|plan| plan.times == Some(0)) {
            plans.pop_front();
        }
        let Some(plan) = plans.front_mut() else {
            return Effect::None;
        };
        plan.times = plan.times.map(|times| times - 1);
        match plan.fault {
            Fault::NotFound => Effect::Refuse(Refused::UnknownSubscription),
            Fault::Gone => Effect::Refuse(Refused::Unsubscribed),
            Fault::TooLarge => Effect::Refuse(Refused::TooLarge),
            Fault::Throttled => {
                let retry_after_seconds = plan.retry_after_seconds;
                Effect::Refuse(Refused::TooMany {
                    retry_after_seconds,
                })
            }
            Fault::ServerError => Effect::Refuse(Refused::Fault("server error")),
            Fault::Slow => Effect::Delay(Duration::from_millis(plan.delay_ms.min(DELAY_MS_MAX))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<FaultPlan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_met_in_order_and_as_often_as_they_say() {
        let faults = Faults::new(vec![FaultPlan::times(Fault::Gone, 2)]);
        faults.add(FaultPlan::times(Fault::NotFound, 1));
        assert_eq!(faults.next(), Effect::Refuse(Refused::Unsubscribed));
        assert_eq!(faults.next(), Effect::Refuse(Refused::Unsubscribed));
        assert_eq!(faults.next(), Effect::Refuse(Refused::UnknownSubscription));
        assert_eq!(faults.next(), Effect::None);
    }

    #[test]
    fn a_plan_without_a_number_lasts_until_it_is_ended() {
        let faults = Faults::new(vec![FaultPlan::always(Fault::ServerError)]);
        for _ in 0..5 {
            assert_ne!(faults.next(), Effect::None);
        }
        faults.clear();
        assert_eq!(faults.next(), Effect::None);
    }

    #[test]
    fn a_plan_reads_from_json_with_defaults() {
        let plan: FaultPlan = serde_json::from_str(r#"{"fault":"tooLarge","times":3}"#).unwrap();
        assert_eq!(plan, FaultPlan::times(Fault::TooLarge, 3));
        assert!(serde_json::from_str::<FaultPlan>(r#"{"fault":"nonsense"}"#).is_err());
        assert!(serde_json::from_str::<FaultPlan>(r#"{"fault":"gone","time":3}"#).is_err());
    }
}
