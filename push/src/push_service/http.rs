//! The HTTP side: senders push here, browsers open their WebSocket here, tests set faults here.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use axum::{Json, Router};
use social_events::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::error::Refused;
use super::faults::{Effect, FaultPlan, Faults};
use super::headers::{PushHeaders, check_body};
use super::office::{Desk, Push};
use super::protocol::{SUBPROTOCOL, TEXT_BYTES_MAX};
use super::store::Channel;
use super::{BODY_BYTES_MAX, authorization, socket};
use crate::keys::encode;
use crate::loopback;

/// How many browsers are connected at most.
const SOCKETS_MAX: usize = 1024;

/// What the handlers need.
pub(super) struct Service {
    pub origin: String,
    pub desk: Desk,
    pub faults: Faults,
    pub stop: CancellationToken,
    pub sockets: TaskTracker,
}

type Shared = State<Arc<Service>>;

/// Serves until `stop`, and until every browser's connection has ended.
pub(super) async fn serve(listener: TcpListener, service: Service, stop: CancellationToken) {
    let service = Arc::new(service);
    let sockets = service.sockets.clone();
    let serving = axum::serve(listener, router(service));
    if let Err(error) = serving.with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "the local push service's HTTP side ended");
    }
    sockets.close();
    sockets.wait().await;
}

fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", any(browser))
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/wpush/v2/{token}",
            post(push).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
        )
        .route("/m/{version}", delete(withdraw))
        .route(
            "/control/faults",
            get(list_faults).post(add_fault).delete(clear_faults),
        )
        .layer(middleware::from_fn(only_this_machine))
        .with_state(service)
}

/// Pages on the internet must not reach it through their visitors' browsers: neither under a name
/// of theirs, nor by a request across origins.
async fn only_this_machine(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !loopback::is_named_by(headers) || !has_local_origin(headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

fn has_local_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let url = origin.to_str().ok().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| url.host_str().is_some_and(loopback::is_loopback_name))
}

async fn browser(State(service): Shared, upgrade: WebSocketUpgrade) -> Response {
    if service.sockets.len() >= SOCKETS_MAX {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(TEXT_BYTES_MAX)
        .max_frame_size(TEXT_BYTES_MAX);
    if upgrade.selected_protocol().is_none() {
        let sentence = "the WebSocket subprotocol must be push-notification\n";
        return (StatusCode::BAD_REQUEST, sentence).into_response();
    }
    let token = service.sockets.token();
    upgrade.on_upgrade(move |connection| async move {
        let Service {
            origin, desk, stop, ..
        } = &*service;
        socket::serve(connection, origin.clone(), desk.clone(), stop.clone()).await;
        drop(token);
    })
}

async fn push(
    State(service): Shared,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refused> {
    match service.faults.next() {
        Effect::None => {}
        Effect::Refuse(refused) => return Err(refused),
        Effect::Delay(delay) => tokio::time::sleep(delay).await,
    }
    let body = body.map_err(|_| Refused::TooLarge)?;
    let channel = service.desk.find(token).await?;
    check_sender(&service.origin, &headers, &channel)?;
    let push_headers = PushHeaders::read(&headers, body.len())?;
    check_body(&body)?;
    let ttl_seconds = push_headers.ttl.as_secs();
    let push = Push {
        channel,
        headers: push_headers,
        body: body.to_vec(),
    };
    let version = service.desk.push(push).await?;
    Ok(created(
        &format!("{}/m/{version}", service.origin),
        ttl_seconds,
    ))
}

/// A subscription made for one sender takes pushes of that sender only (RFC 8292, section 4.2).
fn check_sender(origin: &str, headers: &HeaderMap, channel: &Channel) -> Result<(), Refused> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return match channel.sender_key {
            Some(_) => Err(Refused::Authorization("Authorization is missing")),
            None => Ok(()),
        };
    };
    let value = value
        .to_str()
        .map_err(|_| Refused::Authorization("Authorization is not text"))?;
    let key = authorization::verify(value, origin, Timestamp::now().millis() / 1000)?;
    match &channel.sender_key {
        Some(only) if *only != encode(&key) => Err(Refused::Authorization(
            "the subscription was made for another sender's key",
        )),
        _ => Ok(()),
    }
}

fn created(location: &str, ttl_seconds: u64) -> Response {
    let location = HeaderValue::from_str(location).expect("an origin and a UUID are ASCII");
    let headers = [
        (header::LOCATION, location),
        (TTL, HeaderValue::from(ttl_seconds)),
    ];
    (StatusCode::CREATED, headers).into_response()
}

/// RFC 8030, section 5.2: the answer says how long the message is really kept.
const TTL: header::HeaderName = header::HeaderName::from_static("ttl");

async fn withdraw(
    State(service): Shared,
    Path(version): Path<String>,
) -> Result<StatusCode, Refused> {
    service
        .desk
        .withdraw(version)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

async fn list_faults(State(service): Shared) -> Json<Vec<FaultPlan>> {
    Json(service.faults.plans())
}

async fn add_fault(
    State(service): Shared,
    plan: Result<Json<FaultPlan>, JsonRejection>,
) -> Result<StatusCode, (StatusCode, String)> {
    let Json(plan) = plan.map_err(|error| (error.status(), format!("{}\n", error.body_text())))?;
    match service.faults.add(plan) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err((
            StatusCode::CONFLICT,
            "too many faults wait already\n".to_owned(),
        )),
    }
}

async fn clear_faults(State(service): Shared) -> StatusCode {
    service.faults.clear();
    StatusCode::NO_CONTENT
}
