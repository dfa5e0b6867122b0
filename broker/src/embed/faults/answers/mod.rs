//! Where each API's answer has place for an error.
//!
//! To add an API: its row in [`of`], and how its answer fails in the file that
//! it belongs to. A test walks the table and asks for it.
//!
//! Three kinds:
//! - [`Whole`]: one code for the request, or one for each group it names;
//! - [`Split`]: what is to fail is taken out of the request and never carried
//!   out, the rest is, and both answers are put together;
//! - [`Patched`]: the request only looks, so it is answered as ever and the
//!   code is written into the answer.

mod coordination;
mod group_offsets;
mod logs;
mod patched;
mod records;
mod resources;
mod split;
mod topics;
mod whole;

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::ApiKey;

use super::selection::Selection;
use crate::apis::{Answer, Malformed, RequestContext, Row};
use crate::node::Node;

use patched::Patched;
pub(super) use records::end_fetch_session;
use split::Split;
use whole::Whole;

/// A request on its way to its handler.
pub(super) struct Call<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) row: &'static Row,
    pub(super) context: &'a RequestContext,
}

impl Call<'_> {
    /// What would happen without a fault.
    pub(super) fn handle(&self, body: BytesMut) -> Result<Answer, Malformed> {
        (self.row.handle)(self.node, self.context, body)
    }
}

/// How requests of one API fail.
pub(super) trait Failing: Sync {
    /// Whether its requests name topics.
    fn names_topics(&self) -> bool;

    /// Whether the request asks for anything of `wanted`.
    fn is_about(
        &self,
        call: &Call<'_>,
        body: &BytesMut,
        wanted: &Selection,
    ) -> Result<bool, Malformed>;

    /// Answers with `code` for `wanted`, and carries out the rest.
    fn fail(
        &self,
        call: &Call<'_>,
        body: BytesMut,
        wanted: &Selection,
        code: i16,
    ) -> Result<Answer, Malformed>;
}

/// How an API fails.
pub(super) fn of(key: ApiKey) -> &'static dyn Failing {
    match key {
        ApiKey::Produce => &records::PRODUCE,
        ApiKey::Fetch => &records::FETCH,
        ApiKey::ListOffsets => &logs::LIST_OFFSETS,
        ApiKey::OffsetForLeaderEpoch => &logs::OFFSET_FOR_LEADER_EPOCH,
        ApiKey::DeleteRecords => &logs::DELETE_RECORDS,
        ApiKey::DescribeLogDirs => &logs::DESCRIBE_LOG_DIRS,
        ApiKey::Metadata => &topics::METADATA,
        ApiKey::CreateTopics => &topics::CREATE_TOPICS,
        ApiKey::DeleteTopics => &topics::DELETE_TOPICS,
        ApiKey::CreatePartitions => &topics::CREATE_PARTITIONS,
        ApiKey::DescribeTopicPartitions => &topics::DESCRIBE_TOPIC_PARTITIONS,
        ApiKey::DescribeConfigs => &resources::DESCRIBE_CONFIGS,
        ApiKey::AlterConfigs => &resources::ALTER_CONFIGS,
        ApiKey::IncrementalAlterConfigs => &resources::INCREMENTAL_ALTER_CONFIGS,
        ApiKey::DescribeCluster => &resources::DESCRIBE_CLUSTER,
        ApiKey::ApiVersions => &resources::API_VERSIONS,
        ApiKey::InitProducerId => &resources::INIT_PRODUCER_ID,
        ApiKey::OffsetCommit => &group_offsets::OFFSET_COMMIT,
        ApiKey::OffsetFetch => &group_offsets::OFFSET_FETCH,
        ApiKey::OffsetDelete => &group_offsets::OFFSET_DELETE,
        ApiKey::FindCoordinator => &coordination::FIND_COORDINATOR,
        ApiKey::JoinGroup => &coordination::JOIN_GROUP,
        ApiKey::SyncGroup => &coordination::SYNC_GROUP,
        ApiKey::Heartbeat => &coordination::HEARTBEAT,
        ApiKey::LeaveGroup => &coordination::LEAVE_GROUP,
        ApiKey::ConsumerGroupHeartbeat => &coordination::CONSUMER_GROUP_HEARTBEAT,
        ApiKey::ListGroups => &coordination::LIST_GROUPS,
        ApiKey::DescribeGroups => &coordination::DESCRIBE_GROUPS,
        ApiKey::ConsumerGroupDescribe => &coordination::CONSUMER_GROUP_DESCRIBE,
        ApiKey::DeleteGroups => &coordination::DELETE_GROUPS,
        _ => unreachable!("a test holds that every API of the table has its row here"),
    }
}
