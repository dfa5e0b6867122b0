//! A comment's journey, the verdict, receipts.

use axum::http::StatusCode;
use serde_json::{Value, json};
use social_events::bus::{ConsumerSettings, Handled};
use social_events::{
    CommentId, Envelope, EventId, Moment, Notice, OffsetCommit, ProcessId, PushJourney,
    PushOutcome, PushVerdict, Reading, Secret, SentPush, SubscriptionId, UserId, topics,
};

use crate::support::{TestApp, TestUser};

const ENDPOINT: &str = "https://push.example/whole-endpoint";

struct Story {
    app: TestApp,
    owner: TestUser,
    commenter: TestUser,
    path: String,
}

impl Story {
    async fn new() -> Self {
        Self::on(TestApp::start().await).await
    }

    async fn on(app: TestApp) -> Self {
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

    /// The answer to a new comment.
    async fn comment(&self) -> Value {
        let body = json!({"contents": "잘 봤어요"});
        self.app.post(&self.path, &self.commenter, body).await.ok()
    }

    /// The journey of a comment, once its record is told.
    async fn journey(&self, comment: &Value) -> Value {
        let path = format!("/api/trace/{}", comment["traceId"].as_str().unwrap());
        let known =
            |trace: &Value| step(trace, "record").is_some() && step(trace, "answered").is_some();
        self.app.wait_for(&path, &self.commenter, known).await
    }

    /// The push service tells that a push was answered so.
    async fn outcome(&self, comment: &Value, event: EventId, verdict: PushVerdict) {
        let count = |wanted| u32::from(verdict == wanted);
        let outcome = PushOutcome {
            event_id: event,
            comment_id: Some(CommentId(comment["seq"].as_i64().unwrap())),
            accepted: count(PushVerdict::Accepted),
            gone: count(PushVerdict::Gone),
            dead_lettered: count(PushVerdict::Dead),
            folded: 0,
            steps: Vec::new(),
            journey: Some(pushed(verdict)),
        };
        let record = Envelope::new(outcome, None).to_record_for(UserId(self.owner.seq));
        self.app
            .bus
            .ensure_topics(topics::OWNED_BY_PUSH)
            .await
            .unwrap();
        self.app.bus.publish(record).await.unwrap();
    }

    async fn verdict(&self) -> Value {
        self.app.get("/api/verdict", &self.commenter).await.ok()
    }
}

/// A journey by a clock that is an hour behind.
fn pushed(verdict: PushVerdict) -> PushJourney {
    let start = Moment::now().shifted(-3_600_000_000);
    PushJourney {
        reading: Reading {
            process: ProcessId::random(),
            group: "social-server-push".into(),
            member: None,
            generation: None,
            fetched_at: start,
            waited_us: Some(1500),
            consumed_at: start.shifted(100),
        },
        pushes: vec![SentPush {
            subscription: SubscriptionId(3),
            sent_at: start.shifted(200),
            answered_at: start.shifted(900),
            status: Some(201),
            verdict,
            tries: 1,
            endpoint: Some(Secret::new(ENDPOINT)),
            endpoint_shown: Some("https://push.example/…oint".into()),
            console_line: Some(Secret::new(format!("{ENDPOINT} -> “commenter가 …"))),
        }],
        notice: Notice {
            title: "commenter가 댓글을 달았어요.".into(),
            body: None,
            tag: "tag".into(),
            target: "/posts/1".into(),
        },
        committed: Some(OffsetCommit {
            at: start.shifted(1000),
            next: 1,
        }),
    }
}

fn step<'a>(trace: &'a Value, name: &str) -> Option<&'a Value> {
    let steps = trace["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name)
}

fn event_id(trace: &Value) -> EventId {
    trace["eventId"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_comment_that_is_on_its_way_tells_what_is_known() {
    let story = Story::new().await;
    let comment = story.comment().await;
    let trace = story.journey(&comment).await;
    assert_eq!(
        (&trace["state"], &trace["traceId"]),
        (&json!("waiting"), &comment["traceId"])
    );
    assert_eq!(trace.get("totalMillis"), None);
    let names: Vec<_> = trace["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["name"])
        .collect();
    assert_eq!(
        names,
        [
            "request",
            "committed",
            "busEvent",
            "answered",
            "produced",
            "record"
        ]
    );
    assert_eq!(
        step(&trace, "request").unwrap()["path"],
        story.path.as_str()
    );
    assert_eq!(
        step(&trace, "committed").unwrap()["database"],
        crate::support::database()
    );
    assert_eq!(
        step(&trace, "busEvent").unwrap()["handlers"],
        json!(["kafka-relay"])
    );
    let record = step(&trace, "record").unwrap();
    assert_eq!(
        (&record["key"], &record["offset"]),
        (&json!(story.owner.seq.to_string()), &json!(0))
    );
    for (cause, effect) in [
        ("request", "committed"),
        ("committed", "busEvent"),
        ("busEvent", "answered"),
        ("committed", "produced"),
        ("produced", "record"),
    ] {
        let at = |name| {
            step(&trace, name).unwrap()["offsetMillis"]
                .as_f64()
                .unwrap()
        };
        assert!(at(cause) <= at(effect), "{cause} is after {effect}");
    }
    assert_eq!(trace["lanes"].as_array().unwrap().len(), 3);
    let by_comment = format!("/api/trace?comment={}", comment["seq"]);
    assert_eq!(
        story.app.get(&by_comment, &story.owner).await.ok()["eventId"],
        trace["eventId"]
    );
}

#[tokio::test]
async fn a_push_by_another_clock_is_told_after_its_cause_and_before_its_effect() {
    let story = Story::new().await;
    let comment = story.comment().await;
    let event = event_id(&story.journey(&comment).await);
    story.outcome(&comment, event, PushVerdict::Accepted).await;
    let path = format!("/api/trace?comment={}", comment["seq"]);
    let delivered = |trace: &Value| trace["state"] == "delivered";
    let trace = story.app.wait_for(&path, &story.owner, delivered).await;
    let offset = |name| {
        step(&trace, name).unwrap()["offsetMillis"]
            .as_f64()
            .unwrap()
    };
    assert!(offset("produced") <= offset("fetched"), "{trace}");
    assert!(
        (offset("sent") - offset("fetched") - 0.2).abs() < 1e-6,
        "{trace}"
    );
    assert!(offset("offsetCommitted") < 20_000.0, "{trace}");
    assert_eq!(step(&trace, "fetched").unwrap()["approximate"], true);
    assert_eq!(step(&trace, "fetched").unwrap()["waitedMillis"], 1.5);
    assert_eq!(step(&trace, "sent").unwrap()["endpoint"], ENDPOINT);
    let sum: f64 = trace["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["millis"].as_f64().unwrap())
        .sum();
    let travel = trace["comment"]["travel"]["millis"].as_f64().unwrap();
    assert!((sum - travel).abs() < 0.01, "{sum} {travel}");

    // The whole endpoint is its owner's alone, wherever one looks.
    for place in [path, format!("{}/{}/delivery", story.path, comment["seq"])] {
        let seen = story.app.get(&place, &story.commenter).await;
        seen.ok();
        assert!(!seen.text.contains("whole-endpoint"), "{}", seen.text);
    }
}

#[tokio::test]
async fn a_receipt_makes_the_journey_complete_and_only_the_notified_may_give_it() {
    let story = Story::new().await;
    let comment = story.comment().await;
    let event = event_id(&story.journey(&comment).await);
    story.outcome(&comment, event, PushVerdict::Accepted).await;
    let receipt = json!({"eventId": event, "tag": "tag", "shownAt": Moment::now()});
    let give = |user| story.app.post("/api/push/receipt", user, receipt.clone());
    give(&story.commenter).await.failed(StatusCode::FORBIDDEN);
    give(&story.owner).await.ok();
    give(&story.owner).await.ok();
    let path = format!("/api/trace?comment={}", comment["seq"]);
    let shown = |trace: &Value| trace["state"] == "shown" && step(trace, "sent").is_some();
    let trace = story.app.wait_for(&path, &story.owner, shown).await;
    assert_eq!(step(&trace, "shown").unwrap()["devices"], 1);
    assert_eq!(
        step(&trace, "shown").unwrap()["title"],
        "commenter가 댓글을 달았어요."
    );
    let parts: Vec<_> = trace["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["name"])
        .collect();
    assert_eq!(parts, ["api", "relay", "broker", "push", "browser"]);
    let sum: f64 = trace["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["millis"].as_f64().unwrap())
        .sum();
    assert!((sum - trace["totalMillis"].as_f64().unwrap()).abs() < 0.01);

    let unknown = json!({"eventId": EventId::random(), "tag": "tag", "shownAt": Moment::now()});
    story
        .app
        .post("/api/push/receipt", &story.owner, unknown)
        .await
        .failed(StatusCode::NOT_FOUND);
    let wrong = json!({"eventId": event, "tag": "t".repeat(65), "shownAt": Moment::now()});
    story
        .app
        .post("/api/push/receipt", &story.owner, wrong)
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_may_not_see_the_post_may_not_see_the_journey() {
    let story = Story::new().await;
    let comment = story.comment().await;
    let stranger = story.app.join("stranger").await;
    let path = format!("/api/trace/{}", comment["traceId"].as_str().unwrap());
    story
        .app
        .get(&path, &stranger)
        .await
        .failed(StatusCode::FORBIDDEN);
    story
        .app
        .call("GET", &path, "", None)
        .await
        .failed(StatusCode::UNAUTHORIZED);
    story
        .app
        .get("/api/trace/none", &stranger)
        .await
        .failed(StatusCode::NOT_FOUND);
    story
        .app
        .get("/api/trace?comment=x", &stranger)
        .await
        .failed(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_verdict_balances_whatever_becomes_of_comments() {
    let story = Story::new().await;
    for verdict in [PushVerdict::Accepted, PushVerdict::Gone, PushVerdict::Dead] {
        let comment = story.comment().await;
        let event = event_id(&story.journey(&comment).await);
        story.outcome(&comment, event, verdict).await;
    }
    story.comment().await;
    let settled = |verdict: &Value| verdict["waiting"] == 1;
    let verdict = story
        .app
        .wait_for("/api/verdict", &story.owner, settled)
        .await;
    let expected = json!({"confirmed": 4, "delivered": 2, "waiting": 1, "deadLettered": 1,
        "lost": 0, "folded": 0, "lostComments": []});
    assert_eq!(verdict, expected);
    let list = story
        .app
        .get(&format!("{}/list", story.path), &story.owner)
        .await
        .ok();
    let states: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["travel"]["state"])
        .collect();
    assert_eq!(states, ["waiting", "dead", "none", "delivered"]);
    assert_eq!(story.verdict().await["confirmed"], 4);
}

#[tokio::test]
async fn the_backend_is_what_the_cluster_says() {
    let story = Story::new().await;
    let known = |backend: &Value| backend["topic"].is_object();
    let backend = story
        .app
        .wait_for("/api/backend", &story.owner, known)
        .await;
    let expected = json!({"kind": "in-process", "processes": "separate",
        "topic": {"name": topics::COMMENT_CREATED, "partitions": 3}});
    assert_eq!(backend, expected);
}

/// A service that looks for lost events all the time.
async fn checking() -> Story {
    let config = social_server_api::Config {
        check_interval: std::time::Duration::from_millis(50),
        reply_deadline: crate::support::SOON,
        ..crate::support::config()
    };
    let app = TestApp::on(social_events::Bus::local(), config).await;
    Story::on(app).await
}

#[tokio::test]
async fn an_event_that_the_push_service_drops_is_found_to_be_lost() {
    let story = checking().await;
    // Knows no event, and handles each by doing nothing.
    let _push = crate::support::push_service(&story.app.bus).await;
    let settings = ConsumerSettings::new("social-server-push", &[topics::COMMENT_CREATED]);
    let dropping = story
        .app
        .bus
        .consume(settings, |_| async { Handled::Done })
        .unwrap();
    let comment = story.comment().await;
    let lost = |verdict: &Value| verdict["lost"] == 1;
    let verdict = story.app.wait_for("/api/verdict", &story.owner, lost).await;
    let expected = json!({"confirmed": 1, "delivered": 0, "waiting": 0, "deadLettered": 0,
        "lost": 1, "folded": 0, "lostComments": [comment["seq"]]});
    assert_eq!(verdict, expected);
    assert_eq!(story.journey(&comment).await["state"], "lost");
    // An outcome that comes all the same heals it.
    let event = event_id(&story.journey(&comment).await);
    story.outcome(&comment, event, PushVerdict::Accepted).await;
    let found = |verdict: &Value| verdict["delivered"] == 1 && verdict["lost"] == 0;
    story
        .app
        .wait_for("/api/verdict", &story.owner, found)
        .await;
    dropping.shutdown(crate::support::SOON).await;
}

#[tokio::test]
async fn an_event_that_nobody_has_read_is_waiting_and_not_lost() {
    let story = checking().await;
    let _push = crate::support::push_service(&story.app.bus).await;
    let comment = story.comment().await;
    story.journey(&comment).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let verdict = story.verdict().await;
    assert_eq!(
        (&verdict["waiting"], &verdict["lost"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn what_is_forgotten_is_still_counted() {
    let store = crate::support::store().await;
    let (owner, post) = crate::outbox::owner_with_post(&*store).await;
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(crate::outbox::comment(&*store, owner, &post).await);
    }
    let bus = social_events::Bus::local();
    bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
    let relay = social_server_api::outbox::Relay::new(store.clone(), bus);
    while relay.pass().await.unwrap().published > 0 {}
    for (seq, event) in (1..).zip(&events[..4]) {
        let accepted = u32::from(seq != 2);
        let outcome = PushOutcome {
            event_id: *event,
            comment_id: Some(CommentId(seq)),
            accepted,
            gone: 0,
            dead_lettered: 1 - accepted,
            folded: 1,
            steps: Vec::new(),
            journey: None,
        };
        store.save_outcome(&outcome, Moment::now()).await.unwrap();
    }
    let before = store.tally().await.unwrap();
    assert_eq!(
        (before.confirmed, before.delivered, before.waiting),
        (5, 3, 1)
    );
    assert_eq!((before.dead_lettered, before.folded), (1, 4));
    // The oldest goes for its number, then all that is settled for its age.
    let old = social_events::Timestamp::from_millis(0);
    store.forget(old, 4).await.unwrap();
    assert_eq!(store.tally().await.unwrap(), before);
    store
        .forget(social_events::Timestamp::from_millis(i64::MAX), 100)
        .await
        .unwrap();
    assert_eq!(store.tally().await.unwrap(), before);
    let seqs: Vec<_> = (1..=5).map(CommentId).collect();
    let comments = store.comments_by_seq(&seqs).await.unwrap();
    let kept: Vec<_> = comments
        .iter()
        .map(|comment| comment.passage.is_some())
        .collect();
    // What is waiting is never forgotten.
    assert_eq!(kept, [true, false, false, false, false]);
}
