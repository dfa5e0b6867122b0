//! What became of an event's pushes: counted, told, and put into the outbox.

use social_events::bus::Record;
use social_events::{CommentId, Envelope, EventId, PushOutcome, PushStep, Timestamp, UserId};
use sqlx::SqliteConnection;

use super::outbox;
use crate::store::{StoreError, record};

/// If nothing of `event` is under way any more, marks it settled and tells its outcome.
pub(super) async fn tell_if_settled(
    connection: &mut SqliteConnection,
    event: EventId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let settled = sqlx::query(
        "UPDATE events SET settled_at = ? WHERE event_id = ? AND NOT EXISTS
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
    let record = outcome_record(connection, event).await?;
    outbox::add(connection, &record).await
}

async fn outcome_record(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<Record, StoreError> {
    type Row = (i64, Option<i64>, i64, u32, String);
    let (notified, comment, received_at, folded, source): Row = sqlx::query_as(
        "SELECT notified, comment_id, received_at, folded, record FROM events WHERE event_id = ?",
    )
    .bind(event.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let (accepted, gone, dead_lettered) = counts(connection, event).await?;
    let received = step("received", received_at);
    let steps = std::iter::once(received)
        .chain(tried_steps(connection, event).await?)
        .collect();
    let outcome = PushOutcome {
        event_id: event,
        comment_id: comment.map(CommentId),
        accepted,
        gone,
        dead_lettered,
        folded,
        steps,
    };
    let trace = record::read_incoming(&source)?.headers.trace_parent();
    Ok(Envelope::new(outcome, trace).to_record_for(UserId(notified)))
}

async fn counts(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<(u32, u32, u32), StoreError> {
    Ok(sqlx::query_as(
        "SELECT count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'gone'),
                count(*) FILTER (WHERE state = 'dead')
         FROM processed WHERE event_id = ?",
    )
    .bind(event.to_string())
    .fetch_one(connection)
    .await?)
}

/// First claim, first sending, and when the last push of each kind of end came to it.
async fn tried_steps(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<Vec<PushStep>, StoreError> {
    let (claimed, sent): (Option<i64>, Option<i64>) =
        sqlx::query_as("SELECT min(claimed_at), min(sent_at) FROM deliveries WHERE event_id = ?")
            .bind(event.to_string())
            .fetch_one(&mut *connection)
            .await?;
    let ends: Vec<(String, i64)> = sqlx::query_as(
        "SELECT result, max(answered_at) FROM deliveries
         WHERE event_id = ? AND result <> 'waiting' GROUP BY result ORDER BY 2, 1",
    )
    .bind(event.to_string())
    .fetch_all(connection)
    .await?;
    let begun = claimed.map(|at| step("claimed", at)).into_iter();
    let begun = begun.chain(sent.map(|at| step("sent", at)));
    Ok(begun
        .chain(
            ends.into_iter()
                .map(|(result, at)| step(step_name(&result), at)),
        )
        .collect())
}

fn step_name(result: &str) -> &str {
    match result {
        "dead" => "dead-lettered",
        other => other,
    }
}

fn step(name: &str, at_ms: i64) -> PushStep {
    PushStep {
        name: name.to_owned(),
        at: Timestamp::from_millis(at_ms),
    }
}
