//! The push service's public key, which a browser needs to subscribe.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::observe::Trace;
use crate::push_service::Exchange;
use crate::response::Success;

/// The VAPID public key
///
/// URL-safe base64 without padding, as `PushManager.subscribe` takes it. A browser whose
/// subscription has another key unsubscribes and subscribes again. Asked of the push service at
/// most once a minute; an answer that was has the `kafka-` headers of subscribing.
#[utoipa::path(get, path = "/api/push/key", tag = "subscriptions",
    responses((status = OK, body = Success<String>),
        (status = SERVICE_UNAVAILABLE, description = "Kafka cannot be reached"),
        (status = GATEWAY_TIMEOUT, description = "the push service did not answer in time")))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(trace): Trace,
) -> Result<impl IntoResponse, ApiError> {
    let (key, exchange) = app
        .push_service
        .public_key(caller.user, trace, &app.metrics)
        .await?;
    let headers = exchange.as_ref().map(Exchange::headers).unwrap_or_default();
    Ok((headers, Success::new(key)))
}
