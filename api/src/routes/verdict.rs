//! Whether anything that was confirmed is lost.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use social_events::CommentId;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::backend::BackendDto;
use crate::domain::Tally;
use crate::error::ApiError;
use crate::response::Success;

/// The verdict: confirmed = delivered + waiting + dead-lettered + lost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictDto {
    /// Comments that were answered with 200.
    confirmed: i64,
    /// Those whose event had a push accepted, or no subscription to send to, and is committed.
    delivered: i64,
    /// Those whose event is in the outbox, in the log, or waits for another try.
    waiting: i64,
    /// Those whose event was given up, and lies where somebody can look at it.
    dead_lettered: i64,
    /// Those whose event is nowhere.
    lost: i64,
    /// Pushes that a repeated event asked for and that were not sent again.
    folded: i64,
    /// Which comments are lost; the newest hundred.
    lost_comments: Vec<CommentId>,
}

impl From<Tally> for VerdictDto {
    fn from(tally: Tally) -> Self {
        Self {
            confirmed: tally.confirmed,
            delivered: tally.delivered,
            waiting: tally.waiting,
            dead_lettered: tally.dead_lettered,
            lost: tally.lost,
            folded: tally.folded,
            lost_comments: tally.lost_comments,
        }
    }
}

/// What became of all confirmed comments
///
/// From one look at the database, so the sums always fit.
#[utoipa::path(get, path = "/api/verdict", tag = "journeys",
    responses((status = OK, body = Success<VerdictDto>)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _: Caller,
) -> Result<Success<VerdictDto>, ApiError> {
    Ok(Success::new(app.store.tally().await?.into()))
}

/// What carries the events
///
/// Found out from the cluster, not configured.
#[utoipa::path(get, path = "/api/backend", tag = "journeys",
    responses((status = OK, body = Success<BackendDto>)))]
pub(crate) async fn backend(State(app): State<Arc<App>>, _: Caller) -> Success<BackendDto> {
    Success::new(app.backend.view())
}
