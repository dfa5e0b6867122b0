//! Reads records of partitions the caller names. Groups build on the same
//! fetch loop and decide the partitions with others: see [`crate::group`].

mod decode;
mod fetcher;
mod request;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::error::ClientError;
pub use crate::offsets::OffsetSpec;
use crate::record::{ConsumerRecord, TopicPartition};
pub(crate) use fetcher::Fetcher;

/// How records are fetched.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// How long a broker may hold a Fetch that has nothing to answer, in
    /// milliseconds.
    pub fetch_wait_ms_max: i32,
    /// How many bytes a broker should wait for.
    pub fetch_bytes_min: i32,
    /// How many bytes one Fetch should return at most; a batch is never cut.
    pub fetch_bytes_max: i32,
    /// The same for each partition of it.
    pub partition_bytes_max: i32,
    /// The most a compressed batch may inflate to, in bytes.
    pub inflated_bytes_max: usize,
    /// Where to go on when a position is not in the log (any more) or none is
    /// committed; `None` makes that an error.
    pub offset_reset: Option<OffsetSpec>,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        ConsumerConfig {
            fetch_wait_ms_max: 500,
            fetch_bytes_min: 1,
            fetch_bytes_max: 8 * 1024 * 1024,
            partition_bytes_max: 1024 * 1024,
            inflated_bytes_max: 64 * 1024 * 1024,
            offset_reset: Some(OffsetSpec::Latest),
        }
    }
}

/// Reads the partitions it was given. Commits nothing.
#[derive(Debug)]
pub struct Consumer {
    fetcher: Fetcher,
}

impl Consumer {
    /// A consumer of `partitions`, each from its own place on.
    ///
    /// # Errors
    /// When one of their topics does not exist.
    pub async fn assign(
        client: &Client,
        config: ConsumerConfig,
        partitions: BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<Consumer, ClientError> {
        for partition in partitions.keys() {
            let topic = client.topic(&partition.topic, false).await?;
            if topic.partition(partition.partition).is_none() {
                return Err(ClientError::InvalidArgument(format!(
                    "topic {} has no partition {}; it has {}",
                    topic.name,
                    partition.partition,
                    topic.partition_count(),
                )));
            }
        }
        let mut fetcher = Fetcher::new(client.separate(), config);
        for (partition, spec) in partitions {
            fetcher.seek(partition, spec);
        }
        Ok(Consumer { fetcher })
    }

    /// The next records, in order per partition; none when `timeout` passes
    /// first. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What trying again does not help with: a refused topic, a corrupt batch,
    /// a position outside the log without a way to reset it.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>, ClientError> {
        self.fetcher.poll(Instant::now() + timeout).await
    }

    /// Goes on at another place of a partition, which need not be new.
    pub fn seek(&mut self, partition: TopicPartition, spec: OffsetSpec) {
        self.fetcher.seek(partition, spec);
    }

    /// The offset after the last record that was returned; `None` until the
    /// broker has said where a place is.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.fetcher.position(partition)
    }

    /// The end of what may be read, as the last Fetch said.
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.fetcher.high_watermark(partition)
    }
}
