//! The records of a topic, for tools: deleting the oldest.

use std::time::Duration;

use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::protocol::StrBytes;

use crate::client::Client;
use crate::error::ClientError;
use crate::record::TopicPartition;

/// How long a broker may take to delete, in milliseconds.
const TIMEOUT_MS: i32 = 30_000;

/// DeleteRecords' word for everything that consumers may read by now.
const TO_HIGH_WATERMARK: i64 = -1;

impl Client {
    /// Deletes a partition's records before an offset, or with `None` all that
    /// consumers may read by now. Returns the first offset that is left. It cannot
    /// be undone.
    ///
    /// # Errors
    /// The broker's refusal, such as OFFSET_OUT_OF_RANGE for an offset behind the
    /// end, or POLICY_VIOLATION for a compacted topic.
    pub async fn delete_records(
        &self,
        partition: &TopicPartition,
        before: Option<i64>,
    ) -> Result<i64, ClientError> {
        let request = request(partition, before.unwrap_or(TO_HIGH_WATERMARK));
        let mut backoff = self.backoff();
        loop {
            let deleted = self.delete_records_once(partition, &request).await;
            let again = deleted.as_ref().is_err_and(ClientError::is_retriable);
            if !again || !backoff.pause().await {
                return deleted;
            }
            // If no broker answers, the next try says so.
            let _ = self.refresh(&[&partition.topic], false).await;
        }
    }

    async fn delete_records_once(
        &self,
        partition: &TopicPartition,
        request: &DeleteRecordsRequest,
    ) -> Result<i64, ClientError> {
        let no_leader = || ClientError::NoLeader {
            topic: partition.topic.clone(),
            partition: partition.partition,
        };
        let leader = self
            .metadata()
            .leader(&partition.topic, partition.partition)
            .ok_or_else(no_leader)?;
        let wait = Duration::from_millis(TIMEOUT_MS.unsigned_abs().into());
        let response = self.ask_node(leader, request, wait).await?;
        let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
        let answer = answers
            .find(|answer| answer.partition_index == partition.partition)
            .ok_or_else(no_leader)?;
        ClientError::check(|| partition.to_string(), answer.error_code, None)?;
        Ok(answer.low_watermark)
    }
}

fn request(partition: &TopicPartition, before: i64) -> DeleteRecordsRequest {
    let wanted = DeleteRecordsPartition::default()
        .with_partition_index(partition.partition)
        .with_offset(before);
    let topic = DeleteRecordsTopic::default()
        .with_name(StrBytes::from_string(partition.topic.clone()).into())
        .with_partitions(vec![wanted]);
    DeleteRecordsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(TIMEOUT_MS)
}
