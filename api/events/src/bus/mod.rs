//! The bus both services speak: publish, consume in a group, ask and await a reply.
//!
//! ```text
//!            ┌─ Kafka: librdkafka; between processes, on any Kafka
//!   Bus ─────┤
//!            └─ Local: the same partitions, keys, groups and offsets in this process's memory
//! ```
//!
//! Promises of both: records of one key keep their order; `publish` returns after the ack, with
//! topic, partition and offset; a consumer's offset moves only after its handler has settled the
//! record, so every record is handled at least once; poison goes to `<topic>.DLT`.
//! The bus knows nothing of users or pushes.

mod cluster;
mod consume;
mod dead_letter;
mod error;
pub mod kafka;
pub mod local;
mod record;
mod request;

use std::time::Duration;

pub use cluster::{Cluster, ClusterKind, GroupOffset, PartitionFacts};
pub use consume::{Arrival, Committed, Consumer, ConsumerSettings, Delivery, Handled};
pub use error::{BusError, PublishError, RequestError};
pub use kafka::{KafkaBus, KafkaConfig};
pub use local::LocalBus;
pub use record::{Incoming, Position, Record};
pub use request::{Answered, Requester};

/// How a service treats topics that do not exist at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TopicsMode {
    /// Create them.
    #[default]
    Create,
    /// Never create: an administrator does, and the service says which are missing.
    Require,
}

/// Either bus. Clones share it.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Over Kafka.
    Kafka(KafkaBus),
    /// Inside this process.
    Local(LocalBus),
}

impl Bus {
    /// A bus inside this process, with three partitions per topic.
    #[must_use]
    pub fn local() -> Self {
        Self::Local(LocalBus::new())
    }

    /// A bus over the Kafka that `config` names. Nothing is connected yet; a Kafka that is down
    /// is no error here, but in what is asked of the bus later.
    ///
    /// # Errors
    /// When a librdkafka property is unknown or its value is refused.
    pub fn kafka(config: KafkaConfig) -> Result<Self, BusError> {
        KafkaBus::new(config).map(Self::Kafka)
    }

    /// Makes sure that `topics` and their dead-letter topics exist, by creating them or, with
    /// [`TopicsMode::Require`], by looking. A topic that exists is left as it is.
    ///
    /// # Errors
    /// When Kafka does not answer, refuses, or a required topic is missing.
    pub async fn ensure_topics(&self, topics: &[&str]) -> Result<(), BusError> {
        match self {
            Self::Kafka(bus) => bus.ensure_topics(topics).await,
            Self::Local(bus) => {
                bus.ensure_topics(topics);
                Ok(())
            }
        }
    }

    /// Publishes a record and waits for the ack (`acks=all`, idempotent).
    ///
    /// # Errors
    /// When the record was not acknowledged. It may have been stored all the same: publish it
    /// again with the same event id.
    pub async fn publish(&self, record: Record) -> Result<Position, PublishError> {
        match self {
            Self::Kafka(bus) => bus.publish(record).await,
            Self::Local(bus) => bus.publish(record),
        }
    }

    /// Handles the records of `settings.topics` as a member of `settings.group`, until
    /// [`Consumer::shutdown`]. Records of one partition are handled one after another,
    /// partitions beside each other. A group that is new starts at the beginning.
    ///
    /// # Errors
    /// When the consumer cannot be made. A Kafka that is down is no error: it is retried.
    pub fn consume<H, F>(
        &self,
        settings: ConsumerSettings,
        handler: H,
    ) -> Result<Consumer, BusError>
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Handled> + Send + 'static,
    {
        let handler = consume::boxed(handler);
        match self {
            Self::Kafka(bus) => kafka::consume(bus, settings, handler),
            Self::Local(bus) => Ok(local::consume(bus, &settings, &handler)),
        }
    }

    /// Starts to read replies from `reply_topic`. The requester of every process reads the whole
    /// topic with an assignment of its own and picks out its correlation ids, so several
    /// instances never take each other's replies. It becomes ready in the background.
    ///
    /// # Errors
    /// When the reading consumer cannot be made. A Kafka that is down is no error: it is retried.
    pub fn requester(&self, reply_topic: &str) -> Result<Requester, BusError> {
        Requester::start(self.clone(), reply_topic)
    }

    /// Whether the bus can be reached now; for readiness.
    ///
    /// # Errors
    /// The reason why not.
    pub async fn check(&self, deadline: Duration) -> Result<(), BusError> {
        match self {
            Self::Kafka(bus) => bus.check(deadline).await,
            Self::Local(_) => Ok(()),
        }
    }

    /// What the cluster is, and how `topic` lies on it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn cluster(&self, topic: &str) -> Result<Cluster, BusError> {
        match self {
            Self::Kafka(bus) => bus.describe(topic).await,
            Self::Local(bus) => Ok(bus.describe(topic)),
        }
    }

    /// How far `group` has read each partition of `topic`, and how far it could. The committed
    /// offset is read before the end.
    ///
    /// # Errors
    /// When Kafka does not answer, or the topic does not exist.
    pub async fn group_offsets(
        &self,
        group: &str,
        topic: &str,
    ) -> Result<Vec<GroupOffset>, BusError> {
        match self {
            Self::Kafka(bus) => bus.group_offsets(group, topic).await,
            Self::Local(bus) => Ok(bus.group_offsets(group, topic)),
        }
    }

    /// The partition a record with this key goes to, of `partitions`: as Kafka's own producer
    /// chooses.
    #[must_use]
    pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
        crate::murmur2::partition_of(key, partitions)
    }

    /// Waits, at most `deadline`, until everything published has been acknowledged. Consumers
    /// and requesters are shut down before, each by its own handle.
    pub async fn flush(&self, deadline: Duration) {
        match self {
            Self::Kafka(bus) => bus.flush(deadline).await,
            Self::Local(_) => {}
        }
    }
}
