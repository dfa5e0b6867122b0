//! The service as an operator meets it: HTTP side, restarts, wrong flags.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use social_events::{Bus, Secret, SubscriptionRequest, UserId, topics};
use social_server_push::push_service::{self, PushServiceConfig};
use social_server_push::receiver::Receiver;
use social_server_push::{Config, Running};
use support::{PATIENCE, World, config, next};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn fetch(address: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, socket.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[tokio::test]
async fn health_readiness_and_metrics_are_served() {
    let mut world = World::new().await;
    let mut browser = world.browser(UserId(1)).await;
    world.comment(UserId(1), UserId(2), "민지").await;
    next(&mut browser).await;
    world.outcome().await;
    assert_eq!(
        fetch(world.push.address, "/healthz", "").await,
        (200, "ok\n".to_owned())
    );
    assert_eq!(
        fetch(world.push.address, "/readyz", "").await,
        (200, "ready\n".to_owned())
    );
    let (status, metrics) = fetch(world.push.address, "/metrics", "").await;
    assert_eq!(status, 200);
    assert!(
        metrics.contains("push_tries_total{result=\"accepted\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("push_requests_total 1\n"), "{metrics}");
    assert_eq!(fetch(world.push.address, "/nothing", "").await.0, 404);
}

#[tokio::test]
async fn an_operator_sees_subscriptions_without_what_would_open_them() {
    let world = World::new().await;
    let browser = world.browser(UserId(1)).await;
    let (status, body) = fetch(world.push.address, "/admin/subscriptions", "").await;
    assert_eq!(status, 200);
    let subscription = &browser.identity().subscriptions()[0];
    for secret in [
        &subscription.endpoint,
        &subscription.p256dh,
        &subscription.auth,
    ] {
        assert!(!body.contains(secret.as_str()), "{body}");
    }
    let shown: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&shown[0]["seq"], &shown[0]["userId"]),
        (&1.into(), &1.into())
    );
    let (status, _) = fetch(world.push.address, "/admin/subscriptions?limit=x", "").await;
    assert_eq!(status, 400);
    let (status, body) = fetch(world.push.address, "/admin/subscriptions?after=1", "").await;
    assert_eq!((status, body.as_str()), (200, "[]"));
}

async fn start_in(folder: &Path, config: Config, bus: &Bus) -> Running {
    let config = Config {
        data_dir: Some(folder.to_owned()),
        ..config
    };
    social_server_push::start(config, bus.clone())
        .await
        .unwrap()
}

#[tokio::test]
async fn subscriptions_and_the_key_survive_a_restart_and_what_was_missed_is_pushed() {
    let browsers = push_service::start(PushServiceConfig::default())
        .await
        .unwrap();
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::local());
    bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
    let config = config(&browsers);
    let push = start_in(folder.path(), config.clone(), &bus).await;
    let public_key = push.public_key.clone();
    let mut browser = Receiver::connect(&browsers.socket_url()).await.unwrap();
    let subscription = browser.register(&public_key).await.unwrap();
    let request = SubscriptionRequest::Subscribe {
        user_id: UserId(1),
        notification_end_point: Secret::new(subscription.endpoint),
        public_key: Secret::new(subscription.p256dh),
        auth: Secret::new(subscription.auth),
    };
    let requester = bus.requester(topics::SUBSCRIPTION_RESPONSE).unwrap();
    let request = social_events::Envelope::new(request, None).to_record();
    requester.request(request, PATIENCE).await.unwrap();
    assert!(push.shutdown().await);

    let missed = support::comment(UserId(1), UserId(2), "민지");
    bus.publish(missed.to_record()).await.unwrap();
    let push = start_in(folder.path(), config, &bus).await;
    assert_eq!(push.public_key, public_key);
    assert_eq!(next(&mut browser).await["eventId"], missed.id.to_string());
    support::hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn a_second_service_in_the_same_directory_and_a_taken_port_are_refused() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::local());
    let first = start_in(folder.path(), Config::default(), &bus).await;
    let again = Config {
        data_dir: Some(folder.path().to_owned()),
        ..Config::default()
    };
    let error = social_server_push::start(again, bus.clone())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("another push service uses"), "{error}");
    let taken = Config {
        listen: first.address,
        ..Config::default()
    };
    let error = social_server_push::start(taken, bus)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&first.address.to_string()), "{error}");
}

/// The binary with `arguments`, and with a Kafka address where nobody listens.
fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_social-server-push"))
        .args(arguments)
        .env_clear()
        .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .output()
        .unwrap()
}

fn fails_with(arguments: &[&str], sentence: &str) {
    let output = run(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains(sentence), "{stderr}");
    assert!(
        output.stdout.is_empty(),
        "stdout belongs to the seed's lines"
    );
}

#[test]
fn a_wrong_flag_ends_the_binary_with_a_sentence() {
    fails_with(&["--listen", "nowhere"], "--listen");
    fails_with(&["--endpoints", "all"], "neither `known` nor `public`");
    fails_with(&["--allow-origin", "x"], "--allow-origin: `x` is not a URL");
    fails_with(&["--kafka", "nonsense"], "error: ");
    fails_with(&["--nonsense"], "--nonsense");
}

#[test]
fn a_directory_that_cannot_be_used_ends_the_binary_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    fails_with(
        &["--data", file.to_str().unwrap()],
        "error: cannot use the data directory",
    );
}

#[test]
fn a_taken_port_ends_the_binary_with_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails_with(
        &["--listen", &address],
        &format!("error: cannot listen on {address}"),
    );
}
