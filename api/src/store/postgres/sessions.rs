//! Sessions, by the hash of their token.

use social_events::{Timestamp, UserId};
use sqlx::PgConnection;

use crate::store::{StoreError, TokenHash};

pub(super) async fn add(
    tx: &mut PgConnection,
    token: TokenHash,
    user: UserId,
    at: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE user_seq = $1 AND expires_at <= $2")
        .bind(user.0)
        .bind(at.millis())
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO sessions (token_hash, user_seq, create_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(&token[..])
    .bind(user.0)
    .bind(at.millis())
    .bind(expires.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn user(
    connection: &mut PgConnection,
    token: TokenHash,
    at: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    let row: Option<(i64,)> =
        sqlx::query_as("SELECT user_seq FROM sessions WHERE token_hash = $1 AND expires_at > $2")
            .bind(&token[..])
            .bind(at.millis())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(seq,)| UserId(seq)))
}

pub(super) async fn remove(
    connection: &mut PgConnection,
    token: TokenHash,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(&token[..])
        .execute(connection)
        .await?;
    Ok(())
}
