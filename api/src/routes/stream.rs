//! The live stream, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::stream::Told;

/// A silent stream says so often that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What changes, live
///
/// Server-sent events: first a `snapshot` (verdict, backend, the newest journeys), then a `delta`
/// whenever something changed that the caller may see, four a second at most; what is too much for
/// one is counted in `skipped`. `Last-Event-ID` goes on where a stream broke, if that is not too
/// long ago. It ends with the session.
#[utoipa::path(get, path = "/api/stream", tag = "journeys",
    params(("Last-Event-ID" = Option<String>, Header, description = "the last event that arrived")),
    responses((status = OK, body = String, content_type = "text/event-stream"),
        (status = TOO_MANY_REQUESTS, description = "too many streams, of this session or of all")))]
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok());
    let listener = app.streams.open(Arc::clone(&app), caller, last)?;
    let events = futures_util::stream::unfold(listener, async |mut listener| {
        let told = listener.next().await?;
        Some((Ok::<_, Infallible>(event(&told)), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn event(told: &Told) -> Event {
    let (name, id, json) = match told {
        Told::Snapshot(id, snapshot) => ("snapshot", id, serde_json::to_string(snapshot)),
        Told::Delta(id, delta) => ("delta", id, serde_json::to_string(delta)),
    };
    let json = json.expect("what is told has only string keys");
    Event::default().event(name).id(id).data(json)
}
