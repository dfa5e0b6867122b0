//! The documentation: complete, browsable, offline.

use axum::http::{StatusCode, header};
use serde_json::Value;

use crate::support::TestApp;

#[tokio::test]
async fn every_endpoint_is_documented_with_its_success() {
    let app = TestApp::start().await;
    let document = app
        .call("GET", social_server_api::OPENAPI_PATH, "", None)
        .await
        .body;
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["responses"]["200"].is_object(), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            operations.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    for expected in [
        "GET /api/_hcheck",
        "GET /api/auth",
        "POST /api/auth",
        "DELETE /api/auth",
        "POST /api/user/exists",
        "POST /api/user/join",
        "GET /api/user/me",
        "PATCH /api/user/me",
        "GET /api/user/connections",
        "POST /api/user/connections",
        "PATCH /api/user/connections",
        "DELETE /api/user/connections",
        "POST /api/post",
        "GET /api/user/{user_id}/post/list",
        "PATCH /api/user/{user_id}/post/{post_id}/like",
        "POST /api/user/{user_id}/post/{post_id}/comment",
        "GET /api/user/{user_id}/post/{post_id}/comment/list",
        "GET /api/user/{user_id}/post/{post_id}/comment/{comment_id}/delivery",
        "POST /api/subscribe",
        "GET /api/subscriptions",
        "DELETE /api/subscriptions/{seq}",
        "GET /api/push/key",
        "GET /api/feed",
        "GET /api/post/{post_id}",
        "GET /api/seed",
    ] {
        assert!(
            operations.iter().any(|operation| operation == expected),
            "{expected}"
        );
    }
}

#[tokio::test]
async fn every_reference_in_the_document_resolves() {
    let app = TestApp::start().await;
    let document = app
        .call("GET", social_server_api::OPENAPI_PATH, "", None)
        .await
        .body;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 10);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(reference) if name == "$ref" => {
                        references.push(reference.clone());
                    }
                    field => collect(field, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_loads_only_its_own_files_and_they_are_all_there() {
    let app = TestApp::start().await;
    let page = app.call("GET", "/docs/", "", None).await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("http"),
        "{policy}"
    );
    let links = page
        .text
        .split(['"', '\''])
        .filter(|text| text.starts_with("./"));
    let mut count = 0;
    for link in links {
        let file = app
            .call("GET", &format!("/docs/{}", &link[2..]), "", None)
            .await;
        assert_eq!(file.status, StatusCode::OK, "{link}");
        count += 1;
    }
    assert!(count >= 4, "{}", page.text);
    assert!(
        !page.text.contains("https://") && !page.text.contains("<script>"),
        "{}",
        page.text
    );
}
