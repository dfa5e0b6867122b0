//! Comments, their events, and where those are on their way.

use axum::http::StatusCode;
use serde_json::json;
use social_events::{
    CommentCreated, CommentId, Envelope, Moment, PushOutcome, PushStep, UserId, topics,
};

use crate::outbox::published;
use crate::support::{TestApp, TestUser};

async fn with_post() -> (TestApp, TestUser, TestUser, String) {
    let app = TestApp::start().await;
    let (owner, commenter) = (app.join("owner").await, app.join("commenter").await);
    app.connect(&commenter, &owner).await;
    let post = app.write_post(&owner, "a post").await;
    let path = format!("/api/user/{}/post/{post}/comment", owner.seq);
    (app, owner, commenter, path)
}

#[tokio::test]
async fn a_comment_looks_as_documented_and_is_counted() {
    let (app, owner, commenter, path) = with_post().await;
    let comment = app
        .post(&path, &commenter, json!({"contents": "잘 봤어요"}))
        .await
        .ok();
    let writer = json!({
        "seq": commenter.seq, "email": {"address": "commenter@test.kr"}, "name": "commenter"
    });
    let expected = json!({
        "seq": 1, "postId": 1, "contents": "잘 봤어요", "writer": writer,
        "createAt": comment["createAt"], "traceId": comment["traceId"],
        "travel": {"state": "waiting"}
    });
    assert_eq!(comment, expected);
    assert_eq!(comment["traceId"].as_str().unwrap().len(), 32);
    app.post(&path, &owner, json!({"contents": "고마워요"}))
        .await
        .ok();
    let list = app.get(&format!("{path}/list"), &commenter).await.ok();
    let list: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["contents"])
        .collect();
    assert_eq!(list, [&json!("고마워요"), &json!("잘 봤어요")]);
    let posts = app
        .get(&format!("/api/user/{}/post/list", owner.seq), &owner)
        .await
        .ok();
    assert_eq!(posts[0]["comments"], 2);
}

#[tokio::test]
async fn who_may_not_see_the_post_may_not_comment_it() {
    let (app, _, _, path) = with_post().await;
    let stranger = app.join("stranger").await;
    let body = json!({"contents": "hello there"});
    app.post(&path, &stranger, body)
        .await
        .failed(StatusCode::FORBIDDEN);
    app.get(&format!("{path}/list"), &stranger)
        .await
        .failed(StatusCode::FORBIDDEN);
    app.get(&format!("{path}/1/delivery"), &stranger)
        .await
        .failed(StatusCode::FORBIDDEN);
    // Even a body that is wrong tells a stranger nothing but that.
    app.post(&path, &stranger, json!({}))
        .await
        .failed(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_refused_comment_leaves_no_event() {
    let (app, _, commenter, path) = with_post().await;
    let missing = path.replace("/post/1/", "/post/999/");
    app.post(&missing, &commenter, json!({"contents": "into the void"}))
        .await
        .failed(StatusCode::NOT_FOUND);
    app.post(&path, &commenter, json!({"contents": "abc"}))
        .await
        .failed(StatusCode::BAD_REQUEST);
    app.post(&path, &commenter, json!({"contents": "the first"}))
        .await
        .ok();
    let records = published(&app.bus, topics::COMMENT_CREATED, 1).await;
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn the_event_says_who_and_what_and_carries_the_callers_trace() {
    let (app, owner, commenter, path) = with_post().await;
    let mut request = crate::support::request(
        "POST",
        &path,
        &commenter.token,
        Some(json!({"contents": "traced"})),
    );
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request
        .headers_mut()
        .insert("traceparent", trace.parse().unwrap());
    app.send(request).await.ok();

    let records = published(&app.bus, topics::COMMENT_CREATED, 1).await;
    let record = &records[0];
    assert_eq!(
        record.key.as_deref(),
        Some(owner.seq.to_string().as_bytes())
    );
    let envelope = Envelope::<CommentCreated>::parse(record).unwrap();
    assert_eq!(envelope.event.post_writer.seq, UserId(owner.seq));
    assert_eq!(envelope.event.user_id, UserId(commenter.seq));
    assert_eq!(
        envelope.event.comment_writer.name.as_deref(),
        Some("commenter")
    );
    assert_eq!(envelope.event.comment_id, CommentId(1));
    let trace_id: social_events::TraceParent = trace.parse().unwrap();
    assert_eq!(envelope.trace.unwrap().trace_id(), trace_id.trace_id());
}

#[tokio::test]
async fn the_delivery_tells_every_station() {
    let (app, _, commenter, path) = with_post().await;
    app.post(&path, &commenter, json!({"contents": "where is it"}))
        .await
        .ok();
    let delivery = format!("{path}/1/delivery");
    let arrived = app
        .wait_for(&delivery, &commenter, |found| found["record"].is_object())
        .await;
    let records = published(&app.bus, topics::COMMENT_CREATED, 1).await;
    let position = &records[0].position;
    assert_eq!(arrived["record"]["topic"], json!(position.topic));
    assert_eq!(arrived["record"]["partition"], json!(position.partition));
    assert_eq!(arrived["record"]["offset"], json!(position.offset));
    assert_eq!(
        arrived["eventId"],
        json!(records[0].headers.event_id().unwrap())
    );
    assert_eq!(
        arrived["busEvent"],
        json!({"type": "CommentCreatedEvent", "handlers": ["kafka-relay"]})
    );
    assert!(arrived["outbox"]["seq"].is_i64() && arrived["outbox"]["publishedAt"].is_string());
    assert!(arrived.get("outcome").is_none());

    app.bus.ensure_topics(topics::OWNED_BY_PUSH).await.unwrap();
    let outcome = PushOutcome {
        event_id: records[0].headers.event_id().unwrap(),
        comment_id: Some(CommentId(1)),
        accepted: 1,
        gone: 0,
        dead_lettered: 0,
        folded: 0,
        steps: vec![PushStep {
            name: "accepted".into(),
            at: Moment::from_micros(0),
        }],
        journey: None,
    };
    let record = Envelope::new(outcome.clone(), None).to_record_for(UserId(1));
    app.bus.publish(record).await.unwrap();
    let told = app
        .wait_for(&delivery, &commenter, |found| found["outcome"].is_object())
        .await;
    assert_eq!(told["outcome"], serde_json::to_value(&outcome).unwrap());
    app.get(&format!("{path}/2/delivery"), &commenter)
        .await
        .failed(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_read_is_put_aside() {
    let app = TestApp::start().await;
    app.bus.ensure_topics(topics::OWNED_BY_PUSH).await.unwrap();
    let good = Envelope::new(
        PushOutcome {
            event_id: social_events::EventId::random(),
            comment_id: None,
            accepted: 0,
            gone: 0,
            dead_lettered: 0,
            folded: 0,
            steps: Vec::new(),
            journey: None,
        },
        None,
    );
    let mut poison = good.to_record_for(UserId(1));
    poison.value = "poison".into();
    app.bus.publish(poison).await.unwrap();
    let letters = published(&app.bus, &topics::dead_letter(topics::PUSH_OUTCOME), 1).await;
    assert_eq!(letters[0].value, "poison");
}
