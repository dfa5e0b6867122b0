//! A profile's fields, as `multipart/form-data` (with an image) or as JSON (without).

use std::sync::Arc;

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::app::App;
use crate::domain::ImageError;
use crate::error::ApiError;
use crate::extract::{Json, multipart_refusal};

/// A larger image is not read to its end.
const IMAGE_BYTES_MAX: usize = 1024 * 1024;
/// The longest text field is a password of 128 characters.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// A form has four fields; more are not read.
const FIELDS_MAX: usize = 16;

/// The fields that were there. Unknown ones are passed over.
#[derive(Default, Deserialize)]
pub(crate) struct ProfileForm {
    pub(crate) name: Option<String>,
    pub(crate) principal: Option<String>,
    pub(crate) credentials: Option<String>,
    #[serde(skip)]
    pub(crate) file: Option<Bytes>,
}

impl FromRequest<Arc<App>> for ProfileForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            let multipart = Multipart::from_request(request, app).await;
            let unreadable = |_| ApiError::InvalidArgument("the form has no boundary".into());
            Self::read(multipart.map_err(unreadable)?).await
        } else if essence.eq_ignore_ascii_case("application/json") {
            Ok(Json::<Self>::from_request(request, app).await?.0)
        } else {
            Err(ApiError::UnsupportedMediaType(
                "multipart/form-data or application/json",
            ))
        }
    }
}

impl ProfileForm {
    async fn read(mut multipart: Multipart) -> Result<Self, ApiError> {
        let mut form = Self::default();
        let mut fields = 0;
        while let Some(field) = multipart
            .next_field()
            .await
            .map_err(|error| multipart_refusal(&error))?
        {
            fields += 1;
            if fields > FIELDS_MAX {
                return Err(ApiError::InvalidArgument(
                    "the form has too many fields".into(),
                ));
            }
            match field.name() {
                Some("name") => form.name = Some(text(field).await?),
                Some("principal") => form.principal = Some(text(field).await?),
                Some("credentials") => form.credentials = Some(text(field).await?),
                Some("file") => form.file = file(field).await?,
                _ => {}
            }
        }
        Ok(form)
    }
}

async fn text(field: Field<'_>) -> Result<String, ApiError> {
    let bytes = bounded(field, TEXT_BYTES_MAX).await?;
    let bytes = bytes.ok_or_else(|| ApiError::TooLarge("a field has at most 8 KiB".into()))?;
    String::from_utf8(bytes.into())
        .map_err(|_| ApiError::InvalidArgument("a field is not UTF-8 text".into()))
}

/// A form without a chosen file sends an empty one.
async fn file(field: Field<'_>) -> Result<Option<Bytes>, ApiError> {
    let bytes = bounded(field, IMAGE_BYTES_MAX)
        .await?
        .ok_or(ImageError::TooLarge)?;
    Ok((!bytes.is_empty()).then_some(bytes))
}

/// The field's bytes; `None` when there are more than `bytes_max`.
async fn bounded(mut field: Field<'_>, bytes_max: usize) -> Result<Option<Bytes>, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field
        .chunk()
        .await
        .map_err(|error| multipart_refusal(&error))?
    {
        if bytes.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}
