//! Rows about posts.

use social_events::{EmailAddress, PostId, Timestamp, UserId, Writer};
use sqlx::FromRow;

use crate::domain::Post;

#[derive(FromRow)]
pub(crate) struct PostRow {
    pub(crate) seq: i64,
    pub(crate) contents: String,
    pub(crate) like_count: i64,
    pub(crate) liked: bool,
    pub(crate) comment_count: i64,
    pub(crate) writer_seq: i64,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) create_at: i64,
}

impl From<PostRow> for Post {
    fn from(row: PostRow) -> Self {
        Self {
            seq: PostId(row.seq),
            contents: row.contents,
            likes: row.like_count,
            likes_of_me: row.liked,
            comments: row.comment_count,
            writer_seq: UserId(row.writer_seq),
            writer: Writer {
                email: EmailAddress { address: row.email },
                name: Some(row.name),
            },
            create_at: Timestamp::from_millis(row.create_at),
        }
    }
}
