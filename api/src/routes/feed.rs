//! The posts of oneself and of everybody one may see.

use std::sync::Arc;

use axum::extract::State;

use super::views::{PageQuery, PostDto};
use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::response::Success;

/// The caller's posts and those of everybody the caller may see, newest first
#[utoipa::path(get, path = "/api/feed", tag = "posts", params(PageQuery),
    responses((status = OK, body = Success<Vec<PostDto>>)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Success<Vec<PostDto>>, ApiError> {
    let posts = app.store.feed(caller.user, page.try_into()?).await?;
    Ok(Success::new(
        posts
            .into_iter()
            .map(|post| PostDto::new(post, &app.backend))
            .collect(),
    ))
}
