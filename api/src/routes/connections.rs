//! Connections: asked for by who wants to see, granted by who is seen, removed by either.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use social_events::{EmailAddress, Timestamp, UserId};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::domain::{ConnectedUser, Connection, ConnectionRequest, Email};
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::response::Success;

/// A user whose posts the caller may see.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectedUserDto {
    /// The number.
    seq: UserId,
    /// The name.
    name: String,
    /// The address.
    email: EmailAddress,
    /// Where the profile image is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_image_url: Option<String>,
    /// When the user agreed.
    granted_at: Timestamp,
}

/// A user who asks to see the caller's posts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionRequestDto {
    /// The number.
    seq: UserId,
    /// The name.
    name: String,
    /// The address.
    email: EmailAddress,
    /// Where the profile image is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_image_url: Option<String>,
    /// When it was asked for.
    create_at: Timestamp,
}

/// A one-way connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionDto {
    /// Who may see.
    user_id: UserId,
    /// Whose posts.
    target_id: UserId,
    /// When the target agreed; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted_at: Option<Timestamp>,
    /// When it was asked for.
    create_at: Timestamp,
}

/// Whom to ask: by number or by address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetBody {
    /// The number.
    user_id: Option<UserId>,
    /// The address, if the number is not known.
    address: Option<String>,
}

/// Whose request is granted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequesterBody {
    /// Who asked.
    user_id: UserId,
}

/// From whom to part.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OtherQuery {
    /// The other user.
    user_id: i64,
}

/// Whose posts the caller may see
#[utoipa::path(get, path = "/api/user/connections", tag = "connections",
    responses((status = OK, body = Success<Vec<ConnectedUserDto>>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Success<Vec<ConnectedUserDto>>, ApiError> {
    let connected = app.store.connections(caller.user).await?;
    Ok(Success::new(
        connected.into_iter().map(ConnectedUserDto::from).collect(),
    ))
}

/// Who asks to see the caller's posts
#[utoipa::path(get, path = "/api/user/connections/requests", tag = "connections",
    responses((status = OK, body = Success<Vec<ConnectionRequestDto>>)))]
pub(crate) async fn requests(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Success<Vec<ConnectionRequestDto>>, ApiError> {
    let requests = app.store.connection_requests(caller.user).await?;
    Ok(Success::new(
        requests
            .into_iter()
            .map(ConnectionRequestDto::from)
            .collect(),
    ))
}

/// Ask to see another user's posts
///
/// Asking again changes nothing.
#[utoipa::path(post, path = "/api/user/connections", tag = "connections",
    request_body = TargetBody, responses((status = OK, body = Success<ConnectionDto>),
        (status = NOT_FOUND, description = "there is no such user")))]
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<TargetBody>,
) -> Result<Success<ConnectionDto>, ApiError> {
    let target = match (body.user_id, body.address) {
        (Some(target), None) => target,
        (None, Some(address)) => {
            let email = Email::parse(&address)?;
            let known = app.store.credentials(&email).await?.map(|(seq, _)| seq);
            known.ok_or_else(|| ApiError::not_found("User", email.as_str()))?
        }
        _ => {
            return Err(ApiError::InvalidArgument(
                "give either userId or address".into(),
            ));
        }
    };
    if target == caller.user {
        return Err(ApiError::InvalidArgument(
            "one sees one's own posts without asking".into(),
        ));
    }
    let connection = app
        .store
        .ask_connection(caller.user, target, Timestamp::now())
        .await?;
    let connection = connection.ok_or_else(|| ApiError::not_found("User", target.to_string()))?;
    Ok(Success::new(connection.into()))
}

/// Let somebody who asked see the caller's posts
///
/// Granting again changes nothing.
#[utoipa::path(patch, path = "/api/user/connections", tag = "connections",
    request_body = RequesterBody, responses((status = OK, body = Success<ConnectionDto>),
        (status = NOT_FOUND, description = "that user has not asked")))]
pub(crate) async fn grant(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<RequesterBody>,
) -> Result<Success<ConnectionDto>, ApiError> {
    let granted = app
        .store
        .grant_connection(caller.user, body.user_id, Timestamp::now())
        .await?;
    let granted =
        granted.ok_or_else(|| ApiError::not_found("Connection", body.user_id.to_string()))?;
    Ok(Success::new(granted.into()))
}

/// Part from another user
///
/// Neither sees the other's posts any more.
#[utoipa::path(delete, path = "/api/user/connections", tag = "connections",
    params(("userId" = i64, Query, description = "the other user")),
    responses((status = OK, body = Success<bool>),
        (status = NOT_FOUND, description = "there is no connection")))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<OtherQuery>,
) -> Result<Success<bool>, ApiError> {
    let other = UserId(query.user_id);
    if app.store.remove_connections(caller.user, other).await? {
        Ok(Success::new(true))
    } else {
        Err(ApiError::not_found("Connection", other.to_string()))
    }
}

impl From<ConnectedUser> for ConnectedUserDto {
    fn from(user: ConnectedUser) -> Self {
        Self {
            seq: user.seq,
            name: user.name,
            email: EmailAddress {
                address: user.email,
            },
            profile_image_url: user.profile_image_url,
            granted_at: user.granted_at,
        }
    }
}

impl From<ConnectionRequest> for ConnectionRequestDto {
    fn from(user: ConnectionRequest) -> Self {
        Self {
            seq: user.seq,
            name: user.name,
            email: EmailAddress {
                address: user.email,
            },
            profile_image_url: user.profile_image_url,
            create_at: user.create_at,
        }
    }
}

impl From<Connection> for ConnectionDto {
    fn from(connection: Connection) -> Self {
        Self {
            user_id: connection.user,
            target_id: connection.target,
            granted_at: connection.granted_at,
            create_at: connection.create_at,
        }
    }
}
