//! Whatever bytes come, no answer is our own failure.

use axum::body::Body;
use axum::http::{Method, Request, header};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::{TestApp, TestUser};

const PATHS: &[(&str, &str)] = &[
    ("POST", "/api/auth"),
    ("POST", "/api/user/exists"),
    ("POST", "/api/user/join"),
    ("PATCH", "/api/user/me"),
    ("POST", "/api/user/connections"),
    ("PATCH", "/api/user/connections"),
    ("POST", "/api/post"),
    ("POST", "/api/user/1/post/1/comment"),
    ("POST", "/api/subscribe"),
];

const KINDS: &[&str] = &[
    "application/json",
    "multipart/form-data; boundary=XX",
    "multipart/form-data",
    "text/plain",
    "",
];

/// Bodies that get past the first check more often than noise does.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec![
        "name",
        "principal",
        "credentials",
        "address",
        "contents",
        "userId",
        "notificationEndPoint",
        "publicKey",
        "auth",
        "file",
    ]);
    let value = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        Just(Value::from(vec![1])),
    ];
    let object = prop::collection::vec((field, value), 0..5).prop_map(|fields| {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect()).to_string().into_bytes()
    });
    let part = any::<Vec<u8>>().prop_map(|content| {
        let mut body = b"--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec();
        body.extend(content);
        body.extend(b"\r\n--XX--\r\n");
        body
    });
    prop_oneof![any::<Vec<u8>>(), object, part]
}

fn run(cases: u32, strategy: impl Strategy<Value = Request<Body>>, what: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let app = runtime.block_on(TestApp::start());
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    });
    let user = runtime.block_on(async {
        let user = app.join("one").await;
        app.write_post(&user, "a post").await;
        user
    });
    let token = |user: &TestUser| format!("Bearer {}", user.token).parse().unwrap();
    for _ in 0..cases {
        let mut request = strategy.new_tree(&mut runner).unwrap().current();
        request
            .headers_mut()
            .entry("api_key")
            .or_insert(token(&user));
        let shown = format!("{request:?}");
        let answer = runtime.block_on(app.send(request));
        // 504: nobody answers for the push service here.
        let own_failure = answer.status.is_server_error() && answer.status.as_u16() != 504;
        assert!(!own_failure, "{what}: {shown} gave {answer:?}");
        if !answer.status.is_success() && !answer.status.is_redirection() {
            assert!(
                answer.body["error"]["message"].is_string(),
                "{shown} gave {answer:?}"
            );
        }
    }
}

#[test]
fn any_body_is_taken_or_refused() {
    let request = (
        prop::sample::select(PATHS),
        prop::sample::select(KINDS),
        body(),
    );
    let request = request.prop_map(|((method, path), kind, body)| {
        let request = Request::builder()
            .method(Method::try_from(method).unwrap())
            .uri(path);
        request
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap()
    });
    run(600, request, "body");
}

#[test]
fn any_path_and_query_are_taken_or_refused() {
    let segment = prop_oneof![
        prop::sample::select(vec![
            "api",
            "user",
            "post",
            "comment",
            "list",
            "like",
            "1",
            "me",
            "-1",
            "subscriptions",
            "images",
            "docs",
            "page",
            "posts",
            "delivery",
            "99999999999999999999",
            "%00",
            "%ff",
            "."
        ])
        .prop_map(str::to_owned),
        "[!-~]{0,6}".prop_map(|text| text.replace(['#', '?'], "")),
    ];
    let path = prop::collection::vec(segment, 0..8);
    let query = "[!-~]{0,20}".prop_map(|text| text.replace('#', ""));
    let method = prop::sample::select(vec![
        "GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS",
    ]);
    let request = (method, path, query).prop_filter_map("no URI", |(method, path, query)| {
        let uri = format!("/{}?{query}", path.join("/"));
        // A HEAD has no body to look at.
        let method = if method == "HEAD" { "GET" } else { method };
        Request::builder()
            .method(method)
            .uri(uri)
            .body(Body::empty())
            .ok()
    });
    run(600, request, "path");
}
