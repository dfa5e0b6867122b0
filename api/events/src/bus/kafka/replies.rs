//! Reading all partitions of a reply topic, by assignment and without a group.
//!
//! The offsets to start from are asked for, not left to `latest`: so the reader may say it is
//! ready before its first fetch, and no reply to a later request can be missed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use super::context::ServiceContext;
use super::detached::{self, Detached};
use super::{KafkaBus, config, consumer};
use crate::bus::BusError;
use crate::bus::request::ReplyReader;

const WATERMARK_TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often the reader looks whether the topic has grown.
const REFRESH: Duration = Duration::from_secs(30);

type Client = Arc<Detached<StreamConsumer<ServiceContext>>>;

/// Starts the reader.
pub(in crate::bus) fn read_replies(bus: &KafkaBus, reader: ReplyReader) -> Result<(), BusError> {
    // librdkafka wants a group name even where no group is joined; nothing is ever committed.
    let name = format!("social-replies-{}", Uuid::new_v4());
    let client = bus
        .shared
        .config
        .reply_consumer(&name)
        .create_with_context(ServiceContext::default())
        .map_err(|error| config::refusal(&error))?;
    let bus = bus.clone();
    let client = Arc::new(Detached::new(client));
    tokio::spawn(async move {
        let stop = reader.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = (Replies { bus, client, reader }).run() => {}
        }
    });
    Ok(())
}

struct Replies {
    bus: KafkaBus,
    client: Client,
    reader: ReplyReader,
}

impl Replies {
    async fn run(self) {
        // The next offset per partition.
        let mut next = BTreeMap::new();
        while let Err(reason) = self.follow(&mut next).await {
            tracing::debug!(topic = self.reader.topic, %reason, "replies cannot be read yet");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.reader.ready.send_replace(true);
        let mut refresh = tokio::time::interval(REFRESH);
        loop {
            tokio::select! {
                received = self.client.recv() => match received {
                    Ok(message) => {
                        next.insert(message.partition(), message.offset() + 1);
                        self.reader.replies.deliver(consumer::incoming(&message));
                    }
                    Err(error) => tracing::warn!(%error, "reading replies"),
                },
                _ = refresh.tick() => {
                    if let Err(reason) = self.follow(&mut next).await {
                        tracing::debug!(%reason, "cannot see whether the reply topic has grown");
                    }
                }
            }
        }
    }

    /// Reads from every partition that is not read yet: at the start from its end, and one that
    /// is added later from its beginning.
    async fn follow(&self, next: &mut BTreeMap<i32, i64>) -> Result<(), BusError> {
        let topic = &self.reader.topic;
        let count = self.bus.cluster().await?.partitions(topic);
        let count = count.ok_or_else(|| BusError::MissingTopics(vec![topic.clone()]))?;
        let fresh: Vec<_> = (0..count)
            .filter(|partition| !next.contains_key(partition))
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let first_time = next.is_empty();
        let mut added = BTreeMap::new();
        for partition in fresh {
            let offset = if first_time {
                self.end(partition).await?
            } else {
                0
            };
            added.insert(partition, offset);
        }
        next.append(&mut added);
        self.assign(next)
    }

    async fn end(&self, partition: i32) -> Result<i64, BusError> {
        let (client, topic) = (Arc::clone(&self.client), self.reader.topic.clone());
        let ask = move || client.fetch_watermarks(&topic, partition, WATERMARK_TIMEOUT);
        match detached::blocking(ask).await {
            Some(Ok((_, end))) => Ok(end),
            Some(Err(error)) => Err(BusError::Unreachable {
                reason: error.to_string(),
            }),
            None => Err(BusError::Unreachable {
                reason: "no thread for the request".into(),
            }),
        }
    }

    fn assign(&self, next: &BTreeMap<i32, i64>) -> Result<(), BusError> {
        let unreachable = |reason: String| BusError::Unreachable { reason };
        let mut list = TopicPartitionList::with_capacity(next.len());
        for (partition, offset) in next {
            list.add_partition_offset(&self.reader.topic, *partition, Offset::Offset(*offset))
                .map_err(|error| unreachable(error.to_string()))?;
        }
        self.client
            .assign(&list)
            .map_err(|error| unreachable(error.to_string()))
    }
}
