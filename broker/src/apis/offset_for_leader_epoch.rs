//! OffsetForLeaderEpoch (23), versions 2–4: how far a leader epoch reached
//! (KIP-101, KIP-320).
//!
//! - 2: current leader epoch, checked. 3: replica id. 4: flexible.
//! - An epoch this partition does not know is answered with −1 and no error.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::errors::ApiError;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, RequestContext, decode};
use crate::node::Node;
use crate::node::partition::Partition;
use crate::wire::produce::TopicRef;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: OffsetForLeaderEpochRequest = decode(context, body)?;
    let image = node.metadata.image();
    let topics = request.topics.into_iter().map(|topic| {
        let found = find_topic(&image, TopicRef::Name(&topic.topic));
        let partitions = topic.partitions.iter().map(|wanted| {
            let end = found
                .as_ref()
                .map_err(ApiError::clone)
                .and_then(|topic| find_partition(node, topic, wanted.partition))
                .and_then(|partition| end_of_epoch(&partition, wanted));
            answer(wanted.partition, end)
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic)
            .with_partitions(partitions)
    });
    let response = OffsetForLeaderEpochResponse::default().with_topics(topics.collect());
    Ok(Answer::ready(context, &response))
}

fn end_of_epoch(
    partition: &Partition,
    wanted: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, ApiError> {
    let current = LeaderEpoch(wanted.current_leader_epoch);
    Ok(partition.end_of_epoch(current, LeaderEpoch(wanted.leader_epoch))?)
}

fn answer(index: i32, end: Result<Option<(LeaderEpoch, Offset)>, ApiError>) -> EpochEndOffset {
    let response = EpochEndOffset::default().with_partition(index);
    match end {
        Ok(Some((epoch, end))) => response.with_leader_epoch(epoch.0).with_end_offset(end.0),
        Ok(None) => response.with_leader_epoch(-1).with_end_offset(-1),
        Err(error) => response.with_error_code(error.code()),
    }
}
