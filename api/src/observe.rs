//! One request, one line in the log, one count: with an id, a trace, and no content.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use social_events::{Moment, TraceParent};
use tracing::Instrument;
use uuid::Uuid;

use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What answers without saying otherwise: nothing may be loaded, nobody may frame it.
const LOCKED: &str = "default-src 'none'; frame-ancestors 'none'";

/// The trace a request belongs to: the caller's, one step on, or a new one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace(pub(crate) TraceParent);

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts
            .extensions
            .get()
            .copied()
            .unwrap_or_else(|| Self(TraceParent::random())))
    }
}

/// When a request was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestedAt(pub(crate) Moment);

impl<S: Sync> FromRequestParts<S> for RequestedAt {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let known = parts.extensions.get().copied();
        Ok(known.unwrap_or_else(|| Self(Moment::now())))
    }
}

/// Wraps every request.
pub(crate) async fn observe(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let trace = trace(request.headers());
    request.extensions_mut().insert(trace);
    request.extensions_mut().insert(RequestedAt(Moment::now()));
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());

    let span = tracing::info_span!("request", id = %id.to_str().unwrap_or_default());
    let mut response = next.run(request).instrument(span.clone()).await;

    let (status, took) = (response.status().as_u16(), started.elapsed());
    app.metrics.request(method.as_str(), &route, status, took);
    let took_ms = took.as_secs_f64() * 1000.0;
    span.in_scope(|| tracing::info!(%method, route, status, took_ms, "answered"));
    finish(response.headers_mut(), id, trace);
    response
}

fn finish(headers: &mut HeaderMap, id: HeaderValue, Trace(trace): Trace) {
    headers.insert(REQUEST_ID, id);
    let trace = HeaderValue::try_from(trace.to_string());
    headers.insert(
        TRACEPARENT,
        trace.expect("hexadecimal digits are legal in a header"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let absent = |name, value| (name, HeaderValue::from_static(value));
    for (name, value) in [
        absent(header::CONTENT_SECURITY_POLICY, LOCKED),
        absent(header::CACHE_CONTROL, "no-store"),
        absent(header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(value);
    }
}

/// The caller's id if it is harmless in a log, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = headers.get(REQUEST_ID).filter(harmless).cloned();
    given.unwrap_or_else(|| {
        let id = Uuid::new_v4().to_string();
        HeaderValue::try_from(id).expect("a UUID is legal in a header")
    })
}

fn trace(headers: &HeaderMap) -> Trace {
    let given = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    let parent = given.and_then(|text| text.parse::<TraceParent>().ok());
    Trace(parent.map_or_else(TraceParent::random, TraceParent::child))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_callers_trace_is_continued() {
        let given = TraceParent::random();
        let mut headers = HeaderMap::new();
        headers.insert(
            TRACEPARENT,
            HeaderValue::try_from(given.to_string()).unwrap(),
        );
        assert_eq!(trace(&headers).0.trace_id(), given.trace_id());
    }

    proptest! {
        #[test]
        fn any_header_gives_a_harmless_id_and_a_trace(value: Vec<u8>) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(REQUEST_ID, value.clone());
                headers.insert(TRACEPARENT, value);
            }
            prop_assert!(request_id(&headers).to_str().is_ok());
            let _ = trace(&headers);
        }
    }
}
