//! The tables `outbox` and `commits`: what must reach Kafka, in the order of its making, and the
//! commits that outcomes wait for.

use social_events::Timestamp;
use social_events::bus::{Committed, Position, Record};
use sqlx::{SqliteConnection, SqlitePool};

use crate::store::rows::OutgoingRow;
use crate::store::{Outgoing, StoreError, record};

/// Adds a record that may go at once.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    record: &Record,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO outbox (record) VALUES ($1)")
        .bind(record::write(record))
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a record that may go once the offset of `source` is committed.
pub(super) async fn add_after(
    connection: &mut SqliteConnection,
    record: &Record,
    source: &Position,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outbox (record, source_topic, source_partition, source_offset, create_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(record::write(record))
    .bind(&source.topic)
    .bind(source.partition)
    .bind(source.offset)
    .bind(now.millis())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn first(
    reader: &SqlitePool,
    limit: u32,
    stale_before: Timestamp,
) -> Result<Vec<Outgoing>, StoreError> {
    let rows: Vec<OutgoingRow> = sqlx::query_as(
        "SELECT o.seq, o.record, c.next_offset, c.committed_at
         FROM outbox o LEFT JOIN commits c ON c.topic = o.source_topic
             AND c.partition = o.source_partition AND c.next_offset > o.source_offset
         WHERE o.source_topic IS NULL OR c.topic IS NOT NULL OR o.create_at < $1
         ORDER BY o.seq LIMIT $2",
    )
    .bind(stale_before.millis())
    .bind(limit)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(Outgoing::try_from).collect()
}

pub(super) async fn remove(writer: &SqlitePool, seqs: &[i64]) -> Result<(), StoreError> {
    let seqs = serde_json::to_string(seqs).expect("numbers are JSON");
    sqlx::query("DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each($1))")
        .bind(seqs)
        .execute(writer)
        .await?;
    Ok(())
}

/// The latest word counts, even if it is a smaller one: the partition may be another cluster's.
pub(super) async fn committed(
    connection: &mut SqliteConnection,
    commits: &[Committed],
) -> Result<(), StoreError> {
    for commit in commits {
        sqlx::query(
            "INSERT INTO commits (topic, partition, next_offset, committed_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (topic, partition) DO UPDATE
                 SET next_offset = excluded.next_offset, committed_at = excluded.committed_at",
        )
        .bind(&commit.topic)
        .bind(commit.partition)
        .bind(commit.next)
        .bind(commit.at.micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
