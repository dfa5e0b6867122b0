//! Joining, logging in and out, tokens, cookies, origins, limits.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use social_events::Bus;
use social_server_api::Config;

use crate::support::{TestApp, config, request};

fn credentials(principal: &str, password: &str) -> serde_json::Value {
    json!({"principal": principal, "credentials": password})
}

#[tokio::test]
async fn who_joins_is_logged_in_at_once() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let me = app.get("/api/user/me", &user).await.ok();
    assert_eq!(me["seq"], json!(user.seq));
    assert_eq!(me["email"], json!({"address": "one@test.kr"}));
    assert_eq!(me["loginCount"], 0);
    assert!(me["createAt"].as_str().unwrap().ends_with('Z'));
    assert!(
        me.get("profileImageUrl").is_none() && me.get("lastLoginAt").is_none(),
        "{me}"
    );
}

#[tokio::test]
async fn nobody_is_an_answer_to_who_is_logged_in() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let me = app.get("/api/auth", &user).await.ok();
    assert_eq!(me["seq"], json!(user.seq));
    let nobody = app.call("GET", "/api/auth", "", None).await.ok();
    assert_eq!(nobody, json!(null));
}

#[tokio::test]
async fn users_to_play_with_are_told_only_where_they_were_added() {
    let plain = TestApp::start().await;
    let users = plain.call("GET", "/api/seed", "", None).await.ok();
    assert_eq!(users, json!([]));

    let seeded = Config {
        seed_data: true,
        ..config()
    };
    let app = TestApp::on(Bus::local(), seeded).await;
    let users = app.call("GET", "/api/seed", "", None).await.ok();
    assert_eq!(users.as_array().unwrap().len(), 3);
    for user in users.as_array().unwrap() {
        let answer = app.call("POST", "/api/auth", "", Some(user.clone())).await;
        assert_eq!(answer.ok()["user"]["name"], user["name"]);
    }
}

#[tokio::test]
async fn logging_in_counts_and_gives_a_token_of_its_own() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let body = credentials(&user.email, "password");
    let answer = app.call("POST", "/api/auth", "", Some(body)).await.ok();
    assert_eq!(answer["user"]["loginCount"], 1);
    assert!(answer["user"]["lastLoginAt"].is_string());
    assert_ne!(answer["apiToken"], json!(user.token));
    assert!(!answer.to_string().contains("argon2"), "{answer}");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_told_alike() {
    let app = TestApp::start().await;
    app.join("one").await;
    let mut told = Vec::new();
    for (principal, password) in [
        ("one@test.kr", "wrong password"),
        ("nobody@test.kr", "password"),
        ("no address", "password"),
        ("one@test.kr", "x"),
    ] {
        let body = credentials(principal, password);
        let answer = app.call("POST", "/api/auth", "", Some(body)).await;
        told.push(answer.failed(StatusCode::UNAUTHORIZED));
    }
    told.dedup();
    assert_eq!(told, ["Authentication error (cause: unauthorized)"]);
}

#[tokio::test]
async fn a_token_is_good_in_either_header_until_log_out() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let bearer = Request::get("/api/user/me")
        .header(header::AUTHORIZATION, format!("Bearer {}", user.token))
        .body(Body::empty())
        .unwrap();
    app.send(bearer).await.ok();
    app.delete("/api/auth", &user).await.ok();
    app.get("/api/user/me", &user)
        .await
        .failed(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_expires() {
    let short = Config {
        session_lifetime: std::time::Duration::from_millis(30),
        ..config()
    };
    let app = TestApp::on(Bus::local(), short).await;
    let user = app.join("one").await;
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    app.get("/api/user/me", &user)
        .await
        .failed(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_token_or_with_a_wrong_one_nothing_but_the_public_paths_answers() {
    let app = TestApp::start().await;
    for token in ["", "wrong", &"0".repeat(64)] {
        for (method, path) in [
            ("GET", "/api/user/me"),
            ("GET", "/api/user/connections"),
            ("POST", "/api/post"),
            ("GET", "/api/user/1/post/list"),
            ("PATCH", "/api/user/1/post/1/like"),
            ("POST", "/api/user/1/post/1/comment"),
            ("GET", "/api/user/1/post/1/comment/list"),
            ("GET", "/api/user/1/post/1/comment/1/delivery"),
            ("POST", "/api/subscribe"),
            ("GET", "/api/subscriptions"),
            ("DELETE", "/api/subscriptions/1"),
            ("GET", "/api/push/key"),
            ("GET", "/api/feed"),
            ("DELETE", "/api/auth"),
        ] {
            let answer = app.call(method, path, token, None).await;
            answer.failed(StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn the_cookie_is_hidden_from_scripts_and_changes_nothing_for_foreign_pages() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let login = app
        .call(
            "POST",
            "/api/auth",
            "",
            Some(credentials(&user.email, "password")),
        )
        .await;
    let cookie = login.headers[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let pair = cookie.split(';').next().unwrap();
    let post = |origin: Option<&str>| {
        let mut post = Request::post("/api/post")
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::COOKIE, pair)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(origin) = origin {
            post = post.header(header::ORIGIN, origin);
        }
        post.body(Body::from(json!({"contents": "안녕하세요"}).to_string()))
            .unwrap()
    };
    app.send(post(Some("http://127.0.0.1:8080"))).await.ok();
    for foreign in [None, Some("https://evil.example"), Some("null")] {
        app.send(post(foreign)).await.failed(StatusCode::FORBIDDEN);
    }
    let read = Request::get("/api/user/me").header(header::COOKIE, pair);
    app.send(read.body(Body::empty()).unwrap()).await.ok();
}

#[tokio::test]
async fn a_foreign_page_cannot_log_anybody_in() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let mut login = request(
        "POST",
        "/api/auth",
        "",
        Some(credentials(&user.email, "password")),
    );
    login
        .headers_mut()
        .insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    app.send(login).await.failed(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_allowed_origin_is_told_so_and_another_is_not() {
    let allowed = "https://app.example";
    let config = Config {
        allowed_origins: vec![allowed.to_owned()],
        ..config()
    };
    let app = TestApp::on(Bus::local(), config).await;
    let ask = |origin: &str| {
        let ask = Request::get("/api/_hcheck").header(header::ORIGIN, origin);
        ask.body(Body::empty()).unwrap()
    };
    let answer = app.send(ask(allowed)).await;
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], allowed);
    let answer = app.send(ask("https://evil.example")).await;
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
}

#[tokio::test]
async fn guessing_one_accounts_password_is_stopped() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let guess = || {
        app.call(
            "POST",
            "/api/auth",
            "",
            Some(credentials(&user.email, "guess")),
        )
    };
    for _ in 0..10 {
        guess().await.failed(StatusCode::UNAUTHORIZED);
    }
    let answer = guess().await;
    answer.failed(StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn an_address_is_taken_once_whatever_its_case() {
    let app = TestApp::start().await;
    app.join("one").await;
    let body = json!({"name": "two", "principal": "ONE@test.kr", "credentials": "password"});
    app.call("POST", "/api/user/join", "", Some(body))
        .await
        .failed(StatusCode::CONFLICT);
    let exists = |address: &str| {
        app.call(
            "POST",
            "/api/user/exists",
            "",
            Some(json!({"address": address})),
        )
    };
    assert_eq!(exists("one@TEST.kr").await.ok(), json!(true));
    assert_eq!(exists("two@test.kr").await.ok(), json!(false));
    exists("no address").await.failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_breaks_a_limit_cannot_join() {
    let app = TestApp::start().await;
    let join = |name: &str, principal: &str, password: &str| {
        let body = json!({"name": name, "principal": principal, "credentials": password});
        app.call("POST", "/api/user/join", "", Some(body))
    };
    join("", "a@test.kr", "password")
        .await
        .failed(StatusCode::BAD_REQUEST);
    join("elevenchars", "a@test.kr", "password")
        .await
        .failed(StatusCode::BAD_REQUEST);
    join("name", "not an address", "password")
        .await
        .failed(StatusCode::BAD_REQUEST);
    join("name", "a@test.kr", "abc")
        .await
        .failed(StatusCode::BAD_REQUEST);
    join("name", "a@test.kr", &"p".repeat(129))
        .await
        .failed(StatusCode::BAD_REQUEST);
    let missing = app
        .call("POST", "/api/user/join", "", Some(json!({"name": "a"})))
        .await;
    assert_eq!(
        missing.failed(StatusCode::BAD_REQUEST),
        "principal is missing"
    );
}
