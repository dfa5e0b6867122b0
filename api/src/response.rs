//! The envelope of every success.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// `{"success":true,"response":…}`
#[derive(Debug, Serialize, ToSchema)]
pub struct Success<T> {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// What was asked for.
    response: T,
}

impl<T> Success<T> {
    /// Wraps `response`.
    pub fn new(response: T) -> Self {
        Self {
            success: true,
            response,
        }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}
