//! Every failure a client can see, and its status: the only place where one becomes the other.
//!
//! A client's mistake is told in a sentence that says what to do. Our own failures are logged
//! with their cause and told without it.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use social_events::RefusalReason;
use social_events::bus::RequestError;
use utoipa::ToSchema;

use crate::auth::PasswordHashError;
use crate::domain::{ContentsError, EmailError, ImageError, NameError, PageError, PasswordError};
use crate::store::StoreError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A value, a body or a parameter is not acceptable.
    #[error("{0}")]
    InvalidArgument(String),
    /// No, or no valid, token.
    #[error("Authentication error (cause: unauthorized)")]
    Unauthorized,
    /// A valid token, but not for this.
    #[error("Authentication error (cause: forbidden)")]
    Forbidden,
    /// There is no such thing, or it is not the caller's to see.
    #[error("Could not found '{what}' with query values ({values})")]
    NotFound {
        /// What was asked for.
        what: &'static str,
        /// By which values.
        values: String,
    },
    /// There is no such path.
    #[error("there is no such path; /docs lists them all")]
    NoSuchPath,
    /// The path exists, the method does not.
    #[error("this path does not answer this method; /docs lists them all")]
    MethodNotAllowed,
    /// The address is taken.
    #[error("Could not join, the address is taken already")]
    DuplicateEmail,
    /// It contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
    /// The body is larger than the path allows.
    #[error("the request is too large: {0}")]
    TooLarge(String),
    /// The body is of a kind the path does not read.
    #[error("the request must be {0}")]
    UnsupportedMediaType(&'static str),
    /// Too often.
    #[error("too many requests; try again in {} seconds", .retry_after.as_secs().max(1))]
    TooManyRequests {
        /// When it may succeed again.
        retry_after: Duration,
    },
    /// Kafka, the push service or this one cannot take the request now.
    #[error("{0}; try again later")]
    Unavailable(String),
    /// The push service did not answer in time.
    #[error("the push service did not answer in time; trying again does no harm")]
    Timeout,
    /// The request was not complete, or not handled, in time.
    #[error("the request took too long")]
    TookTooLong,
    /// Our own failure.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// `{"success":false,"error":{…}}`
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure {
    /// Always false.
    #[schema(example = false)]
    success: bool,
    /// What went wrong.
    error: FailureDetail,
}

/// The error of a [`Failure`].
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureDetail {
    /// A sentence for people.
    message: String,
    /// The HTTP status.
    status: u16,
}

impl ApiError {
    pub(crate) fn not_found(what: &'static str, values: impl Into<String>) -> Self {
        Self::NotFound {
            what,
            values: values.into(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidArgument(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound { .. } | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::DuplicateEmail | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::TookTooLong => StatusCode::REQUEST_TIMEOUT,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if let Self::Internal(cause) = &self {
            tracing::error!(%cause, "request failed");
        }
        let error = FailureDetail {
            message: self.to_string(),
            status: status.as_u16(),
        };
        let mut response = (
            status,
            axum::Json(Failure {
                success: false,
                error,
            }),
        )
            .into_response();
        if let Self::TooManyRequests { retry_after } = self {
            let seconds = HeaderValue::from(retry_after.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DuplicateEmail => Self::DuplicateEmail,
            StoreError::Database(sqlx::Error::PoolTimedOut) => {
                Self::Unavailable("the database is busy".into())
            }
            StoreError::Database(error) if social_postgres::is_away(&error) => {
                tracing::warn!(%error, "the database is away");
                Self::Unavailable("the database is away".into())
            }
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<PasswordHashError> for ApiError {
    fn from(error: PasswordHashError) -> Self {
        match error {
            PasswordHashError::Busy => Self::Unavailable("too many log-ins at once".into()),
            PasswordHashError::Failed(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Timeout(_) => Self::Timeout,
            RequestError::NotReady | RequestError::TooMany { .. } | RequestError::Publish(_) => {
                tracing::warn!(%error, "the push service cannot be asked");
                Self::Unavailable("the push service cannot be asked now".into())
            }
        }
    }
}

impl From<social_events::Refusal> for ApiError {
    fn from(refusal: social_events::Refusal) -> Self {
        match refusal.reason {
            RefusalReason::Invalid => Self::InvalidArgument(refusal.message),
            RefusalReason::NotFound => Self::not_found("Subscription", refusal.message),
            RefusalReason::TooMany => Self::Conflict(refusal.message),
            RefusalReason::Unavailable => Self::Unavailable(refusal.message),
        }
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::TooLarge => Self::TooLarge(error.to_string()),
            ImageError::Kind => Self::InvalidArgument(error.to_string()),
        }
    }
}

macro_rules! invalid_argument {
    ($($error:ty),*) => {$(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                Self::InvalidArgument(error.to_string())
            }
        }
    )*};
}

invalid_argument!(
    NameError,
    EmailError,
    PasswordError,
    ContentsError,
    PageError
);
