//! What becomes of a confirmed comment's event in the end.

use social_events::PushOutcome;

/// The end of an event; without one it is waiting, in the outbox or in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A push was accepted, or there was no subscription to send to.
    Delivered,
    /// Every push was given up, or the event could never be published.
    Dead,
    /// It is confirmed, and nowhere to be found.
    Lost,
}

impl Fate {
    /// What an outcome means. A subscription that was gone is one that is not there.
    #[must_use]
    pub fn of(outcome: &PushOutcome) -> Self {
        if outcome.accepted == 0 && outcome.dead_lettered > 0 {
            Self::Dead
        } else {
            Self::Delivered
        }
    }

    /// As databases hold it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Lost => "lost",
        }
    }

    /// Reads [`Fate::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Delivered, Self::Dead, Self::Lost]
            .into_iter()
            .find(|fate| fate.name() == name)
    }
}
