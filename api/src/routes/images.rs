//! Profile images, by the hash of their content.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::Path;

/// An image never changes: another one has another name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A profile image
#[utoipa::path(get, path = "/images/{name}", tag = "users", security(()),
    params(("name" = String, Path, description = "the SHA-256 of the image")),
    responses((status = OK, description = "the image", content_type = "image/png", body = Vec<u8>)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let is_hash = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let found = if is_hash {
        app.store.image(&name).await?
    } else {
        None
    };
    let not_found = || ApiError::not_found("Image", if is_hash { name } else { "?".into() });
    let (media_type, bytes) = found.ok_or_else(not_found)?;
    Ok((
        [
            (header::CONTENT_TYPE, media_type),
            (header::CACHE_CONTROL, FOR_EVER.into()),
        ],
        bytes,
    ))
}
