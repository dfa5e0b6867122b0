//! What became of an event's pushes: read, and put into the outbox as it is told.

use social_events::{EventId, PUSHES_TOLD_MAX, Timestamp};
use sqlx::SqliteConnection;

use super::outbox;
use crate::store::StoreError;
use crate::store::outcome::{BegunRow, CountsRow, EndRow, EventRow, PushRow, Settled};

/// If nothing of `event` is under way any more, marks it settled and tells its outcome.
pub(super) async fn tell_if_settled(
    connection: &mut SqliteConnection,
    event: EventId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let settled = sqlx::query(
        "UPDATE events SET settled_at = $1 WHERE event_id = $2 AND NOT EXISTS
             (SELECT 1 FROM processed WHERE processed.event_id = events.event_id
              AND state IN ('waiting', 'claimed'))",
    )
    .bind(now.millis())
    .bind(event.to_string())
    .execute(&mut *connection)
    .await?;
    if settled.rows_affected() == 0 {
        return Ok(());
    }
    let settled = Settled {
        event: event_row(connection, event).await?,
        counts: counts(connection, event).await?,
        pushes: pushes(connection, event).await?,
        begun: begun(connection, event).await?,
        ends: ends(connection, event).await?,
    };
    let (record, source) = settled.record(event)?;
    outbox::add_after(connection, &record, &source, now).await
}

async fn event_row(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<EventRow, StoreError> {
    Ok(sqlx::query_as(
        "SELECT notified, comment_id, console_name, notification, record, reading, received_at,
                folded
         FROM events WHERE event_id = $1",
    )
    .bind(event.to_string())
    .fetch_one(connection)
    .await?)
}

async fn counts(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<CountsRow, StoreError> {
    Ok(sqlx::query_as(
        "SELECT count(*) FILTER (WHERE state = 'accepted') AS accepted,
                count(*) FILTER (WHERE state = 'gone') AS gone,
                count(*) FILTER (WHERE state = 'dead') AS dead
         FROM processed WHERE event_id = $1",
    )
    .bind(event.to_string())
    .fetch_one(connection)
    .await?)
}

async fn pushes(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<Vec<PushRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT d.subscription_id, d.sent_at, d.answered_at, d.status, d.result, d.endpoint, p.tries
         FROM deliveries d JOIN processed p
             ON p.event_id = d.event_id AND p.subscription_id = d.subscription_id
         WHERE d.event_id = $1 AND d.seq = (
             SELECT max(seq) FROM deliveries last
             WHERE last.event_id = d.event_id AND last.subscription_id = d.subscription_id)
         ORDER BY d.seq LIMIT $2",
    )
    .bind(event.to_string())
    .bind(i64::try_from(PUSHES_TOLD_MAX).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?)
}

async fn begun(connection: &mut SqliteConnection, event: EventId) -> Result<BegunRow, StoreError> {
    Ok(sqlx::query_as(
        "SELECT min(claimed_at) AS claimed, min(sent_at) AS sent
         FROM deliveries WHERE event_id = $1",
    )
    .bind(event.to_string())
    .fetch_one(connection)
    .await?)
}

async fn ends(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<Vec<EndRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT result, max(answered_at) AS at FROM deliveries
         WHERE event_id = $1 AND result <> 'waiting' GROUP BY result ORDER BY 2, 1",
    )
    .bind(event.to_string())
    .fetch_all(connection)
    .await?)
}
