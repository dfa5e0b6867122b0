//! The outbox: events on their way, and where they went.

use social_events::{CommentId, Envelope, Event, Moment, PostId, Timestamp, TraceParent, UserId};
use sqlx::PgConnection;

use crate::domain::{Delivery, Fate};
use crate::store::rows::outbox::{DeliveryRow, PendingRow};
use crate::store::{PendingEvent, Published, StoreError};

/// Adds an event, within the transaction of what it is about: a comment, and when its request was
/// read, or something else.
pub(super) async fn add<E: Event>(
    tx: &mut PgConnection,
    event: &Envelope<E>,
    comment: Option<(CommentId, Moment)>,
) -> Result<(), StoreError> {
    // The number below is then drawn in the order in which this key's transactions commit.
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended(
             current_schema() || ' outbox ' || $1 || ' ' || $2, 0))",
    )
    .bind(E::TOPIC)
    .bind(event.event.key())
    .execute(&mut *tx)
    .await?;
    let payload = serde_json::to_string(&event.event).expect("events have only string keys");
    let trace = event.trace.unwrap_or_else(TraceParent::random);
    sqlx::query(
        "INSERT INTO outbox (event_id, event_type, event_version, event_time, traceparent, topic,
                             record_key, payload, comment_seq, requested_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(event.id.to_string())
    .bind(E::TYPE)
    .bind(i64::from(E::VERSION))
    .bind(event.time.millis())
    .bind(trace.to_string())
    .bind(E::TOPIC)
    .bind(event.event.key())
    .bind(payload)
    .bind(comment.map(|(comment, _)| comment.0))
    .bind(comment.map(|(_, requested_at)| requested_at.micros()))
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the oldest pending events, up to `limit`. `tx` then holds the lock of each of their keys
/// until its end, so that one relay at a time publishes a key.
pub(super) async fn take(
    tx: &mut PgConnection,
    limit: i64,
) -> Result<(Vec<PendingEvent>, bool), StoreError> {
    let keys: Vec<(String, String, bool)> = sqlx::query_as(
        "WITH oldest AS MATERIALIZED (
             SELECT topic, record_key FROM outbox
             WHERE published_at IS NULL AND refusal IS NULL ORDER BY seq LIMIT $1),
         keys AS MATERIALIZED (SELECT DISTINCT topic, record_key FROM oldest)
         SELECT topic, record_key, pg_try_advisory_xact_lock(hashtextextended(
             current_schema() || ' relay ' || topic || ' ' || record_key, 0))
         FROM keys",
    )
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    let elsewhere = keys.iter().any(|(_, _, ours)| !ours);
    let ours = keys.into_iter().filter(|(_, _, ours)| *ours);
    let (topics, keys): (Vec<_>, Vec<_>) = ours.map(|(topic, key, _)| (topic, key)).unzip();
    // A statement of its own, which sees what the relay that had the lock before has marked.
    let rows: Vec<PendingRow> = sqlx::query_as(
        "SELECT seq, event_id, event_type, event_version, event_time, traceparent, topic,
                record_key, payload
         FROM outbox WHERE published_at IS NULL AND refusal IS NULL
             AND (topic, record_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY seq LIMIT $3",
    )
    .bind(topics)
    .bind(keys)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    let events = rows.into_iter().map(PendingEvent::from).collect();
    Ok((events, elsewhere))
}

pub(super) async fn pending_count(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM outbox WHERE published_at IS NULL AND refusal IS NULL",
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Locks the rows in the one order in which everybody does who changes several.
pub(super) async fn lock(tx: &mut PgConnection, seqs: Vec<i64>) -> Result<(), StoreError> {
    sqlx::query("SELECT 1 FROM outbox WHERE seq = ANY($1) ORDER BY seq FOR UPDATE")
        .bind(seqs)
        .execute(tx)
        .await?;
    Ok(())
}

/// The comments whose events these are.
pub(super) async fn mark_published(
    tx: &mut PgConnection,
    published: &[Published],
) -> Result<Vec<CommentId>, StoreError> {
    let mut comments = Vec::with_capacity(published.len());
    for Published {
        outbox_seq,
        position,
        sent_at,
        acked_at,
    } in published
    {
        let comment: Option<Option<i64>> = sqlx::query_scalar(
            "UPDATE outbox SET published_at = $2, partition = $3, record_offset = $4, sent_us = $5,
                               acked_us = $6
             WHERE seq = $1 RETURNING comment_seq",
        )
        .bind(outbox_seq)
        .bind(Timestamp::from(*acked_at).millis())
        .bind(position.partition)
        .bind(position.offset)
        .bind(sent_at.micros())
        .bind(acked_at.micros())
        .fetch_optional(&mut *tx)
        .await?;
        comments.extend(comment.flatten().map(CommentId));
    }
    Ok(comments)
}

/// The comments whose events these are.
pub(super) async fn mark_refused(
    tx: &mut PgConnection,
    refused: &[(i64, String)],
) -> Result<Vec<CommentId>, StoreError> {
    let mut comments = Vec::new();
    for (seq, cause) in refused {
        let comment: Option<Option<i64>> = sqlx::query_scalar(
            "UPDATE outbox SET refusal = $2, fate = $3 WHERE seq = $1 RETURNING comment_seq",
        )
        .bind(seq)
        .bind(cause)
        .bind(Fate::Dead.name())
        .fetch_optional(&mut *tx)
        .await?;
        comments.extend(comment.flatten().map(CommentId));
    }
    Ok(comments)
}

/// The outbox row of a comment on `owner`'s post; the outcome is another table's.
pub(super) async fn delivery(
    connection: &mut PgConnection,
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
         WHERE c.seq = $1 AND p.seq = $2 AND p.user_seq = $3",
    )
    .bind(comment.0)
    .bind(post.0)
    .bind(owner.0)
    .fetch_optional(connection)
    .await?;
    row.map(Delivery::try_from).transpose()
}
