//! Produces records: chooses partitions, batches, sends, retries.
//!
//! One batch per partition is on its way at a time, so records of a partition
//! keep the order they were given in, retries included. An idempotent
//! producer's retries are recognised by the broker and never appear twice.

mod batch;
mod identity;
mod round;

use std::collections::BTreeMap;
use std::str::FromStr;

use ottla_core::batch::Codec;
use tokio::time::{Duration, Instant};

use crate::client::{Backoff, Client};
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::partitioner::{Chooser, Partitioner, Placement};
use crate::record::{Delivery, ProducerRecord, TopicPartition};
use batch::{Batches, Queued};
use identity::Identity;
use round::PartitionOutcome;

/// Which acknowledgement a producer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// None at all: offsets stay unknown and losses unnoticed.
    None,
    /// The leader's.
    Leader,
    /// Every in-sync replica's.
    #[default]
    All,
}

impl Acks {
    fn number(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

impl FromStr for Acks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "0" => Ok(Acks::None),
            "1" => Ok(Acks::Leader),
            "-1" | "all" => Ok(Acks::All),
            _ => Err("acks is one of 0, 1 and all".to_owned()),
        }
    }
}

/// How a producer behaves.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// Which acknowledgement to wait for.
    pub acks: Acks,
    /// Whether brokers recognise retries; needs [`Acks::All`].
    pub idempotent: bool,
    /// How batches are compressed: none, gzip, snappy or lz4.
    pub compression: Codec,
    /// How partitions are chosen for records that name none.
    pub partitioner: Partitioner,
    /// A batch is closed before it grows larger than this, uncompressed.
    pub batch_bytes_max: usize,
    /// The most one request carries, in bytes.
    pub request_bytes_max: usize,
    /// How long brokers may wait for replicas, in milliseconds.
    pub acks_timeout_ms: i32,
    /// How long a call goes on trying, in milliseconds.
    pub delivery_timeout_ms: u64,
    /// Whether topics that do not exist are created, if the broker allows it.
    pub create_topics: bool,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        ProducerConfig {
            acks: Acks::All,
            idempotent: true,
            compression: Codec::None,
            partitioner: Partitioner::KeyHash,
            batch_bytes_max: 256 * 1024,
            request_bytes_max: 8 * 1024 * 1024,
            acks_timeout_ms: 30_000,
            delivery_timeout_ms: 60_000,
            create_topics: true,
        }
    }
}

/// Sends records to the partitions' leaders.
#[derive(Debug)]
pub struct Producer {
    client: Client,
    config: ProducerConfig,
    chooser: Chooser,
    /// `None` until the first batch, and after an outcome stayed unknown.
    identity: Option<Identity>,
}

/// The caller's list of results, filled in any order.
type Results = Vec<Option<Result<Delivery, ClientError>>>;

impl Producer {
    /// A producer over the client's connections. Sends nothing yet.
    ///
    /// # Errors
    /// [`ClientError::InvalidArgument`] for settings that contradict each other.
    pub fn new(client: Client, config: ProducerConfig) -> Result<Producer, ClientError> {
        if config.idempotent && config.acks != Acks::All {
            return Err(ClientError::InvalidArgument(
                "an idempotent producer needs acks=all; set idempotent to false for fewer"
                    .to_owned(),
            ));
        }
        Ok(Producer {
            chooser: Chooser::new(config.partitioner),
            client,
            config,
            identity: None,
        })
    }

    /// Sends one record and waits until it is acknowledged.
    ///
    /// # Errors
    /// Why it was not. Unless the broker refused, it may have been appended.
    pub async fn send(&mut self, record: ProducerRecord) -> Result<Delivery, ClientError> {
        let results = self.send_all(vec![record]).await;
        results
            .into_iter()
            .next()
            .expect("one record has one result")
    }

    /// Sends records in batches and waits until each is acknowledged or
    /// refused. The results are in the order of the records.
    pub async fn send_all(
        &mut self,
        records: Vec<ProducerRecord>,
    ) -> Vec<Result<Delivery, ClientError>> {
        let limit = Duration::from_millis(self.config.delivery_timeout_ms);
        let deadline = Instant::now() + limit;
        let mut results: Results = records.iter().map(|_| None).collect();
        let mut batches = self.place(records, &mut results).await;
        let mut backoff = Backoff::new(self.client.environment(), deadline);
        while !batches.is_empty() {
            let outcomes = self.try_first_batches(&mut batches).await;
            let retry = self.settle(outcomes, &mut batches, &mut results);
            if !retry.is_empty() {
                self.prepare_retry(retry, &mut backoff, &mut batches, &mut results)
                    .await;
            }
        }
        let results = results.into_iter();
        results
            .map(|result| result.expect("every batch was settled, and every record is in one"))
            .collect()
    }

    /// Chooses every record's partition; fails those whose topic is refused.
    async fn place(&mut self, records: Vec<ProducerRecord>, results: &mut Results) -> Batches {
        let mut batches = Batches::default();
        let mut refused: BTreeMap<String, ClientError> = BTreeMap::new();
        for (place, record) in records.into_iter().enumerate() {
            if let Some(error) = refused.get(&record.topic) {
                results[place] = Some(Err(error.clone()));
            } else if let Err((topic, error)) = self.place_one(place, record, &mut batches).await {
                // Asking again for every record would wait again for each.
                refused.insert(topic, error.clone());
                results[place] = Some(Err(error));
            }
        }
        for partition in batches.by_partition.keys() {
            self.chooser.batch_sent(&partition.topic);
        }
        batches
    }

    async fn place_one(
        &mut self,
        place: usize,
        record: ProducerRecord,
        batches: &mut Batches,
    ) -> Result<(), (String, ClientError)> {
        let topic = match self
            .client
            .topic(&record.topic, self.config.create_topics)
            .await
        {
            Ok(topic) => topic,
            Err(error) => return Err((record.topic, error)),
        };
        let timestamp_ms = record
            .timestamp_ms
            .unwrap_or_else(|| self.client.environment().now_ms());
        let partition = record.partition.unwrap_or_else(|| {
            self.chooser.choose(Placement {
                topic: &record.topic,
                key: record.key.as_deref(),
                timestamp_ms,
                partition_count: topic.partition_count(),
                random: self.client.environment().random(),
            })
        });
        let partition = TopicPartition::new(record.topic.clone(), partition);
        let queued = Queued {
            place,
            timestamp_ms,
            record,
        };
        if batches.push(partition.clone(), queued, self.config.batch_bytes_max) {
            self.chooser.batch_sent(&partition.topic);
        }
        Ok(())
    }

    /// Sends the first batch of every partition, as far as requests have room.
    async fn try_first_batches(
        &mut self,
        batches: &mut Batches,
    ) -> BTreeMap<TopicPartition, PartitionOutcome> {
        if self.config.idempotent && self.identity.is_none() {
            match Identity::acquire(&self.client).await {
                Ok(identity) => self.identity = Some(identity),
                Err(error) => return round::all_failed(batches, &error),
            }
        }
        round::send_first_batches(&self.client, &self.config, self.identity.as_ref(), batches).await
    }

    /// Books what is decided; returns what may be tried again, and why.
    fn settle(
        &mut self,
        outcomes: BTreeMap<TopicPartition, PartitionOutcome>,
        batches: &mut Batches,
        results: &mut Results,
    ) -> BTreeMap<TopicPartition, ClientError> {
        let mut retry = BTreeMap::new();
        for (partition, outcome) in outcomes {
            match outcome {
                PartitionOutcome::Appended(appended) => {
                    let Some(batch) = batches.take_first(&partition) else {
                        continue;
                    };
                    if let Some(identity) = &mut self.identity
                        && identity.id == appended.producer_id
                    {
                        let count = batch.record_count();
                        identity.appended(&partition, appended.first_sequence, count);
                    }
                    round::deliver(&partition, batch, &appended, results);
                }
                PartitionOutcome::Failed(error) if self.may_retry(&error, &partition, batches) => {
                    retry.insert(partition, error);
                }
                PartitionOutcome::Failed(error) => {
                    self.give_up(&partition, &error, batches, results);
                }
            }
        }
        retry
    }

    /// Whether trying again can help, and readies the batch for it.
    fn may_retry(
        &mut self,
        error: &ClientError,
        partition: &TopicPartition,
        batches: &mut Batches,
    ) -> bool {
        let Some(batch) = batches.first_mut(partition) else {
            return false;
        };
        batch.outcome_unknown |= round::leaves_outcome_unknown(error);
        if error.is_retriable() {
            return true;
        }
        // The broker forgot this producer, by retention or restart. Nothing of
        // the batch is in the log, so another id cannot duplicate it.
        let forgotten = matches!(
            error.code(),
            Some(ErrorCode::UNKNOWN_PRODUCER_ID | ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        );
        if forgotten && !batch.outcome_unknown && self.identity.is_some() {
            batch.forget_encoding();
            self.identity = None;
            return true;
        }
        false
    }

    async fn prepare_retry(
        &mut self,
        retry: BTreeMap<TopicPartition, ClientError>,
        backoff: &mut Backoff,
        batches: &mut Batches,
        results: &mut Results,
    ) {
        if !backoff.pause().await {
            for (partition, error) in retry {
                self.give_up(&partition, &error, batches, results);
            }
            return;
        }
        let mut topics: Vec<_> = retry
            .keys()
            .map(|partition| partition.topic.as_str())
            .collect();
        topics.dedup();
        // If no broker answers, the next try says so.
        let _ = self.client.refresh(&topics, false).await;
    }

    /// Fails the partition's first batch.
    fn give_up(
        &mut self,
        partition: &TopicPartition,
        error: &ClientError,
        batches: &mut Batches,
        results: &mut Results,
    ) {
        let Some(batch) = batches.take_first(partition) else {
            return;
        };
        if batch.outcome_unknown {
            // Its sequences may or may not be used: start over with a fresh id.
            self.identity = None;
        }
        round::fail(batch, error, results);
    }
}
