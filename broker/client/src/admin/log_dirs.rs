//! Where brokers keep partitions, and how large they are.

use std::time::Duration;

use kafka_protocol::messages::DescribeLogDirsRequest;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsPartition;

use crate::client::Client;
use crate::error::ClientError;
use crate::record::TopicPartition;

/// A directory of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    /// Whose it is.
    pub broker: i32,
    /// Its path there.
    pub path: String,
    /// The room of its file system, in bytes; `None` where the broker does not say.
    pub total_bytes: Option<u64>,
    /// What of that is left.
    pub usable_bytes: Option<u64>,
    /// What lies in it, in order.
    pub partitions: Vec<PartitionSize>,
}

/// A partition's log in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSize {
    /// Which one.
    pub partition: TopicPartition,
    /// Bytes of its segments.
    pub size_bytes: u64,
}

impl Client {
    /// The directories of every broker, in order of broker and path.
    ///
    /// # Errors
    /// When a broker does not answer or refuses, such as KAFKA_STORAGE_ERROR for a
    /// directory that is offline.
    pub async fn describe_log_dirs(&self) -> Result<Vec<LogDir>, ClientError> {
        let metadata = self.refresh(&[], false).await?;
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let mut dirs = Vec::new();
        for broker in metadata.brokers.keys() {
            let response = self.ask_node(*broker, &request, Duration::ZERO).await?;
            ClientError::check(|| format!("broker {broker}"), response.error_code, None)?;
            for result in response.results {
                let path = result.log_dir.to_string();
                ClientError::check(
                    || format!("{path} of broker {broker}"),
                    result.error_code,
                    None,
                )?;
                let logs = result.topics.iter().flat_map(|topic| {
                    let size = |log: &DescribeLogDirsPartition| PartitionSize {
                        partition: TopicPartition::new(topic.name.to_string(), log.partition_index),
                        size_bytes: u64::try_from(log.partition_size).unwrap_or_default(),
                    };
                    topic.partitions.iter().map(size)
                });
                let mut partitions: Vec<_> = logs.collect();
                partitions.sort_by(|a, b| a.partition.cmp(&b.partition));
                dirs.push(LogDir {
                    broker: *broker,
                    path,
                    total_bytes: u64::try_from(result.total_bytes).ok(),
                    usable_bytes: u64::try_from(result.usable_bytes).ok(),
                    partitions,
                });
            }
        }
        dirs.sort_by(|a, b| (a.broker, &a.path).cmp(&(b.broker, &b.path)));
        Ok(dirs)
    }
}
