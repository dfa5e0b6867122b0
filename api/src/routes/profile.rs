//! One's own profile.

use std::sync::Arc;

use axum::extract::State;
use social_events::UserDto;
use utoipa::ToSchema;

use super::profile_form::ProfileForm;
use crate::app::App;
use crate::auth::Caller;
use crate::domain::{Name, ProfileChange, ProfileImage};
use crate::error::ApiError;
use crate::events::UserUpdatedEvent;
use crate::observe::Trace;
use crate::response::Success;

/// What to change, as `multipart/form-data` or JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes what ProfileForm reads")]
pub(crate) struct ProfileBody {
    /// A new name, 1 to 10 characters.
    name: Option<String>,
    /// A new image: at most 1 MiB of PNG, JPEG or WebP; multipart only.
    #[schema(format = Binary)]
    file: Option<String>,
}

/// Oneself
#[utoipa::path(get, path = "/api/user/me", tag = "users",
    responses((status = OK, body = Success<UserDto>)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Success<UserDto>, ApiError> {
    let user = app.store.user(caller.user).await?;
    Ok(Success::new(user.ok_or(ApiError::Unauthorized)?.into()))
}

/// Change one's name or image
#[utoipa::path(patch, path = "/api/user/me", tag = "users",
    request_body(content(
        (ProfileBody = "application/json"), (ProfileBody = "multipart/form-data"))),
    responses((status = OK, body = Success<UserDto>)))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(trace): Trace,
    form: ProfileForm,
) -> Result<Success<UserDto>, ApiError> {
    let name = form.name.as_deref().map(Name::parse).transpose()?;
    let image = form.file.map(ProfileImage::parse).transpose()?;
    if name.is_none() && image.is_none() {
        return Err(ApiError::InvalidArgument(
            "give a name, an image, or both".into(),
        ));
    }
    let change = ProfileChange { name, image, trace };
    let changed = app.store.change_profile(caller.user, change).await?;
    let (user, event) = changed.ok_or(ApiError::Unauthorized)?;
    if let Some(event) = event {
        app.event_bus.publish(UserUpdatedEvent(event));
    }
    Ok(Success::new(user.into()))
}
