//! What became of an event's pushes, told: from rows to the record of its outcome. No statements.

use social_events::bus::{Position, Record};
use social_events::{
    CommentId, Envelope, EventId, Moment, Notice, PushJourney, PushOutcome, PushStep, PushVerdict,
    Reading, Secret, SentPush, SubscriptionId, Timestamp, UserId,
};
use sqlx::FromRow;

use super::{StoreError, record};
use crate::endpoint::redacted;
use crate::notification::Notification;
use crate::text;

/// All that a database knows of a settled event.
pub(super) struct Settled {
    pub(super) event: EventRow,
    pub(super) counts: CountsRow,
    /// The last try of each push.
    pub(super) pushes: Vec<PushRow>,
    /// The first claim and the first sending.
    pub(super) begun: BegunRow,
    /// When the last push of each kind of end came to it.
    pub(super) ends: Vec<EndRow>,
}

#[derive(FromRow)]
pub(super) struct EventRow {
    notified: i64,
    comment_id: Option<i64>,
    console_name: Option<String>,
    notification: String,
    record: String,
    reading: Option<String>,
    received_at: i64,
    #[sqlx(try_from = "i64")]
    folded: u32,
}

#[derive(FromRow)]
pub(super) struct CountsRow {
    #[sqlx(try_from = "i64")]
    accepted: u32,
    #[sqlx(try_from = "i64")]
    gone: u32,
    #[sqlx(try_from = "i64")]
    dead: u32,
}

#[derive(FromRow)]
pub(super) struct PushRow {
    subscription_id: i64,
    sent_at: i64,
    answered_at: i64,
    status: Option<i32>,
    result: String,
    endpoint: Option<String>,
    #[sqlx(try_from = "i64")]
    tries: u32,
}

#[derive(FromRow)]
pub(super) struct BegunRow {
    claimed: Option<i64>,
    sent: Option<i64>,
}

#[derive(FromRow)]
pub(super) struct EndRow {
    result: String,
    at: i64,
}

impl Settled {
    /// The outcome's record, and where the event's own was.
    pub(super) fn record(&self, event: EventId) -> Result<(Record, Position), StoreError> {
        let journey = self.journey()?;
        let received_at = journey.as_ref().map_or_else(
            || Timestamp::from_millis(self.event.received_at).into(),
            |journey| journey.reading.consumed_at,
        );
        let outcome = PushOutcome {
            event_id: event,
            comment_id: self.event.comment_id.map(CommentId),
            accepted: self.counts.accepted,
            gone: self.counts.gone,
            dead_lettered: self.counts.dead,
            folded: self.event.folded,
            steps: self.steps(received_at),
            journey,
        };
        let source = record::read_incoming(&self.event.record)?;
        let trace = source.headers.trace_parent();
        let record = Envelope::new(outcome, trace).to_record_for(UserId(self.event.notified));
        Ok((record, source.position))
    }

    /// `None` for an event that came before readings were kept.
    fn journey(&self) -> Result<Option<PushJourney>, StoreError> {
        let Some(reading) = &self.event.reading else {
            return Ok(None);
        };
        let reading: Reading = parse(reading, "a reading")?;
        let Notification {
            title,
            body,
            tag,
            target,
            ..
        } = parse(&self.event.notification, "a notification")?;
        let commenter = self.event.console_name.as_deref();
        let pushes = self.pushes.iter().map(|row| sent(row, commenter));
        Ok(Some(PushJourney {
            reading,
            pushes: pushes.collect(),
            notice: Notice {
                title,
                body,
                tag,
                target,
            },
            committed: None,
        }))
    }

    fn steps(&self, received_at: Moment) -> Vec<PushStep> {
        let BegunRow { claimed, sent } = self.begun;
        let begun = claimed.map(|at| ("claimed", at)).into_iter();
        let begun = begun.chain(sent.map(|at| ("sent", at)));
        let ends = self.ends.iter();
        let ends = ends.map(|end| (step_name(&end.result), end.at));
        let tried = begun
            .chain(ends)
            .map(|(name, at_us)| step(name, Moment::from_micros(at_us)));
        std::iter::once(step("received", received_at))
            .chain(tried)
            .collect()
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("{what}: {error}")))
}

fn sent(row: &PushRow, commenter: Option<&str>) -> SentPush {
    let endpoint = row.endpoint.as_deref();
    let line = endpoint.zip(commenter);
    SentPush {
        subscription: SubscriptionId(row.subscription_id),
        sent_at: Moment::from_micros(row.sent_at),
        answered_at: Moment::from_micros(row.answered_at),
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        verdict: match row.result.as_str() {
            "accepted" => PushVerdict::Accepted,
            "gone" => PushVerdict::Gone,
            "dead" => PushVerdict::Dead,
            _ => PushVerdict::Later,
        },
        tries: row.tries,
        endpoint_shown: endpoint.map(redacted),
        console_line: line.map(|(endpoint, name)| Secret::new(text::console_line(endpoint, name))),
        endpoint: row.endpoint.clone().map(Secret::new),
    }
}

fn step_name(result: &str) -> &str {
    match result {
        "dead" => "dead-lettered",
        other => other,
    }
}

fn step(name: &str, at: Moment) -> PushStep {
    PushStep {
        name: name.to_owned(),
        at,
    }
}
