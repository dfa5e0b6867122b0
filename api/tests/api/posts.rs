//! Posts, likes, the feed.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_post_looks_as_documented() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    let post = app
        .post("/api/post", &user, json!({"contents": "첫 글입니다"}))
        .await
        .ok();
    let writer = json!({"seq": 1, "email": {"address": "one@test.kr"}, "name": "one"});
    assert_eq!(
        post,
        json!({"seq": 1, "contents": "첫 글입니다", "likes": 0, "likesOfMe": false, "comments": 0,
               "writer": writer, "createAt": post["createAt"], "key": "1"})
    );
}

#[tokio::test]
async fn contents_outside_the_limits_are_refused() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    for contents in ["abc", &"가".repeat(501), "    ", "nul\0nul"] {
        let answer = app
            .post("/api/post", &user, json!({"contents": contents}))
            .await;
        answer.failed(StatusCode::BAD_REQUEST);
    }
    let decomposed = "\u{1112}\u{1161}\u{11ab}".repeat(500);
    let post = app
        .post("/api/post", &user, json!({"contents": decomposed}))
        .await
        .ok();
    assert_eq!(post["contents"], json!("한".repeat(500)));
}

#[tokio::test]
async fn lists_are_paged_and_newest_first() {
    let app = TestApp::start().await;
    let user = app.join("one").await;
    for number in 0..7 {
        app.write_post(&user, &format!("post {number}")).await;
    }
    let list = |query: &str| {
        let path = format!("/api/user/{}/post/list{query}", user.seq);
        let (app, user) = (&app, &user);
        async move { app.get(&path, user).await }
    };
    let contents = |posts: serde_json::Value| -> Vec<String> {
        let posts = posts.as_array().unwrap().clone();
        posts
            .iter()
            .map(|post| post["contents"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest = ["post 6", "post 5", "post 4", "post 3", "post 2"];
    assert_eq!(contents(list("").await.ok()), newest);
    assert_eq!(contents(list("?offset=5&limit=1").await.ok()), ["post 1"]);
    assert_eq!(contents(list("?offset=7").await.ok()), [""; 0]);
    for query in [
        "?limit=6",
        "?limit=0",
        "?offset=-1",
        "?limit=x",
        "?offset=99999999999999999999",
    ] {
        list(query).await.failed(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_friends_list_shows_the_friends_posts_and_a_strangers_none() {
    let app = TestApp::start().await;
    let (viewer, owner, stranger) = (
        app.join("viewer").await,
        app.join("owner").await,
        app.join("stranger").await,
    );
    app.write_post(&viewer, "mine").await;
    app.write_post(&owner, "theirs").await;
    app.connect(&viewer, &owner).await;
    let list = format!("/api/user/{}/post/list", owner.seq);
    let posts = app.get(&list, &viewer).await.ok();
    assert_eq!(posts.as_array().unwrap().len(), 1);
    assert_eq!(posts[0]["contents"], "theirs");
    let refused = app
        .get(&list, &stranger)
        .await
        .failed(StatusCode::FORBIDDEN);
    assert_eq!(refused, "Authentication error (cause: forbidden)");
    // Whether such a user exists is not told either.
    app.get("/api/user/999/post/list", &stranger)
        .await
        .failed(StatusCode::FORBIDDEN);
    app.get("/api/user/x/post/list", &stranger)
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_like_counts_once_and_belongs_to_who_gave_it() {
    let app = TestApp::start().await;
    let (viewer, owner) = (app.join("viewer").await, app.join("owner").await);
    app.connect(&viewer, &owner).await;
    let post = app.write_post(&owner, "like me").await;
    let path = format!("/api/user/{}/post/{post}/like", owner.seq);
    for _ in 0..2 {
        let liked = app.call("PATCH", &path, &viewer.token, None).await.ok();
        assert_eq!(
            (liked["likes"].as_i64(), liked["likesOfMe"].as_bool()),
            (Some(1), Some(true))
        );
    }
    let list = format!("/api/user/{}/post/list", owner.seq);
    let own_view = app.get(&list, &owner).await.ok();
    assert_eq!(
        (&own_view[0]["likes"], &own_view[0]["likesOfMe"]),
        (&json!(1), &json!(false))
    );
    let missing = format!("/api/user/{}/post/999/like", owner.seq);
    let answer = app.call("PATCH", &missing, &viewer.token, None).await;
    let told = answer.failed(StatusCode::NOT_FOUND);
    assert_eq!(
        told,
        format!(
            "Could not found 'Post' with query values ({}, 999)",
            owner.seq
        )
    );
}

#[tokio::test]
async fn anothers_post_is_not_found_under_ones_own_name() {
    let app = TestApp::start().await;
    let (thief, owner) = (app.join("thief").await, app.join("owner").await);
    let post = app.write_post(&owner, "private").await;
    for path in ["like", "comment"] {
        let method = if path == "like" { "PATCH" } else { "POST" };
        let path = format!("/api/user/{}/post/{post}/{path}", thief.seq);
        let body = Some(json!({"contents": "a comment"}));
        let answer = app.call(method, &path, &thief.token, body).await;
        answer.failed(StatusCode::NOT_FOUND);
    }
    let list = format!("/api/user/{}/post/{post}/comment/list", thief.seq);
    app.get(&list, &thief).await.failed(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_feed_has_ones_own_posts_and_those_one_may_see() {
    let app = TestApp::start().await;
    let (viewer, owner, stranger) = (
        app.join("viewer").await,
        app.join("owner").await,
        app.join("stranger").await,
    );
    app.connect(&viewer, &owner).await;
    for (user, contents) in [(&viewer, "mine"), (&stranger, "hidden"), (&owner, "theirs")] {
        app.write_post(user, contents.repeat(2).as_str()).await;
    }
    let feed = app.get("/api/feed", &viewer).await.ok();
    let feed: Vec<_> = feed
        .as_array()
        .unwrap()
        .iter()
        .map(|post| &post["contents"])
        .collect();
    assert_eq!(feed, [&json!("theirstheirs"), &json!("minemine")]);
    app.get("/api/feed?limit=9", &viewer)
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn likes_at_once_are_all_counted() {
    let app = TestApp::start().await;
    let owner = app.join("owner").await;
    let post = app.write_post(&owner, "popular").await;
    let mut fans = Vec::new();
    for number in 0..8 {
        let fan = app.join(&format!("fan{number}")).await;
        app.connect(&fan, &owner).await;
        fans.push(fan);
    }
    let path = format!("/api/user/{}/post/{post}/like", owner.seq);
    let likes = fans
        .iter()
        .map(|fan| app.call("PATCH", &path, &fan.token, None));
    for like in futures_util::future::join_all(likes).await {
        like.ok();
    }
    let list = app
        .get(&format!("/api/user/{}/post/list", owner.seq), &owner)
        .await
        .ok();
    assert_eq!(list[0]["likes"], 8);
}

#[tokio::test]
async fn one_post_is_shown_to_whoever_may_see_it() {
    let app = TestApp::start().await;
    let (owner, viewer, stranger) = (
        app.join("owner").await,
        app.join("viewer").await,
        app.join("stranger").await,
    );
    app.connect(&viewer, &owner).await;
    let post = app.write_post(&owner, "a post").await;
    let path = format!("/api/post/{post}");
    for user in [&owner, &viewer] {
        let shown = app.get(&path, user).await.ok();
        assert_eq!(shown["contents"], json!("a post"));
    }
    app.get(&path, &stranger)
        .await
        .failed(StatusCode::NOT_FOUND);
    app.get("/api/post/99", &owner)
        .await
        .failed(StatusCode::NOT_FOUND);
}
