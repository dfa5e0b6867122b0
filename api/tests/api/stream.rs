//! The live stream: what it tells, to whom, from where, and until when.

use std::pin::Pin;

use axum::body::BodyDataStream;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{SOON, TestApp, TestUser, request};

/// A page that listens.
struct Page {
    body: Pin<Box<BodyDataStream>>,
    text: String,
}

#[derive(Debug)]
struct Told {
    name: String,
    id: String,
    data: Value,
}

impl Page {
    async fn open(
        app: &TestApp,
        user: &TestUser,
        last: Option<&str>,
    ) -> Result<Self, (StatusCode, HeaderMap)> {
        let mut request = request("GET", "/api/stream", &user.token, None);
        if let Some(last) = last {
            request
                .headers_mut()
                .insert("last-event-id", last.parse().unwrap());
        }
        let response = app.service.router().oneshot(request).await.unwrap();
        if response.status() != StatusCode::OK {
            return Err((response.status(), response.headers().clone()));
        }
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream"
        );
        Ok(Self {
            body: Box::pin(response.into_body().into_data_stream()),
            text: String::new(),
        })
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Told> {
        // Heartbeats are no answer.
        let told = tokio::time::timeout(SOON, self.read()).await;
        told.expect("an event in time")
    }

    async fn read(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start_matches(": ").to_owned())
                };
                let Some(data) = field("data") else { continue };
                return Some(Told {
                    name: field("event").unwrap(),
                    id: field("id").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                });
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next delta that `is` holds of.
    async fn delta(&mut self, is: impl Fn(&Value) -> bool) -> Told {
        loop {
            let told = self.next().await.expect("a delta");
            if told.name == "delta" && is(&told.data) {
                return told;
            }
        }
    }
}

struct Story {
    app: TestApp,
    owner: TestUser,
    commenter: TestUser,
    path: String,
}

impl Story {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let (owner, commenter) = (app.join("owner").await, app.join("commenter").await);
        app.connect(&commenter, &owner).await;
        let post = app.write_post(&owner, "a post").await;
        let path = format!("/api/user/{}/post/{post}/comment", owner.seq);
        Self {
            app,
            owner,
            commenter,
            path,
        }
    }

    async fn comment(&self, contents: &str) -> Value {
        self.app
            .post(&self.path, &self.commenter, json!({"contents": contents}))
            .await
            .ok()
    }
}

fn has_comment(data: &Value) -> bool {
    data["comments"].is_array()
}

#[tokio::test]
async fn a_stream_begins_with_a_snapshot_and_tells_what_its_viewer_may_see() {
    let story = Story::new().await;
    let first = story.comment("before the page").await;
    let stranger = story.app.join("stranger").await;
    let mut page = Page::open(&story.app, &story.owner, None).await.unwrap();
    let mut strange = Page::open(&story.app, &stranger, None).await.unwrap();
    let snapshot = page.next().await.unwrap();
    assert_eq!(snapshot.name, "snapshot");
    assert_eq!(snapshot.data["verdict"]["confirmed"], 1);
    assert_eq!(snapshot.data["traces"][0]["traceId"], first["traceId"]);
    assert_eq!(snapshot.data["backend"]["processes"], "separate");
    assert_eq!(strange.next().await.unwrap().data["traces"], json!([]));

    let second = story.comment("while the page listens").await;
    let told = page.delta(has_comment).await;
    assert_eq!(told.data["comments"][0]["traceId"], second["traceId"]);
    assert_eq!(
        told.data["comments"][0]["contents"],
        "while the page listens"
    );
    assert_eq!(told.data["posts"][0]["comments"], 2);
    assert_eq!(told.data["traces"][0]["commentId"], second["seq"]);
    assert_eq!(told.data["skipped"], 0);
    // The figures are everybody's, and nothing else is.
    let seen = strange
        .delta(|data| data["verdict"]["confirmed"] == 2)
        .await
        .data;
    for secret in ["comments", "traces", "posts"] {
        assert!(seen.get(secret).is_none(), "{seen}");
    }
    // Who is let in sees from then on.
    story.app.connect(&stranger, &story.owner).await;
    strange
        .delta(|data| data["connectionsChanged"] == true)
        .await;
    story.comment("for a new friend too").await;
    assert_eq!(
        strange.delta(has_comment).await.data["comments"][0]["contents"],
        "for a new friend too"
    );
}

#[tokio::test]
async fn a_burst_is_gathered_and_nothing_of_it_is_missing() {
    let story = Story::new().await;
    let mut page = Page::open(&story.app, &story.owner, None).await.unwrap();
    page.next().await.unwrap();
    let started = std::time::Instant::now();
    for number in 0..40 {
        story.comment(&format!("comment {number}")).await;
    }
    let (mut comments, mut deltas) = (0, 0_u32);
    while comments < 40 {
        let told = page.delta(|_| true).await;
        comments += told.data["comments"].as_array().map_or(0, Vec::len);
        deltas += 1;
    }
    let quarters = started.elapsed().as_millis() / 250;
    assert!(
        u128::from(deltas) <= quarters + 2,
        "{deltas} deltas in {quarters} quarters of a second"
    );
}

#[tokio::test]
async fn a_broken_stream_goes_on_where_it_broke() {
    let story = Story::new().await;
    let mut page = Page::open(&story.app, &story.owner, None).await.unwrap();
    let snapshot = page.next().await.unwrap();
    story.comment("before it broke").await;
    let last = page.delta(has_comment).await.id;
    drop(page);
    story.comment("while it was away").await;
    let mut page = Page::open(&story.app, &story.owner, Some(&last))
        .await
        .unwrap();
    let missed = page.delta(has_comment).await;
    assert_eq!(missed.data["comments"].as_array().unwrap().len(), 1);
    assert_eq!(missed.data["comments"][0]["contents"], "while it was away");
    // From the snapshot on, both.
    let mut all = Page::open(&story.app, &story.owner, Some(&snapshot.id))
        .await
        .unwrap();
    assert_eq!(
        all.delta(has_comment).await.data["comments"][0]["contents"],
        "before it broke"
    );
    // Another instance's id, or nonsense, begins anew.
    for id in ["ffffffff-1", "nonsense"] {
        let mut other = Page::open(&story.app, &story.owner, Some(id))
            .await
            .unwrap();
        assert_eq!(other.next().await.unwrap().name, "snapshot");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let story = Story::new().await;
    let mut page = Page::open(&story.app, &story.owner, None).await.unwrap();
    page.next().await.unwrap();
    let path = "/api/auth";
    story.app.delete(path, &story.owner).await.ok();
    while page.next().await.is_some() {}
    let (status, _) = Page::open(&story.app, &story.owner, None)
        .await
        .err()
        .unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_has_so_many_streams_and_no_more() {
    let story = Story::new().await;
    let mut pages = Vec::new();
    for _ in 0..8 {
        pages.push(Page::open(&story.app, &story.owner, None).await.unwrap());
    }
    let (status, headers) = Page::open(&story.app, &story.owner, None)
        .await
        .err()
        .unwrap();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains_key(header::RETRY_AFTER));
    pages.pop();
    Page::open(&story.app, &story.owner, None).await.unwrap();
}
