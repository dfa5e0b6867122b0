//! One connection over an in-memory stream, with a broker that misbehaves.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, DescribeClusterRequest, DescribeClusterResponse, HeartbeatRequest,
    HeartbeatResponse, MetadataRequest,
};
use kafka_protocol::protocol::Encodable;
use ottla_client::{ClientError, Connection, ConnectionConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

/// The broker's end of the stream.
struct Broker {
    stream: DuplexStream,
}

/// A request as the broker sees it.
#[derive(Debug, PartialEq)]
struct Asked {
    key: i16,
    version: i16,
    correlation_id: i32,
}

impl Broker {
    async fn next(&mut self) -> Asked {
        let length = self.stream.read_i32().await.unwrap();
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut frame).await.unwrap();
        let mut frame = Bytes::from(frame);
        Asked {
            key: frame.get_i16(),
            version: frame.get_i16(),
            correlation_id: frame.get_i32(),
        }
    }

    /// Answers with header and body; flexible headers end with no tags.
    async fn answer<M: Encodable>(&mut self, asked: &Asked, message: &M) {
        let mut frame = BytesMut::new();
        frame.put_i32(asked.correlation_id);
        let key = ApiKey::try_from(asked.key).unwrap();
        if key.response_header_version(asked.version) >= 1 {
            frame.put_u8(0);
        }
        message.encode(&mut frame, asked.version).unwrap();
        self.send(&frame).await;
    }

    async fn send(&mut self, frame: &[u8]) {
        let length = i32::try_from(frame.len()).unwrap();
        self.stream.write_i32(length).await.unwrap();
        self.stream.write_all(frame).await.unwrap();
    }

    async fn agree_on_versions(&mut self) {
        let asked = self.next().await;
        assert_eq!(asked.key, ApiKey::ApiVersions as i16);
        self.answer(&asked, &versions(0)).await;
    }
}

fn versions(error_code: i16) -> ApiVersionsResponse {
    let ranges = [
        (ApiKey::ApiVersions, 0, 4),
        (ApiKey::DescribeCluster, 0, 1),
        (ApiKey::Heartbeat, 0, 3),
    ];
    let keys = ranges.map(|(key, min, max)| {
        ApiVersion::default()
            .with_api_key(key as i16)
            .with_min_version(min)
            .with_max_version(max)
    });
    ApiVersionsResponse::default()
        .with_error_code(error_code)
        .with_api_keys(keys.to_vec())
}

fn config() -> ConnectionConfig {
    ConnectionConfig {
        request_timeout_ms: 1_000,
        in_flight_max: 3,
        frame_bytes_max: 10_000,
        ..ConnectionConfig::default()
    }
}

/// A connection that is open, and its broker.
async fn connected() -> (Connection, Broker) {
    let (ours, theirs) = duplex(64 * 1024);
    let mut broker = Broker { stream: theirs };
    let config = config();
    let (connection, ()) = tokio::join!(
        Connection::open(ours, "broker:9092", &config),
        broker.agree_on_versions(),
    );
    (connection.unwrap(), broker)
}

async fn describe(connection: &Connection) -> Result<DescribeClusterResponse, ClientError> {
    let request = DescribeClusterRequest::default();
    connection.request(&request, Duration::ZERO).await
}

fn cluster(controller: i32) -> DescribeClusterResponse {
    DescribeClusterResponse::default().with_controller_id(controller.into())
}

#[tokio::test]
async fn the_highest_common_version_is_spoken_and_absent_apis_are_refused() {
    let (connection, mut broker) = connected().await;
    let (answer, asked) = tokio::join!(describe(&connection), async {
        let asked = broker.next().await;
        broker.answer(&asked, &cluster(7)).await;
        asked
    });
    assert_eq!(answer.unwrap().controller_id.0, 7);
    assert_eq!((asked.key, asked.version), (60, 1));
    let refused = connection
        .request(&MetadataRequest::default(), Duration::ZERO)
        .await;
    let Err(ClientError::UnsupportedApi { api, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(api, "Metadata");
}

#[tokio::test]
async fn a_broker_that_knows_an_older_api_versions_is_asked_again_in_its_version() {
    let (ours, theirs) = duplex(64 * 1024);
    let mut broker = Broker { stream: theirs };
    let config = config();
    let (connection, ()) = tokio::join!(Connection::open(ours, "broker:9092", &config), async {
        let asked = broker.next().await;
        assert_eq!(asked.version, 3);
        // KIP-511: version 0, error 35, and the range that is known.
        let mut frame = BytesMut::new();
        frame.put_i32(asked.correlation_id);
        let range = ApiVersion::default()
            .with_api_key(ApiKey::ApiVersions as i16)
            .with_max_version(2);
        ApiVersionsResponse::default()
            .with_error_code(35)
            .with_api_keys(vec![range])
            .encode(&mut frame, 0)
            .unwrap();
        broker.send(&frame).await;
        let asked = broker.next().await;
        assert_eq!(asked.version, 2);
        broker.answer(&asked, &versions(0)).await;
    });
    assert!(connection.unwrap().api_versions().contains(60));
}

#[tokio::test]
async fn requests_are_sent_ahead_up_to_a_bound_and_answered_in_order() {
    let (connection, mut broker) = connected().await;
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { describe(&connection).await.unwrap().controller_id.0 })
        })
        .collect();
    let mut arrived = Vec::new();
    // One is awaited, three are queued behind it; the rest waits its turn.
    while let Ok(asked) = tokio::time::timeout(Duration::from_millis(50), broker.next()).await {
        arrived.push(asked);
    }
    assert!(
        (2..=5).contains(&arrived.len()),
        "{} in flight",
        arrived.len()
    );
    let mut answered = 0;
    while answered < 12 {
        if arrived.is_empty() {
            arrived.push(broker.next().await);
        }
        let asked = arrived.remove(0);
        broker.answer(&asked, &cluster(answered)).await;
        answered += 1;
    }
    let mut controllers = Vec::new();
    for asked in asking {
        controllers.push(asked.await.unwrap());
    }
    controllers.sort_unstable();
    assert_eq!(controllers, (0..12).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_passed_deadline_closes_the_connection_and_fails_what_waits_behind() {
    let (connection, mut broker) = connected().await;
    let started = Instant::now();
    let (first, second, _) = tokio::join!(describe(&connection), describe(&connection), async {
        broker.next().await;
        broker.next().await
    });
    assert!(
        matches!(
            first,
            Err(ClientError::TimedOut {
                timeout_ms: 1_000,
                ..
            })
        ),
        "{first:?}"
    );
    assert!(
        matches!(second, Err(ClientError::Disconnected { .. })),
        "{second:?}"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert!(connection.is_closed());
    assert_eq!(
        broker.stream.read(&mut [0]).await.unwrap(),
        0,
        "the stream is closed"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_may_wait_on_purpose_is_added_to_the_deadline() {
    let (connection, mut broker) = connected().await;
    let request = DescribeClusterRequest::default();
    let wait = Duration::from_secs(10);
    let (answer, ()) = tokio::join!(connection.request(&request, wait), async {
        let asked = broker.next().await;
        tokio::time::sleep(Duration::from_secs(9)).await;
        broker.answer(&asked, &cluster(1)).await;
    });
    assert!(answer.is_ok());
}

#[tokio::test]
async fn an_answer_to_another_request_is_malformed() {
    let (connection, mut broker) = connected().await;
    let (answer, ()) = tokio::join!(describe(&connection), async {
        let mut asked = broker.next().await;
        asked.correlation_id += 1;
        broker.answer(&asked, &cluster(1)).await;
    });
    let Err(ClientError::Malformed { reason, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(reason.contains("correlation id"), "{reason}");
    assert!(connection.is_closed());
}

#[tokio::test]
async fn bytes_that_answer_nothing_close_the_connection() {
    let (connection, mut broker) = connected().await;
    broker.send(&[0; 8]).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while !connection.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(matches!(
        describe(&connection).await,
        Err(ClientError::Disconnected { .. })
    ));
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_refused_before_it_is_read() {
    let (connection, mut broker) = connected().await;
    let (answer, ()) = tokio::join!(describe(&connection), async {
        broker.next().await;
        broker.stream.write_i32(10_001).await.unwrap();
    });
    let Err(ClientError::Disconnected { reason, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(reason.contains("10001 bytes"), "{reason}");
}

#[tokio::test]
async fn a_count_without_bytes_behind_it_ends_no_process() {
    let (connection, mut broker) = connected().await;
    let (answer, ()) = tokio::join!(describe(&connection), async {
        let asked = broker.next().await;
        let mut frame = BytesMut::new();
        frame.put_i32(asked.correlation_id);
        frame.put_u8(0); // no tags in the header
        frame.put_bytes(0, 4 + 2 + 1 + 1); // throttle, code, message, endpoint type
        frame.put_slice(b"\x02c"); // cluster id
        frame.put_i32(0); // controller
        frame.put_slice(&[0xff, 0xff, 0xff, 0xff, 0x07]); // brokers: 2³¹ - 2 of them
        broker.send(&frame).await;
    });
    assert!(
        matches!(answer, Err(ClientError::Malformed { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_idle_connection_notices_that_the_broker_went_away() {
    let (connection, broker) = connected().await;
    drop(broker);
    tokio::time::timeout(Duration::from_secs(5), async {
        while !connection.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_stream_after_the_answers() {
    let (connection, mut broker) = connected().await;
    let other = connection.clone();
    let asking = tokio::spawn(async move {
        let request = HeartbeatRequest::default();
        connection.request(&request, Duration::ZERO).await
    });
    let asked = broker.next().await;
    assert_eq!(asked.version, 3);
    drop(other);
    broker.answer(&asked, &HeartbeatResponse::default()).await;
    assert!(asking.await.unwrap().is_ok());
    assert_eq!(broker.stream.read(&mut [0]).await.unwrap(), 0);
}
