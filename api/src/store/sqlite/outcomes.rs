//! What the push service said about events.

use social_events::{EventId, PushOutcome};
use sqlx::SqliteConnection;

use crate::store::StoreError;
use crate::store::rows::outcomes::OutcomeRow;

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
    row.map(|row| row.outcome(event_id)).transpose()
}
