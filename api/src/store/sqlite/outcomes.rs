//! What the push service said about events.

use social_events::{CommentId, EventId, PushOutcome};
use sqlx::{FromRow, SqliteConnection};

use crate::store::StoreError;

pub(super) async fn save(
    connection: &mut SqliteConnection,
    outcome: &PushOutcome,
) -> Result<(), StoreError> {
    let steps = serde_json::to_string(&outcome.steps).expect("steps have only string keys");
    sqlx::query(
        "INSERT OR REPLACE INTO push_outcomes
             (event_id, comment_seq, accepted, gone, dead_lettered, folded, steps)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(outcome.event_id.to_string())
    .bind(outcome.comment_id.map(|comment| comment.0))
    .bind(outcome.accepted)
    .bind(outcome.gone)
    .bind(outcome.dead_lettered)
    .bind(outcome.folded)
    .bind(steps)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct OutcomeRow {
    comment_seq: Option<i64>,
    accepted: u32,
    gone: u32,
    dead_lettered: u32,
    folded: u32,
    steps: String,
}

pub(super) async fn of_event(
    connection: &mut SqliteConnection,
    event_id: EventId,
) -> Result<Option<PushOutcome>, StoreError> {
    let row: Option<OutcomeRow> = sqlx::query_as(
        "SELECT comment_seq, accepted, gone, dead_lettered, folded, steps
         FROM push_outcomes WHERE event_id = ?",
    )
    .bind(event_id.to_string())
    .fetch_optional(connection)
    .await?;
    let outcome = row.map(|row| {
        Ok(PushOutcome {
            event_id,
            comment_id: row.comment_seq.map(CommentId),
            accepted: row.accepted,
            gone: row.gone,
            dead_lettered: row.dead_lettered,
            folded: row.folded,
            steps: serde_json::from_str(&row.steps)
                .map_err(|_| StoreError::Unreadable("push outcome"))?,
        })
    });
    outcome.transpose()
}
