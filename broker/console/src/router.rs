//! Path → handler, and what applies to every answer.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use ottla::embed::Control;
use ottla::observe::Observer;

use crate::hosts::{self, Hosts};
use crate::{cluster, control, health, metrics};

/// The console of one broker as a router, for programs that serve HTTP already.
pub fn router(observer: Observer, hosts: Hosts) -> Router {
    guarded(views(observer), hosts)
}

/// The same, and what drives the broker.
pub(crate) fn router_with_control(observer: Observer, control: Control, hosts: Hosts) -> Router {
    guarded(views(observer).merge(control::routes(control)), hosts)
}

fn views(observer: Observer) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::text))
        .route("/api/cluster", get(cluster::json))
        .with_state(observer)
}

fn guarded(routes: Router, hosts: Hosts) -> Router {
    routes
        .layer(from_fn_with_state(hosts, hosts::check))
        .layer(map_response(with_safe_headers))
}

/// What is shown is of this moment, is what it says it is, and loads nothing
/// from elsewhere.
async fn with_safe_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'"),
    );
    response
}
