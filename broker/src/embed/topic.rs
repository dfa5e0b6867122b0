//! One topic: what it holds, and records to put into it.

use std::pin::pin;
use std::sync::Arc;

use ottla_core::controller::TopicImage;
use ottla_core::ids::TopicId;

use super::append::{Placed, append};
use super::error::EmbedError;
use super::read::Reader;
use super::record::{NewRecord, Record};
use super::wait::{Wait, Waits};
use crate::node::Node;
use crate::node::partition::{FetchSignal, FetchWatch};

/// Records that one wait reads at most, unless more are waited for: whoever
/// wants to see a surplus sees it, and a large topic does not fill the memory.
const RECORDS_MAX: usize = 10_000;

/// A topic, there already or yet to come. Made by
/// [`Broker::topic`](crate::Broker::topic).
#[derive(Clone, Debug)]
pub struct TopicHandle {
    waits: Waits,
    name: String,
}

impl TopicHandle {
    pub(crate) fn new(waits: Waits, name: String) -> TopicHandle {
        TopicHandle { waits, name }
    }

    /// Waits until consumers can read at least `count` records of the topic,
    /// and answers with all it holds then, up to 10,000 or `count`: by
    /// partition, then by offset. Read straight from the partitions, whatever
    /// their codec; no group is needed and nothing is committed.
    pub fn wait_records(&self, count: usize) -> Wait<Vec<Record>> {
        let s = if count == 1 { "" } else { "s" };
        let what = format!("{count} record{s} in topic '{}'", self.name);
        let name = self.name.clone();
        let work = move |node| wait_records(node, name, count);
        self.waits.wait(what, None, work)
    }

    /// Appends a record as a producer would and answers once it is
    /// acknowledged. A topic that is not there is made, as for a producer.
    pub fn append(&self, record: impl Into<NewRecord>) -> Wait<Placed> {
        let what = format!("an append to topic '{}'", self.name);
        let (name, record) = (self.name.clone(), record.into());
        let work = move |node| async move { append(&node, &name, record).await };
        self.waits.wait(what, None, work)
    }
}

async fn wait_records(
    node: Arc<Node>,
    name: String,
    count: usize,
) -> Result<Vec<Record>, EmbedError> {
    let mut reading = Reading::default();
    loop {
        // Enabled before looking, so that no change falls in between.
        let mut changed = pin!(node.changes.next());
        changed.as_mut().enable();
        let topic = node.metadata.image().topic(&name).cloned();
        reading.follow(&node, topic.as_deref());
        reading = reading.read_on(count.max(RECORDS_MAX)).await?;
        if reading.records.len() >= count {
            return Ok(reading.in_order());
        }
        let signal = FetchSignal::new(1);
        let watches = reading.watch(&signal);
        tokio::select! {
            () = changed => {}
            () = signal.woken() => {}
        }
        drop(watches);
    }
}

/// What was read of one topic so far.
#[derive(Debug, Default)]
struct Reading {
    topic: TopicId,
    readers: Vec<Reader>,
    records: Vec<Record>,
}

impl Reading {
    /// Begins anew where the topic is another one than before, and goes on
    /// with partitions that it did not have.
    fn follow(&mut self, node: &Node, topic: Option<&TopicImage>) {
        let id = topic.map_or(TopicId::ZERO, |topic| topic.id);
        if id != self.topic {
            *self = Reading {
                topic: id,
                ..Reading::default()
            };
        }
        if let Some(topic) = topic {
            let partitions = node.partitions.of_topic(id).into_iter();
            let new = partitions.skip(self.readers.len());
            let new = new.map(|partition| Reader::new(&topic.name, partition));
            self.readers.extend(new);
        }
    }

    /// Reads on a thread that may block on the disk.
    async fn read_on(mut self, limit: usize) -> Result<Reading, EmbedError> {
        let read = tokio::task::spawn_blocking(move || {
            for reader in &mut self.readers {
                reader.read(limit, &mut self.records)?;
            }
            Ok(self)
        });
        // It was cancelled, because the broker's threads end.
        read.await.unwrap_or(Err(EmbedError::Stopped))
    }

    /// Has `signal` woken by whatever becomes readable from here on.
    fn watch(&self, signal: &Arc<FetchSignal>) -> Vec<FetchWatch> {
        let readers = self.readers.iter();
        let watch = |reader: &Reader| reader.partition().watch(reader.seen(), signal);
        readers.map(watch).collect()
    }

    fn in_order(mut self) -> Vec<Record> {
        self.records
            .sort_by_key(|record| (record.partition, record.offset));
        self.records
    }
}
