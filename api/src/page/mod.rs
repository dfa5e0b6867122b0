//! The page people see: one document, its files, all of them in the binary.
//!
//! ```text
//!  /  /posts/{id}  /friends/{userId}  /me  /trace/{id}  ─►  index.html, which reads its own address
//!  /page/{file}   /sw.js   /manifest.webmanifest        ─►  the file of that name in api/page/
//! ```
//!
//! A browser may keep every file and asks each time whether it still holds (`ETag`), so that an
//! upgrade is seen at the next load. This module knows nothing of users and reads no request
//! but its condition.

mod files;

use axum::Router;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::error::ApiError;
use crate::extract::Path;
use files::File;

/// What the page may load: its own files, nothing inline, and nobody may frame it.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; object-src 'none'";

/// The addresses at which the document is served.
const DOCUMENT_PATHS: [&str; 5] = [
    "/",
    "/posts/{id}",
    "/friends/{user_id}",
    "/me",
    "/trace/{id}",
];

/// The routes of the page.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = |name: &'static str| get(async move |headers: HeaderMap| serve(name, &headers));
    let by_name = get(async |Path(name): Path<String>, headers: HeaderMap| serve(&name, &headers));
    DOCUMENT_PATHS
        .iter()
        .fold(Router::new(), |router, path| {
            router.route(path, file("index.html"))
        })
        .route("/sw.js", file("sw.js"))
        .route("/manifest.webmanifest", file("manifest.webmanifest"))
        .route("/page/{file}", by_name)
}

fn serve(name: &str, asked: &HeaderMap) -> Response {
    let Some(file) = files::find(name) else {
        return ApiError::NoSuchPath.into_response();
    };
    let headers = headers(file);
    let condition = asked.get(header::IF_NONE_MATCH);
    if condition.is_some_and(|condition| matches(condition, &file.etag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let media_type = HeaderValue::from_static(file.media_type);
    (headers, [(header::CONTENT_TYPE, media_type)], file.content).into_response()
}

fn headers(file: &File) -> [(HeaderName, HeaderValue); 4] {
    [
        (header::ETAG, file.etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
    ]
}

/// Whether an `If-None-Match` names the file as it is (RFC 9110, section 13.1.2: weakly compared).
fn matches(condition: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(condition), Ok(etag)) = (condition.to_str(), etag.to_str()) else {
        return false;
    };
    let mut named = condition.split(',').map(str::trim);
    named.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_condition_names_the_file_alone_in_a_list_or_weakly() {
        let etag = HeaderValue::from_static("\"a\"");
        for (condition, holds) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            let condition = HeaderValue::from_static(condition);
            assert_eq!(matches(&condition, &etag), holds, "{condition:?}");
        }
    }

    proptest! {
        #[test]
        fn any_condition_holds_or_not(value: Vec<u8>) {
            if let Ok(condition) = HeaderValue::from_bytes(&value) {
                let _ = matches(&condition, &HeaderValue::from_static("\"a\""));
            }
        }
    }
}
