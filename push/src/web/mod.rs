//! The HTTP side, for those who run the service: health, readiness, metrics, subscriptions.
//!
//! Nothing of it is for users. Endpoints are shown redacted, keys never.

mod admin;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use social_events::{Bus, Secret};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::startup::Consumers;
use crate::store::Store;

/// What is told before there is anything else.
const WAITING: &str = "the service waits for its database";
/// How long the bus may take to answer a readiness check.
const CHECK_DEADLINE: Duration = Duration::from_secs(2);

/// What the handlers need.
pub(crate) struct Web {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Bus,
    pub(crate) consumers: Arc<Consumers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) admin_token: Option<Secret>,
}

/// Empty as long as the service waits for its database.
pub(crate) type Opening = Arc<OnceLock<Web>>;

/// Serves until `stop`, from before there is anything to tell.
pub(crate) async fn serve(listener: TcpListener, web: Opening, stop: CancellationToken) {
    let service = router(web).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the HTTP side ended");
    }
}

fn router(web: Opening) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/admin/subscriptions", get(admin::subscriptions))
        .with_state(web)
}

async fn readyz(State(web): State<Opening>) -> (StatusCode, String) {
    let missing = match web.get() {
        Some(web) => not_ready(web).await,
        None => Some(WAITING.to_owned()),
    };
    match missing {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {reason}\n"),
        ),
    }
}

/// The first thing that is missing.
async fn not_ready(web: &Web) -> Option<String> {
    if let Err(error) = web.store.check().await {
        return Some(error.to_string());
    }
    if let Err(error) = web.bus.check(CHECK_DEADLINE).await {
        return Some(error.to_string());
    }
    if !web.consumers.events.is_assigned() || !web.consumers.requests.is_assigned() {
        return Some("the consumers have no partitions yet".to_owned());
    }
    None
}

async fn metrics(State(web): State<Opening>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    match web.get() {
        Some(web) => (kind, web.metrics.render()).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, WAITING).into_response(),
    }
}
