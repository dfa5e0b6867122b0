//! Rows about users.

use social_events::{Timestamp, UserId};
use sqlx::FromRow;

use crate::domain::User;

#[derive(FromRow)]
pub(crate) struct UserRow {
    pub(crate) seq: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) profile_image_url: Option<String>,
    pub(crate) login_count: i64,
    pub(crate) last_login_at: Option<i64>,
    pub(crate) create_at: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            seq: UserId(row.seq),
            name: row.name,
            email: row.email,
            profile_image_url: row.profile_image_url,
            login_count: row.login_count,
            last_login_at: row.last_login_at.map(Timestamp::from_millis),
            create_at: Timestamp::from_millis(row.create_at),
        }
    }
}
