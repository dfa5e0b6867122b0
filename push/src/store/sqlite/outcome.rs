//! What became of an event's pushes: counted, told, and put into the outbox.

use social_events::bus::{Position, Record};
use social_events::{
    CommentId, Envelope, EventId, Moment, Notice, PUSHES_TOLD_MAX, PushJourney, PushOutcome,
    PushStep, PushVerdict, Reading, Secret, SentPush, SubscriptionId, Timestamp, UserId,
};
use sqlx::SqliteConnection;

use super::outbox;
use crate::endpoint::redacted;
use crate::notification::Notification;
use crate::store::{StoreError, record};
use crate::text;

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
    let (record, source) = outcome_record(connection, event).await?;
    outbox::add_after(connection, &record, &source, now).await
}

#[derive(sqlx::FromRow)]
struct EventRow {
    notified: i64,
    comment_id: Option<i64>,
    console_name: Option<String>,
    notification: String,
    record: String,
    reading: Option<String>,
    received_at: i64,
    folded: u32,
}

/// The outcome's record, and where the event's own was.
async fn outcome_record(
    connection: &mut SqliteConnection,
    event: EventId,
) -> Result<(Record, Position), StoreError> {
    let row: EventRow = sqlx::query_as(
        "SELECT notified, comment_id, console_name, notification, record, reading, received_at,
                folded
         FROM events WHERE event_id = ?",
    )
    .bind(event.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let (accepted, gone, dead_lettered) = counts(connection, event).await?;
    let journey = journey(connection, event, &row).await?;
    let received_at = journey.as_ref().map_or_else(
        || Timestamp::from_millis(row.received_at).into(),
        |journey| journey.reading.consumed_at,
    );
    let steps = std::iter::once(step("received", received_at))
        .chain(tried_steps(connection, event).await?)
        .collect();
    let outcome = PushOutcome {
        event_id: event,
        comment_id: row.comment_id.map(CommentId),
        accepted,
        gone,
        dead_lettered,
        folded: row.folded,
        steps,
        journey,
    };
    let source = record::read_incoming(&row.record)?;
    let trace = source.headers.trace_parent();
    let record = Envelope::new(outcome, trace).to_record_for(UserId(row.notified));
    Ok((record, source.position))
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

/// `None` for an event that came before readings were kept.
async fn journey(
    connection: &mut SqliteConnection,
    event: EventId,
    row: &EventRow,
) -> Result<Option<PushJourney>, StoreError> {
    let Some(reading) = &row.reading else {
        return Ok(None);
    };
    let reading: Reading = parse(reading, "a reading")?;
    let Notification {
        title,
        body,
        tag,
        target,
        ..
    } = parse(&row.notification, "a notification")?;
    Ok(Some(PushJourney {
        reading,
        pushes: pushes(connection, event, row.console_name.as_deref()).await?,
        notice: Notice {
            title,
            body,
            tag,
            target,
        },
        committed: None,
    }))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("{what}: {error}")))
}

#[derive(sqlx::FromRow)]
struct PushRow {
    subscription_id: i64,
    sent_at: i64,
    answered_at: i64,
    status: Option<u16>,
    result: String,
    endpoint: Option<String>,
    tries: u32,
}

/// The last try of each push.
async fn pushes(
    connection: &mut SqliteConnection,
    event: EventId,
    commenter: Option<&str>,
) -> Result<Vec<SentPush>, StoreError> {
    let rows: Vec<PushRow> = sqlx::query_as(
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
    .await?;
    Ok(rows.into_iter().map(|row| sent(row, commenter)).collect())
}

fn sent(row: PushRow, commenter: Option<&str>) -> SentPush {
    let endpoint = row.endpoint.as_deref();
    let line = endpoint.zip(commenter);
    SentPush {
        subscription: SubscriptionId(row.subscription_id),
        sent_at: Moment::from_micros(row.sent_at),
        answered_at: Moment::from_micros(row.answered_at),
        status: row.status,
        verdict: match row.result.as_str() {
            "accepted" => PushVerdict::Accepted,
            "gone" => PushVerdict::Gone,
            "dead" => PushVerdict::Dead,
            _ => PushVerdict::Later,
        },
        tries: row.tries,
        endpoint_shown: endpoint.map(redacted),
        console_line: line.map(|(endpoint, name)| Secret::new(text::console_line(endpoint, name))),
        endpoint: row.endpoint.map(Secret::new),
    }
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
    let begun = claimed.map(|at| ("claimed", at)).into_iter();
    let begun = begun.chain(sent.map(|at| ("sent", at)));
    let ends = ends.iter().map(|(result, at)| (step_name(result), *at));
    let told = begun.chain(ends);
    Ok(told
        .map(|(name, at_us)| step(name, Moment::from_micros(at_us)))
        .collect())
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
