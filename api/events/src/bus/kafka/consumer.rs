//! A member of a consumer group: librdkafka fetches, partitions are handled beside each other.
//!
//! ```text
//!  recv ──► Partitions (one queue and one task per partition) ──► settle ──► store offset
//!    ▲  pause when a queue is long, resume when it is short ◄──┘             (committed by timer,
//!    └── rebalance callback: revoked partitions' tasks stop                   revocation, close)
//! ```
//!
//! An offset is stored only after its record is settled, so a crash repeats records and never
//! skips one. Commits are librdkafka's own: a commit by hand in the middle of an incremental
//! rebalance can lose the assignment (librdkafka issue 4059).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::context::Troubles;
use super::detached::{self, Detached};
use super::partitions::{Partitions, StoreOffset};
use super::{KafkaBus, config};
use crate::bus::consume::{
    Arrival, Arrived, Committed, Consumer, ConsumerSettings, Handler, Running,
};
use crate::bus::{Bus, BusError, Incoming, Position};
use crate::headers::Headers;
use crate::{Moment, Timestamp};

/// How often a consumer whose topics are missing, or whose Kafka is down, looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long a member that leaves may ask what it has committed.
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(2);

type Client = StreamConsumer<GroupContext>;

/// Starts a member of the group; it joins once its topics exist.
pub(in crate::bus) fn consume(
    bus: &KafkaBus,
    settings: ConsumerSettings,
    handler: Handler,
) -> Result<Consumer, BusError> {
    let (consumer, running) = Consumer::new();
    let Running {
        stop,
        assigned,
        stopped,
    } = running;
    let partitions = Partitions::new(Bus::Kafka(bus.clone()), handler, stop.clone());
    let context = GroupContext {
        partitions: partitions.clone(),
        assigned,
        commits: settings.commits.clone(),
        troubles: Troubles::default(),
    };
    let client: Client = bus
        .shared
        .config
        .group_consumer(&settings.group)
        .create_with_context(context)
        .map_err(|error| config::refusal(&error))?;
    let member = Member {
        bus: bus.clone(),
        client: Arc::new(Detached::new(client)),
        partitions,
    };
    tokio::spawn(async move {
        if member.join(&settings, &stop).await {
            member.read(&stop).await;
        }
        member.leave().await;
        drop(stopped);
    });
    Ok(consumer)
}

struct Member {
    bus: KafkaBus,
    client: Arc<Detached<Client>>,
    partitions: Partitions,
}

impl Member {
    /// Subscribes as soon as the topics are there: librdkafka would learn of a topic created
    /// later only by its next full metadata refresh, minutes away. False when stopped before.
    async fn join(&self, settings: &ConsumerSettings, stop: &CancellationToken) -> bool {
        let mut told = false;
        loop {
            match self.bus.ensure_dead_letters(&settings.topics).await {
                Ok(()) => break,
                Err(reason) if !told => {
                    tracing::info!(group = settings.group, %reason, "waiting to join the group");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = stop.cancelled() => return false,
            }
        }
        let topics: Vec<_> = settings.topics.iter().map(String::as_str).collect();
        match self.client.subscribe(&topics) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(group = settings.group, %error, "cannot subscribe");
                false
            }
        }
    }

    async fn read(&self, stop: &CancellationToken) {
        let store: StoreOffset = {
            let client = Arc::clone(&self.client);
            Arc::new(move |position: &Position| {
                let Position {
                    topic,
                    partition,
                    offset,
                } = position;
                if let Err(error) = client.store_offset(topic, *partition, *offset) {
                    // The partition was revoked meanwhile: its new owner handles the record too.
                    tracing::debug!(%position, %error, "offset not stored");
                }
            })
        };
        let mut waiting_since = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.partitions.drained() => {
                    resume(&self.client, &self.partitions.take_drained());
                }
                received = self.client.recv() => match received {
                    Ok(message) => {
                        let (topic, partition) = (message.topic().to_owned(), message.partition());
                        let arrival = Arrival {
                            at: Moment::now(),
                            waited: Some(waiting_since.elapsed()),
                        };
                        let record = Arc::new(incoming(&message));
                        waiting_since = Instant::now();
                        if self.partitions.give(Arrived { record, arrival }, &store) {
                            pause(&self.client, &topic, partition);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "reading from Kafka"),
                },
            }
        }
    }

    /// Waits for the records in hand, commits, and leaves the group.
    async fn leave(self) {
        self.partitions.finished().await;
        let client = self.client;
        let left = detached::blocking(move || {
            // Nothing stored since the last commit is an error here, and no news.
            let committed = client.commit_consumer_state(CommitMode::Sync);
            // Nobody polls for the callback of this last commit any more.
            if committed.is_ok()
                && client.context().commits.is_some()
                && let Ok(offsets) = client.committed(LAST_COMMIT_TIMEOUT)
            {
                client.context().tell(&offsets);
            }
            // Destroying the client leaves the group, so that others need not wait for a timeout.
            if let Some(client) = Arc::into_inner(client) {
                client.close();
            }
            committed
        });
        if let Some(Err(error)) = left.await {
            tracing::debug!(%error, "last commit");
        }
    }
}

fn list(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(topic, partition);
    list
}

fn pause(client: &Client, topic: &str, partition: i32) {
    if let Err(error) = client.pause(&list(topic, partition)) {
        tracing::warn!(topic, partition, %error, "cannot pause the partition");
    }
}

fn resume(client: &Client, drained: &[(String, i32)]) {
    for (topic, partition) in drained {
        if let Err(error) = client.resume(&list(topic, *partition)) {
            tracing::warn!(topic, partition, %error, "cannot resume the partition");
        }
    }
}

/// A message of librdkafka's as a record of ours.
pub(super) fn incoming(message: &BorrowedMessage<'_>) -> Incoming {
    let mut headers = Headers::new();
    for header in message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter())
    {
        headers.push(
            header.key,
            Bytes::copy_from_slice(header.value.unwrap_or_default()),
        );
    }
    Incoming {
        position: Position {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
        },
        timestamp: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or_default()),
        key: message.key().map(Bytes::copy_from_slice),
        value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        headers,
    }
}

/// What librdkafka calls back about the group.
struct GroupContext {
    partitions: Partitions,
    assigned: watch::Sender<bool>,
    commits: Option<mpsc::Sender<Committed>>,
    troubles: Troubles,
}

impl GroupContext {
    /// Tells of committed offsets whoever wants to know.
    fn tell(&self, offsets: &TopicPartitionList) {
        let Some(commits) = &self.commits else { return };
        let at = Moment::now();
        for element in offsets.elements() {
            if let (Offset::Offset(next), Ok(())) = (element.offset(), element.error()) {
                // Whoever is behind learns of it by the next one.
                let _ = commits.try_send(Committed {
                    topic: element.topic().to_owned(),
                    partition: element.partition(),
                    next,
                    at,
                });
            }
        }
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.troubles.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.error(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(revoked) => {
                for element in revoked.elements() {
                    self.partitions.revoke(element.topic(), element.partition());
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance"),
            Rebalance::Assign(_) => {}
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if result.is_ok() {
            self.tell(offsets);
        }
    }

    fn post_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(assigned) = rebalance {
            // A pause of an earlier assignment must not outlive it.
            if let Err(error) = client.resume(assigned) {
                tracing::debug!(%error, "resume after assignment");
            }
            tracing::info!(partitions = assigned.count(), "assigned by the group");
            self.assigned.send_replace(true);
        }
    }
}
