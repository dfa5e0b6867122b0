//! The outbox: events on their way, and where they went.

use social_events::bus::Position;
use social_events::{CommentId, Envelope, Event, PostId, Timestamp, TraceParent, UserId};
use sqlx::SqliteConnection;

use crate::domain::Delivery;
use crate::store::rows::outbox::{DeliveryRow, PendingRow};
use crate::store::{PendingEvent, StoreError};

/// Adds an event, within the transaction of what it is about.
pub(super) async fn add<E: Event>(
    tx: &mut SqliteConnection,
    event: &Envelope<E>,
    comment: Option<CommentId>,
) -> Result<(), StoreError> {
    let payload = serde_json::to_string(&event.event).expect("events have only string keys");
    let trace = event.trace.unwrap_or_else(TraceParent::random);
    sqlx::query(
        "INSERT INTO outbox (event_id, event_type, event_version, event_time, traceparent, topic,
                             record_key, payload, comment_seq)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(event.id.to_string())
    .bind(E::TYPE)
    .bind(E::VERSION)
    .bind(event.time.millis())
    .bind(trace.to_string())
    .bind(E::TOPIC)
    .bind(event.event.key())
    .bind(payload)
    .bind(comment.map(|comment| comment.0))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn pending(
    connection: &mut SqliteConnection,
    limit: i64,
) -> Result<Vec<PendingEvent>, StoreError> {
    let rows: Vec<PendingRow> = sqlx::query_as(
        "SELECT seq, event_id, event_type, event_version, event_time, traceparent, topic,
                record_key, payload
         FROM outbox WHERE published_at IS NULL AND refusal IS NULL ORDER BY seq LIMIT ?",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(PendingEvent::from).collect())
}

pub(super) async fn pending_count(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM outbox WHERE published_at IS NULL AND refusal IS NULL",
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

pub(super) async fn mark_published(
    tx: &mut SqliteConnection,
    published: &[(i64, Position)],
    at: Timestamp,
) -> Result<(), StoreError> {
    for (seq, position) in published {
        sqlx::query(
            "UPDATE outbox SET published_at = ?, partition = ?, record_offset = ? WHERE seq = ?",
        )
        .bind(at.millis())
        .bind(position.partition)
        .bind(position.offset)
        .bind(seq)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(super) async fn mark_refused(
    tx: &mut SqliteConnection,
    refused: &[(i64, String)],
) -> Result<(), StoreError> {
    for (seq, cause) in refused {
        sqlx::query("UPDATE outbox SET refusal = ? WHERE seq = ?")
            .bind(cause)
            .bind(seq)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The outbox row of a comment on `owner`'s post; the outcome is another table's.
pub(super) async fn delivery(
    connection: &mut SqliteConnection,
    owner: UserId,
    post: PostId,
    comment: CommentId,
) -> Result<Option<Delivery>, StoreError> {
    let row: Option<DeliveryRow> = sqlx::query_as(
        "SELECT o.seq, o.event_id, o.topic, o.record_key, o.traceparent, o.event_time,
                o.published_at, o.partition, o.record_offset
         FROM outbox o
         JOIN comments c ON c.seq = o.comment_seq
         JOIN posts p ON p.seq = c.post_seq
         WHERE c.seq = ? AND p.seq = ? AND p.user_seq = ?",
    )
    .bind(comment.0)
    .bind(post.0)
    .bind(owner.0)
    .fetch_optional(connection)
    .await?;
    row.map(Delivery::try_from).transpose()
}
