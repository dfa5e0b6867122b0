//! How far a comment's event has come, in one word and one number.

use serde::Serialize;
use social_events::ProcessId;
use utoipa::ToSchema;

use super::Passage;
use crate::domain::Fate;

/// How far an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// On its way: in the outbox, in the log, or at the push service.
    Waiting,
    /// A browser showed it.
    Shown,
    /// A push service took it.
    Delivered,
    /// Every push was given up, or it could never be published.
    Dead,
    /// Confirmed, and nowhere to be found.
    Lost,
    /// There was nobody to push to.
    None,
}

/// A comment's travel: the state, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Travel {
    /// How far it has come.
    pub state: State,
    /// From the request until the notification was shown; as long as it is not, until a push
    /// service took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<f64>,
}

impl Passage {
    /// How far the event has come.
    #[must_use]
    pub fn state(&self) -> State {
        if self.shown.is_some() {
            return State::Shown;
        }
        let outcome = self.outcome.as_ref().map(|(outcome, _)| outcome);
        match (self.fate, outcome) {
            (Some(Fate::Lost), _) => State::Lost,
            (Some(Fate::Dead), _) => State::Dead,
            (_, Some(outcome)) if outcome.accepted > 0 => State::Delivered,
            (_, Some(_)) => State::None,
            (_, None) => State::Waiting,
        }
    }

    /// How far, and how long it took.
    #[must_use]
    pub fn travel(&self, here: ProcessId) -> Travel {
        let end = self
            .shown_at(here)
            .or_else(|| self.accepted(here).map(|(_, answered)| answered));
        Travel {
            state: self.state(),
            millis: end.map(|end| millis(self.requested_at.micros_until(end))),
        }
    }
}

/// Microseconds as milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a journey lasts less than 285 years"
)]
pub(super) fn millis(micros: i64) -> f64 {
    micros as f64 / 1000.0
}
