//! Connections: one-way, asked for by one user and granted by the other.

use social_events::{Timestamp, UserId};
use sqlx::{FromRow, SqliteConnection};

use crate::domain::{ConnectedUser, Connection, ConnectionRequest};
use crate::store::StoreError;

pub(super) async fn may_see(
    connection: &mut SqliteConnection,
    viewer: UserId,
    owner: UserId,
) -> Result<bool, StoreError> {
    let (may,): (bool,) = sqlx::query_as(
        "SELECT ?1 = ?2 OR EXISTS (
             SELECT 1 FROM connections
             WHERE user_seq = ?1 AND target_seq = ?2 AND granted_at IS NOT NULL)",
    )
    .bind(viewer.0)
    .bind(owner.0)
    .fetch_one(connection)
    .await?;
    Ok(may)
}

#[derive(FromRow)]
struct OtherRow {
    seq: i64,
    name: String,
    email: String,
    profile_image_url: Option<String>,
    at: i64,
}

pub(super) async fn granted(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<ConnectedUser>, StoreError> {
    let rows: Vec<OtherRow> = sqlx::query_as(
        "SELECT u.seq, u.name, u.email, u.profile_image_url, c.granted_at AS at
         FROM connections c JOIN users u ON u.seq = c.target_seq
         WHERE c.user_seq = ? AND c.granted_at IS NOT NULL
         ORDER BY c.granted_at DESC, c.seq DESC",
    )
    .bind(user.0)
    .fetch_all(connection)
    .await?;
    let connected = rows.into_iter().map(|row| ConnectedUser {
        seq: UserId(row.seq),
        name: row.name,
        email: row.email,
        profile_image_url: row.profile_image_url,
        granted_at: Timestamp::from_millis(row.at),
    });
    Ok(connected.collect())
}

pub(super) async fn requests(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<ConnectionRequest>, StoreError> {
    let rows: Vec<OtherRow> = sqlx::query_as(
        "SELECT u.seq, u.name, u.email, u.profile_image_url, c.create_at AS at
         FROM connections c JOIN users u ON u.seq = c.user_seq
         WHERE c.target_seq = ? AND c.granted_at IS NULL
         ORDER BY c.seq DESC",
    )
    .bind(user.0)
    .fetch_all(connection)
    .await?;
    let requests = rows.into_iter().map(|row| ConnectionRequest {
        seq: UserId(row.seq),
        name: row.name,
        email: row.email,
        profile_image_url: row.profile_image_url,
        create_at: Timestamp::from_millis(row.at),
    });
    Ok(requests.collect())
}

#[derive(FromRow)]
struct ConnectionRow {
    user_seq: i64,
    target_seq: i64,
    granted_at: Option<i64>,
    create_at: i64,
}

impl From<ConnectionRow> for Connection {
    fn from(row: ConnectionRow) -> Self {
        Self {
            user: UserId(row.user_seq),
            target: UserId(row.target_seq),
            granted_at: row.granted_at.map(Timestamp::from_millis),
            create_at: Timestamp::from_millis(row.create_at),
        }
    }
}

pub(super) async fn ask(
    tx: &mut SqliteConnection,
    user: UserId,
    target: UserId,
    at: Timestamp,
) -> Result<Option<Connection>, StoreError> {
    // The update changes nothing; it makes RETURNING answer for a row that was there already.
    let row: Option<ConnectionRow> = sqlx::query_as(
        "INSERT INTO connections (user_seq, target_seq, create_at)
         SELECT ?1, seq, ?3 FROM users WHERE seq = ?2
         ON CONFLICT (user_seq, target_seq) DO UPDATE SET create_at = create_at
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
    tx: &mut SqliteConnection,
    user: UserId,
    requester: UserId,
    at: Timestamp,
) -> Result<Option<Connection>, StoreError> {
    let row: Option<ConnectionRow> = sqlx::query_as(
        "UPDATE connections SET granted_at = coalesce(granted_at, ?3)
         WHERE user_seq = ?2 AND target_seq = ?1
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
    connection: &mut SqliteConnection,
    user: UserId,
    other: UserId,
) -> Result<bool, StoreError> {
    let removed = sqlx::query(
        "DELETE FROM connections
         WHERE (user_seq = ?1 AND target_seq = ?2) OR (user_seq = ?2 AND target_seq = ?1)",
    )
    .bind(user.0)
    .bind(other.0)
    .execute(connection)
    .await?;
    Ok(removed.rows_affected() > 0)
}
