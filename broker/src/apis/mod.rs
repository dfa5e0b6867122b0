//! THE TABLE: API key → versions → handler, and what a handler sees and says.
//!
//! To add an API: its file here, and its row in [`TABLE`]. ApiVersions,
//! dispatch, metric names, the conformance loops and
//! `docs/protocol-support.md` all read the table.
//!
//! A handler authorises, translates to the core's plain types, asks the core
//! and translates back; it decides nothing. It is synchronous: what cannot be
//! answered yet becomes [`Answer::Later`].

mod alter_configs;
mod alterations;
mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_topic_partitions;
pub(crate) mod errors;
mod fetch;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod isolation;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
pub(crate) mod produce;
mod proposal;
#[cfg(test)]
mod protocol_support;
mod routing;
mod sync_group;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, BrokerId};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use ottla_core::ids::NodeId;
use ottla_core::time::Now;

use crate::node::Node;
use crate::node::metadata::Committed;
use crate::storage::Piece;
use crate::wire::header::RequestHeader;

pub(crate) use api_versions::unsupported_version;

pub(crate) const API_VERSIONS_KEY: i16 = ApiKey::ApiVersions as i16;

/// One API this broker serves.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: ApiKey,
    /// The oldest version ApiVersions names. Differs from `min_version` for
    /// Produce alone: old librdkafka wants to see 0 there (KAFKA-18659).
    pub(crate) advertised_min_version: i16,
    pub(crate) min_version: i16,
    pub(crate) max_version: i16,
    pub(crate) body: Body,
    pub(crate) handle: Handler,
}

/// Who proves that the counts in a request body can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The frame guard, before the crate's decoder sees a byte.
    Guarded,
    /// The handler's own parser, on the hot path.
    ByHand,
}

/// Answers one request. `body` is what follows the request header.
pub(crate) type Handler = fn(&Arc<Node>, &RequestContext, BytesMut) -> Result<Answer, Malformed>;

impl Row {
    /// Whether requests of this version are served.
    pub(crate) fn serves(&self, api_version: i16) -> bool {
        (self.min_version..=self.max_version).contains(&api_version)
    }
}

const fn row(key: ApiKey, min_version: i16, max_version: i16, handle: Handler) -> Row {
    Row {
        key,
        advertised_min_version: min_version,
        min_version,
        max_version,
        body: Body::Guarded,
        handle,
    }
}

/// Old librdkafka looks for version 0 of Produce, though no broker since
/// Apache Kafka 4.0 serves it (KAFKA-18659).
pub(crate) const PRODUCE: Row = Row {
    advertised_min_version: 0,
    body: Body::ByHand,
    ..row(ApiKey::Produce, 3, 13, produce::handle)
};

/// Every API, by key. Ranges are those of Kafka 4.1, the release whose schemas
/// the `kafka-protocol` crate carries (`request ∩ response`).
pub(crate) static TABLE: &[Row] = &[
    PRODUCE,
    row(ApiKey::Fetch, 4, 18, fetch::handle),
    row(ApiKey::ListOffsets, 1, 10, list_offsets::handle),
    row(ApiKey::Metadata, 0, 13, metadata::handle),
    row(ApiKey::OffsetCommit, 2, 9, offset_commit::handle),
    row(ApiKey::OffsetFetch, 1, 9, offset_fetch::handle),
    row(ApiKey::FindCoordinator, 0, 6, find_coordinator::handle),
    row(ApiKey::JoinGroup, 0, 9, join_group::handle),
    row(ApiKey::Heartbeat, 0, 4, heartbeat::handle),
    row(ApiKey::LeaveGroup, 0, 5, leave_group::handle),
    row(ApiKey::SyncGroup, 0, 5, sync_group::handle),
    row(ApiKey::DescribeGroups, 0, 6, describe_groups::handle),
    row(ApiKey::ListGroups, 0, 5, list_groups::handle),
    row(ApiKey::ApiVersions, 0, 4, api_versions::handle),
    row(ApiKey::CreateTopics, 2, 7, create_topics::handle),
    row(ApiKey::DeleteTopics, 1, 6, delete_topics::handle),
    row(ApiKey::DeleteRecords, 0, 2, delete_records::handle),
    row(ApiKey::InitProducerId, 0, 5, init_producer_id::handle),
    row(
        ApiKey::OffsetForLeaderEpoch,
        2,
        4,
        offset_for_leader_epoch::handle,
    ),
    row(ApiKey::DescribeConfigs, 1, 4, describe_configs::handle),
    row(ApiKey::AlterConfigs, 0, 2, alter_configs::handle),
    row(ApiKey::DescribeLogDirs, 1, 4, describe_log_dirs::handle),
    row(ApiKey::CreatePartitions, 0, 3, create_partitions::handle),
    row(ApiKey::DeleteGroups, 0, 2, delete_groups::handle),
    row(
        ApiKey::IncrementalAlterConfigs,
        0,
        1,
        incremental_alter_configs::handle,
    ),
    row(ApiKey::OffsetDelete, 0, 0, offset_delete::handle),
    row(ApiKey::DescribeCluster, 0, 2, describe_cluster::handle),
    row(
        ApiKey::ConsumerGroupHeartbeat,
        0,
        1,
        consumer_group_heartbeat::handle,
    ),
    row(
        ApiKey::ConsumerGroupDescribe,
        0,
        1,
        consumer_group_describe::handle,
    ),
    row(
        ApiKey::DescribeTopicPartitions,
        0,
        0,
        describe_topic_partitions::handle,
    ),
];

/// The row of an API key as it came over the wire.
pub(crate) fn find(api_key: i16) -> Option<&'static Row> {
    let position = TABLE
        .binary_search_by_key(&api_key, |row| row.key as i16)
        .ok()?;
    Some(&TABLE[position])
}

/// What a handler knows about the request besides its body.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) api_key: i16,
    pub(crate) api_version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<StrBytes>,
    /// Who asks.
    pub(crate) peer: SocketAddr,
    /// The address of ours that they reached.
    pub(crate) local: SocketAddr,
    /// Both clocks, read once when the request was parsed.
    pub(crate) now: Now,
}

impl RequestContext {
    /// What the request's header said.
    pub(crate) fn header(&self) -> RequestHeader<'_> {
        RequestHeader {
            api_key: self.api_key,
            api_version: self.api_version,
            correlation_id: self.correlation_id,
            client_id: self.client_id.as_deref(),
        }
    }
}

/// A response body: a head of its own and record bytes that are passed on
/// without a copy. The connection writes length and response header in front.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) head: BytesMut,
    /// Follow the head in order.
    pub(crate) chunks: Vec<Piece>,
}

impl Reply {
    /// A reply without record bytes.
    pub(crate) fn of(head: BytesMut) -> Reply {
        Reply {
            head,
            chunks: Vec::new(),
        }
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.head.len() + self.chunks.iter().map(Piece::len).sum::<usize>()
    }
}

/// When the reply to a request leaves.
pub(crate) enum Answer {
    /// At once, behind the replies before it.
    Ready(Reply),
    /// When the future resolves. The connection goes on deciding the next
    /// frames; replies keep their order. Dropped with the connection.
    Later(Pin<Box<dyn Future<Output = Reply> + Send>>),
    /// Never: the client asked for no reply (acks=0).
    Nothing,
    /// The connection is closed, for the reason given: the client asked for no
    /// reply, and something went wrong.
    HangUp(String),
}

impl Answer {
    /// Encodes `response` as the version the request came in.
    pub(crate) fn ready(context: &RequestContext, response: &impl Encodable) -> Answer {
        Answer::Ready(encode(context, response))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Ready(_) => "Ready",
            Answer::Later(_) => "Later",
            Answer::Nothing => "Nothing",
            Answer::HangUp(_) => "HangUp",
        })
    }
}

/// The request's bytes are not a request of that API and version. The
/// connection is closed: what follows on it cannot be trusted either.
#[derive(Debug, thiserror::Error)]
#[error("malformed request body: {0}")]
pub(crate) struct Malformed(pub(crate) String);

/// Decodes a body that the guard has passed.
pub(crate) fn decode<Request: Decodable>(
    context: &RequestContext,
    body: BytesMut,
) -> Result<Request, Malformed> {
    let mut body = body.freeze();
    Request::decode(&mut body, context.api_version).map_err(|error| Malformed(error.to_string()))
}

/// Encodes a response body as the version the request came in.
pub(crate) fn encode(context: &RequestContext, response: &impl Encodable) -> Reply {
    encode_as(context.api_version, response)
}

/// Encodes a response body as `version`.
pub(crate) fn encode_as(version: i16, response: &impl Encodable) -> Reply {
    let mut head = BytesMut::new();
    response.encode(&mut head, version).expect(
        "a handler fills only fields that the version has, and the table bounds the version",
    );
    Reply::of(head)
}

/// "Not computed": nobody asked.
const OPERATIONS_OMITTED: i32 = i32::MIN;

/// What there is to do with a group, one bit each by Kafka's numbers: read,
/// describe, delete, and describe and alter its configuration. Without an
/// authorizer everybody may do all of it.
const EVERY_GROUP_OPERATION: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// The same for a topic.
const EVERY_TOPIC_OPERATION: i32 = 0b1101_1111_1000;

/// The same for the cluster.
const EVERY_CLUSTER_OPERATION: i32 = 0b1_1111_1010_0000;

/// Answers once a change of the metadata may be told.
fn when_committed<Response>(
    committed: Committed,
    context: &RequestContext,
    response: Response,
) -> Answer
where
    Response: Encodable + Send + 'static,
{
    after_commit(committed, context, move || response)
}

/// Answers with what there is once a change of the metadata may be told.
fn after_commit<Response>(
    committed: Committed,
    context: &RequestContext,
    respond: impl FnOnce() -> Response + Send + 'static,
) -> Answer
where
    Response: Encodable + Send + 'static,
{
    if committed.is_certain() {
        return Answer::ready(context, &respond());
    }
    let version = context.api_version;
    Answer::Later(Box::pin(async move {
        committed.wait().await;
        encode_as(version, &respond())
    }))
}

fn wire_text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn wire_node(node: NodeId) -> BrokerId {
    BrokerId(node.0)
}

fn node_ids(nodes: &[NodeId]) -> Vec<BrokerId> {
    nodes.iter().copied().map(wire_node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_key_and_every_row_is_found() {
        assert!(TABLE.is_sorted_by(|left, right| (left.key as i16) < (right.key as i16)));
        for row in TABLE {
            assert_eq!(find(row.key as i16).map(|found| found.key), Some(row.key));
        }
        assert!(find(-1).is_none());
    }

    #[test]
    fn no_row_goes_beyond_what_the_crate_can_decode_and_encode() {
        for row in TABLE {
            let known = row.key.valid_versions();
            assert!(
                known.min <= row.min_version && row.max_version <= known.max,
                "{:?}",
                row.key
            );
        }
    }
}
