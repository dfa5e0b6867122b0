//! Reading requests: axum's extractors, with every refusal in our envelope.

use axum::extract::multipart::MultipartError;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// The path's parameters.
pub(crate) struct Path<T>(pub(crate) T);

/// The query's parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(json_refusal(&rejection)),
        }
    }
}

/// The refusal tells the place of the mistake and never repeats the body: it may hold a password.
fn json_refusal(rejection: &JsonRejection) -> ApiError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            ApiError::UnsupportedMediaType("application/json")
        }
        JsonRejection::BytesRejection(bytes) if bytes.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::TooLarge("at most 64 KiB of JSON".into())
        }
        JsonRejection::JsonDataError(_) => {
            ApiError::InvalidArgument("the JSON lacks a field or has one of a wrong type".into())
        }
        _ => ApiError::InvalidArgument("the body is not readable JSON".into()),
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(parameters)) => Ok(Self(parameters)),
            Err(PathRejection::FailedToDeserializePathParams(_)) => Err(ApiError::InvalidArgument(
                "a number in the path is not a number".into(),
            )),
            Err(rejection) => Err(ApiError::Internal(rejection.into())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let refusal = |_: QueryRejection| {
            ApiError::InvalidArgument("a query parameter is missing or of a wrong type".into())
        };
        query
            .map(|axum::extract::Query(parameters)| Self(parameters))
            .map_err(refusal)
    }
}

/// A refusal of multipart bytes.
pub(crate) fn multipart_refusal(error: &MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge("at most 1 MiB of image".into()),
        _ => ApiError::InvalidArgument("the multipart body cannot be read".into()),
    }
}
