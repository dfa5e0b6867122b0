//! How posts and comments look in JSON. Users look as in events: [`social_events::UserDto`].

use serde::{Deserialize, Serialize};
use social_events::{CommentId, PostId, ProcessId, Timestamp, TraceParent, UserId, Writer};
use utoipa::{IntoParams, ToSchema};

use crate::backend::Backend;
use crate::domain::journey::{State, Travel};
use crate::domain::{Comment, Page, PageError, Post};

/// Who wrote something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WriterDto {
    /// The number.
    seq: UserId,
    /// Address and name.
    #[serde(flatten)]
    writer: Writer,
}

impl WriterDto {
    pub(crate) fn new(seq: UserId, writer: Writer) -> Self {
        Self { seq, writer }
    }
}

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
    writer: WriterDto,
    /// When.
    create_at: Timestamp,
    /// The key of the records about its comments.
    key: String,
    /// The partition that the key leads to; absent where there is no cluster, or none answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<u32>,
}

impl PostDto {
    pub(crate) fn new(post: Post, backend: &Backend) -> Self {
        let key = post.writer_seq.to_string();
        Self {
            seq: post.seq,
            contents: post.contents,
            likes: post.likes,
            likes_of_me: post.likes_of_me,
            comments: post.comments,
            writer: WriterDto::new(post.writer_seq, post.writer),
            create_at: post.create_at,
            partition: backend.partition_of(&key),
            key,
        }
    }
}

/// A comment, and how far its event has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentDto {
    /// The number.
    seq: CommentId,
    /// The post.
    post_id: PostId,
    /// The text.
    contents: String,
    /// Who wrote it.
    writer: WriterDto,
    /// When.
    create_at: Timestamp,
    /// The trace of the request that wrote it; absent when its journey was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// How far its event has come, and in what time.
    #[serde(skip_serializing_if = "Option::is_none")]
    travel: Option<Travel>,
}

impl CommentDto {
    pub(crate) fn new(comment: Comment, here: ProcessId) -> Self {
        let passage = comment.passage.as_deref();
        Self {
            trace_id: passage.map(|passage| trace_id(passage.trace)),
            travel: passage.map(|passage| passage.travel(here)),
            ..Self::plain(comment)
        }
    }

    /// A comment that was written just now, by a request of `trace`.
    pub(crate) fn written(comment: Comment, trace: TraceParent) -> Self {
        Self {
            trace_id: Some(trace_id(trace)),
            travel: Some(Travel {
                state: State::Waiting,
                millis: None,
            }),
            ..Self::plain(comment)
        }
    }

    fn plain(comment: Comment) -> Self {
        Self {
            seq: comment.seq,
            post_id: comment.post,
            contents: comment.contents,
            writer: WriterDto::new(comment.writer_seq, comment.writer),
            create_at: comment.create_at,
            trace_id: None,
            travel: None,
        }
    }
}

/// A trace's id, as it stands in a `traceparent`.
pub(crate) fn trace_id(trace: TraceParent) -> String {
    format!("{:032x}", trace.trace_id())
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
