//! How posts and comments look in JSON. Users look as in events: [`social_events::UserDto`].

use serde::{Deserialize, Serialize};
use social_events::{CommentId, PostId, Timestamp, Writer};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Comment, Page, PageError, Post};

/// A post, as the caller sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostDto {
    /// The number.
    seq: PostId,
    /// The text.
    contents: String,
    /// How many like it.
    likes: i64,
    /// Whether the caller does.
    likes_of_me: bool,
    /// How many comments it has.
    comments: i64,
    /// Who wrote it.
    writer: Writer,
    /// When.
    create_at: Timestamp,
}

impl From<Post> for PostDto {
    fn from(post: Post) -> Self {
        Self {
            seq: post.seq,
            contents: post.contents,
            likes: post.likes,
            likes_of_me: post.likes_of_me,
            comments: post.comments,
            writer: post.writer,
            create_at: post.create_at,
        }
    }
}

/// A comment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentDto {
    /// The number.
    seq: CommentId,
    /// The text.
    contents: String,
    /// Who wrote it.
    writer: Writer,
    /// When.
    create_at: Timestamp,
}

impl From<Comment> for CommentDto {
    fn from(comment: Comment) -> Self {
        Self {
            seq: comment.seq,
            contents: comment.contents,
            writer: comment.writer,
            create_at: comment.create_at,
        }
    }
}

/// The text of a new post or comment.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ContentsBody {
    /// 4 to 500 characters.
    #[schema(min_length = 4, max_length = 500)]
    pub(crate) contents: String,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many entries to pass over; 0 if absent.
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// How many to show; 5 if absent.
    #[param(minimum = 1, maximum = 5)]
    limit: Option<i64>,
}

impl TryFrom<PageQuery> for Page {
    type Error = PageError;

    fn try_from(query: PageQuery) -> Result<Self, PageError> {
        Self::parse(query.offset, query.limit)
    }
}
