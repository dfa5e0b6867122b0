//! Reads single records from Kafka, where the services say they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use social_events::bus::KafkaConfig;

use super::report::RecordFacts;

const POLL: Duration = Duration::from_secs(10);

/// A record's place: topic, partition, offset.
pub(super) type Place = (String, i32, i64);

/// A consumer that commits nothing and joins no group. Clones share it.
#[derive(Clone)]
pub(super) struct Reader(Arc<BaseConsumer>);

impl Reader {
    pub(super) fn new(config: &KafkaConfig) -> anyhow::Result<Reader> {
        let consumer: BaseConsumer = config
            .client()
            .set("group.id", "tour-reads-without-a-group")
            .set("enable.auto.commit", "false")
            .create()
            .context("cannot make a Kafka client for the tour")?;
        Ok(Reader(Arc::new(consumer)))
    }

    /// The records at `places`. Blocks.
    pub(super) fn read(&self, places: &[Place]) -> anyhow::Result<BTreeMap<Place, RecordFacts>> {
        let mut found = BTreeMap::new();
        let mut first = BTreeMap::new();
        for (topic, partition, offset) in places {
            let lowest = first.entry((topic.clone(), *partition)).or_insert(*offset);
            *lowest = (*lowest).min(*offset);
        }
        let mut assignment = TopicPartitionList::new();
        for ((topic, partition), offset) in &first {
            assignment.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        self.0.assign(&assignment)?;
        while places.iter().any(|place| !found.contains_key(place)) {
            let message = self
                .0
                .poll(POLL)
                .context("a record is not where it should be")??;
            let place = (
                message.topic().to_owned(),
                message.partition(),
                message.offset(),
            );
            found.insert(place, facts(&message));
        }
        Ok(found)
    }
}

fn facts(message: &BorrowedMessage<'_>) -> RecordFacts {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value: serde_json::Value =
        serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default();
    let mut fields: Vec<String> = value
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys().cloned())
        .collect();
    fields.sort_unstable();
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    RecordFacts {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(text),
        headers: headers.map(|header| header.key.to_owned()).collect(),
        fields,
    }
}
