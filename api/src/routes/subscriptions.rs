//! One's devices. The push service keeps them; it is asked over Kafka.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use social_events::{Secret, Subscription, SubscriptionId, SubscriptionReply, SubscriptionRequest};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::{Json, Path};
use crate::observe::Trace;
use crate::push_service::unexpected;
use crate::response::Success;
use crate::store::Change;

/// A longer endpoint or key cannot be right.
const FIELD_BYTES_MAX: usize = 2048;

/// What the browser's `PushSubscription` says.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscribeBody {
    /// `endpoint`
    notification_end_point: Secret,
    /// `keys.p256dh`
    public_key: Secret,
    /// `keys.auth`
    auth: Secret,
}

/// Get pushes on this device
///
/// Repeating it changes nothing. The request and its reply travel over Kafka.
#[utoipa::path(post, path = "/api/subscribe", tag = "subscriptions",
    request_body = SubscribeBody,
    responses((status = OK, body = Success<Subscription>,
        headers(
            ("kafka-correlation-id" = String, description = "ties request and reply together"),
            ("kafka-request" = String, description = "topic-partition@offset of the request"),
            ("kafka-reply" = String, description = "topic-partition@offset of the reply"),
            ("kafka-round-trip-ms" = String, description = "from sending to reading the reply"))),
        (status = SERVICE_UNAVAILABLE, description = "Kafka cannot be reached"),
        (status = GATEWAY_TIMEOUT, description = "the push service did not answer in time")))]
pub(crate) async fn subscribe(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(trace): Trace,
    Json(body): Json<SubscribeBody>,
) -> Result<impl IntoResponse, ApiError> {
    app.limits.subscribe(caller.user)?;
    for (name, field) in [
        ("notificationEndPoint", &body.notification_end_point),
        ("publicKey", &body.public_key),
        ("auth", &body.auth),
    ] {
        if field.expose().is_empty() || field.expose().len() > FIELD_BYTES_MAX {
            let problem = format!("{name} must have 1 to {FIELD_BYTES_MAX} bytes");
            return Err(ApiError::InvalidArgument(problem));
        }
    }
    let request = SubscriptionRequest::Subscribe {
        user_id: caller.user,
        notification_end_point: body.notification_end_point,
        public_key: body.public_key,
        auth: body.auth,
    };
    match app.push_service.ask(request, trace, &app.metrics).await? {
        (SubscriptionReply::Subscribed(subscription), exchange) => {
            tell(&app, caller).await;
            Ok((exchange.headers(), Success::new(subscription)))
        }
        _ => Err(unexpected()),
    }
}

/// The caller's devices
///
/// The answer has the same `kafka-` headers as subscribing.
#[utoipa::path(get, path = "/api/subscriptions", tag = "subscriptions",
    responses((status = OK, body = Success<Vec<Subscription>>),
        (status = SERVICE_UNAVAILABLE, description = "Kafka cannot be reached"),
        (status = GATEWAY_TIMEOUT, description = "the push service did not answer in time")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Trace(trace): Trace,
) -> Result<impl IntoResponse, ApiError> {
    let request = SubscriptionRequest::List {
        user_id: caller.user,
    };
    match app.push_service.ask(request, trace, &app.metrics).await? {
        (SubscriptionReply::Subscriptions { subscriptions }, exchange) => {
            Ok((exchange.headers(), Success::new(subscriptions)))
        }
        _ => Err(unexpected()),
    }
}

/// Get no more pushes on a device
///
/// The answer has the same `kafka-` headers as subscribing.
#[utoipa::path(delete, path = "/api/subscriptions/{seq}", tag = "subscriptions",
    params(("seq" = i64, Path, description = "which device")),
    responses((status = OK, body = Success<bool>),
        (status = NOT_FOUND, description = "the caller has no such device"),
        (status = SERVICE_UNAVAILABLE, description = "Kafka cannot be reached"),
        (status = GATEWAY_TIMEOUT, description = "the push service did not answer in time")))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(seq): Path<i64>,
    Trace(trace): Trace,
) -> Result<impl IntoResponse, ApiError> {
    let seq = SubscriptionId(seq);
    let request = SubscriptionRequest::Unsubscribe {
        user_id: caller.user,
        seq,
    };
    match app.push_service.ask(request, trace, &app.metrics).await? {
        (SubscriptionReply::Unsubscribed { .. }, exchange) => {
            tell(&app, caller).await;
            Ok((exchange.headers(), Success::new(true)))
        }
        _ => Err(unexpected()),
    }
}

/// The caller's other pages hear of it; the subscription is what it is even if they do not.
async fn tell(app: &App, caller: Caller) {
    if let Err(error) = app.store.announce(Change::Devices(caller.user)).await {
        tracing::debug!(%error, "pages are not told of changed devices");
    }
}
