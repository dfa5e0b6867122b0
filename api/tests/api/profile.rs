//! One's profile: names, images, and the forms they come in.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use social_events::topics;

use crate::outbox::published;
use crate::support::{Answer, TestApp};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and the rest";

/// A form of (name, file name, content) parts.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file
            .map(|file| format!("; filename=\"{file}\""))
            .unwrap_or_default();
        let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

async fn join(app: &TestApp, image: &[u8]) -> Answer {
    let body = form(&[
        ("name", None, b"pictured"),
        ("principal", None, b"pictured@test.kr"),
        ("credentials", None, b"password"),
        ("file", Some("me.svg"), image),
    ]);
    let request = Request::post("/api/user/join")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=XX")
        .body(Body::from(body));
    app.send(request.unwrap()).await
}

#[tokio::test]
async fn an_image_comes_with_joining_and_is_served_as_what_it_is() {
    let app = TestApp::start().await;
    let user = join(&app, PNG).await.ok()["user"].clone();
    let url = user["profileImageUrl"].as_str().unwrap();
    let image = app.call("GET", url, "", None).await;
    assert_eq!(image.status, StatusCode::OK);
    assert_eq!(image.headers[header::CONTENT_TYPE], "image/png");
    assert_eq!(image.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(
        image.headers[header::CONTENT_SECURITY_POLICY],
        "default-src 'none'; frame-ancestors 'none'"
    );
    app.call("GET", "/images/unknown", "", None)
        .await
        .failed(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_file_chosen_is_no_image() {
    let app = TestApp::start().await;
    assert!(
        join(&app, b"").await.ok()["user"]
            .get("profileImageUrl")
            .is_none()
    );
}

#[tokio::test]
async fn what_is_no_image_or_too_large_is_refused_and_nobody_joins() {
    let app = TestApp::start().await;
    join(&app, b"<svg onload=alert(1)>")
        .await
        .failed(StatusCode::BAD_REQUEST);
    let mut large = PNG.to_vec();
    large.resize(1024 * 1024 + 1, 0);
    join(&app, &large)
        .await
        .failed(StatusCode::PAYLOAD_TOO_LARGE);
    large.resize(3 * 1024 * 1024, 0);
    join(&app, &large)
        .await
        .failed(StatusCode::PAYLOAD_TOO_LARGE);
    large.truncate(1024 * 1024);
    join(&app, &large).await.ok();
}

#[tokio::test]
async fn forms_of_another_kind_or_broken_ones_are_refused() {
    let app = TestApp::start().await;
    let send = |kind: &'static str, body: &'static str| {
        let request = Request::post("/api/user/join").header(header::CONTENT_TYPE, kind);
        app.send(request.body(Body::from(body)).unwrap())
    };
    send("text/plain", "name=a")
        .await
        .failed(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    send("multipart/form-data", "")
        .await
        .failed(StatusCode::BAD_REQUEST);
    send("multipart/form-data; boundary=XX", "--XX\r\nbroken")
        .await
        .failed(StatusCode::BAD_REQUEST);
    send("application/json", "{")
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_new_name_is_an_event_and_the_same_name_is_none() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let renamed = app
        .patch("/api/user/me", &user, json!({"name": "둘"}))
        .await
        .ok();
    assert_eq!(renamed["name"], "둘");
    app.patch("/api/user/me", &user, json!({"name": "둘"}))
        .await
        .ok();
    app.patch("/api/user/me", &user, json!({"name": "셋"}))
        .await
        .ok();
    let records = published(&app.bus, topics::USER_UPDATED, 2).await;
    let values: Vec<_> = records.iter().map(|record| record.value.clone()).collect();
    let expected = |name: &str| format!("{{\"userId\":{},\"name\":\"{name}\"}}", user.seq);
    assert_eq!(values, [expected("둘"), expected("셋")]);
}

#[tokio::test]
async fn an_image_can_be_changed_and_an_empty_change_is_refused() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let request = Request::patch("/api/user/me")
        .header("api_key", format!("Bearer {}", user.token))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=XX")
        .body(Body::from(form(&[("file", Some("a"), PNG)])));
    let changed = app.send(request.unwrap()).await.ok();
    assert!(
        changed["profileImageUrl"]
            .as_str()
            .unwrap()
            .starts_with("/images/")
    );
    app.patch("/api/user/me", &user, json!({}))
        .await
        .failed(StatusCode::BAD_REQUEST);
}
