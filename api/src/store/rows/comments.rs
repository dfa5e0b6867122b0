//! Rows about comments and the way of their events.

use social_events::bus::Position;
use social_events::{
    CommentId, EmailAddress, EventId, Moment, PostId, PushOutcome, Timestamp, UserId, Writer,
};
use sqlx::FromRow;

use crate::domain::{Answer, Comment, Fate, Passage, Shown};
use crate::store::StoreError;

/// A comment, its outbox row, its outcome and its receipts, as far as there are any.
#[derive(FromRow)]
pub(crate) struct CommentRow {
    pub(crate) seq: i64,
    pub(crate) post_seq: i64,
    pub(crate) owner_seq: i64,
    pub(crate) writer_seq: i64,
    pub(crate) contents: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) create_at: i64,
    pub(crate) outbox_seq: Option<i64>,
    pub(crate) event_id: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) record_key: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) requested_us: Option<i64>,
    pub(crate) committed_us: Option<i64>,
    pub(crate) raised_us: Option<i64>,
    pub(crate) handlers: Option<String>,
    pub(crate) answered_us: Option<i64>,
    pub(crate) answer_status: Option<i32>,
    pub(crate) sent_us: Option<i64>,
    pub(crate) acked_us: Option<i64>,
    pub(crate) partition: Option<i32>,
    pub(crate) record_offset: Option<i64>,
    pub(crate) refusal: Option<String>,
    pub(crate) fate: Option<String>,
    pub(crate) accepted: Option<i64>,
    pub(crate) gone: Option<i64>,
    pub(crate) dead_lettered: Option<i64>,
    pub(crate) folded: Option<i64>,
    pub(crate) steps: Option<String>,
    pub(crate) journey: Option<String>,
    pub(crate) read_us: Option<i64>,
    pub(crate) shown_us: Option<i64>,
    pub(crate) received_us: Option<i64>,
    pub(crate) devices: i64,
}

impl CommentRow {
    pub(crate) fn comment(self) -> Result<Comment, StoreError> {
        let passage = self.passage()?;
        Ok(Comment {
            seq: CommentId(self.seq),
            post: PostId(self.post_seq),
            post_writer: UserId(self.owner_seq),
            contents: self.contents,
            writer_seq: UserId(self.writer_seq),
            writer: Writer {
                email: EmailAddress {
                    address: self.email,
                },
                name: Some(self.name),
            },
            create_at: Timestamp::from_millis(self.create_at),
            passage: passage.map(Box::new),
        })
    }

    /// `None` when the outbox row was forgotten.
    fn passage(&self) -> Result<Option<Passage>, StoreError> {
        let (Some(outbox_seq), Some(event_id)) = (self.outbox_seq, &self.event_id) else {
            return Ok(None);
        };
        let event_id = event_id
            .parse()
            .map_err(|_| StoreError::Unreadable("event id"))?;
        let traceparent = self.traceparent.as_deref().unwrap_or_default();
        let topic = self.topic.clone().unwrap_or_default();
        let written_at = Timestamp::from_millis(self.create_at).into();
        Ok(Some(Passage {
            event_id,
            trace: traceparent
                .parse()
                .map_err(|_| StoreError::Unreadable("traceparent"))?,
            outbox_seq,
            key: self.record_key.clone().unwrap_or_default(),
            requested_at: self.requested_us.map_or(written_at, Moment::from_micros),
            answer: self.answer(event_id)?,
            produced: moment(self.sent_us).zip(moment(self.acked_us)),
            position: self
                .partition
                .zip(self.record_offset)
                .map(|(partition, offset)| Position {
                    topic: topic.clone(),
                    partition,
                    offset,
                }),
            topic,
            refusal: self.refusal.clone(),
            fate: self.fate.as_deref().and_then(Fate::named),
            outcome: self.outcome(event_id)?,
            shown: self.shown(),
        }))
    }

    fn answer(&self, event_id: EventId) -> Result<Option<Answer>, StoreError> {
        let (Some(committed_at), Some(raised_at), Some(answered_at)) = (
            moment(self.committed_us),
            moment(self.raised_us),
            moment(self.answered_us),
        ) else {
            return Ok(None);
        };
        let handlers = self.handlers.as_deref().unwrap_or("[]");
        Ok(Some(Answer {
            event_id,
            committed_at,
            raised_at,
            handlers: serde_json::from_str(handlers)
                .map_err(|_| StoreError::Unreadable("list of handlers"))?,
            answered_at,
            status: u16::try_from(self.answer_status.unwrap_or_default()).unwrap_or_default(),
        }))
    }

    fn outcome(&self, event_id: EventId) -> Result<Option<(PushOutcome, Moment)>, StoreError> {
        let Some(steps) = &self.steps else {
            return Ok(None);
        };
        let unreadable = |_| StoreError::Unreadable("push outcome");
        let count = |count: Option<i64>| u32::try_from(count.unwrap_or_default()).unwrap_or(0);
        let journey = self.journey.as_deref().map(serde_json::from_str);
        let outcome = PushOutcome {
            event_id,
            comment_id: Some(CommentId(self.seq)),
            accepted: count(self.accepted),
            gone: count(self.gone),
            dead_lettered: count(self.dead_lettered),
            folded: count(self.folded),
            steps: serde_json::from_str(steps).map_err(unreadable)?,
            journey: journey.transpose().map_err(unreadable)?,
        };
        let last_step = outcome.steps.last().map(|step| step.at);
        // Of the time before this was kept, no better moment is known.
        let read_at = moment(self.read_us).or(last_step);
        Ok(Some((
            outcome,
            read_at.unwrap_or(Timestamp::from_millis(self.create_at).into()),
        )))
    }

    fn shown(&self) -> Option<Shown> {
        Some(Shown {
            shown_at: moment(self.shown_us)?,
            received_at: moment(self.received_us)?,
            devices: u32::try_from(self.devices).unwrap_or(u32::MAX),
        })
    }
}

fn moment(epoch_us: Option<i64>) -> Option<Moment> {
    epoch_us.map(Moment::from_micros)
}
