//! One comment's way from the request to the screen: what is known of it, and what that means.
//!
//! ```text
//!  request ─ committed ─ bus event ─ answered        API     ┐
//!            └─ produced ─ record                    relay   │ one clock: here
//!                 └─ fetched ─ consumed ─ sent …     push    │ its own clock, aligned
//!                                 └─ shown           browser ┘ its own clock, aligned
//! ```
//!
//! Pure: nothing here reads a clock or a database.

mod clock;
mod parts;
mod travel;

use social_events::bus::Position;
use social_events::{EventId, Moment, ProcessId, PushOutcome, PushVerdict, TraceParent};

use super::Fate;

pub use clock::Aligned;
pub use parts::{Part, parts};
pub use travel::{State, Travel};

/// What is known of a comment's event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The event.
    pub event_id: EventId,
    /// The trace of the request.
    pub trace: TraceParent,
    /// The outbox row.
    pub outbox_seq: i64,
    /// The topic it is for.
    pub topic: String,
    /// The record's key.
    pub key: String,
    /// When the request was read; of the time before that was kept, when the row was written.
    pub requested_at: Moment,
    /// What the request left behind once it was answered.
    pub answer: Option<Answer>,
    /// From sending the record to its acknowledgement.
    pub produced: Option<(Moment, Moment)>,
    /// Where the record is.
    pub position: Option<Position>,
    /// Why it can never be published.
    pub refusal: Option<String>,
    /// Its end.
    pub fate: Option<Fate>,
    /// What the push service said, and when that was read.
    pub outcome: Option<(PushOutcome, Moment)>,
    /// What browsers said.
    pub shown: Option<Shown>,
}

/// How a request that wrote a comment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The event it raised.
    pub event_id: EventId,
    /// When its transaction was committed.
    pub committed_at: Moment,
    /// When the event was handed to the in-process bus.
    pub raised_at: Moment,
    /// The handlers that got it.
    pub handlers: Vec<String>,
    /// When it was answered.
    pub answered_at: Moment,
    /// With which status.
    pub status: u16,
}

/// A notification on a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// When the first device showed it, by its own clock.
    pub shown_at: Moment,
    /// When the first receipt came.
    pub received_at: Moment,
    /// How many devices said so.
    pub devices: u32,
}

impl Passage {
    /// The push service's moments on this process's clock: not before the record was sent, not
    /// after its outcome was read. `None` without an outcome that tells its journey.
    #[must_use]
    pub fn push_clock(&self, here: ProcessId) -> Option<Aligned> {
        let (outcome, read_at) = self.outcome.as_ref()?;
        let journey = outcome.journey.as_ref()?;
        let reading = &journey.reading;
        let answered = journey.pushes.iter().map(|push| push.answered_at);
        let committed = journey.committed.map(|committed| committed.at);
        let last = answered
            .chain(committed)
            .fold(reading.consumed_at, Moment::max);
        let sent_at = self.produced.map_or(self.requested_at, |(sent, _)| sent);
        let foreign = reading.process != here;
        Some(Aligned::between(
            sent_at,
            (reading.fetched_at, last),
            *read_at,
            foreign,
        ))
    }

    /// When the first accepted push was sent, and its answer came.
    #[must_use]
    pub fn accepted(&self, here: ProcessId) -> Option<(Moment, Moment)> {
        let clock = self.push_clock(here)?;
        let (outcome, _) = self.outcome.as_ref()?;
        let pushes = &outcome.journey.as_ref()?.pushes;
        let accepted = pushes
            .iter()
            .filter(|push| push.verdict == PushVerdict::Accepted);
        let first = accepted.min_by_key(|push| push.answered_at)?;
        Some((clock.at(first.sent_at), clock.at(first.answered_at)))
    }

    /// When it was first on a screen, by this process's clock: not before its push was sent, not
    /// after the receipt came.
    #[must_use]
    pub fn shown_at(&self, here: ProcessId) -> Option<Moment> {
        let shown = self.shown?;
        let cause = self
            .accepted(here)
            .map_or(self.requested_at, |(sent, _)| sent);
        let moment = (shown.shown_at, shown.shown_at);
        Some(Aligned::between(cause, moment, shown.received_at, true).at(shown.shown_at))
    }
}
