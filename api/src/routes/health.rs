//! Whether the service lives, is ready, and how it is doing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use social_events::Timestamp;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::response::Success;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The time here, in milliseconds since the epoch
#[utoipa::path(get, path = "/api/_hcheck", tag = "health",
    responses((status = OK, body = Success<i64>)), security(()))]
pub(crate) async fn hcheck() -> Success<i64> {
    Success::new(Timestamp::now().millis())
}

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = OK, body = String)), security(()))]
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// What the service needs, and whether it has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether all of it is there.
    ready: bool,
    /// The database answers.
    database: bool,
    /// The bus answers.
    bus: bool,
    /// Replies of the push service can be read.
    replies: bool,
    /// Outcomes of pushes can be read.
    outcomes: bool,
}

/// Whether requests would succeed
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = OK, body = Readiness), (status = SERVICE_UNAVAILABLE, body = Readiness)))]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    let database = app.store.check().await.is_ok();
    let bus = app.bus.check(CHECK_TIMEOUT).await.is_ok();
    let replies = app.push_service.is_ready();
    let outcomes = app.outcomes.is_assigned();
    let ready = database && bus && replies && outcomes;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        axum::Json(Readiness {
            ready,
            database,
            bus,
            replies,
            outcomes,
        }),
    )
}

/// Before the service is there: nothing of it is.
pub(crate) async fn not_ready() -> impl IntoResponse {
    let nothing = Readiness {
        ready: false,
        database: false,
        bus: false,
        replies: false,
        outcomes: false,
    };
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(nothing))
}

/// The service's numbers, in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = OK, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, ApiError> {
    let pending = app.store.pending_count().await?;
    let text = app.metrics.render(pending, &app.event_bus);
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    ))
}
