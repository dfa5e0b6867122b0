//! Rows about connections.

use social_events::{Timestamp, UserId};
use sqlx::FromRow;

use crate::domain::{ConnectedUser, Connection, ConnectionRequest};

/// The other side of a connection; `at` is when it was granted, or asked for.
#[derive(FromRow)]
pub(crate) struct OtherRow {
    pub(crate) seq: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) profile_image_url: Option<String>,
    pub(crate) at: i64,
}

impl From<OtherRow> for ConnectedUser {
    fn from(row: OtherRow) -> Self {
        Self {
            seq: UserId(row.seq),
            name: row.name,
            email: row.email,
            profile_image_url: row.profile_image_url,
            granted_at: Timestamp::from_millis(row.at),
        }
    }
}

impl From<OtherRow> for ConnectionRequest {
    fn from(row: OtherRow) -> Self {
        Self {
            seq: UserId(row.seq),
            name: row.name,
            email: row.email,
            profile_image_url: row.profile_image_url,
            create_at: Timestamp::from_millis(row.at),
        }
    }
}

#[derive(FromRow)]
pub(crate) struct ConnectionRow {
    pub(crate) user_seq: i64,
    pub(crate) target_seq: i64,
    pub(crate) granted_at: Option<i64>,
    pub(crate) create_at: i64,
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
