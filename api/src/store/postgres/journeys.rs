//! The way of comments' events: what is kept of it, what it adds up to, what is forgotten.

use social_events::{CommentId, EventId, Moment, Timestamp, UserId, topics};
use sqlx::PgConnection;

use crate::domain::{Answer, Fate, LaneRecord, Notified, Receipt, Suspect, Tally};
use crate::store::rows::journeys::{LaneRow, SuspectRow, TallyRow};
use crate::store::{FORGET_BATCH, LOST_TOLD_MAX, StoreError};

/// The comments whose event's record exists, so that their listeners can be told.
pub(super) async fn save_answers(
    tx: &mut PgConnection,
    answers: &[Answer],
) -> Result<Vec<CommentId>, StoreError> {
    // In the order in which a relay locks them, so that neither waits for the other for ever.
    let events: Vec<String> = answers
        .iter()
        .map(|answer| answer.event_id.to_string())
        .collect();
    sqlx::query("SELECT 1 FROM outbox WHERE event_id = ANY($1) ORDER BY seq FOR UPDATE")
        .bind(events)
        .execute(&mut *tx)
        .await?;
    let mut comments = Vec::with_capacity(answers.len());
    for answer in answers {
        let handlers = serde_json::to_string(&answer.handlers).expect("names are JSON");
        let comment: Option<Option<i64>> = sqlx::query_scalar(
            "UPDATE outbox SET committed_us = $2, raised_us = $3, handlers = $4, answered_us = $5,
                               answer_status = $6
             WHERE event_id = $1 RETURNING comment_seq",
        )
        .bind(answer.event_id.to_string())
        .bind(answer.committed_at.micros())
        .bind(answer.raised_at.micros())
        .bind(handlers)
        .bind(answer.answered_at.micros())
        .bind(i32::from(answer.status))
        .fetch_optional(&mut *tx)
        .await?;
        comments.extend(comment.flatten().map(CommentId));
    }
    Ok(comments)
}

pub(super) async fn comment_of_trace(
    connection: &mut PgConnection,
    trace_id: &str,
) -> Result<Option<CommentId>, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT comment_seq FROM outbox
         WHERE substr(traceparent, 4, 32) = $1 AND comment_seq IS NOT NULL
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(trace_id)
    .fetch_optional(connection)
    .await?;
    Ok(found.map(CommentId))
}

pub(super) async fn lanes(
    connection: &mut PgConnection,
    topic: &str,
    partition: i32,
    up_to: i64,
    limit: i64,
) -> Result<Vec<LaneRecord>, StoreError> {
    let rows: Vec<LaneRow> = sqlx::query_as(
        "SELECT partition, record_offset, record_key FROM outbox
         WHERE topic = $1 AND partition = $2 AND record_offset <= $3
         ORDER BY record_offset DESC LIMIT $4",
    )
    .bind(topic)
    .bind(partition)
    .bind(up_to)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().rev().map(LaneRecord::from).collect())
}

pub(super) async fn tally(connection: &mut PgConnection) -> Result<Tally, StoreError> {
    let row: TallyRow = sqlx::query_as(
        "WITH fates AS (
             SELECT count(*) FILTER (WHERE fate = 'delivered') AS delivered,
                    count(*) FILTER (WHERE fate IS NULL) AS waiting,
                    count(*) FILTER (WHERE fate = 'dead') AS dead,
                    count(*) FILTER (WHERE fate = 'lost') AS lost
             FROM outbox WHERE comment_seq IS NOT NULL),
         repeats AS (
             SELECT coalesce(sum(folded), 0)::bigint AS folded FROM push_outcomes
             WHERE comment_seq IS NOT NULL)
         SELECT (SELECT count(*) FROM comments) AS confirmed,
                fates.delivered + forgotten.delivered AS delivered, fates.waiting,
                fates.dead + forgotten.dead AS dead, fates.lost,
                repeats.folded + forgotten.folded AS folded
         FROM fates, repeats, forgotten",
    )
    .fetch_one(&mut *connection)
    .await?;
    let lost: Vec<i64> = if row.lost == 0 {
        Vec::new()
    } else {
        sqlx::query_scalar(
            "SELECT comment_seq FROM outbox WHERE fate = 'lost' AND comment_seq IS NOT NULL
             ORDER BY seq DESC LIMIT $1",
        )
        .bind(LOST_TOLD_MAX)
        .fetch_all(connection)
        .await?
    };
    Ok(Tally {
        lost_comments: lost.into_iter().map(CommentId).collect(),
        ..Tally::from(row)
    })
}

pub(super) async fn suspects(
    connection: &mut PgConnection,
    after: i64,
    acked_before: Moment,
    limit: i64,
) -> Result<Vec<Suspect>, StoreError> {
    let rows: Vec<SuspectRow> = sqlx::query_as(
        "SELECT seq, event_id, topic, partition, record_offset FROM outbox
         WHERE comment_seq IS NOT NULL AND fate IS NULL AND record_offset IS NOT NULL
             AND seq > $1 AND coalesce(acked_us, 0) < $2
         ORDER BY seq LIMIT $3",
    )
    .bind(after)
    .bind(acked_before.micros())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Suspect::try_from).collect()
}

/// What has had an outcome since is not lost.
pub(super) async fn mark_lost(
    tx: &mut PgConnection,
    events: &[EventId],
) -> Result<Vec<CommentId>, StoreError> {
    let events: Vec<_> = events.iter().map(ToString::to_string).collect();
    let lost: Vec<Option<i64>> = sqlx::query_scalar(
        "UPDATE outbox SET fate = $2
         WHERE fate IS NULL AND event_id = ANY($1)
         RETURNING comment_seq",
    )
    .bind(events)
    .bind(Fate::Lost.name())
    .fetch_all(tx)
    .await?;
    Ok(lost.into_iter().flatten().map(CommentId).collect())
}

type NotifiedRow = (String, Option<i64>, Option<i64>);

pub(super) async fn notified(
    connection: &mut PgConnection,
    event: EventId,
) -> Result<Option<Notified>, StoreError> {
    let row: Option<NotifiedRow> = sqlx::query_as(
        "SELECT o.record_key, o.comment_seq, p.user_seq
         FROM outbox o LEFT JOIN comments c ON c.seq = o.comment_seq
             LEFT JOIN posts p ON p.seq = c.post_seq
         WHERE o.event_id = $1",
    )
    .bind(event.to_string())
    .fetch_optional(connection)
    .await?;
    let Some((key, comment, author)) = row else {
        return Ok(None);
    };
    Ok(Some(match comment.zip(author) {
        Some((comment, author)) => Notified::Author(UserId(author), CommentId(comment)),
        None => Notified::EverybodyBut(UserId(
            key.parse()
                .map_err(|_| StoreError::Unreadable("record key"))?,
        )),
    }))
}

/// The first word of a device counts.
pub(super) async fn add_receipt(
    connection: &mut PgConnection,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO push_receipts (event_id, session, tag, shown_us, received_us)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(receipt.event_id.to_string())
    .bind(&receipt.session[..])
    .bind(&receipt.tag)
    .bind(receipt.shown_at.micros())
    .bind(receipt.received_at.micros())
    .execute(connection)
    .await?;
    Ok(())
}

/// The rows that may go: settled, and old or beyond the newest `keep`. Their sums stay.
pub(super) async fn forget(
    tx: &mut PgConnection,
    before: Timestamp,
    keep: i64,
) -> Result<u64, StoreError> {
    // Another instance may be doing the same: what it took is then gone for this one.
    sqlx::query("SELECT id FROM forgotten FOR UPDATE")
        .execute(&mut *tx)
        .await?;
    let seqs: Vec<i64> = sqlx::query_scalar(
        "SELECT seq FROM outbox
         WHERE (published_at IS NOT NULL OR refusal IS NOT NULL)
             AND (comment_seq IS NULL OR fate IN ('delivered', 'dead'))
             AND (event_time < $1 OR seq <= (SELECT max(seq) FROM outbox) - $2)
         ORDER BY seq LIMIT $3",
    )
    .bind(before.millis())
    .bind(keep)
    .bind(FORGET_BATCH)
    .fetch_all(&mut *tx)
    .await?;
    if seqs.is_empty() {
        return Ok(0);
    }
    for statement in [
        "UPDATE forgotten SET
             delivered = delivered + (SELECT count(*) FROM outbox WHERE comment_seq IS NOT NULL
                 AND fate = 'delivered' AND seq = ANY($1)),
             dead = dead + (SELECT count(*) FROM outbox WHERE comment_seq IS NOT NULL
                 AND fate = 'dead' AND seq = ANY($1)),
             folded = folded + (SELECT coalesce(sum(p.folded), 0)::bigint FROM push_outcomes p
                 JOIN outbox o ON o.event_id = p.event_id
                 WHERE p.comment_seq IS NOT NULL AND o.seq = ANY($1))",
        "DELETE FROM push_receipts WHERE event_id IN (SELECT event_id FROM outbox
             WHERE seq = ANY($1))",
        "DELETE FROM push_outcomes WHERE event_id IN (SELECT event_id FROM outbox
             WHERE seq = ANY($1))",
    ] {
        sqlx::query(statement).bind(&seqs).execute(&mut *tx).await?;
    }
    let forgotten = sqlx::query("DELETE FROM outbox WHERE seq = ANY($1)")
        .bind(&seqs)
        .execute(tx)
        .await?;
    Ok(forgotten.rows_affected())
}

/// Of a changed name no outcome is ever told, so it says nothing that there is none.
pub(super) async fn publish_again(tx: &mut PgConnection) -> Result<u64, StoreError> {
    let again = sqlx::query(
        "UPDATE outbox SET published_at = NULL, partition = NULL, record_offset = NULL
         WHERE published_at IS NOT NULL AND refusal IS NULL
             AND topic <> $1 AND NOT EXISTS (
                 SELECT 1 FROM push_outcomes p WHERE p.event_id = outbox.event_id)",
    )
    .bind(topics::USER_UPDATED)
    .execute(tx)
    .await?;
    Ok(again.rows_affected())
}
