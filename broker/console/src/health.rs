//! `/healthz` and `/readyz`: is the process there, and does the broker serve.

use axum::extract::State;
use axum::http::StatusCode;
use ottla::observe::Observer;

/// Answering is the answer.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// The observer sees a broker from when it serves until it has stopped.
pub(crate) async fn ready(State(observer): State<Observer>) -> (StatusCode, &'static str) {
    if observer.is_serving() {
        (StatusCode::OK, "ready\n")
    } else {
        stopped()
    }
}

/// What every other path says once there is no broker to ask.
pub(crate) fn stopped() -> (StatusCode, &'static str) {
    (StatusCode::SERVICE_UNAVAILABLE, "the broker has stopped\n")
}
