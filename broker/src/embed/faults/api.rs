//! The APIs, as a test names them.

use std::fmt;
use std::str::FromStr;

use super::answers;
use crate::apis::find;

/// An API of Kafka's protocol that this broker serves. Its text is Kafka's name
/// for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i16)]
pub enum Api {
    /// Appends records.
    Produce = 0,
    /// Reads records.
    Fetch = 1,
    /// Finds offsets by time.
    ListOffsets = 2,
    /// Says who leads what, and makes topics that are missing.
    Metadata = 3,
    /// Commits a group's offsets.
    OffsetCommit = 8,
    /// Reads a group's offsets.
    OffsetFetch = 9,
    /// Says which broker coordinates a group.
    FindCoordinator = 10,
    /// Enters a classic group.
    JoinGroup = 11,
    /// Keeps a member in its classic group.
    Heartbeat = 12,
    /// Leaves a classic group.
    LeaveGroup = 13,
    /// Hands assignments to a classic group.
    SyncGroup = 14,
    /// Describes classic groups.
    DescribeGroups = 15,
    /// Lists groups.
    ListGroups = 16,
    /// Says what the broker speaks: every client asks it first.
    ApiVersions = 18,
    /// Makes topics.
    CreateTopics = 19,
    /// Deletes topics.
    DeleteTopics = 20,
    /// Deletes the oldest records.
    DeleteRecords = 21,
    /// Gives an idempotent producer its id.
    InitProducerId = 22,
    /// Says where a leader's epoch ended.
    OffsetForLeaderEpoch = 23,
    /// Reads properties.
    DescribeConfigs = 32,
    /// Replaces properties.
    AlterConfigs = 33,
    /// Says how large partitions are.
    DescribeLogDirs = 35,
    /// Adds partitions to a topic.
    CreatePartitions = 37,
    /// Deletes groups.
    DeleteGroups = 42,
    /// Changes properties.
    IncrementalAlterConfigs = 44,
    /// Deletes a group's offsets.
    OffsetDelete = 47,
    /// Lists the brokers.
    DescribeCluster = 60,
    /// Joins, keeps and leaves a KIP-848 group.
    ConsumerGroupHeartbeat = 68,
    /// Describes KIP-848 groups.
    ConsumerGroupDescribe = 69,
    /// Describes topics page by page.
    DescribeTopicPartitions = 75,
}

/// A name that is no API of this broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no API of this broker; Produce and Fetch are two")]
pub struct UnknownApi(String);

impl Api {
    /// Every API, by key.
    pub const ALL: &[Api] = &[
        Api::Produce,
        Api::Fetch,
        Api::ListOffsets,
        Api::Metadata,
        Api::OffsetCommit,
        Api::OffsetFetch,
        Api::FindCoordinator,
        Api::JoinGroup,
        Api::Heartbeat,
        Api::LeaveGroup,
        Api::SyncGroup,
        Api::DescribeGroups,
        Api::ListGroups,
        Api::ApiVersions,
        Api::CreateTopics,
        Api::DeleteTopics,
        Api::DeleteRecords,
        Api::InitProducerId,
        Api::OffsetForLeaderEpoch,
        Api::DescribeConfigs,
        Api::AlterConfigs,
        Api::DescribeLogDirs,
        Api::CreatePartitions,
        Api::DeleteGroups,
        Api::IncrementalAlterConfigs,
        Api::OffsetDelete,
        Api::DescribeCluster,
        Api::ConsumerGroupHeartbeat,
        Api::ConsumerGroupDescribe,
        Api::DescribeTopicPartitions,
    ];

    /// Kafka's number for it.
    pub fn key(self) -> i16 {
        self as i16
    }

    /// Whether its requests name topics, so that a fault can be about one.
    pub fn names_topics(self) -> bool {
        find(self.key()).is_some_and(|row| answers::of(row.key).names_topics())
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A variant has Kafka's name.
        write!(f, "{self:?}")
    }
}

impl FromStr for Api {
    type Err = UnknownApi;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Api::ALL.iter();
        all.find(|api| api.to_string() == name)
            .copied()
            .ok_or_else(|| UnknownApi(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apis::TABLE;

    #[test]
    fn every_api_that_is_served_can_be_named_and_no_other() {
        let served = TABLE
            .iter()
            .map(|row| (row.key as i16, format!("{:?}", row.key)));
        let named = Api::ALL.iter().map(|api| (api.key(), api.to_string()));
        assert_eq!(named.collect::<Vec<_>>(), served.collect::<Vec<_>>());
        for api in Api::ALL {
            assert_eq!(api.to_string().parse(), Ok(*api));
        }
        assert!("Nonsense".parse::<Api>().is_err());
    }
}
