//! DeleteRecords (21), versions 0–2 (KIP-107).
//!
//! - 2: flexible. Offset −1 stands for the high watermark.
//! - The answer waits until the new log start is durable. `timeout_ms` is not
//!   needed: there are no followers whose low watermark would have to follow.
//! - Topics that are only compacted are refused (POLICY_VIOLATION): what goes
//!   from them is for compaction to decide.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::DeleteRecordsPartition;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};
use ottla_core::config::TopicConfig;
use ottla_core::controller::{TopicImage, is_internal_topic};
use ottla_core::ids::Offset;

use super::errors::ApiError;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, RequestContext, decode, encode_as};
use crate::node::Node;
use crate::node::partition::Partition;
use crate::wire::produce::TopicRef;

/// Everything that can be read.
const HIGH_WATERMARK: i64 = -1;

/// There is no low watermark, because there was an error.
const NO_LOW_WATERMARK: i64 = -1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: DeleteRecordsRequest = decode(context, body)?;
    let version = context.api_version;
    let failed = answer_all(&request, ResponseError::UnknownServerError);
    let planned = plan_all(node, request);
    Ok(Answer::Later(Box::pin(async move {
        // A panic takes its partition offline; whoever asked hears of it.
        let response = tokio::task::spawn_blocking(move || carry_out(planned)).await;
        encode_as(version, &response.unwrap_or(failed))
    })))
}

/// A partition, and the offset before which its records are to go.
type Deletion = (Arc<Partition>, Option<Offset>);

type Planned = Vec<(TopicName, Vec<(i32, Result<Deletion, ApiError>)>)>;

fn plan_all(node: &Node, request: DeleteRecordsRequest) -> Planned {
    let image = node.metadata.image();
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = find_topic(&image, TopicRef::Name(&wanted.name));
        let plan = |partition: &DeleteRecordsPartition| {
            let planned = topic.clone().and_then(|topic| plan(node, topic, partition));
            (partition.partition_index, planned)
        };
        (wanted.name, wanted.partitions.iter().map(plan).collect())
    });
    topics.collect()
}

fn plan(
    node: &Node,
    topic: &TopicImage,
    wanted: &DeleteRecordsPartition,
) -> Result<Deletion, ApiError> {
    let partition = find_partition(node, topic, wanted.partition_index)?;
    check_deletable(node, topic)?;
    match wanted.offset {
        HIGH_WATERMARK => Ok((partition, None)),
        offset @ 0.. => Ok((partition, Some(Offset(offset)))),
        offset => Err(ApiError::new(
            ResponseError::OffsetOutOfRange,
            format!("offset {offset} is none; -1 stands for the high watermark"),
        )),
    }
}

fn check_deletable(node: &Node, topic: &TopicImage) -> Result<(), ApiError> {
    if is_internal_topic(&topic.name) {
        return Err(ApiError::new(
            ResponseError::InvalidTopicException,
            format!(
                "{} is internal: only the broker deletes from it",
                topic.name
            ),
        ));
    }
    let config = TopicConfig::resolve(&node.broker_configs(), &topic.configs);
    if config.cleanup_compact && !config.cleanup_delete {
        return Err(ApiError::new(
            ResponseError::PolicyViolation,
            "the topic's cleanup.policy is compact alone",
        ));
    }
    Ok(())
}

/// The same error for every partition.
fn answer_all(request: &DeleteRecordsRequest, error: ResponseError) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let refused = partitions.map(|wanted| result(wanted.partition_index, Err(error.code())));
        DeleteRecordsTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(refused.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn carry_out(planned: Planned) -> DeleteRecordsResponse {
    let topics = planned.into_iter().map(|(name, partitions)| {
        let deleted = partitions.into_iter().map(|(index, deletion)| {
            let log_start = deletion.and_then(|(partition, before)| {
                partition.delete_records(before).map_err(ApiError::from)
            });
            result(index, log_start.map_err(|error| error.code()))
        });
        DeleteRecordsTopicResult::default()
            .with_name(name)
            .with_partitions(deleted.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn result(index: i32, log_start: Result<Offset, i16>) -> DeleteRecordsPartitionResult {
    DeleteRecordsPartitionResult::default()
        .with_partition_index(index)
        .with_error_code(log_start.err().unwrap_or_default())
        .with_low_watermark(log_start.map_or(NO_LOW_WATERMARK, |offset| offset.0))
}
