//! Subscribing, over request and reply, with one instance and with two.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use social_events::Bus;

use crate::support::{TestApp, config, push_service};

fn browser() -> serde_json::Value {
    json!({"notificationEndPoint": "https://push.example/1", "publicKey": "BKey", "auth": "secret"})
}

#[tokio::test]
async fn subscribing_answers_what_was_stored_and_where_the_records_are() {
    let app = TestApp::start().await;
    let _push = push_service(&app.bus).await;
    let user = app.join("one").await;
    let answer = app.post("/api/subscribe", &user, browser()).await;
    assert_eq!(
        answer.ok(),
        json!({"seq": 1, "notificationEndPoint": "https://push.example/1", "publicKey": "BKey",
               "auth": "secret", "userId": user.seq, "createAt": "1970-01-01T00:00:00.000Z"})
    );
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert!(header("kafka-request").starts_with("v1.event.subscription.request-"));
    assert!(header("kafka-reply").starts_with("v1.event.subscription.response-"));
    assert!(header("kafka-round-trip-ms").parse::<f64>().unwrap() >= 0.0);
    assert_eq!(header("kafka-correlation-id").len(), 36);
}

#[tokio::test]
async fn what_the_push_service_refuses_is_the_clients_mistake() {
    let app = TestApp::start().await;
    let _push = push_service(&app.bus).await;
    let user = app.join("one").await;
    let mut insecure = browser();
    insecure["notificationEndPoint"] = json!("http://push.example/1");
    let told = app
        .post("/api/subscribe", &user, insecure)
        .await
        .failed(StatusCode::BAD_REQUEST);
    assert_eq!(told, "the endpoint must be https");
    app.delete("/api/subscriptions/404", &user)
        .await
        .failed(StatusCode::NOT_FOUND);
    for field in ["notificationEndPoint", "publicKey", "auth"] {
        for wrong in [json!(""), json!("x".repeat(2049)), json!(1), json!(null)] {
            let mut body = browser();
            body[field] = wrong;
            app.post("/api/subscribe", &user, body)
                .await
                .failed(StatusCode::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn devices_are_listed_and_removed() {
    let app = TestApp::start().await;
    let _push = push_service(&app.bus).await;
    let user = app.join("one").await;
    assert_eq!(app.get("/api/subscriptions", &user).await.ok(), json!([]));
    assert_eq!(
        app.delete("/api/subscriptions/1", &user).await.ok(),
        json!(true)
    );
    app.delete("/api/subscriptions/x", &user)
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_public_key_is_asked_for_once() {
    let app = TestApp::start().await;
    let push = push_service(&app.bus).await;
    let user = app.join("one").await;
    let asked = app.get("/api/push/key", &user).await;
    assert_eq!(asked.ok(), json!("BPublicKey"));
    assert!(asked.headers.contains_key("kafka-correlation-id"));
    drop(push);
    let remembered = app.get("/api/push/key", &user).await;
    assert_eq!(remembered.ok(), json!("BPublicKey"));
    assert!(!remembered.headers.contains_key("kafka-correlation-id"));
}

#[tokio::test]
async fn without_a_push_service_the_answer_is_a_timeout_in_time_and_later_it_works() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    app.bus
        .ensure_topics(social_events::topics::OWNED_BY_API)
        .await
        .unwrap();
    let started = Instant::now();
    app.post("/api/subscribe", &user, browser())
        .await
        .failed(StatusCode::GATEWAY_TIMEOUT);
    assert!(started.elapsed() < Duration::from_secs(5));
    let _push = push_service(&app.bus).await;
    app.post("/api/subscribe", &user, browser()).await.ok();
}

#[tokio::test]
async fn of_two_instances_each_gets_its_own_replies() {
    let bus = Bus::local();
    let _push = push_service(&bus).await;
    let slow = || social_server_api::Config {
        reply_deadline: Duration::from_secs(10),
        ..config()
    };
    let instances = [
        TestApp::on(bus.clone(), slow()).await,
        TestApp::on(bus.clone(), slow()).await,
    ];
    let mut users = Vec::new();
    for (index, instance) in instances.iter().enumerate() {
        // So that the two have different numbers.
        for number in 0..=index * 3 {
            users.truncate(index);
            users.push(instance.join(&format!("u{index}{number}")).await);
        }
    }
    let requests = (0..40).map(|number| {
        let (instance, user) = (&instances[number % 2], &users[number % 2]);
        async move {
            let answer = instance.post("/api/subscribe", user, browser()).await;
            (answer, user.seq)
        }
    });
    let mut ok = 0;
    for (answer, seq) in futures_util::future::join_all(requests).await {
        // Twenty in a burst per user are allowed.
        assert_eq!(answer.ok()["userId"], json!(seq));
        ok += 1;
    }
    assert_eq!(ok, 40);
    assert_ne!(users[0].seq, users[1].seq);
}

#[tokio::test]
async fn one_user_cannot_flood_the_push_service() {
    let app = TestApp::start().await;
    let _push = push_service(&app.bus).await;
    let user = app.join("one").await;
    for _ in 0..20 {
        app.post("/api/subscribe", &user, browser()).await.ok();
    }
    let answer = app.post("/api/subscribe", &user, browser()).await;
    answer.failed(StatusCode::TOO_MANY_REQUESTS);
}
