//! The local push service in Firefox's own words: what a real one says on its WebSocket, text by
//! text, and what it must hear.
#![allow(clippy::unwrap_used)]

mod support;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use social_server_push::push_service::{self, LocalPushService, PushServiceConfig};
use social_server_push::vapid::{VapidKeys, VapidSigner};
use support::{PATIENCE, SILENCE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const CHANNEL: &str = "aebae5db-ba97-4dfb-a631-42c9314fbaac";

/// A connection that says nothing by itself.
struct Firefox {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Firefox {
    async fn connect(service: &LocalPushService) -> Firefox {
        let mut request = service.socket_url().into_client_request().unwrap();
        let protocol = "push-notification".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Firefox { socket }
    }

    /// As the uaid tells: with it when it has subscriptions, without otherwise.
    async fn hello(&mut self, uaid: Option<&str>) -> String {
        let mut hello = json!({"messageType": "hello", "use_webpush": true,
            "broadcasts": {"remote-settings/monitor_changes": "\"1700000000000\""}});
        if let Some(uaid) = uaid {
            hello["uaid"] = json!(uaid);
        }
        let reply = self.ask(&hello.to_string()).await;
        let uaid = reply["uaid"].as_str().unwrap().to_owned();
        let expected = json!({"messageType": "hello", "status": 200, "uaid": uaid,
            "use_webpush": true, "broadcasts": {}});
        assert_eq!(reply, expected);
        uaid
    }

    async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn ask(&mut self, text: &str) -> Value {
        self.say(text).await;
        self.hear().await
    }

    async fn hear(&mut self) -> Value {
        let heard = timeout(PATIENCE, self.socket.next()).await.unwrap();
        let text = heard.unwrap().unwrap().into_text().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn hears_nothing(&mut self) {
        assert!(timeout(SILENCE, self.socket.next()).await.is_err());
    }

    /// Subscribes without a sender's key, so that a push needs no signature.
    async fn subscribe(&mut self) -> String {
        let register = json!({"messageType": "register", "channelID": CHANNEL});
        let reply = self.ask(&register.to_string()).await;
        assert_eq!(reply["status"], 200, "{reply}");
        reply["pushEndpoint"].as_str().unwrap().to_owned()
    }
}

/// A push without a body; the answer's status.
async fn push(service: &LocalPushService, endpoint: &str) -> u16 {
    let path = endpoint.strip_prefix(&service.origin()).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nttl: 60\r\nconnection: close\r\n\
         content-length: 0\r\n\r\n",
        service.address
    );
    let mut socket = TcpStream::connect(service.address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn started() -> LocalPushService {
    push_service::start(PushServiceConfig::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_subscription_lives_from_register_to_unregister() {
    let service = started().await;
    let mut firefox = Firefox::connect(&service).await;
    firefox.hello(None).await;
    let endpoint = firefox.subscribe().await;
    assert_eq!(push(&service, &endpoint).await, 201);
    let notification = firefox.hear().await;
    assert_eq!(notification["channelID"], CHANNEL);
    assert!(notification["version"].is_string());

    let unregister = json!({"channelID": CHANNEL, "messageType": "unregister", "code": 200});
    let reply = firefox.ask(&unregister.to_string()).await;
    let expected = json!({"messageType": "unregister", "channelID": CHANNEL, "status": 200});
    assert_eq!(reply, expected);
    assert_eq!(push(&service, &endpoint).await, 410);
}

#[tokio::test]
async fn a_padded_key_of_a_sender_is_a_key() {
    let service = started().await;
    let mut firefox = Firefox::connect(&service).await;
    firefox.hello(None).await;
    let keys = VapidKeys::generate().unwrap();
    let key = VapidSigner::new(keys, "mailto:ops@example.org").public_key();
    let register = json!({"messageType": "register", "channelID": CHANNEL, "key": key + "="});
    let reply = firefox.ask(&register.to_string()).await;
    assert_eq!(reply["status"], 200, "{reply}");
    // Who does not sign with it is turned away.
    let endpoint = reply["pushEndpoint"].as_str().unwrap();
    assert_eq!(push(&service, endpoint).await, 401);
}

#[tokio::test]
async fn a_ping_is_answered_and_a_broadcast_subscription_is_let_pass() {
    let service = started().await;
    let mut firefox = Firefox::connect(&service).await;
    firefox.hello(None).await;
    let broadcast = json!({"messageType": "broadcast_subscribe",
        "broadcasts": {"remote-settings/monitor_changes": ""}});
    firefox.say(&broadcast.to_string()).await;
    // The next thing it hears is the answer to its ping.
    assert_eq!(firefox.ask("{}").await, json!({}));
}

#[tokio::test]
async fn every_way_to_say_that_a_push_arrived_ends_it() {
    for settles in [
        json!({"messageType": "ack", "updates": [{"channelID": CHANNEL, "code": 100}]}),
        json!({"messageType": "ack", "updates": [{"channelID": CHANNEL, "code": 101}]}),
        json!({"messageType": "ack", "updates": [{"channelID": CHANNEL, "code": 102}]}),
        json!({"messageType": "nack", "code": 301}),
    ] {
        let service = started().await;
        let mut firefox = Firefox::connect(&service).await;
        let uaid = firefox.hello(None).await;
        let endpoint = firefox.subscribe().await;
        push(&service, &endpoint).await;
        let version = firefox.hear().await["version"].clone();
        // It was not settled yet: the same message again, and the same name of the browser.
        drop(firefox);
        let mut firefox = Firefox::connect(&service).await;
        assert_eq!(firefox.hello(Some(&uaid)).await, uaid);
        assert_eq!(firefox.hear().await["version"], version);

        let mut settles = settles;
        match settles.get_mut("updates") {
            Some(updates) => updates[0]["version"] = version,
            None => settles["version"] = version,
        }
        firefox.say(&settles.to_string()).await;
        assert_eq!(firefox.ask("{}").await, json!({}));
        drop(firefox);
        let mut firefox = Firefox::connect(&service).await;
        assert_eq!(firefox.hello(Some(&uaid)).await, uaid);
        firefox.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_browser_whose_subscriptions_are_lost_gets_another_name() {
    let service = started().await;
    let mut firefox = Firefox::connect(&service).await;
    let lost = "565e9f7671014487a2de151709d95432";
    assert_ne!(firefox.hello(Some(lost)).await, lost);
}
