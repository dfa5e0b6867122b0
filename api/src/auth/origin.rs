//! Requests that change something must come from our own pages, or from no page at all.
//!
//! A browser names the page's origin in every such request. `SameSite` already keeps the cookie
//! out of other sites' requests; this check holds where a browser does not know it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::ApiError;

/// Refuses what a foreign page sends.
pub(crate) async fn refuse_foreign_origins(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let changes = !is_safe(request.method());
    if changes && of(request.headers(), &app.settings.allowed_origins) == Origin::Foreign {
        return ApiError::Forbidden.into_response();
    }
    next.run(request).await
}

/// Whose page sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// No page says so.
    Absent,
    /// Our own, or one that is allowed.
    Own,
    /// Another's.
    Foreign,
}

/// GET and its kin change nothing.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

pub(super) fn of(headers: &HeaderMap, allowed: &[String]) -> Origin {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Origin::Absent;
    };
    let Ok(origin) = origin.to_str() else {
        return Origin::Foreign;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let same = authority
        .zip(host)
        .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other));
    if same || allowed.iter().any(|allowed| allowed == origin) {
        Origin::Own
    } else {
        Origin::Foreign
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn origin(origin: Option<&'static str>) -> Origin {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        of(&headers, &["https://app.example".to_owned()])
    }

    #[test]
    fn only_our_own_and_allowed_pages_are_not_foreign() {
        assert_eq!(origin(None), Origin::Absent);
        assert_eq!(origin(Some("http://127.0.0.1:8080")), Origin::Own);
        assert_eq!(origin(Some("https://app.example")), Origin::Own);
        for foreign in ["http://127.0.0.1:8081", "https://evil.example", "null", ""] {
            assert_eq!(origin(Some(foreign)), Origin::Foreign, "{foreign}");
        }
    }
}
