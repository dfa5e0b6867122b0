//! Logging in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use social_events::{Timestamp, UserDto, UserId};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Caller, ClientIp, Token, clearing_cookie, cookie};
use crate::domain::{Email, Password, User};
use crate::error::ApiError;
use crate::extract::Json;
use crate::response::Success;
use crate::store::Change;

/// Who logs in.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// The address.
    principal: String,
    /// The password.
    credentials: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// The token, for `api_key: Bearer …` or `Authorization: Bearer …`.
    api_token: String,
    /// The user.
    user: UserDto,
}

/// Log in
///
/// The answer also sets the session cookie that the pages use.
#[utoipa::path(post, path = "/api/auth", tag = "authentication", security(()),
    request_body = Credentials,
    responses((status = OK, body = Success<Session>),
        (status = UNAUTHORIZED, description = "no such user, or not the password"),
        (status = TOO_MANY_REQUESTS, description = "too many attempts")))]
pub(crate) async fn log_in(
    State(app): State<Arc<App>>,
    ClientIp(ip): ClientIp,
    Json(body): Json<Credentials>,
) -> Result<impl IntoResponse, ApiError> {
    let legal = (
        Email::parse(&body.principal),
        Password::parse(&body.credentials),
    );
    let (Ok(email), Ok(password)) = legal else {
        return Err(ApiError::Unauthorized);
    };
    app.limits.login(ip, &email)?;
    // Whether there is such a user or not, the same work is done and the same said.
    let known = app.store.credentials(&email).await?;
    let (seq, hash) = known.unzip();
    let matches = app.passwords.verify(password, hash).await?;
    let seq = seq.filter(|_| matches).ok_or(ApiError::Unauthorized)?;
    let user = app.store.count_login(seq, Timestamp::now()).await?;
    open_session(&app, user.ok_or(ApiError::Unauthorized)?).await
}

/// Who is logged in
///
/// Nobody is no failure: a page asks before it knows whether it has a session.
#[utoipa::path(get, path = "/api/auth", tag = "authentication", security(()),
    responses((status = OK, body = Success<Option<UserDto>>)))]
pub(crate) async fn who(
    State(app): State<Arc<App>>,
    caller: Result<Caller, ApiError>,
) -> Result<Success<Option<UserDto>>, ApiError> {
    match caller {
        Ok(caller) => {
            let user = app.store.user(caller.user).await?;
            Ok(Success::new(user.map(UserDto::from)))
        }
        Err(ApiError::Unauthorized) => Ok(Success::new(None)),
        Err(other) => Err(other),
    }
}

/// Log out
///
/// The token is invalid from now on.
#[utoipa::path(delete, path = "/api/auth", tag = "authentication",
    responses((status = OK, body = Success<bool>)))]
pub(crate) async fn log_out(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    app.store.remove_session(caller.token).await?;
    app.store.announce(Change::Session(caller.user)).await?;
    let cookie = clearing_cookie(app.settings.secure_cookie);
    Ok(([(header::SET_COOKIE, cookie)], Success::new(true)))
}

/// The answer that opens a session for `user`: token and cookie.
pub(crate) async fn open_session(
    app: &App,
    user: User,
) -> Result<(HeaderMap, Success<Session>), ApiError> {
    let token = Token::random().map_err(|error| ApiError::Internal(error.to_string().into()))?;
    store_session(app, &token, user.seq).await?;
    let lifetime = app.settings.session_lifetime;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::SET_COOKIE,
        cookie(&token, lifetime, app.settings.secure_cookie),
    );
    Ok((
        headers,
        Success::new(Session {
            api_token: token.expose(),
            user: user.into(),
        }),
    ))
}

async fn store_session(app: &App, token: &Token, user: UserId) -> Result<(), ApiError> {
    let now = Timestamp::now();
    let lifetime_ms = i64::try_from(app.settings.session_lifetime.as_millis()).unwrap_or(i64::MAX);
    let expires = Timestamp::from_millis(now.millis().saturating_add(lifetime_ms));
    app.store
        .add_session(token.hash(), user, now, expires)
        .await?;
    Ok(())
}
