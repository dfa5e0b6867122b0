//! Posts.

use std::sync::Arc;

use axum::extract::State;
use social_events::{PostId, Timestamp};

use super::views::{ContentsBody, PageQuery, PostDto};
use crate::app::App;
use crate::auth::{Caller, Reader};
use crate::domain::Contents;
use crate::error::ApiError;
use crate::extract::{Json, Path, Query};
use crate::response::Success;

/// Write a post
#[utoipa::path(post, path = "/api/post", tag = "posts", request_body = ContentsBody,
    responses((status = OK, body = Success<PostDto>)))]
pub(crate) async fn write(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<ContentsBody>,
) -> Result<Success<PostDto>, ApiError> {
    let contents = Contents::parse(&body.contents)?;
    let post = app
        .store
        .add_post(caller.user, &contents, Timestamp::now())
        .await?;
    Ok(Success::new(PostDto::new(post, &app.backend)))
}

/// One post
///
/// The caller's, or of somebody the caller may see.
#[utoipa::path(get, path = "/api/post/{post_id}", tag = "posts",
    params(("post_id" = i64, Path, description = "which")),
    responses((status = OK, body = Success<PostDto>),
        (status = NOT_FOUND, description = "there is none, or it is not the caller's to see")))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(post): Path<i64>,
) -> Result<Success<PostDto>, ApiError> {
    let found = app.store.post(caller.user, PostId(post)).await?;
    let not_found = || ApiError::not_found("Post", post.to_string());
    let found = found.ok_or_else(not_found)?;
    Ok(Success::new(PostDto::new(found, &app.backend)))
}

/// A user's posts, newest first
#[utoipa::path(get, path = "/api/user/{user_id}/post/list", tag = "posts",
    params(("user_id" = i64, Path, description = "whose"), PageQuery),
    responses((status = OK, body = Success<Vec<PostDto>>),
        (status = FORBIDDEN, description = "the caller has no granted connection to that user")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(page): Query<PageQuery>,
) -> Result<Success<Vec<PostDto>>, ApiError> {
    let posts = app
        .store
        .posts(reader.caller, reader.owner, page.try_into()?)
        .await?;
    Ok(Success::new(
        posts
            .into_iter()
            .map(|post| PostDto::new(post, &app.backend))
            .collect(),
    ))
}
