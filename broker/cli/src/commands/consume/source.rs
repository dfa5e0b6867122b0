//! Where `ottla consume` gets records from: partitions it names, or the share
//! of a group. Both are polled the same way and ended the same way.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_client::{
    Client, ClientError, Consumer, ConsumerConfig, ConsumerRecord, GroupConfig, GroupConsumer,
    OffsetSpec, TopicPartition,
};

use super::start::Start;

/// Something to read from.
#[derive(Debug)]
pub enum Source {
    /// Named partitions; commits nothing.
    Partitions {
        consumer: Consumer,
        partitions: Vec<TopicPartition>,
    },
    /// A group's member; commits what was printed.
    Group(Box<GroupConsumer>),
}

impl Source {
    /// Reads the topic's partitions, or one of them.
    pub async fn of_partitions(
        client: &Client,
        topic: &str,
        partition: Option<i32>,
        start: Start,
    ) -> Result<Source, ClientError> {
        let described = client.topic(topic, false).await?;
        let indexes = match partition {
            Some(partition) => vec![partition],
            None => described.partitions.iter().map(|p| p.index).collect(),
        };
        let partitions: Vec<_> = indexes
            .into_iter()
            .map(|index| TopicPartition::new(topic, index))
            .collect();
        let places = places(client, &partitions, start).await?;
        let config = ConsumerConfig {
            offset_reset: Some(OffsetSpec::Earliest),
            ..ConsumerConfig::default()
        };
        Ok(Source::Partitions {
            consumer: Consumer::assign(client, config, places).await?,
            partitions,
        })
    }

    /// Reads as a member of a group.
    pub fn of_group(client: &Client, config: GroupConfig) -> Source {
        Source::Group(Box::new(GroupConsumer::new(client, config)))
    }

    /// The next records; none when `timeout` passes first.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>, ClientError> {
        match self {
            Source::Partitions { consumer, .. } => consumer.poll(timeout).await,
            Source::Group(consumer) => consumer.poll(timeout).await,
        }
    }

    /// Takes back records that were not printed: they are not to be committed.
    pub fn unread(&mut self, records: &[ConsumerRecord]) -> Result<(), ClientError> {
        let Source::Group(consumer) = self else {
            return Ok(());
        };
        // The first unprinted one of each partition, so from the last back.
        for record in records.iter().rev() {
            let partition = TopicPartition::new(&record.topic, record.partition);
            consumer.seek(partition, OffsetSpec::At(record.offset))?;
        }
        Ok(())
    }

    /// Whether everything that was there has been returned.
    pub fn is_at_end(&self) -> bool {
        let at_end = |position: Option<i64>, end: Option<i64>| match (position, end) {
            (Some(position), Some(end)) => position >= end,
            _ => false,
        };
        match self {
            Source::Partitions {
                consumer,
                partitions,
            } => partitions
                .iter()
                .all(|p| at_end(consumer.position(p), consumer.high_watermark(p))),
            Source::Group(consumer) => {
                let held = consumer.assignment();
                let mut held_at_end = held
                    .iter()
                    .map(|p| at_end(consumer.position(p), consumer.high_watermark(p)));
                !held.is_empty() && held_at_end.all(|at_end| at_end)
            }
        }
    }

    /// Commits and leaves the group, if it is one.
    pub async fn close(self) -> Result<(), ClientError> {
        match self {
            Source::Partitions { .. } => Ok(()),
            Source::Group(consumer) => consumer.leave().await,
        }
    }
}

/// Each partition's place; `-N` needs to know the ends.
async fn places(
    client: &Client,
    partitions: &[TopicPartition],
    start: Start,
) -> Result<BTreeMap<TopicPartition, OffsetSpec>, ClientError> {
    let all = |spec| partitions.iter().map(move |p| (p.clone(), spec)).collect();
    let back = match start {
        Start::At(spec) => return Ok(all(spec)),
        Start::BeforeEnd(back) => back,
    };
    let firsts = client.list_offsets(&all(OffsetSpec::Earliest)).await;
    let ends = client.list_offsets(&all(OffsetSpec::Latest)).await;
    let mut places = BTreeMap::new();
    for (partition, end) in ends {
        let first = firsts.get(&partition).cloned().unwrap_or(Ok(0))?;
        let from = end?.saturating_sub(back).max(first);
        places.insert(partition, OffsetSpec::At(from));
    }
    Ok(places)
}
