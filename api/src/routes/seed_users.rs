//! The users to play with, for the page where one logs in.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use social_events::UserId;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::Email;
use crate::error::ApiError;
use crate::response::Success;
use crate::seed;

/// A user that `--seed-data` added, with what logging in takes.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeedUserDto {
    /// The number.
    seq: UserId,
    /// The name, as it is now.
    name: String,
    /// The address.
    principal: String,
    /// The password.
    credentials: &'static str,
}

/// The users to play with
///
/// None unless the service was started with `--seed-data`.
#[utoipa::path(get, path = "/api/seed", tag = "authentication", security(()),
    responses((status = OK, body = Success<Vec<SeedUserDto>>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
) -> Result<Success<Vec<SeedUserDto>>, ApiError> {
    let mut users = Vec::new();
    if app.settings.seed_data {
        for email in seed::emails() {
            users.extend(user(&app, &email).await?);
        }
    }
    Ok(Success::new(users))
}

async fn user(app: &App, email: &Email) -> Result<Option<SeedUserDto>, ApiError> {
    let Some((seq, _)) = app.store.credentials(email).await? else {
        return Ok(None);
    };
    let user = app.store.user(seq).await?;
    Ok(user.map(|user| SeedUserDto {
        seq,
        name: user.name,
        principal: user.email,
        credentials: seed::PASSWORD,
    }))
}
