//! Health, readiness, metrics.

use axum::http::StatusCode;
use serde_json::json;
use social_events::bus::KafkaConfig;
use social_events::{Bus, topics};

use crate::support::{SOON, TestApp, config};

#[tokio::test]
async fn a_service_with_all_it_needs_is_ready() {
    let app = TestApp::start().await;
    assert!(app.service.ready(SOON).await);
    let answer = app.call("GET", "/readyz", "", None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(
        answer.body,
        json!({"ready": true, "database": true, "bus": true, "replies": true, "outcomes": true})
    );
    assert!(
        app.call("GET", "/api/_hcheck", "", None)
            .await
            .ok()
            .is_i64()
    );
    assert_eq!(app.call("GET", "/healthz", "", None).await.text, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_the_service_lives_says_what_is_missing_and_takes_comments() {
    // Held and never listened on: nobody else gets the port, and who connects is refused.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nowhere = KafkaConfig::new(socket.local_addr().unwrap().to_string());
    let mut app = TestApp::on(Bus::kafka(nowhere).unwrap(), config()).await;
    let answer = app.call("GET", "/readyz", "", None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body["database"], json!(true));
    assert_eq!(answer.body["bus"], json!(false));

    let user = app.join("one").await;
    let post = app.write_post(&user, "a post").await;
    let path = format!("/api/user/{}/post/{post}/comment", user.seq);
    app.post(&path, &user, json!({"contents": "still 200"}))
        .await
        .ok();
    let waiting = app.get(&format!("{path}/1/delivery"), &user).await.ok();
    assert!(waiting.get("record").is_none(), "{waiting}");
    let body = json!({"notificationEndPoint": "https://a", "publicKey": "a", "auth": "a"});
    app.post("/api/subscribe", &user, body)
        .await
        .failed(StatusCode::SERVICE_UNAVAILABLE);
    let started = std::time::Instant::now();
    app.service
        .shutdown(std::time::Duration::from_secs(2))
        .await;
    assert!(
        started.elapsed() < std::time::Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn metrics_count_requests_events_and_what_is_pending() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    crate::outbox::published(&app.bus, topics::USER_JOINED, 1).await;
    app.get("/api/user/me", &user).await.ok();
    let text = app.call("GET", "/metrics", "", None).await.text;
    for line in [
        "social_api_http_requests_total{method=\"GET\",route=\"/api/user/me\",status=\"200\"} 1",
        "social_api_event_bus_events{event=\"UserJoinedEvent\",handler=\"kafka-relay\",outcome=\"handled\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(
        text.contains("social_api_http_request_duration_seconds_bucket"),
        "{text}"
    );
    assert!(!text.contains(&user.token));
}
