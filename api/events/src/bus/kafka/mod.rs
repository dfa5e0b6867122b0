//! The bus over Kafka, by librdkafka.
//!
//! One idempotent producer per process; one librdkafka consumer per [`Consumer`](super::Consumer)
//! and per [`Requester`](super::Requester). librdkafka connects and reconnects by itself, so a
//! Kafka that is down at the start only makes the service unready.

mod admin;
mod cluster;
mod config;
mod consumer;
mod context;
mod detached;
mod options;
mod partitions;
mod replies;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;

use super::{BusError, Position, PublishError, Record};
use context::ServiceContext;
use detached::Detached;

pub use config::KafkaConfig;
pub(super) use consumer::consume;
pub use options::KafkaOptions;
pub(super) use replies::read_replies;

/// A bus over Kafka. Clones share it.
#[derive(Clone)]
pub struct KafkaBus {
    shared: Arc<Shared>,
}

struct Shared {
    config: KafkaConfig,
    producer: Detached<FutureProducer<ServiceContext>>,
}

impl KafkaBus {
    pub(super) fn new(config: KafkaConfig) -> Result<Self, BusError> {
        let producer = config
            .producer()
            .create_with_context(ServiceContext::default())
            .map_err(|error| config::refusal(&error))?;
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                producer: Detached::new(producer),
            }),
        })
    }

    pub(super) async fn publish(&self, record: Record) -> Result<Position, PublishError> {
        let Record {
            topic,
            partition,
            key,
            value,
            headers,
        } = record;
        let mut owned = OwnedHeaders::new_with_capacity(headers.iter().len());
        for (key, value) in headers.iter() {
            owned = owned.insert(Header {
                key,
                value: Some(value.as_ref()),
            });
        }
        let mut outgoing = FutureRecord::<[u8], [u8]>::to(&topic)
            .payload(value.as_ref())
            .headers(owned);
        outgoing.partition = partition;
        outgoing.key = key.as_deref();
        // The timeout is for room in librdkafka's queue; `message.timeout.ms` bounds the rest.
        let room = Timeout::After(Duration::from_secs(5));
        match self.shared.producer.send(outgoing, room).await {
            Ok(delivery) => {
                let (partition, offset) = (delivery.partition, delivery.offset);
                Ok(Position {
                    topic,
                    partition,
                    offset,
                })
            }
            Err((error, _)) => Err(publish_error(&error)),
        }
    }

    pub(super) async fn flush(&self, deadline: Duration) {
        let bus = self.clone();
        let flushed = detached::blocking(move || bus.shared.producer.flush(deadline));
        if let Some(Err(error)) = flushed.await {
            tracing::warn!(%error, "records are still unacknowledged at shutdown");
        }
    }
}

fn publish_error(error: &KafkaError) -> PublishError {
    let sentence = error.to_string();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord) => {
            PublishError::Refused(sentence)
        }
        _ => PublishError::Kafka(sentence),
    }
}

impl fmt::Debug for KafkaBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBus")
            .field("config", &self.shared.config)
            .finish()
    }
}
