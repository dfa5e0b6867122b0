//! ListOffsets (2), versions 1–10.
//!
//! - 1: one offset and its timestamp. 2: isolation level. 4: leader epochs.
//!   6: flexible. 7: the largest timestamp, −3 (KIP-734). 8: the earliest local
//!   offset, −4 (KIP-405). 9: the latest tiered offset, −5 (KIP-1005). 10: a
//!   timeout for remote storage, of which there is none.
//! - −1 is the end of what the reader may read, −2 the log start.
//! - A partition named twice is refused once.
//! - A search that finds nothing answers offset −1 without an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::errors::ApiError;
use super::isolation::Isolation;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, RequestContext, decode, encode_as};
use crate::node::Node;
use crate::node::partition::{OffsetQuery, OffsetSearch, Reader, Search};
use crate::wire::produce::TopicRef;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// Readers that are no replica and no tool that poses as one.
const CONSUMER: i32 = -1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: ListOffsetsRequest = decode(context, body)?;
    let version = context.api_version;
    let planned = plan_all(node, version, &request);
    let mut searches = planned.iter().flat_map(|(_, partitions)| partitions);
    if searches.all(|(_, plan)| plan.as_ref().map_or(true, OffsetSearch::is_immediate)) {
        return Ok(Answer::ready(context, &carry_out(version, planned)));
    }
    Ok(Answer::Later(Box::pin(async move {
        let asked = named(&planned);
        let searching = tokio::task::spawn_blocking(move || carry_out(version, planned));
        let response = searching.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a search for offsets broke off");
            carry_out(version, broken_off(asked))
        });
        encode_as(version, &response)
    })))
}

type Plan = Result<OffsetSearch, ApiError>;
type Planned = Vec<(TopicName, Vec<(i32, Plan)>)>;

fn plan_all(node: &Node, version: i16, request: &ListOffsetsRequest) -> Planned {
    let image = node.metadata.image();
    let reader = match request.replica_id.0 {
        CONSUMER => Reader::Consumer,
        _ => Reader::Replica,
    };
    let isolation = Isolation::parse(request.isolation_level);
    let plan = |topic: &ListOffsetsTopic, wanted: &ListOffsetsPartition| {
        isolation.as_ref().map_err(ApiError::clone)?;
        let query = OffsetQuery {
            search: search(version, wanted.timestamp)?,
            reader,
            current_leader_epoch: LeaderEpoch(wanted.current_leader_epoch),
        };
        let topic = find_topic(&image, TopicRef::Name(&topic.name))?;
        let partition = find_partition(node, topic, wanted.partition_index)?;
        Ok(partition.plan_search(query)?)
    };
    let repeated = repeated(request);
    let mut places = BTreeMap::new();
    let mut planned: Planned = Vec::new();
    for topic in &request.topics {
        let name = topic.name.0.as_str();
        let place = *places.entry(name).or_insert(planned.len());
        if place == planned.len() {
            planned.push((topic.name.clone(), Vec::new()));
        }
        for wanted in &topic.partitions {
            let index = wanted.partition_index;
            if !repeated.contains(&(name, index)) {
                planned[place].1.push((index, plan(topic, wanted)));
            }
        }
    }
    for (name, index) in repeated {
        planned[places[name]].1.push((index, Err(named_twice())));
    }
    planned
}

/// What the timestamp asks for, if this version knows it.
fn search(version: i16, timestamp: i64) -> Result<Search, ApiError> {
    match (timestamp, version) {
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

/// The partitions that a request names more than once.
fn repeated(request: &ListOffsetsRequest) -> BTreeSet<(&str, i32)> {
    let mut seen = BTreeSet::new();
    let named = request.topics.iter().flat_map(|topic| {
        let name = topic.name.0.as_str();
        let partitions = topic.partitions.iter();
        partitions.map(move |wanted| (name, wanted.partition_index))
    });
    named.filter(|partition| !seen.insert(*partition)).collect()
}

fn named_twice() -> ApiError {
    ApiError::new(
        ResponseError::InvalidRequest,
        "the partition is named more than once",
    )
}

fn named(planned: &Planned) -> Vec<(TopicName, Vec<i32>)> {
    let indexes = |partitions: &[(i32, Plan)]| partitions.iter().map(|(index, _)| *index).collect();
    let topics = planned.iter();
    topics
        .map(|(name, partitions)| (name.clone(), indexes(partitions)))
        .collect()
}

/// Nobody knows what would have been found.
fn broken_off(asked: Vec<(TopicName, Vec<i32>)>) -> Planned {
    let failed = |index| {
        let error = "the search broke off; the broker's log says why";
        (
            index,
            Err(ApiError::new(ResponseError::UnknownServerError, error)),
        )
    };
    let topics = asked.into_iter();
    topics
        .map(|(name, indexes)| (name, indexes.into_iter().map(failed).collect()))
        .collect()
}

fn carry_out(version: i16, planned: Planned) -> ListOffsetsResponse {
    let topics = planned.into_iter().map(|(name, partitions)| {
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
            .with_name(name)
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}
