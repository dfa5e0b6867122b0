//! Rows about what the push service said.

use social_events::{CommentId, EventId, PushOutcome};
use sqlx::FromRow;

use crate::store::StoreError;

/// PostgreSQL has no unsigned integers, hence the conversions.
#[derive(FromRow)]
pub(crate) struct OutcomeRow {
    pub(crate) comment_seq: Option<i64>,
    #[sqlx(try_from = "i64")]
    pub(crate) accepted: u32,
    #[sqlx(try_from = "i64")]
    pub(crate) gone: u32,
    #[sqlx(try_from = "i64")]
    pub(crate) dead_lettered: u32,
    #[sqlx(try_from = "i64")]
    pub(crate) folded: u32,
    pub(crate) steps: String,
    pub(crate) journey: Option<String>,
}

impl OutcomeRow {
    /// The outcome, of the event it was asked for by.
    pub(crate) fn outcome(self, event_id: EventId) -> Result<PushOutcome, StoreError> {
        let unreadable = |_| StoreError::Unreadable("push outcome");
        let journey = self.journey.as_deref().map(serde_json::from_str);
        Ok(PushOutcome {
            event_id,
            comment_id: self.comment_seq.map(CommentId),
            accepted: self.accepted,
            gone: self.gone,
            dead_lettered: self.dead_lettered,
            folded: self.folded,
            steps: serde_json::from_str(&self.steps).map_err(unreadable)?,
            journey: journey.transpose().map_err(unreadable)?,
        })
    }
}
