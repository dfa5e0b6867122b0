//! What the push service said about events.

use social_events::{EventId, Moment, PushOutcome};
use sqlx::PgConnection;

use crate::domain::Fate;
use crate::store::StoreError;
use crate::store::rows::outcomes::OutcomeRow;

/// Of an event that is no longer, or never was, in the outbox nothing is kept.
pub(super) async fn save(
    tx: &mut PgConnection,
    outcome: &PushOutcome,
    read_at: Moment,
) -> Result<(), StoreError> {
    let steps = serde_json::to_string(&outcome.steps).expect("steps have only string keys");
    let journey = outcome.journey.as_ref().map(serde_json::to_string);
    let journey = journey.map(|journey| journey.expect("a journey has only string keys"));
    sqlx::query(
        "INSERT INTO push_outcomes (event_id, comment_seq, accepted, gone, dead_lettered, folded,
                                    steps, journey, read_us)
         SELECT event_id, comment_seq, $2, $3, $4, $5, $6, $7, $8 FROM outbox WHERE event_id = $1
         ON CONFLICT (event_id) DO UPDATE SET
             accepted = excluded.accepted, gone = excluded.gone,
             dead_lettered = excluded.dead_lettered, folded = excluded.folded,
             steps = excluded.steps, journey = excluded.journey, read_us = excluded.read_us",
    )
    .bind(outcome.event_id.to_string())
    .bind(i64::from(outcome.accepted))
    .bind(i64::from(outcome.gone))
    .bind(i64::from(outcome.dead_lettered))
    .bind(i64::from(outcome.folded))
    .bind(steps)
    .bind(journey)
    .bind(read_at.micros())
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE outbox SET fate = $2 WHERE event_id = $1")
        .bind(outcome.event_id.to_string())
        .bind(Fate::of(outcome).name())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn of_event(
    connection: &mut PgConnection,
    event_id: EventId,
) -> Result<Option<PushOutcome>, StoreError> {
    let row: Option<OutcomeRow> = sqlx::query_as(
        "SELECT comment_seq, accepted, gone, dead_lettered, folded, steps, journey
         FROM push_outcomes WHERE event_id = $1",
    )
    .bind(event_id.to_string())
    .fetch_optional(connection)
    .await?;
    row.map(|row| row.outcome(event_id)).transpose()
}
