//! ListOffsets (2), versions 1–10.
//!
//! - 1: one offset and its timestamp. 2: isolation level. 4: leader epochs.
//!   6: flexible. 7: the largest timestamp, −3 (KIP-734). 8: the earliest local
//!   offset, −4 (KIP-405). 9: the latest tiered offset, −5 (KIP-1005). 10: a
//!   timeout for remote storage, of which there is none.
//! - −1 is the end of what the reader may read, −2 the log start.
//! - A search that finds nothing answers offset −1 without an error.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::errors::ApiError;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, RequestContext, decode, encode_as};
use crate::node::Node;
use crate::node::partition::{OffsetQuery, OffsetSearch, Reader, Search};
use crate::wire::produce::TopicKey;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// Tools that look at a partition without being its consumer.
const DEBUGGING_REPLICA: i32 = -2;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: ListOffsetsRequest = decode(context, body)?;
    let version = context.api_version;
    let planned = plan_all(node, version, &request);
    let searches = planned.iter().flat_map(|(_, partitions)| partitions);
    if searches
        .filter_map(|(_, plan)| plan.as_ref().ok())
        .all(OffsetSearch::is_immediate)
    {
        return Ok(Answer::ready(context, &carry_out(version, planned)));
    }
    Ok(Answer::Later(Box::pin(async move {
        let response = tokio::task::spawn_blocking(move || carry_out(version, planned));
        let response = response
            .await
            .expect("a search does not panic, and the runtime outlives it");
        encode_as(version, &response)
    })))
}

type Planned = Vec<(ListOffsetsTopic, Vec<(i32, Result<OffsetSearch, ApiError>)>)>;

fn plan_all(node: &Node, version: i16, request: &ListOffsetsRequest) -> Planned {
    let image = node.metadata.image();
    let reader = match request.replica_id.0 {
        DEBUGGING_REPLICA => Reader::Debugging,
        _ => Reader::Consumer,
    };
    let topics = request.topics.iter().map(|topic| {
        let found = find_topic(&image, TopicKey::Name(&topic.name));
        let repeated = repeated_partitions(topic);
        let partitions = topic.partitions.iter().map(|wanted| {
            let plan = check(version, wanted, &repeated).and_then(|search| {
                let topic = found.as_ref().map_err(ApiError::clone)?;
                let query = OffsetQuery {
                    search,
                    reader,
                    current_leader_epoch: LeaderEpoch(wanted.current_leader_epoch),
                };
                let partition = find_partition(node, topic, wanted.partition_index)?;
                Ok(partition.plan_search(query)?)
            });
            (wanted.partition_index, plan)
        });
        let partitions = partitions.collect();
        (topic.clone(), partitions)
    });
    topics.collect()
}

/// What the timestamp asks for, if this version knows it.
fn check(
    version: i16,
    wanted: &ListOffsetsPartition,
    repeated: &BTreeSet<i32>,
) -> Result<Search, ApiError> {
    if repeated.contains(&wanted.partition_index) {
        return Err(ApiError::new(
            ResponseError::InvalidRequest,
            "the partition is named more than once",
        ));
    }
    match (wanted.timestamp, version) {
        (LATEST, _) => Ok(Search::Latest),
        (EARLIEST, _) | (EARLIEST_LOCAL, 8..) => Ok(Search::Earliest),
        (MAX_TIMESTAMP, 7..) => Ok(Search::MaxTimestamp),
        (LATEST_TIERED, 9..) => Ok(Search::LatestTiered),
        (timestamp_ms @ 0.., _) => Ok(Search::AtLeast { timestamp_ms }),
        (unknown, _) => Err(ApiError::new(
            ResponseError::UnsupportedVersion,
            format!("version {version} does not know timestamp {unknown}"),
        )),
    }
}

fn repeated_partitions(topic: &ListOffsetsTopic) -> BTreeSet<i32> {
    let mut seen = BTreeSet::new();
    let indexes = topic
        .partitions
        .iter()
        .map(|partition| partition.partition_index);
    indexes.filter(|index| !seen.insert(*index)).collect()
}

fn carry_out(version: i16, planned: Planned) -> ListOffsetsResponse {
    let topics = planned.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(index, search)| {
            let found = search.and_then(|search| Ok(search.find()?));
            let response = ListOffsetsPartitionResponse::default().with_partition_index(index);
            match found {
                Ok(Some(found)) => response
                    .with_timestamp(found.timestamp_ms)
                    .with_offset(found.offset.0)
                    .with_leader_epoch(if version >= 4 {
                        found.leader_epoch.0
                    } else {
                        -1
                    }),
                Ok(None) => response.with_timestamp(-1).with_offset(Offset(-1).0),
                Err(error) => response.with_error_code(error.code()),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}
