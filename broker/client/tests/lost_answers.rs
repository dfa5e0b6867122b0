//! Retries against a real broker when answers are lost on the way: nothing is
//! appended twice, nothing acknowledged is missing.

#![allow(clippy::unwrap_used)]

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use ottla_client::{
    Client, ClientConfig, ClientError, Environment, Producer, ProducerConfig, ProducerRecord,
};
use support::{cluster, read, unique};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream that breaks after so many more reads, as if the answer were lost.
struct Fragile {
    stream: TcpStream,
    reads_left: Arc<AtomicUsize>,
}

impl AsyncRead for Fragile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if matches!(polled, Poll::Ready(Ok(()))) && buffer.filled().len() > before {
            let left = self.reads_left.load(Ordering::Relaxed);
            if left == 1 {
                // Once; the next stream lives.
                self.reads_left.store(usize::MAX, Ordering::Relaxed);
                buffer.set_filled(before);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            self.reads_left
                .store(left.saturating_sub(1), Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A client whose streams share one countdown.
async fn fragile(bootstrap: &str) -> (Client, Arc<AtomicUsize>) {
    let reads_left = Arc::new(AtomicUsize::new(usize::MAX));
    let shared = reads_left.clone();
    let environment = Environment {
        connect: Arc::new(move |address| {
            let (address, reads_left) = (address.to_owned(), shared.clone());
            Box::pin(async move {
                let stream = TcpStream::connect(address).await?;
                Ok(Box::new(Fragile { stream, reads_left }) as Box<_>)
            })
        }),
        ..Environment::system()
    };
    let client = Client::connect(ClientConfig::new(bootstrap), environment)
        .await
        .unwrap();
    (client, reads_left)
}

#[tokio::test]
async fn an_idempotent_producer_whose_answer_is_lost_appends_once() {
    let cluster = cluster().await;
    let topic = unique("lost");
    let (client, reads_left) = fragile(&cluster.bootstrap).await;
    let mut producer = Producer::new(client, ProducerConfig::default()).unwrap();
    let record = |n: i32| ProducerRecord::new(&topic, n.to_string()).with_partition(0);
    assert_eq!(producer.send(record(0)).await.unwrap().offset, Some(0));
    for n in 1..10 {
        // The very next answer is the one to this record.
        reads_left.store(1, Ordering::Relaxed);
        let offset = producer.send(record(n)).await.unwrap().offset;
        assert_eq!(
            offset,
            Some(i64::from(n)),
            "the retry got the first try's offset"
        );
    }
    let records = read(&cluster.client, &topic, 0, 10).await;
    let values: Vec<_> = records.iter().map(|r| r.value.clone().unwrap()).collect();
    let expected: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(values, expected);
}

#[tokio::test]
async fn a_producer_that_is_not_idempotent_may_append_twice() {
    let cluster = cluster().await;
    let topic = unique("twice");
    let (client, reads_left) = fragile(&cluster.bootstrap).await;
    let config = ProducerConfig {
        idempotent: false,
        ..ProducerConfig::default()
    };
    let mut producer = Producer::new(client, config).unwrap();
    let record = ProducerRecord::new(&topic, "v").with_partition(0);
    producer.send(record.clone()).await.unwrap();
    reads_left.store(1, Ordering::Relaxed);
    assert_eq!(producer.send(record).await.unwrap().offset, Some(2));
}

#[tokio::test]
async fn a_broker_that_is_gone_is_an_error_and_not_a_hang() {
    let cluster = cluster().await;
    let (client, _) = fragile(&cluster.bootstrap).await;
    if !cluster.stop().await {
        return; // It is somebody else's.
    }
    let config = ProducerConfig {
        delivery_timeout_ms: 500,
        ..ProducerConfig::default()
    };
    let mut producer = Producer::new(client, config).unwrap();
    let refused = producer.send(ProducerRecord::new("t", "v")).await;
    assert!(
        matches!(&refused, Err(error) if error.is_retriable()),
        "{refused:?}"
    );
    assert!(!matches!(refused, Err(ClientError::InvalidArgument(_))));
}
