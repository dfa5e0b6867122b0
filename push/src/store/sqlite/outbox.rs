//! The table `outbox`: what must reach Kafka, in the order of its making.

use social_events::bus::Record;
use sqlx::{SqliteConnection, SqlitePool};

use crate::store::{StoreError, record};

pub(super) async fn add(
    connection: &mut SqliteConnection,
    record: &Record,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO outbox (record) VALUES (?)")
        .bind(record::write(record))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn first(
    reader: &SqlitePool,
    limit: u32,
) -> Result<Vec<(i64, Record)>, StoreError> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT seq, record FROM outbox ORDER BY seq LIMIT ?")
            .bind(limit)
            .fetch_all(reader)
            .await?;
    rows.into_iter()
        .map(|(seq, text)| Ok((seq, record::read(&text)?)))
        .collect()
}

pub(super) async fn remove(writer: &SqlitePool, last: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outbox WHERE seq <= ?")
        .bind(last)
        .execute(writer)
        .await?;
    Ok(())
}
