//! The page: its headers, that every file it names is there, and what its sources must not have.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::support::{Answer, TestApp};

const DOCUMENTS: [&str; 5] = ["/", "/posts/17", "/friends/3", "/me", "/trace/4bf92f35"];

async fn get(app: &TestApp, path: &str) -> Answer {
    app.call("GET", path, "", None).await
}

/// The sources, name and text, of the kinds that have one.
fn sources() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| {
            [".html", ".js", ".css"]
                .iter()
                .any(|kind| name.ends_with(kind))
        })
        .map(|name| {
            let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
            (name, text)
        })
        .collect()
}

#[tokio::test]
async fn one_document_answers_at_every_address_and_may_load_only_its_own_files() {
    let app = TestApp::start().await;
    for path in DOCUMENTS {
        let page = get(&app, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(
            page.headers[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        assert_eq!(
            page.headers[header::CONTENT_SECURITY_POLICY],
            "default-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'; object-src 'none'"
        );
        assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(page.headers[header::REFERRER_POLICY], "same-origin");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-cache");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let app = TestApp::start().await;
    for path in ["/", "/page/main.js", "/sw.js", "/manifest.webmanifest"] {
        let first = get(&app, path).await;
        let etag = first.headers[header::ETAG].clone();
        let again = Request::get(path)
            .header(header::IF_NONE_MATCH, &etag)
            .body(Body::empty())
            .unwrap();
        let again = app.send(again).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(again.headers[header::ETAG], etag);
        assert!(again.text.is_empty());
    }
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there() {
    let app = TestApp::start().await;
    let mut named = BTreeSet::new();
    for (name, text) in sources() {
        for quoted in text
            .split(['"', '\''])
            .filter(|part| !part.contains(char::is_whitespace))
        {
            match quoted.strip_prefix("./") {
                Some(sibling) if name.ends_with(".js") => named.insert(format!("/page/{sibling}")),
                _ if quoted.starts_with("/page/") => named.insert(quoted.to_owned()),
                _ => false,
            };
        }
    }
    assert!(named.len() > 5, "{named:?}");
    for path in named {
        let file = get(&app, &path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        let expected = match path.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "image/png",
        };
        assert_eq!(file.headers[header::CONTENT_TYPE], expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_envelope() {
    let app = TestApp::start().await;
    for path in [
        "/page/none.js",
        "/page/..%2fCargo.toml",
        "/console",
        "/page/",
    ] {
        get(&app, path).await.failed(StatusCode::NOT_FOUND);
    }
}

/// What the policy would block, and what would make markup of what people wrote.
#[test]
fn nothing_is_inline_and_no_text_becomes_markup() {
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "createContextualFragment",
        "DOMParser",
        "eval(",
        "new Function",
        "javascript:",
        "<style",
        " style=",
        "setAttribute(\"style\"",
        "https://",
        "http://",
    ];
    let allowed = [
        "http://www.w3.org/2000/svg",
        "http://127.0.0.1",
        "https://…",
    ];
    for (name, text) in sources() {
        let text = allowed
            .iter()
            .fold(text, |text, known| text.replace(known, ""));
        for pattern in forbidden {
            assert!(!text.contains(pattern), "{name} has {pattern}");
        }
        let handler = text.split([' ', '\n', '"', '\'']).find(|word| {
            let attribute = word
                .strip_prefix("on")
                .and_then(|rest| rest.split_once('='));
            attribute.is_some_and(|(event, _)| {
                !event.is_empty() && event.bytes().all(|byte| byte.is_ascii_lowercase())
            })
        });
        assert_eq!(handler, None, "{name} has a listener as an attribute");
        let scripts = text.matches("<script").count();
        assert_eq!(
            scripts,
            text.matches("<script type=\"module\" src=").count(),
            "{name}"
        );
    }
}
