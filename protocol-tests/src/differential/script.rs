//! A script: requests in order, each on the connection of one of a few
//! clients. It is written with placeholders for what only a server can give,
//! and never knows what is answered.

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, RequestKind};

/// How many clients a script has, each with a connection of its own.
pub const CLIENTS: usize = 4;

/// The names of one attempt at a script. Every attempt has others, so that one
/// server serves any number of them.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names that begin with `prefix`.
    pub fn new(prefix: String) -> Names {
        Names { prefix }
    }

    /// What all of them begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The script's topic of that number.
    pub fn topic(&self, number: usize) -> String {
        format!("{}t{number}", self.prefix)
    }

    /// The script's group of that number.
    pub fn group(&self, number: usize) -> String {
        format!("{}g{number}", self.prefix)
    }
}

/// What one client sends.
#[derive(Clone, Debug)]
pub enum Call {
    /// A request that the schemas know.
    Request(Box<RequestKind>),
    /// A version that nobody serves, with an empty body.
    Unserved,
}

/// One step of a script.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Who sends it, below [`CLIENTS`].
    pub client: usize,
    /// The API.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// What.
    pub call: Call,
}

impl Operation {
    /// A request of one client.
    pub fn new(client: usize, version: i16, request: impl Into<RequestKind>) -> Operation {
        let request = request.into();
        Operation {
            client,
            api: api_of(&request),
            version,
            call: Call::Request(Box::new(request)),
        }
    }

    /// A version of an API that is not served.
    pub fn unserved(client: usize, api: ApiKey, version: i16) -> Operation {
        Operation {
            client,
            api,
            version,
            call: Call::Unserved,
        }
    }

    /// Whether its answer may have to wait for what other clients do next.
    pub fn may_wait_for_others(&self) -> bool {
        matches!(self.api, ApiKey::JoinGroup | ApiKey::SyncGroup)
    }

    /// Whether it may change the metadata, which Kafka's brokers learn a moment
    /// after they have answered.
    pub fn changes_metadata(&self) -> bool {
        matches!(
            self.api,
            ApiKey::CreateTopics
                | ApiKey::DeleteTopics
                | ApiKey::CreatePartitions
                | ApiKey::IncrementalAlterConfigs
                | ApiKey::AlterConfigs
                | ApiKey::Metadata
        )
    }
}

/// A generated script, or what is left of one while it is made smaller.
#[derive(Clone, Debug)]
pub struct Script {
    /// The steps, in order.
    pub operations: Vec<Operation>,
    /// Where each step stood in the script as generated.
    pub positions: Vec<usize>,
}

impl Script {
    /// All of these steps.
    pub fn new(operations: Vec<Operation>) -> Script {
        let positions = (0..operations.len()).collect();
        Script {
            operations,
            positions,
        }
    }

    /// Only the steps that stood at these positions when it was generated.
    pub fn only(&self, kept: &[usize]) -> Script {
        let steps = self.positions.iter().zip(&self.operations);
        let (positions, operations) = steps
            .filter(|(position, _)| kept.contains(position))
            .map(|(position, operation)| (*position, operation.clone()))
            .unzip();
        Script {
            operations,
            positions,
        }
    }
}

/// Records in a request: none, or bytes that should be batches.
pub type Records = Option<Bytes>;

fn api_of(request: &RequestKind) -> ApiKey {
    use RequestKind as R;
    match request {
        R::Produce(_) => ApiKey::Produce,
        R::Fetch(_) => ApiKey::Fetch,
        R::ListOffsets(_) => ApiKey::ListOffsets,
        R::Metadata(_) => ApiKey::Metadata,
        R::OffsetCommit(_) => ApiKey::OffsetCommit,
        R::OffsetFetch(_) => ApiKey::OffsetFetch,
        R::FindCoordinator(_) => ApiKey::FindCoordinator,
        R::JoinGroup(_) => ApiKey::JoinGroup,
        R::Heartbeat(_) => ApiKey::Heartbeat,
        R::LeaveGroup(_) => ApiKey::LeaveGroup,
        R::SyncGroup(_) => ApiKey::SyncGroup,
        R::DescribeGroups(_) => ApiKey::DescribeGroups,
        R::ListGroups(_) => ApiKey::ListGroups,
        R::ApiVersions(_) => ApiKey::ApiVersions,
        R::CreateTopics(_) => ApiKey::CreateTopics,
        R::DeleteTopics(_) => ApiKey::DeleteTopics,
        R::DeleteRecords(_) => ApiKey::DeleteRecords,
        R::InitProducerId(_) => ApiKey::InitProducerId,
        R::OffsetForLeaderEpoch(_) => ApiKey::OffsetForLeaderEpoch,
        R::DescribeConfigs(_) => ApiKey::DescribeConfigs,
        R::DescribeLogDirs(_) => ApiKey::DescribeLogDirs,
        R::CreatePartitions(_) => ApiKey::CreatePartitions,
        R::DeleteGroups(_) => ApiKey::DeleteGroups,
        R::IncrementalAlterConfigs(_) => ApiKey::IncrementalAlterConfigs,
        R::OffsetDelete(_) => ApiKey::OffsetDelete,
        R::DescribeCluster(_) => ApiKey::DescribeCluster,
        R::ConsumerGroupHeartbeat(_) => ApiKey::ConsumerGroupHeartbeat,
        R::ConsumerGroupDescribe(_) => ApiKey::ConsumerGroupDescribe,
        R::DescribeTopicPartitions(_) => ApiKey::DescribeTopicPartitions,
        R::AlterConfigs(_) => ApiKey::AlterConfigs,
        other => unreachable!("no generator makes {other:?}"),
    }
}
