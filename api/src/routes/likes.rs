//! Likes.

use std::sync::Arc;

use axum::extract::State;
use social_events::{PostId, Timestamp};

use super::views::PostDto;
use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::Path;
use crate::response::Success;

/// Like a post
///
/// A second time changes nothing.
#[utoipa::path(patch, path = "/api/user/{user_id}/post/{post_id}/like", tag = "posts",
    params(("user_id" = i64, Path, description = "whose"), ("post_id" = i64, Path,)),
    responses((status = OK, body = Success<PostDto>),
        (status = NOT_FOUND, description = "that user has no such post")))]
pub(crate) async fn like(
    State(app): State<Arc<App>>,
    Reader { caller, owner }: Reader,
    Path((_, post)): Path<(i64, i64)>,
) -> Result<Success<PostDto>, ApiError> {
    let liked = app
        .store
        .like(caller, owner, PostId(post), Timestamp::now())
        .await?;
    let not_found = || ApiError::not_found("Post", format!("{owner}, {post}"));
    let liked = liked.ok_or_else(not_found)?;
    Ok(Success::new(PostDto::new(liked, &app.backend)))
}
