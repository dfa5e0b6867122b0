//! The fetch loop: positions, one Fetch on its way per leader, what to do
//! about each error. Everything lives in the struct, so that a poll may be
//! dropped at any await.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::ConsumerConfig;
use super::decode::decode;
use super::request::{FetchAnswer, PartitionAnswer, fetch};
use crate::client::Client;
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::offsets::{OffsetSpec, list_once};
use crate::record::{ConsumerRecord, TopicPartition};

/// How long to leave a broker alone after something went wrong.
const PAUSE: Duration = Duration::from_millis(100);

type FetchFuture = Pin<Box<dyn Future<Output = FetchAnswer> + Send>>;

/// Reads partitions from their positions on.
pub(crate) struct Fetcher {
    client: Client,
    config: ConsumerConfig,
    /// Where to read on.
    positions: BTreeMap<TopicPartition, i64>,
    /// Places a broker has to be asked about first.
    unresolved: BTreeMap<TopicPartition, OffsetSpec>,
    high_watermarks: BTreeMap<TopicPartition, i64>,
    in_flight: FuturesUnordered<FetchFuture>,
    /// Leaders with a Fetch in flight.
    busy: BTreeSet<i32>,
    /// After something went wrong: when to ask for metadata and try again.
    retry_at: Option<Instant>,
}

impl Fetcher {
    pub(crate) fn new(client: Client, config: ConsumerConfig) -> Self {
        Fetcher {
            client,
            config,
            positions: BTreeMap::new(),
            unresolved: BTreeMap::new(),
            high_watermarks: BTreeMap::new(),
            in_flight: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            retry_at: None,
        }
    }

    pub(crate) fn seek(&mut self, partition: TopicPartition, spec: OffsetSpec) {
        self.positions.remove(&partition);
        self.unresolved.remove(&partition);
        match spec {
            OffsetSpec::At(offset) => {
                self.positions.insert(partition, offset);
            }
            spec => {
                self.unresolved.insert(partition, spec);
            }
        }
    }

    /// Stops reading the partition; what is on its way is thrown away.
    pub(crate) fn remove(&mut self, partition: &TopicPartition) {
        self.positions.remove(partition);
        self.unresolved.remove(partition);
        self.high_watermarks.remove(partition);
    }

    pub(crate) fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.positions.get(partition).copied()
    }

    pub(crate) fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.high_watermarks.get(partition).copied()
    }

    /// The next records, or none when the deadline passes first.
    pub(crate) async fn poll(
        &mut self,
        deadline: Instant,
    ) -> Result<Vec<ConsumerRecord>, ClientError> {
        loop {
            self.recover().await?;
            self.resolve().await?;
            self.start_fetches();
            let wake = self.retry_at.map_or(deadline, |at| at.min(deadline));
            tokio::select! {
                biased;
                Some(answer) = self.in_flight.next() => {
                    let records = self.take(answer)?;
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
                () = sleep_until(wake) => {}
            }
            if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
        }
    }

    /// Asks for metadata once the pause after a failure is over.
    async fn recover(&mut self) -> Result<(), ClientError> {
        if self.retry_at.is_none_or(|at| Instant::now() < at) {
            return Ok(());
        }
        let topics: BTreeSet<_> = self
            .positions
            .keys()
            .chain(self.unresolved.keys())
            .map(|partition| partition.topic.as_str())
            .collect();
        let topics: Vec<_> = topics.into_iter().collect();
        match self.client.refresh(&topics, false).await {
            Ok(_) => self.retry_at = None,
            Err(error) if error.is_retriable() => self.pause(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn pause(&mut self) {
        self.retry_at = Some(Instant::now() + PAUSE);
    }

    /// Turns places into positions.
    async fn resolve(&mut self) -> Result<(), ClientError> {
        if self.unresolved.is_empty() || self.retry_at.is_some() {
            return Ok(());
        }
        for (partition, listed) in list_once(&self.client, &self.unresolved).await {
            match listed {
                Ok(offset) => {
                    self.unresolved.remove(&partition);
                    self.positions.insert(partition, offset);
                }
                Err(error) if error.is_retriable() => self.pause(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends a Fetch to every leader that has none on its way.
    fn start_fetches(&mut self) {
        let metadata = self.client.metadata();
        let mut by_leader: BTreeMap<i32, BTreeMap<TopicPartition, i64>> = BTreeMap::new();
        for (partition, position) in &self.positions {
            match metadata.leader(&partition.topic, partition.partition) {
                Some(leader) => {
                    let positions = by_leader.entry(leader).or_default();
                    positions.insert(partition.clone(), *position);
                }
                None => self.retry_at = self.retry_at.or(Some(Instant::now() + PAUSE)),
            }
        }
        if self.retry_at.is_some() {
            return;
        }
        for (leader, positions) in by_leader {
            if self.busy.insert(leader) {
                let fetch = fetch(self.client.clone(), self.config.clone(), leader, positions);
                self.in_flight.push(Box::pin(fetch));
            }
        }
    }

    fn take(&mut self, answer: FetchAnswer) -> Result<Vec<ConsumerRecord>, ClientError> {
        self.busy.remove(&answer.leader);
        let partitions = match answer.partitions {
            Ok(partitions) => partitions,
            Err(error) if error.is_retriable() => {
                self.pause();
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut records = Vec::new();
        for (partition, answer) in partitions {
            // The caller went elsewhere meanwhile.
            if self.positions.get(&partition) != Some(&answer.asked_at) {
                continue;
            }
            match self.take_partition(&partition, &answer) {
                Ok(more) => records.extend(more),
                // What other partitions brought is returned first; the
                // position did not move, so the error comes again.
                Err(error) if records.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(records)
    }

    fn take_partition(
        &mut self,
        partition: &TopicPartition,
        answer: &PartitionAnswer,
    ) -> Result<Vec<ConsumerRecord>, ClientError> {
        match answer.code {
            ErrorCode::NONE => self.take_records(partition, answer),
            ErrorCode::OFFSET_OUT_OF_RANGE => match self.config.offset_reset {
                Some(spec) => {
                    self.seek(partition.clone(), spec);
                    Ok(Vec::new())
                }
                None => Err(ClientError::refused(
                    format!("{partition} at offset {}", answer.asked_at),
                    answer.code,
                )),
            },
            code if code.is_retriable() || code.means_stale_metadata() => {
                self.pause();
                Ok(Vec::new())
            }
            code => Err(ClientError::refused(partition.to_string(), code)),
        }
    }

    fn take_records(
        &mut self,
        partition: &TopicPartition,
        answer: &PartitionAnswer,
    ) -> Result<Vec<ConsumerRecord>, ClientError> {
        self.high_watermarks
            .insert(partition.clone(), answer.high_watermark);
        let decoded = decode(
            partition,
            &answer.bytes,
            answer.asked_at,
            self.config.inflated_bytes_max,
        )
        .map_err(|reason| ClientError::CorruptBatch {
            topic: partition.topic.clone(),
            partition: partition.partition,
            offset: answer.asked_at,
            reason,
        })?;
        self.positions
            .insert(partition.clone(), decoded.next_offset);
        Ok(decoded.records)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("positions", &self.positions)
            .field("unresolved", &self.unresolved)
            .finish_non_exhaustive()
    }
}
