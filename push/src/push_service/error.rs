//! Answers to requests that are wrong, in the form that push services on the internet use.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was refused. `errno` are the numbers senders know from Mozilla's service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("no such subscription")]
    UnknownSubscription,
    #[error("the browser has unsubscribed")]
    Unsubscribed,
    #[error("no such message: it was delivered, replaced, or has expired")]
    UnknownMessage,
    #[error("the body has more than 4096 bytes")]
    TooLarge,
    #[error("{0}")]
    Header(&'static str),
    #[error("the body is not one aes128gcm record: {0}")]
    Body(&'static str),
    #[error("{0}")]
    Authorization(&'static str),
    #[error("too many messages wait for this browser")]
    TooMany { retry_after_seconds: u64 },
    #[error("a fault was asked for: {0}")]
    Fault(&'static str),
    #[error("the service cannot do this now")]
    Unavailable,
}

impl Refused {
    fn status(&self) -> (StatusCode, u16) {
        match self {
            Self::UnknownSubscription => (StatusCode::NOT_FOUND, 102),
            Self::Unsubscribed => (StatusCode::GONE, 106),
            Self::UnknownMessage => (StatusCode::NOT_FOUND, 102),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 104),
            Self::Header(_) => (StatusCode::BAD_REQUEST, 111),
            Self::Body(_) => (StatusCode::BAD_REQUEST, 110),
            Self::Authorization(_) => (StatusCode::UNAUTHORIZED, 109),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, 201),
            Self::Fault(_) => (StatusCode::INTERNAL_SERVER_ERROR, 999),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, 201),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, errno) = self.status();
        let reason = status.canonical_reason().unwrap_or_default();
        let body = json!({
            "code": status.as_u16(), "errno": errno, "error": reason, "message": self.to_string(),
        });
        let mut response = (status, Json(body)).into_response();
        if let Self::TooMany {
            retry_after_seconds,
        } = self
        {
            let value = HeaderValue::from(retry_after_seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
