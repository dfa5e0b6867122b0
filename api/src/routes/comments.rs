//! Comments.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use social_events::{Moment, PostId, Timestamp};

use super::views::{CommentDto, ContentsBody};
use crate::app::App;
use crate::auth::Reader;
use crate::domain::{Answer, Contents, NewComment};
use crate::error::ApiError;
use crate::events::CommentCreatedEvent;
use crate::extract::{Json, Path};
use crate::observe::{RequestedAt, Trace};
use crate::response::Success;

/// Write a comment
///
/// The comment is stored together with its event; the author of the post gets a push. The answer
/// waits for neither Kafka nor the push service.
#[utoipa::path(post, path = "/api/user/{user_id}/post/{post_id}/comment", tag = "comments",
    params(("user_id" = i64, Path, description = "whose post"), ("post_id" = i64, Path,)),
    request_body = ContentsBody,
    responses((status = OK, body = Success<CommentDto>),
        (status = NOT_FOUND, description = "that user has no such post")))]
pub(crate) async fn write(
    State(app): State<Arc<App>>,
    Reader { caller, owner }: Reader,
    Path((_, post)): Path<(i64, i64)>,
    Trace(trace): Trace,
    RequestedAt(requested_at): RequestedAt,
    Json(body): Json<ContentsBody>,
) -> Result<Success<CommentDto>, ApiError> {
    let comment = NewComment {
        post_writer: owner,
        post: PostId(post),
        writer: caller,
        contents: Contents::parse(&body.contents)?,
        at: Timestamp::now(),
        requested_at,
        trace,
    };
    let written = app.store.add_comment(comment).await?;
    let written = written.ok_or_else(|| ApiError::not_found("Post", format!("{owner}, {post}")))?;
    let committed_at = Moment::now();
    let event_id = written.event.id;
    let raised_at = Moment::now();
    let handlers = app.event_bus.publish(CommentCreatedEvent(written.event));
    app.answers.note(Answer {
        event_id,
        committed_at,
        raised_at,
        handlers,
        answered_at: Moment::now(),
        status: StatusCode::OK.as_u16(),
    });
    Ok(Success::new(CommentDto::written(written.comment, trace)))
}

/// A post's comments, newest first
///
/// At most the newest 500.
#[utoipa::path(get, path = "/api/user/{user_id}/post/{post_id}/comment/list", tag = "comments",
    params(("user_id" = i64, Path, description = "whose post"), ("post_id" = i64, Path,)),
    responses((status = OK, body = Success<Vec<CommentDto>>),
        (status = NOT_FOUND, description = "that user has no such post")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Reader { owner, .. }: Reader,
    Path((_, post)): Path<(i64, i64)>,
) -> Result<Success<Vec<CommentDto>>, ApiError> {
    let comments = app.store.comments(owner, PostId(post)).await?;
    let not_found = || ApiError::not_found("Post", format!("{owner}, {post}"));
    let comments = comments.ok_or_else(not_found)?;
    Ok(Success::new(
        comments
            .into_iter()
            .map(|comment| CommentDto::new(comment, app.settings.process))
            .collect(),
    ))
}
