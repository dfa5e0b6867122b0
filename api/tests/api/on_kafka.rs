//! The service over Kafka's protocol, on an embedded broker.

use ottla::Broker;
use serde_json::{Value, json};
use social_events::bus::{ConsumerSettings, Handled, KafkaConfig};
use social_events::{Bus, topics};

use crate::support::{SOON, TestApp, config, push_service};

async fn broker() -> Broker {
    let broker = Broker::builder().config("auto.create.topics.enable", "false");
    broker.start().await.unwrap()
}

fn bus(broker: &Broker) -> Bus {
    Bus::kafka(KafkaConfig::new(broker.bootstrap_servers())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_reach_kafka_in_order_and_the_delivery_says_where() {
    let broker = broker().await;
    let mut app = TestApp::on(bus(&broker), config()).await;
    let user = app.join("one").await;
    let post = app.write_post(&user, "a post").await;
    let path = format!("/api/user/{}/post/{post}/comment", user.seq);
    for number in 0..10 {
        let body = json!({"contents": format!("comment {number}")});
        app.post(&path, &user, body).await.ok();
    }
    let mut partitions = Vec::new();
    for number in 0..10 {
        let delivery = format!("{path}/{}/delivery", number + 1);
        let found = app
            .wait_for(&delivery, &user, |found| found["record"].is_object())
            .await;
        assert_eq!(found["record"]["offset"], json!(number), "{found}");
        partitions.push(found["record"]["partition"].clone());
    }
    partitions.dedup();
    assert_eq!(partitions.len(), 1);
    app.service.shutdown(SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_instances_each_gets_its_own_replies_over_kafka() {
    let broker = broker().await;
    let patient = || social_server_api::Config {
        reply_deadline: SOON,
        ..config()
    };
    let one = TestApp::on(bus(&broker), patient()).await;
    let two = TestApp::on(bus(&broker), patient()).await;
    let push = push_service(&bus(&broker)).await;
    let users = [one.join("one").await, two.join("two").await];
    let body = json!({"notificationEndPoint": "https://a.example", "publicKey": "a", "auth": "a"});
    let requests = (0..20).map(|number| {
        let app = [&one, &two][number % 2];
        app.post("/api/subscribe", &users[number % 2], body.clone())
    });
    let mut correlation_ids = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(requests).await {
        answer.ok();
        correlation_ids.insert(
            answer.headers["kafka-correlation-id"]
                .clone()
                .to_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(correlation_ids.len(), 20);
    assert!(one.service.ready(SOON).await);
    assert!(push.shutdown(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_says_what_it_is_and_a_dropped_event_is_found() {
    let broker = broker().await;
    let config = social_server_api::Config {
        check_interval: std::time::Duration::from_millis(300),
        reply_deadline: SOON,
        ..config()
    };
    let mut app = TestApp::on(bus(&broker), config).await;
    // It knows no event, and handles each by doing nothing.
    let other = bus(&broker);
    let _push = push_service(&other).await;
    let settings = ConsumerSettings::new("social-server-push", &[topics::COMMENT_CREATED]);
    let dropping = other
        .consume(settings, |_| async { Handled::Done })
        .unwrap();
    let user = app.join("one").await;
    let known = |backend: &Value| backend["topic"].is_object();
    let backend = app.wait_for("/api/backend", &user, known).await;
    let expected = json!({"kind": "ottla", "address": broker.bootstrap_servers(), "brokers": 1,
        "processes": "separate", "topic": {"name": topics::COMMENT_CREATED, "partitions": 3}});
    assert_eq!(backend, expected);

    let post = app.write_post(&user, "a post").await;
    let path = format!("/api/user/{}/post/{post}/comment", user.seq);
    app.post(&path, &user, json!({"contents": "dropped"}))
        .await
        .ok();
    let recorded = |trace: &Value| {
        trace["lanes"]
            .as_array()
            .is_some_and(|lanes| !lanes.is_empty())
    };
    let trace = app.wait_for("/api/trace?comment=1", &user, recorded).await;
    let steps = trace["steps"].as_array().unwrap();
    let record = steps.iter().find(|step| step["name"] == "record").unwrap();
    assert_eq!(
        (&record["brokers"], &record["inSync"]),
        (&json!(1), &json!(1))
    );
    let posts = app.get("/api/feed", &user).await.ok();
    assert_eq!(
        posts[0]["partition"], record["partition"],
        "where the producer put it"
    );
    let lost = |verdict: &Value| verdict["lost"] == 1;
    app.wait_for("/api/verdict", &user, lost).await;
    assert!(dropping.shutdown(SOON).await);
    app.service.shutdown(SOON).await;
}
