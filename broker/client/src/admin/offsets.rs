//! Offsets of partitions and of groups, for tools.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::committed::{self, Committed, Committer};
use crate::error::ClientError;
use crate::offsets::{OffsetSpec, list};
use crate::record::TopicPartition;

impl Client {
    /// Where the places are. Each partition has a result of its own.
    pub async fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> BTreeMap<TopicPartition, Result<i64, ClientError>> {
        list(self, wanted).await
    }

    /// Everything the group has committed.
    ///
    /// # Errors
    /// When its coordinator cannot be asked or refuses.
    pub async fn committed_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, Committed>, ClientError> {
        committed::fetch(self, &Committer::tool(group), None).await
    }

    /// Commits offsets for a group without members.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID while it has members.
    pub async fn commit_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Committed>,
    ) -> Result<(), ClientError> {
        committed::commit(self, &Committer::tool(group), offsets).await
    }

    /// Deletes committed offsets of topics the group does not read.
    ///
    /// # Errors
    /// GROUP_SUBSCRIBED_TO_TOPIC while it reads one of them.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), ClientError> {
        committed::delete(self, group, partitions).await
    }
}
