//! Every refusal has the envelope and its own status.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::support::TestApp;

async fn raw(
    app: &TestApp,
    token: &str,
    kind: &str,
    body: impl Into<Body>,
) -> crate::support::Answer {
    let request = Request::post("/api/post")
        .header("api_key", format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, kind)
        .body(body.into());
    app.send(request.unwrap()).await
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let app = TestApp::start().await;
    for path in [
        "/docs/nothing",
        "/docs/%ff",
        "/nothing",
        "/api",
        "/api/nothing",
        "/api/user/1/post/1/comment/1/nothing",
    ] {
        app.call("GET", path, "", None)
            .await
            .failed(StatusCode::NOT_FOUND);
    }
    for (method, path) in [
        ("PUT", "/api/auth"),
        ("DELETE", "/api/post"),
        ("POST", "/api/user/me"),
        ("GET", "/api/user/join"),
    ] {
        app.call(method, path, "", None)
            .await
            .failed(StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_by_kind() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    for body in [
        "",
        "{",
        "[]",
        "\"text\"",
        "{\"contents\":1}",
        "{}",
        "\u{feff}{}",
    ] {
        raw(&app, &user.token, "application/json", body)
            .await
            .failed(StatusCode::BAD_REQUEST);
    }
    let form = raw(&app, &user.token, "text/plain", "{\"contents\":\"text\"}").await;
    form.failed(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = format!("{{\"contents\":\"{}\"}}", "x".repeat(70 * 1024));
    let large = raw(&app, &user.token, "application/json", large).await;
    large.failed(StatusCode::PAYLOAD_TOO_LARGE);
    let deep = "[".repeat(30_000);
    raw(&app, &user.token, "application/json", deep)
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refused_body_is_not_repeated() {
    let app = TestApp::start().await;
    let body = json!({"principal": ["hunter2"], "credentials": "hunter2"});
    let answer = app.call("POST", "/api/auth", "", Some(body)).await;
    answer.failed(StatusCode::BAD_REQUEST);
    assert!(!answer.text.contains("hunter2"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_has_an_id_a_trace_and_a_locked_policy() {
    let app = TestApp::start().await;
    for path in ["/api/_hcheck", "/healthz", "/nothing"] {
        let answer = app.call("GET", path, "", None).await;
        for name in ["x-request-id", "traceparent", "content-security-policy"] {
            assert!(answer.headers.contains_key(name), "{path} {name}");
        }
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    let given = Request::get("/healthz")
        .header("x-request-id", "mine-1")
        .body(Body::empty());
    assert_eq!(
        app.send(given.unwrap()).await.headers["x-request-id"],
        "mine-1"
    );
    let hostile = Request::get("/healthz")
        .header("x-request-id", "a b\"")
        .body(Body::empty());
    assert_ne!(
        app.send(hostile.unwrap()).await.headers["x-request-id"],
        "a b\""
    );
}
