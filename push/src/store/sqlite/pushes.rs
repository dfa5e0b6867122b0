//! The tables `events`, `processed` and `deliveries`: pushes, from the event to their end.

use social_events::{EventId, ProcessId, Secret, SubscriptionId, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};

use super::{outbox, outcome, subscriptions};
use crate::store::rows::{ClaimedRow, PushIdRow, event_id};
use crate::store::{Audience, Claimed, NewPush, PushId, Settlement, StoreError, Tried, record};

pub(super) async fn begin(
    connection: &mut SqliteConnection,
    push: &NewPush,
) -> Result<(), StoreError> {
    if insert_event(connection, push).await? {
        insert_pushes(connection, push).await?;
    } else {
        fold(connection, push.event_id).await?;
    }
    outcome::tell_if_settled(connection, push.event_id, push.received_at).await
}

/// False when the event is known already.
async fn insert_event(
    connection: &mut SqliteConnection,
    push: &NewPush,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO events (event_id, notified, comment_id, console_name, notification, record,
                             reading, received_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(push.event_id.to_string())
    .bind(push.notified.0)
    .bind(push.comment_id.map(|comment| comment.0))
    .bind(push.console_name.as_deref())
    .bind(push.notification.to_json())
    .bind(record::write_incoming(&push.record))
    .bind(serde_json::to_string(&push.reading).expect("a reading has only string keys"))
    .bind(push.received_at.millis())
    .bind(push.expires_at.millis())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// One row per subscription of the audience, as it is now: who subscribes later gets nothing of
/// an earlier event, however often that is repeated.
async fn insert_pushes(
    connection: &mut SqliteConnection,
    push: &NewPush,
) -> Result<(), StoreError> {
    let insert = match push.audience {
        Audience::Nobody => return Ok(()),
        Audience::User(user) => sqlx::query(
            "INSERT INTO processed (event_id, subscription_id, state, next_at)
             SELECT $1, seq, 'waiting', max($2, not_before) FROM subscriptions WHERE user_seq = $3",
        )
        .bind(push.event_id.to_string())
        .bind(push.received_at.millis())
        .bind(user.0),
        Audience::EverybodyBut(user) => sqlx::query(
            "INSERT INTO processed (event_id, subscription_id, state, next_at)
             SELECT $1, seq, 'waiting', max($2, not_before) FROM subscriptions WHERE user_seq <> $3",
        )
        .bind(push.event_id.to_string())
        .bind(push.received_at.millis())
        .bind(user.0),
    };
    insert.execute(connection).await?;
    Ok(())
}

/// The event came again: what is settled needs no second push.
async fn fold(connection: &mut SqliteConnection, event: EventId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE events SET settled_at = NULL, folded = folded +
             (SELECT count(*) FROM processed WHERE processed.event_id = events.event_id
              AND state NOT IN ('waiting', 'claimed'))
         WHERE event_id = $1",
    )
    .bind(event.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn due_of(
    reader: &SqlitePool,
    event: EventId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<PushId>, StoreError> {
    let rows: Vec<PushIdRow> = sqlx::query_as(
        "SELECT event_id, subscription_id FROM processed
         WHERE event_id = $1 AND state IN ('waiting', 'claimed') AND next_at <= $2
         ORDER BY subscription_id LIMIT $3",
    )
    .bind(event.to_string())
    .bind(now.millis())
    .bind(limit)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(PushId::try_from).collect()
}

pub(super) async fn due(
    reader: &SqlitePool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<PushId>, StoreError> {
    let rows: Vec<PushIdRow> = sqlx::query_as(
        "SELECT event_id, subscription_id FROM processed
         WHERE state IN ('waiting', 'claimed') AND next_at <= $1 ORDER BY next_at LIMIT $2",
    )
    .bind(now.millis())
    .bind(limit)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(PushId::try_from).collect()
}

pub(super) async fn next_due(reader: &SqlitePool) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = sqlx::query_scalar(
        "SELECT min(next_at) FROM processed WHERE state IN ('waiting', 'claimed')",
    )
    .fetch_one(reader)
    .await?;
    Ok(next.map(Timestamp::from_millis))
}

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    push: PushId,
    worker: ProcessId,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Claimed>, StoreError> {
    let tries: Option<i64> = sqlx::query_scalar(
        "UPDATE processed SET state = 'claimed', next_at = $1, claimed_by = $5
         WHERE event_id = $2 AND subscription_id = $3
           AND state IN ('waiting', 'claimed') AND next_at <= $4
         RETURNING tries",
    )
    .bind(lease_until.millis())
    .bind(push.event_id.to_string())
    .bind(push.subscription_id.0)
    .bind(now.millis())
    .bind(worker.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(tries) = tries else { return Ok(None) };
    let row: ClaimedRow = sqlx::query_as(
        "SELECT notification, console_name, expires_at FROM events WHERE event_id = $1",
    )
    .bind(push.event_id.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let subscription = subscriptions::by_seq(connection, push.subscription_id).await?;
    row.claimed(subscription, tries).map(Some)
}

pub(super) async fn settle(
    connection: &mut SqliteConnection,
    push: PushId,
    worker: ProcessId,
    tried: &Tried,
    settlement: &Settlement,
) -> Result<(), StoreError> {
    let answered_at = Timestamp::from(tried.answered_at);
    let (state, next_at) = match settlement {
        Settlement::Accepted => ("accepted", answered_at),
        Settlement::Gone => ("gone", answered_at),
        Settlement::Dead { .. } => ("dead", answered_at),
        Settlement::Later { at, .. } => ("waiting", *at),
    };
    let tries: Option<i64> = sqlx::query_scalar(
        "UPDATE processed SET state = $1, next_at = $2, tries = tries + 1
         WHERE event_id = $3 AND subscription_id = $4 AND state = 'claimed' AND claimed_by = $5
         RETURNING tries",
    )
    .bind(state)
    .bind(next_at.millis())
    .bind(push.event_id.to_string())
    .bind(push.subscription_id.0)
    .bind(worker.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    // The claim ran out and the push is in other hands since: what they find counts.
    let Some(tries) = tries else { return Ok(()) };
    insert_delivery(connection, push, tried, state).await?;
    match settlement {
        Settlement::Accepted => {}
        Settlement::Gone => remove_subscription(connection, push.subscription_id).await?,
        Settlement::Dead { cause } => dead_letter(connection, push, cause, tries).await?,
        Settlement::Later {
            endpoint_too: false,
            ..
        } => return Ok(()),
        Settlement::Later {
            at,
            endpoint_too: true,
        } => {
            return leave_alone(connection, push.subscription_id, *at).await;
        }
    }
    outcome::tell_if_settled(connection, push.event_id, answered_at).await
}

async fn insert_delivery(
    connection: &mut SqliteConnection,
    push: PushId,
    tried: &Tried,
    result: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO deliveries
             (event_id, subscription_id, claimed_at, sent_at, answered_at, status, result,
              endpoint)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(push.event_id.to_string())
    .bind(push.subscription_id.0)
    .bind(tried.claimed_at.micros())
    .bind(tried.sent_at.micros())
    .bind(tried.answered_at.micros())
    .bind(tried.status)
    .bind(result)
    .bind(tried.endpoint.as_ref().map(Secret::expose))
    .execute(connection)
    .await?;
    Ok(())
}

async fn remove_subscription(
    connection: &mut SqliteConnection,
    subscription: SubscriptionId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM subscriptions WHERE seq = $1")
        .bind(subscription.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The record goes where somebody can look at it, once per push that was given up.
async fn dead_letter(
    connection: &mut SqliteConnection,
    push: PushId,
    cause: &str,
    tries: i64,
) -> Result<(), StoreError> {
    let text: String = sqlx::query_scalar("SELECT record FROM events WHERE event_id = $1")
        .bind(push.event_id.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let cause = format!("subscription {}: {cause}", push.subscription_id);
    let letter =
        record::read_incoming(&text)?.dead_letter(&cause, u32::try_from(tries).unwrap_or(u32::MAX));
    outbox::add(connection, &letter).await
}

/// A throttled endpoint: its other waiting pushes wait as well.
async fn leave_alone(
    connection: &mut SqliteConnection,
    subscription: SubscriptionId,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE subscriptions SET not_before = max(not_before, $1) WHERE seq = $2")
        .bind(until.millis())
        .bind(subscription.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE processed SET next_at = max(next_at, $1)
         WHERE subscription_id = $2 AND state = 'waiting'",
    )
    .bind(until.millis())
    .bind(subscription.0)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn known(
    reader: &SqlitePool,
    events: &[EventId],
) -> Result<Vec<EventId>, StoreError> {
    let asked = serde_json::to_string(events).expect("event ids are strings");
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT event_id FROM events WHERE event_id IN (SELECT value FROM json_each($1))",
    )
    .bind(asked)
    .fetch_all(reader)
    .await?;
    found.iter().map(|id| event_id(id)).collect()
}

/// There is one worker at a time, so every other one belongs to an earlier run.
pub(super) async fn keep_alive(
    writer: &SqlitePool,
    worker: ProcessId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let freed = sqlx::query(
        "UPDATE processed SET state = 'waiting', next_at = $1
         WHERE state = 'claimed' AND claimed_by IS NOT $2",
    )
    .bind(now.millis())
    .bind(worker.to_string())
    .execute(writer)
    .await?;
    Ok(freed.rows_affected())
}

pub(super) async fn prune(
    connection: &mut SqliteConnection,
    before: Timestamp,
) -> Result<u64, StoreError> {
    for table in [
        "DELETE FROM deliveries WHERE event_id IN (SELECT event_id FROM events WHERE settled_at < $1)",
        "DELETE FROM processed WHERE event_id IN (SELECT event_id FROM events WHERE settled_at < $1)",
    ] {
        sqlx::query(table)
            .bind(before.millis())
            .execute(&mut *connection)
            .await?;
    }
    let pruned = sqlx::query("DELETE FROM events WHERE settled_at < $1")
        .bind(before.millis())
        .execute(connection)
        .await?;
    Ok(pruned.rows_affected())
}
