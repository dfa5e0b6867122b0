//! `/control/…`: what drives a broker from a test in any language. Not there
//! unless asked for.
//!
//! Requests with a body say `Content-Type: application/json`: a page of another
//! origin cannot send that without asking first, and is never told yes.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use ottla::embed::{Api, Control, EmbedError, ErrorCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// No order is longer than this.
const BODY_BYTES_MAX: usize = 16 << 10;

/// The paths, for a broker that is driven by `control`.
pub(crate) fn routes(control: Control) -> Router {
    Router::new()
        .route("/control/faults", post(add_fault).delete(clear_faults))
        .route("/control/faults/{id}", delete(remove_fault))
        .route("/control/clock", post(advance_clock))
        .route("/control/reset", post(reset))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(control)
}

/// A fault as JSON. `{"api": "Fetch", "topic": "orders", "partition": 0,
/// "times": 2, "fault": {"error": "NOT_LEADER_OR_FOLLOWER"}}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    api: String,
    topic: Option<String>,
    partition: Option<i32>,
    times: Option<u64>,
    fault: Effect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    Error(Code),
    DelayMs(u64),
    Disconnect,
    ApplyThenDisconnect,
    Corrupt,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Code {
    Number(i16),
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance_ms: u64,
}

#[derive(Debug, Serialize)]
struct Added {
    id: u64,
}

#[derive(Debug, Serialize)]
struct Removed {
    removed: usize,
}

#[derive(Debug, Serialize)]
struct Now {
    now_ms: u128,
}

/// What is wrong with a request, and what to do.
#[derive(Debug, Serialize)]
struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
}

impl Problem {
    fn new(status: StatusCode, error: impl Into<String>) -> Problem {
        Problem {
            status,
            error: error.into(),
        }
    }

    fn wrong(error: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

async fn add_fault(
    State(control): State<Control>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    let wanted: Fault = read(&headers, body)?;
    let api = wanted
        .api
        .parse::<Api>()
        .map_err(|error| Problem::wrong(error.to_string()))?;
    let mut fault = control.fault(api);
    if wanted.topic.is_some() && !api.names_topics() {
        let problem = format!("requests of {api} name no topic; leave \"topic\" out");
        return Err(Problem::wrong(problem));
    }
    fault = match (wanted.topic, wanted.partition) {
        (Some(topic), Some(partition)) => fault.partition(topic, partition),
        (Some(topic), None) => fault.topic(topic),
        (None, None) => fault,
        (None, Some(_)) => return Err(Problem::wrong("a \"partition\" needs its \"topic\"")),
    };
    if let Some(times) = wanted.times {
        fault = fault.times(times);
    }
    let set = match wanted.fault {
        Effect::Error(Code::Number(code)) => fault.error(code),
        Effect::Error(Code::Name(name)) => fault.error(
            name.parse::<ErrorCode>()
                .map_err(|error| Problem::wrong(error.to_string()))?,
        ),
        Effect::DelayMs(ms) => fault.delay(Duration::from_millis(ms)),
        Effect::Disconnect => fault.disconnect(),
        Effect::ApplyThenDisconnect => fault.apply_then_disconnect(),
        Effect::Corrupt => fault.corrupt(),
    };
    Ok((StatusCode::CREATED, Json(Added { id: set.id() })))
}

async fn clear_faults(State(control): State<Control>) -> Json<Removed> {
    Json(Removed {
        removed: control.clear_faults(),
    })
}

async fn remove_fault(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Removed>, Problem> {
    let gone = || {
        let problem = format!("there is no fault {id}; it may have struck for the last time");
        Problem::new(StatusCode::NOT_FOUND, problem)
    };
    let number = id.parse().map_err(|_| gone())?;
    match control.remove_fault(number) {
        true => Ok(Json(Removed { removed: 1 })),
        false => Err(gone()),
    }
}

async fn advance_clock(
    State(control): State<Control>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Now>, Problem> {
    let wanted: Clock = read(&headers, body)?;
    control
        .clock()
        .advance(Duration::from_millis(wanted.advance_ms));
    let now = control.clock().now().duration_since(UNIX_EPOCH);
    Ok(Json(Now {
        now_ms: now.unwrap_or_default().as_millis(),
    }))
}

async fn reset(State(control): State<Control>) -> Result<StatusCode, Problem> {
    let failed =
        |error: EmbedError| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    control.reset().await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    if kind.map(str::trim) != Some("application/json") {
        let problem = "send JSON and say so: Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem));
    }
    let body = body.map_err(|error| {
        let problem = format!("{error}; at most {BODY_BYTES_MAX} bytes are read");
        Problem::new(error.status(), problem)
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Problem::wrong(format!(
            "{error}; a fault looks like {{\"api\": \"Fetch\", \"times\": 1, \"fault\": \
             \"disconnect\"}}, a step of the clock like {{\"advance_ms\": 1000}}"
        ))
    })
}
