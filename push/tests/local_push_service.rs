//! The local push service from outside: strict towards senders, faithful towards browsers.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use proptest::prelude::*;
use social_events::{EventId, PostId, Timestamp};
use social_server_push::endpoint::{EndpointPolicy, HostRule};
use social_server_push::keys::BrowserKeys;
use social_server_push::notification::Notification;
use social_server_push::push_service::{self, LocalPushService, PushServiceConfig};
use social_server_push::receiver::{Receiver, Subscription};
use social_server_push::sending::{Recipient, build};
use social_server_push::transport::PushRequest;
use social_server_push::vapid::{VapidKeys, VapidSigner};
use support::{PATIENCE, hears_nothing, next};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A sender that may do everything a little wrong.
struct Sender {
    signer: VapidSigner,
    policy: EndpointPolicy,
}

impl Sender {
    fn new(service: &LocalPushService) -> Self {
        let policy = EndpointPolicy::new(HostRule::Known)
            .allow(&service.origin())
            .unwrap();
        let keys = VapidKeys::generate().unwrap();
        Self {
            signer: VapidSigner::new(keys, "mailto:ops@example.org"),
            policy,
        }
    }

    /// A push of `text` about post 7, to be kept for `ttl_seconds`.
    fn push(&self, to: &Subscription, text: &str, ttl_seconds: u64) -> PushRequest {
        let recipient = Recipient {
            endpoint: self.policy.check(&to.endpoint).unwrap(),
            keys: BrowserKeys::parse(&to.p256dh, &to.auth).unwrap(),
        };
        let mut notification = Notification::comment(EventId::random(), PostId(7), "민지");
        notification.title = text.to_owned();
        notification.tag = "post-7".to_owned();
        let ttl = Duration::from_secs(ttl_seconds);
        build(
            &self.signer,
            &recipient,
            &notification,
            ttl,
            Timestamp::now(),
        )
        .unwrap()
    }
}

/// Status, head and body of the answer to a request, over a plain socket.
async fn exchange(
    service: &LocalPushService,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> (u16, String) {
    let path = target.strip_prefix(&service.origin()).unwrap_or(target);
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| name == "host") {
        head.push_str(&format!("host: {}\r\n", service.address));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut socket = TcpStream::connect(service.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    // A service that refuses early may close before it has read the body.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

async fn send(service: &LocalPushService, request: &PushRequest) -> (u16, String) {
    exchange(
        service,
        "POST",
        request.endpoint.expose(),
        &request.headers,
        &request.body,
    )
    .await
}

async fn with_header(
    service: &LocalPushService,
    mut request: PushRequest,
    name: &str,
    value: &str,
) -> u16 {
    request
        .headers
        .retain(|(each, _)| !each.eq_ignore_ascii_case(name));
    if !value.is_empty() {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    send(service, &request).await.0
}

async fn started() -> (LocalPushService, Sender, Receiver, Subscription) {
    let service = push_service::start(PushServiceConfig::default())
        .await
        .unwrap();
    let sender = Sender::new(&service);
    let mut browser = Receiver::connect(&service.socket_url()).await.unwrap();
    let subscription = browser.register(&sender.signer.public_key()).await.unwrap();
    (service, sender, browser, subscription)
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer
        .lines()
        .find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {answer}"))
        .split_once(": ")
        .unwrap()
        .1
}

#[tokio::test]
async fn a_good_push_is_created_with_a_location_and_arrives() {
    let (service, sender, mut browser, subscription) = started().await;
    let (status, answer) = send(&service, &sender.push(&subscription, "안녕", 60)).await;
    assert_eq!(status, 201);
    assert!(header(&answer, "location").starts_with(&format!("{}/m/", service.origin())));
    assert_eq!(header(&answer, "ttl"), "60");
    assert_eq!(next(&mut browser).await["title"], "안녕");
}

#[tokio::test]
async fn every_mistake_of_a_sender_has_its_status() {
    let (service, sender, mut browser, subscription) = started().await;
    let push = || sender.push(&subscription, "x", 60);
    assert_eq!(with_header(&service, push(), "TTL", "").await, 400);
    assert_eq!(with_header(&service, push(), "TTL", "soon").await, 400);
    assert_eq!(
        with_header(&service, push(), "Topic", &"a".repeat(33)).await,
        400
    );
    assert_eq!(
        with_header(&service, push(), "Urgency", "urgent").await,
        400
    );
    assert_eq!(
        with_header(&service, push(), "Content-Encoding", "aesgcm").await,
        400
    );
    assert_eq!(
        with_header(&service, push(), "Authorization", "").await,
        401
    );
    assert_eq!(
        with_header(&service, push(), "Authorization", "vapid t=x, k=y").await,
        401
    );
    let mut huge = push();
    huge.body.resize(4097, 0);
    assert_eq!(send(&service, &huge).await.0, 413);
    let mut bent = push();
    bent.body[30] ^= 1;
    assert_eq!(send(&service, &bent).await.0, 400);
    let stranger = Sender::new(&service).push(&subscription, "x", 60);
    assert_eq!(send(&service, &stranger).await.0, 401);
    let nowhere = format!("{}/wpush/v2/nobody", service.origin());
    let push = push();
    let (status, answer) = exchange(&service, "POST", &nowhere, &push.headers, &push.body).await;
    assert_eq!(status, 404);
    assert!(answer.contains(r#""errno":102"#), "{answer}");
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn a_body_of_4096_bytes_is_taken() {
    let (service, sender, mut browser, subscription) = started().await;
    let mut push = sender.push(&subscription, "x", 60);
    let keys = (&subscription.p256dh, &subscription.auth);
    let decode = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .unwrap()
    };
    // 86 bytes of prefix, 16 of tag, padding to a multiple of 128 inside.
    push.body = ece::encrypt(&decode(keys.0), &decode(keys.1), &[b' '; 3900]).unwrap();
    assert!(push.body.len() <= 4096, "{}", push.body.len());
    assert_eq!(send(&service, &push).await.0, 201);
    let message = tokio::time::timeout(PATIENCE, browser.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(message.plaintext.len(), 3900);
}

#[tokio::test]
async fn what_comes_while_the_browser_is_away_waits_and_the_newest_of_a_topic_stands_for_all() {
    let (service, sender, browser, subscription) = started().await;
    let identity = browser.identity().clone();
    drop(browser);
    tokio::time::sleep(Duration::from_millis(100)).await;
    for text in ["first", "second", "third"] {
        assert_eq!(
            send(&service, &sender.push(&subscription, text, 60))
                .await
                .0,
            201
        );
    }
    let mut browser = Receiver::reconnect(&service.socket_url(), identity)
        .await
        .unwrap();
    assert_eq!(browser.identity().subscriptions(), [subscription]);
    assert_eq!(next(&mut browser).await["title"], "third");
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn what_expires_while_the_browser_is_away_never_arrives() {
    let (service, sender, browser, subscription) = started().await;
    let identity = browser.identity().clone();
    drop(browser);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut short = sender.push(&subscription, "short", 1);
    short.headers.retain(|(name, _)| name != "topic");
    assert_eq!(send(&service, &short).await.0, 201);
    assert_eq!(
        send(&service, &sender.push(&subscription, "now or never", 0))
            .await
            .0,
        201
    );
    assert_eq!(
        send(&service, &sender.push(&subscription, "long", 60))
            .await
            .0,
        201
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut browser = Receiver::reconnect(&service.socket_url(), identity)
        .await
        .unwrap();
    assert_eq!(next(&mut browser).await["title"], "long");
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn now_or_never_arrives_when_the_browser_is_there() {
    let (service, sender, mut browser, subscription) = started().await;
    send(&service, &sender.push(&subscription, "now", 0)).await;
    assert_eq!(next(&mut browser).await["title"], "now");
}

#[tokio::test]
async fn a_sender_may_take_a_message_back() {
    let (service, sender, browser, subscription) = started().await;
    let identity = browser.identity().clone();
    drop(browser);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (_, answer) = send(&service, &sender.push(&subscription, "oops", 60)).await;
    let location = header(&answer, "location").to_owned();
    assert_eq!(
        exchange(&service, "DELETE", &location, &[], b"").await.0,
        204
    );
    assert_eq!(
        exchange(&service, "DELETE", &location, &[], b"").await.0,
        404
    );
    let mut browser = Receiver::reconnect(&service.socket_url(), identity)
        .await
        .unwrap();
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_not_sent_again() {
    let (service, sender, mut browser, subscription) = started().await;
    send(&service, &sender.push(&subscription, "once", 60)).await;
    next(&mut browser).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let identity = browser.identity().clone();
    drop(browser);
    let mut browser = Receiver::reconnect(&service.socket_url(), identity)
        .await
        .unwrap();
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn an_unsubscribed_endpoint_is_gone() {
    let (service, sender, mut browser, subscription) = started().await;
    browser.unregister(&subscription.channel_id).await.unwrap();
    let (status, answer) = send(&service, &sender.push(&subscription, "x", 60)).await;
    assert_eq!(status, 410);
    assert!(answer.contains(r#""errno":106"#), "{answer}");
}

#[tokio::test]
async fn browsers_and_messages_survive_a_restart_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let config = |listen| PushServiceConfig {
        listen,
        data_dir: Some(folder.path().to_owned()),
        ..PushServiceConfig::default()
    };
    let service = push_service::start(config(([127, 0, 0, 1], 0).into()))
        .await
        .unwrap();
    let (address, sender) = (service.address, Sender::new(&service));
    let mut browser = Receiver::connect(&service.socket_url()).await.unwrap();
    let subscription = browser.register(&sender.signer.public_key()).await.unwrap();
    let identity = browser.identity().clone();
    drop(browser);
    tokio::time::sleep(Duration::from_millis(100)).await;
    send(&service, &sender.push(&subscription, "waits", 60)).await;
    service.shutdown().await;
    let service = push_service::start(config(address)).await.unwrap();
    let mut browser = Receiver::reconnect(&service.socket_url(), identity)
        .await
        .unwrap();
    assert_eq!(next(&mut browser).await["title"], "waits");
}

#[tokio::test]
async fn a_browser_the_service_does_not_know_starts_anew() {
    let (first, _, browser, _) = started().await;
    let identity = browser.identity().clone();
    drop((browser, first));
    let second = push_service::start(PushServiceConfig::default())
        .await
        .unwrap();
    let browser = Receiver::reconnect(&second.socket_url(), identity)
        .await
        .unwrap();
    assert!(browser.identity().subscriptions().is_empty());
}

#[tokio::test]
async fn a_newer_connection_of_a_browser_takes_over() {
    let (service, sender, mut old, subscription) = started().await;
    let mut new = Receiver::reconnect(&service.socket_url(), old.identity().clone())
        .await
        .unwrap();
    assert_eq!(
        tokio::time::timeout(PATIENCE, old.next()).await.unwrap(),
        None
    );
    send(&service, &sender.push(&subscription, "here", 60)).await;
    assert_eq!(next(&mut new).await["title"], "here");
}

#[tokio::test]
async fn pages_from_elsewhere_are_kept_out() {
    let (service, _, _browser, _) = started().await;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for (headers, expected) in [
        (vec![], 200),
        (vec![header("host", "evil.example")], 403),
        (vec![header("origin", "https://evil.example")], 403),
        (vec![header("origin", "null")], 403),
        (vec![header("origin", "http://localhost:8080")], 200),
    ] {
        let (status, _) = exchange(&service, "GET", "/control/faults", &headers, b"").await;
        assert_eq!(status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn faults_are_switched_over_http() {
    let (service, sender, _browser, subscription) = started().await;
    let json = [("content-type".to_owned(), "application/json".to_owned())];
    let set = |body: &'static [u8]| exchange(&service, "POST", "/control/faults", &json, body);
    assert_eq!(
        set(br#"{"fault":"throttled","retryAfterSeconds":7,"times":1}"#)
            .await
            .0,
        204
    );
    let (status, answer) = send(&service, &sender.push(&subscription, "x", 60)).await;
    assert_eq!((status, header(&answer, "retry-after")), (429, "7"));
    assert_eq!(
        send(&service, &sender.push(&subscription, "x", 60)).await.0,
        201
    );
    assert_eq!(set(br#"{"fault":"serverError"}"#).await.0, 204);
    assert_eq!(
        send(&service, &sender.push(&subscription, "x", 60)).await.0,
        500
    );
    assert_eq!(
        exchange(&service, "DELETE", "/control/faults", &[], b"")
            .await
            .0,
        204
    );
    assert_eq!(
        send(&service, &sender.push(&subscription, "x", 60)).await.0,
        201
    );
    assert_eq!(set(br#"{"fault":"earthquake"}"#).await.0, 422);
    assert_eq!(set(b"{").await.0, 400);
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let listen = ([0, 0, 0, 0], 0).into();
    let config = PushServiceConfig {
        listen,
        ..PushServiceConfig::default()
    };
    let error = push_service::start(config).await.err().unwrap();
    assert!(error.to_string().contains("loopback"), "{error}");
}

#[tokio::test]
async fn a_taken_port_is_one_clear_sentence() {
    let (service, ..) = started().await;
    let config = PushServiceConfig {
        listen: service.address,
        ..PushServiceConfig::default()
    };
    let error = push_service::start(config).await.err().unwrap().to_string();
    assert!(error.contains(&service.address.to_string()), "{error}");
}

/// Says `texts` over a WebSocket of its own, and tells whether the service still works after.
async fn survives(service: &LocalPushService, texts: &[Vec<u8>]) {
    use futures_util::SinkExt as _;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let mut request = service.socket_url().into_client_request().unwrap();
    let protocol = "push-notification".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    for text in texts {
        let message = match std::str::from_utf8(text) {
            Ok(text) => Message::text(text),
            Err(_) => Message::binary(text.clone()),
        };
        // It may hang up at any time.
        let _ = socket.send(message).await;
    }
    drop(socket);
    assert_eq!(exchange(service, "GET", "/healthz", &[], b"").await.0, 200);
    Receiver::connect(&service.socket_url()).await.unwrap();
}

fn a_text() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        r#"{"messageType":"hello","use_webpush":true}"#,
        r#"{"messageType":"hello","uaid":"x","use_webpush":true}"#,
        r#"{"messageType":"register","channelID":"x"}"#,
        r#"{"messageType":"register","channelID":"0e1cbf25-5d4e-4ea8-a4cd-1d2dbe4bcc3f","key":"x"}"#,
        r#"{"messageType":"unregister","channelID":"x","code":200}"#,
        r#"{"messageType":"ack","updates":[{"channelID":"x","version":"x"}]}"#,
        r#"{"messageType":"nack","version":"x","code":301}"#,
        "{}",
        "[]",
        r#"{"messageType":"nonsense"}"#,
    ]);
    prop_oneof![
        4 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<Vec<u8>>(),
        1 => Just(vec![b'['; 70_000]),
    ]
}

#[test]
fn no_browser_talks_the_service_down() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let service = runtime
        .block_on(push_service::start(PushServiceConfig::default()))
        .unwrap();
    let texts = prop::collection::vec(a_text(), 0..8);
    proptest!(ProptestConfig::with_cases(64), |(texts in texts)| {
        runtime.block_on(survives(&service, &texts));
    });
}
