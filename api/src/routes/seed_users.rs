//! The users to play with, for the page where one logs in.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::response::Success;
use crate::seed;

/// A user that `--seed-data` added, with what logging in takes.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeedUserDto {
    /// The name the user was given.
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
pub(crate) async fn list(State(app): State<Arc<App>>) -> Success<Vec<SeedUserDto>> {
    if !app.settings.seed_data {
        return Success::new(Vec::new());
    }
    let users = seed::users().map(|(name, principal)| SeedUserDto {
        name,
        principal,
        credentials: seed::PASSWORD,
    });
    Success::new(users.collect())
}
