//! Rows about comments.

use social_events::{CommentId, EmailAddress, Timestamp, Writer};
use sqlx::FromRow;

use crate::domain::Comment;

#[derive(FromRow)]
pub(crate) struct CommentRow {
    pub(crate) seq: i64,
    pub(crate) contents: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) create_at: i64,
}

impl From<CommentRow> for Comment {
    fn from(row: CommentRow) -> Self {
        Self {
            seq: CommentId(row.seq),
            contents: row.contents,
            writer: Writer {
                email: EmailAddress { address: row.email },
                name: Some(row.name),
            },
            create_at: Timestamp::from_millis(row.create_at),
        }
    }
}
