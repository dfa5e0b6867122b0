//! Joining.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use social_events::Timestamp;
use utoipa::ToSchema;

use super::authentication::{Session, open_session};
use super::profile_form::ProfileForm;
use crate::app::App;
use crate::auth::ClientIp;
use crate::domain::{Email, Name, NewUser, Password, ProfileImage};
use crate::error::ApiError;
use crate::events::UserJoinedEvent;
use crate::extract::Json;
use crate::observe::Trace;
use crate::response::Success;

/// Whose address.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AddressBody {
    /// The address.
    address: String,
}

/// Who joins, as `multipart/form-data` or JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes what ProfileForm reads")]
pub(crate) struct JoinBody {
    /// 1 to 10 characters.
    name: String,
    /// The address: 4 to 50 characters.
    principal: String,
    /// The password: 4 to 128 characters.
    credentials: String,
    /// The profile image: at most 1 MiB of PNG, JPEG or WebP; multipart only.
    #[schema(format = Binary)]
    file: Option<String>,
}

/// Whether an address is taken
#[utoipa::path(post, path = "/api/user/exists", tag = "users", security(()),
    request_body = AddressBody, responses((status = OK, body = Success<bool>)))]
pub(crate) async fn exists(
    State(app): State<Arc<App>>,
    ClientIp(ip): ClientIp,
    Json(body): Json<AddressBody>,
) -> Result<Success<bool>, ApiError> {
    app.limits.exists(ip)?;
    let email = Email::parse(&body.address)?;
    Ok(Success::new(app.store.credentials(&email).await?.is_some()))
}

/// Join, and log in at once
#[utoipa::path(post, path = "/api/user/join", tag = "users", security(()),
    request_body(content(
        (JoinBody = "multipart/form-data"), (JoinBody = "application/json"))),
    responses((status = OK, body = Success<Session>),
        (status = CONFLICT, description = "the address is taken")))]
pub(crate) async fn join(
    State(app): State<Arc<App>>,
    ClientIp(ip): ClientIp,
    Trace(trace): Trace,
    form: ProfileForm,
) -> Result<impl IntoResponse, ApiError> {
    app.limits.join(ip)?;
    let missing = |field: &str| ApiError::InvalidArgument(format!("{field} is missing"));
    let name = Name::parse(&form.name.ok_or_else(|| missing("name"))?)?;
    let email = Email::parse(&form.principal.ok_or_else(|| missing("principal"))?)?;
    let password = Password::parse(&form.credentials.ok_or_else(|| missing("credentials"))?)?;
    let image = form.file.map(ProfileImage::parse).transpose()?;
    if app.store.credentials(&email).await?.is_some() {
        // Before the costly hash; two at once are told apart by the database.
        return Err(ApiError::DuplicateEmail);
    }
    let password_hash = app.passwords.hash(password).await?;
    let at = Timestamp::now();
    let user = NewUser {
        name,
        email,
        password_hash,
        image,
        at,
        trace,
    };
    let joined = app.store.add_user(user).await?;
    app.event_bus.publish(UserJoinedEvent(joined.event));
    open_session(&app, joined.user).await
}
