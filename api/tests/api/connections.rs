//! Connections: asked for, granted, one-way, removed.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::TestApp;

const PATH: &str = "/api/user/connections";

#[tokio::test]
async fn who_asks_sees_nothing_until_it_is_granted_and_only_one_way() {
    let app = TestApp::start().await;
    let (viewer, owner) = (app.join("viewer").await, app.join("owner").await);
    let list = format!("/api/user/{}/post/list", owner.seq);
    app.get(&list, &viewer).await.failed(StatusCode::FORBIDDEN);

    let asked = app
        .post(PATH, &viewer, json!({"userId": owner.seq}))
        .await
        .ok();
    assert!(asked.get("grantedAt").is_none(), "{asked}");
    app.get(&list, &viewer).await.failed(StatusCode::FORBIDDEN);
    assert_eq!(app.get(PATH, &viewer).await.ok(), json!([]));
    let requests = app.get("/api/user/connections/requests", &owner).await.ok();
    assert_eq!(requests[0]["seq"], json!(viewer.seq));

    let granted = app
        .patch(PATH, &owner, json!({"userId": viewer.seq}))
        .await
        .ok();
    app.get(&list, &viewer).await.ok();
    let connections = app.get(PATH, &viewer).await.ok();
    assert_eq!(connections[0]["seq"], json!(owner.seq));
    assert_eq!(connections[0]["grantedAt"], granted["grantedAt"]);
    assert_eq!(
        app.get("/api/user/connections/requests", &owner).await.ok(),
        json!([])
    );

    let reverse = format!("/api/user/{}/post/list", viewer.seq);
    app.get(&reverse, &owner)
        .await
        .failed(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn asking_and_granting_twice_changes_nothing() {
    let app = TestApp::start().await;
    let (viewer, owner) = (app.join("viewer").await, app.join("owner").await);
    let ask = || app.post(PATH, &viewer, json!({"address": owner.email}));
    let first = ask().await.ok();
    assert_eq!(ask().await.ok(), first);
    let grant = || app.patch(PATH, &owner, json!({"userId": viewer.seq}));
    let granted = grant().await.ok();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(grant().await.ok(), granted);
    assert_eq!(ask().await.ok()["grantedAt"], granted["grantedAt"]);
}

#[tokio::test]
async fn nobody_grants_themselves_a_connection() {
    let app = TestApp::start().await;
    let (viewer, owner) = (app.join("viewer").await, app.join("owner").await);
    app.post(PATH, &viewer, json!({"userId": owner.seq}))
        .await
        .ok();
    let grant = app.patch(PATH, &viewer, json!({"userId": owner.seq})).await;
    grant.failed(StatusCode::NOT_FOUND);
    app.patch(PATH, &viewer, json!({"userId": viewer.seq}))
        .await
        .failed(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn parting_removes_both_directions() {
    let app = TestApp::start().await;
    let (one, two) = (app.join("one").await, app.join("two").await);
    app.connect(&one, &two).await;
    app.connect(&two, &one).await;
    app.delete(&format!("{PATH}?userId={}", one.seq), &two)
        .await
        .ok();
    for (viewer, owner) in [(&one, &two), (&two, &one)] {
        let list = format!("/api/user/{}/post/list", owner.seq);
        app.get(&list, viewer).await.failed(StatusCode::FORBIDDEN);
    }
    let again = app
        .delete(&format!("{PATH}?userId={}", one.seq), &two)
        .await;
    again.failed(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_targets_are_refused() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let ask = |body| app.post(PATH, &user, body);
    ask(json!({"userId": 999}))
        .await
        .failed(StatusCode::NOT_FOUND);
    ask(json!({"address": "nobody@test.kr"}))
        .await
        .failed(StatusCode::NOT_FOUND);
    ask(json!({"userId": user.seq}))
        .await
        .failed(StatusCode::BAD_REQUEST);
    ask(json!({})).await.failed(StatusCode::BAD_REQUEST);
    ask(json!({"userId": 1, "address": "a@b.kr"}))
        .await
        .failed(StatusCode::BAD_REQUEST);
    app.delete(PATH, &user)
        .await
        .failed(StatusCode::BAD_REQUEST);
}
