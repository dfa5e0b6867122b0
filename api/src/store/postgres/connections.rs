//! Connections: one-way, asked for by one user and granted by the other.

use social_events::{Timestamp, UserId};
use sqlx::PgConnection;

use crate::domain::{ConnectedUser, Connection, ConnectionRequest};
use crate::store::StoreError;
use crate::store::rows::connections::{ConnectionRow, OtherRow};

pub(super) async fn may_see(
    connection: &mut PgConnection,
    viewer: UserId,
    owner: UserId,
) -> Result<bool, StoreError> {
    let (may,): (bool,) = sqlx::query_as(
        "SELECT $1 = $2 OR EXISTS (
             SELECT 1 FROM connections
             WHERE user_seq = $1 AND target_seq = $2 AND granted_at IS NOT NULL)",
    )
    .bind(viewer.0)
    .bind(owner.0)
    .fetch_one(connection)
    .await?;
    Ok(may)
}

pub(super) async fn granted(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Vec<ConnectedUser>, StoreError> {
    let rows: Vec<OtherRow> = sqlx::query_as(
        "SELECT u.seq, u.name, u.email, u.profile_image_url, c.granted_at AS at
         FROM connections c JOIN users u ON u.seq = c.target_seq
         WHERE c.user_seq = $1 AND c.granted_at IS NOT NULL
         ORDER BY c.granted_at DESC, c.seq DESC",
    )
    .bind(user.0)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(ConnectedUser::from).collect())
}

pub(super) async fn requests(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Vec<ConnectionRequest>, StoreError> {
    let rows: Vec<OtherRow> = sqlx::query_as(
        "SELECT u.seq, u.name, u.email, u.profile_image_url, c.create_at AS at
         FROM connections c JOIN users u ON u.seq = c.user_seq
         WHERE c.target_seq = $1 AND c.granted_at IS NULL
         ORDER BY c.seq DESC",
    )
    .bind(user.0)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(ConnectionRequest::from).collect())
}

pub(super) async fn ask(
    tx: &mut PgConnection,
    user: UserId,
    target: UserId,
    at: Timestamp,
) -> Result<Option<Connection>, StoreError> {
    // The update changes nothing; it makes RETURNING answer for a row that was there already.
    let row: Option<ConnectionRow> = sqlx::query_as(
        "INSERT INTO connections (user_seq, target_seq, create_at)
         SELECT $1, seq, $3 FROM users WHERE seq = $2
         ON CONFLICT (user_seq, target_seq) DO UPDATE SET create_at = connections.create_at
         RETURNING user_seq, target_seq, granted_at, create_at",
    )
    .bind(user.0)
    .bind(target.0)
    .bind(at.millis())
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Connection::from))
}

pub(super) async fn grant(
    tx: &mut PgConnection,
    user: UserId,
    requester: UserId,
    at: Timestamp,
) -> Result<Option<Connection>, StoreError> {
    let row: Option<ConnectionRow> = sqlx::query_as(
        "UPDATE connections SET granted_at = coalesce(granted_at, $3)
         WHERE user_seq = $2 AND target_seq = $1
         RETURNING user_seq, target_seq, granted_at, create_at",
    )
    .bind(user.0)
    .bind(requester.0)
    .bind(at.millis())
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Connection::from))
}

pub(super) async fn remove(
    connection: &mut PgConnection,
    user: UserId,
    other: UserId,
) -> Result<bool, StoreError> {
    let removed = sqlx::query(
        "DELETE FROM connections
         WHERE (user_seq = $1 AND target_seq = $2) OR (user_seq = $2 AND target_seq = $1)",
    )
    .bind(user.0)
    .bind(other.0)
    .execute(connection)
    .await?;
    Ok(removed.rows_affected() > 0)
}
