//! The console of a real broker: its router without a socket, and once over TCP.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use ottla::Broker;
use ottla_client::{
    Client, ClientConfig, Committed, Environment, Producer, ProducerConfig, ProducerRecord,
    TopicPartition,
};
use ottla_console::{Console, Hosts, StartError, router};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// An ApiVersions request of version 0, frame and all, from a client "c".
const API_VERSIONS: [u8; 15] = [0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 1, 0, 1, b'c'];

async fn broker() -> Broker {
    Broker::builder().topic("orders", 3).start().await.unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(
        response.headers()[header::X_CONTENT_TYPE_OPTIONS],
        "nosniff"
    );
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn get(path: &str) -> axum::http::request::Builder {
    Request::get(path).header(header::HOST, "127.0.0.1:9644")
}

async fn ask_for(router: &Router, path: &str) -> (StatusCode, String) {
    ask(router, get(path).body(Body::empty()).unwrap()).await
}

/// Asks the broker for its versions and waits for the whole answer.
async fn ask_api_versions(broker: &Broker) {
    let mut stream = TcpStream::connect(broker.address()).await.unwrap();
    stream.write_all(&API_VERSIONS).await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await.unwrap();
}

#[tokio::test]
async fn health_and_readiness_follow_the_broker() {
    let broker = broker().await;
    let router = router(broker.observer(), Hosts::loopback());
    assert_eq!(ask_for(&router, "/healthz").await.0, StatusCode::OK);
    assert_eq!(
        ask_for(&router, "/readyz").await,
        (StatusCode::OK, "ready\n".to_owned())
    );
    broker.shutdown().await;
    assert_eq!(ask_for(&router, "/healthz").await.0, StatusCode::OK);
    for path in ["/readyz", "/metrics", "/api/cluster"] {
        let (status, body) = ask_for(&router, path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(body, "the broker has stopped\n");
    }
}

#[tokio::test]
async fn a_request_to_the_broker_is_seen_in_the_metrics() {
    let broker = broker().await;
    let router = router(broker.observer(), Hosts::loopback());
    ask_api_versions(&broker).await;
    let (status, page) = ask_for(&router, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "ottla_requests_total{api=\"ApiVersions\",version=\"0\"} 1",
        "ottla_request_duration_seconds_count{api=\"ApiVersions\"} 1",
        "ottla_connections_opened_total 1",
        "ottla_received_bytes_total 15",
        "ottla_high_watermark{topic=\"orders\",partition=\"2\"} 0",
    ] {
        assert!(
            page.lines().any(|shown| shown == line),
            "{line} is not in\n{page}"
        );
    }
}

#[tokio::test]
async fn what_no_client_would_send_is_counted_as_malformed() {
    let broker = broker().await;
    let router = router(broker.observer(), Hosts::loopback());
    let mut stream = TcpStream::connect(broker.address()).await.unwrap();
    // Metadata version 0 that claims two billion topics in 14 bytes.
    let frame = [
        0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff,
    ];
    stream.write_all(&frame).await.unwrap();
    assert_eq!(
        stream.read(&mut [0; 1]).await.unwrap(),
        0,
        "the connection is closed"
    );
    let (_, page) = ask_for(&router, "/metrics").await;
    assert!(
        page.contains("\nottla_malformed_requests_total 1\n"),
        "{page}"
    );
}

#[tokio::test]
async fn the_cluster_is_shown_as_json() {
    let broker = broker().await;
    let router = router(broker.observer(), Hosts::loopback());
    let (status, body) = ask_for(&router, "/api/cluster").await;
    assert_eq!(status, StatusCode::OK);
    let cluster: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(cluster["clusterId"], broker.cluster_id());
    let topics = cluster["topics"].as_array().unwrap();
    let orders = topics
        .iter()
        .find(|topic| topic["name"] == "orders")
        .unwrap();
    assert_eq!(orders["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(orders["partitions"][1]["index"], 1);
    assert_eq!(orders["partitions"][1]["log"]["endOffset"], 0);
}

#[tokio::test]
async fn a_group_is_shown_with_what_it_has_not_read_yet() {
    let broker = broker().await;
    let router = router(broker.observer(), Hosts::loopback());
    let config = ClientConfig::new(&broker.bootstrap_servers());
    let client = Client::connect(config, Environment::system())
        .await
        .unwrap();
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    let record = |n| ProducerRecord {
        partition: Some(1),
        ..ProducerRecord::new("orders", format!("order {n}"))
    };
    for sent in producer.send_all((0..5).map(record).collect()).await {
        sent.unwrap();
    }
    let read = Committed::at(2);
    let offsets = [(TopicPartition::new("orders", 1), read)].into();
    client
        .commit_group_offsets("billing", &offsets)
        .await
        .unwrap();

    let (_, body) = ask_for(&router, "/api/cluster").await;
    let cluster: Value = serde_json::from_str(&body).unwrap();
    let group = &cluster["groups"][0];
    assert_eq!(
        (&group["id"], &group["state"]),
        (&"billing".into(), &"Empty".into()),
        "{body}"
    );
    let offset = serde_json::json!({"topic": "orders", "partition": 1, "committed": 2, "lag": 3});
    assert_eq!(group["offsets"], serde_json::json!([offset]));
    let (_, page) = ask_for(&router, "/metrics").await;
    let lag = "ottla_group_lag_records{group=\"billing\",topic=\"orders\",partition=\"1\"} 3";
    assert!(page.lines().any(|line| line == lag), "{page}");
}

#[tokio::test]
async fn pages_of_other_origins_and_rebound_names_are_refused() {
    let broker = broker().await;
    let router = router(broker.observer(), Hosts::loopback());
    for path in ["/healthz", "/metrics", "/api/cluster", "/nothing"] {
        let rebound = Request::get(path).header(header::HOST, "evil.example:9644");
        let unnamed = Request::get(path);
        let twice = get(path).header(header::HOST, "evil.example");
        let foreign = get(path).header(header::ORIGIN, "http://evil.example");
        for request in [rebound, unnamed, twice, foreign] {
            let (status, _) = ask(&router, request.body(Body::empty()).unwrap()).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    let own = get("/healthz").header(header::ORIGIN, "http://127.0.0.1:9644");
    let (status, _) = ask(&router, own.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn it_serves_over_tcp_until_it_is_shut_down() {
    let broker = broker().await;
    let console = Console::builder(broker.observer()).start().await.unwrap();
    let address = console.address();
    assert!(address.ip().is_loopback());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("ready\n"), "{answer}");
    console.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_address_that_others_reach_needs_permission_and_a_taken_port_is_named() {
    let broker = broker().await;
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = Console::builder(broker.observer())
        .listen(everywhere)
        .start()
        .await;
    assert!(matches!(refused, Err(StartError::Remote { address }) if address == everywhere));
    let first = Console::builder(broker.observer()).start().await.unwrap();
    let taken = Console::builder(broker.observer())
        .listen(first.address())
        .start()
        .await;
    let problem = taken.unwrap_err().to_string();
    assert!(
        problem.starts_with(&format!("cannot listen for HTTP on {}", first.address())),
        "{problem}"
    );
}

/// Asks a console over TCP, as a program of any language would.
async fn send(address: SocketAddr, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/json\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn controlled(broker: &Broker) -> Console {
    let console = Console::builder(broker.observer()).control(broker.control());
    console.start().await.unwrap()
}

#[tokio::test]
async fn faults_are_set_and_taken_back_over_http() {
    let broker = broker().await;
    let console = controlled(&broker).await;
    let address = console.address();
    let fault = r#"{"api":"ApiVersions","times":1,"fault":{"error":"UNSUPPORTED_VERSION"}}"#;
    let (status, added) = send(address, "POST /control/faults", fault).await;
    assert_eq!((status, added.as_str()), (201, r#"{"id":0}"#));
    ask_api_versions(&broker).await;
    let (status, gone) = send(address, "DELETE /control/faults/0", "").await;
    assert_eq!(status, 404, "it has struck: {gone}");
    for fault in [
        r#"{"api":"Fetch","topic":"orders","partition":0,"fault":{"error":6}}"#,
        r#"{"api":"Fetch","topic":"orders","fault":{"delay_ms":10}}"#,
        r#"{"api":"Produce","fault":"disconnect"}"#,
        r#"{"api":"Produce","fault":"apply_then_disconnect"}"#,
        r#"{"api":"Produce","fault":"corrupt"}"#,
    ] {
        let (status, said) = send(address, "POST /control/faults", fault).await;
        assert_eq!(status, 201, "{said}");
    }
    let (_, removed) = send(address, "DELETE /control/faults/1", "").await;
    assert_eq!(removed, r#"{"removed":1}"#);
    let (_, removed) = send(address, "DELETE /control/faults", "").await;
    assert_eq!(removed, r#"{"removed":4}"#);
}

#[tokio::test]
async fn the_clock_moves_and_a_reset_resets_over_http() {
    let broker = broker().await;
    let console = controlled(&broker).await;
    let address = console.address();
    let before = broker.clock().now();
    let (status, now) = send(address, "POST /control/clock", r#"{"advance_ms":60000}"#).await;
    assert_eq!(status, 200);
    let now: Value = serde_json::from_str(&now).unwrap();
    assert!(now["now_ms"].as_u64().unwrap() > 1_700_000_000_000);
    assert!(broker.clock().now() >= before + Duration::from_secs(60));
    broker.topic("later").append("one").await.unwrap();
    assert_eq!(send(address, "POST /control/reset", "").await.0, 204);
    let cluster = broker.observer().cluster().await.unwrap();
    let names: Vec<_> = cluster.topics.iter().map(|topic| &topic.name).collect();
    assert_eq!(names, ["orders"]);
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_what_would() {
    let broker = broker().await;
    let console = controlled(&broker).await;
    for (body, expected) in [
        ("", "a fault looks like"),
        ("[]", "a fault looks like"),
        (r#"{"api":"Fetch"}"#, "missing field `fault`"),
        (r#"{"api":"Fetch","fault":"nonsense"}"#, "unknown variant"),
        (
            r#"{"api":"Nonsense","fault":"corrupt"}"#,
            "Produce and Fetch are two",
        ),
        (
            r#"{"api":"Fetch","fault":{"error":"NO_SUCH"}}"#,
            "NOT_LEADER_OR_FOLLOWER is one",
        ),
        (
            r#"{"api":"Fetch","partition":1,"fault":"corrupt"}"#,
            "needs its",
        ),
        (
            r#"{"api":"Heartbeat","topic":"t","fault":"corrupt"}"#,
            "name no topic",
        ),
    ] {
        let (status, said) = send(console.address(), "POST /control/faults", body).await;
        let said: Value = serde_json::from_str(&said).unwrap();
        let said = said["error"].as_str().unwrap();
        assert!(status == 400 && said.contains(expected), "{body}: {said}");
    }
    let large = " ".repeat(17 << 10);
    let (status, said) = send(console.address(), "POST /control/faults", &large).await;
    assert_eq!(status, 413, "{said}");
    assert_eq!(broker.clear_faults(), 0);
}

#[tokio::test]
async fn no_page_and_no_other_machine_drives_a_broker() {
    let broker = broker().await;
    // Without being asked for it is not there.
    let router = router(broker.observer(), Hosts::loopback());
    let reset = Request::post("/control/reset").header(header::HOST, "127.0.0.1");
    let (status, _) = ask(&router, reset.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let console = controlled(&broker).await;
    let address = console.address();
    let cross_site = "POST /control/reset HTTP/1.1\r\nOrigin: http://evil.example\r\nX: ";
    // The rest of the request line ends up in the made-up header.
    assert_eq!(send(address, cross_site, "").await.0, 403);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let form = format!(
        "POST /control/faults HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    stream.write_all(form.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");

    let everywhere = Console::builder(broker.observer())
        .control(broker.control())
        .allow_remote([])
        .listen("0.0.0.0:0".parse().unwrap());
    let refused = everywhere.start().await;
    assert!(matches!(refused, Err(StartError::RemoteControl { .. })));
}
