//! Groups as their coordinators describe them, and how far behind they are.

use std::sync::Arc;

use ottla_core::group::admin::ListedGroup;
use ottla_core::group::offsets::{FetchRequest, FetchedOffset, OffsetReply, OffsetRequest, Topic};
use ottla_core::group::{GroupReply, GroupRequest};

use super::members::{GroupMember, describe};
use super::{PartitionState, TopicState};
use crate::node::Node;
use crate::node::coordinators::listed;

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Its id.
    pub id: String,
    /// "classic" or "consumer" (KIP-848).
    pub kind: &'static str,
    /// "consumer", "connect", …; empty if it only stores offsets.
    pub protocol_type: String,
    /// By the name Kafka gives it: "Stable", "Empty", …
    pub state: &'static str,
    /// Everyone in it.
    pub members: Vec<GroupMember>,
    /// What it has committed, by topic and partition.
    pub offsets: Vec<GroupOffset>,
}

/// How far a group has read one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic.
    pub topic: String,
    /// The partition's index.
    pub partition: i32,
    /// The offset of the next record to read.
    pub committed: i64,
    /// Records from there to the high watermark; `None` if that is not known
    /// here.
    pub lag: Option<i64>,
}

/// Every group whose coordinator answers. `topics`, by name, say where their
/// partitions end.
pub(crate) async fn groups(node: &Arc<Node>, topics: &[TopicState]) -> Vec<GroupState> {
    let mut groups = Vec::new();
    for asked in node.list_groups(node.clock.now(), &[], &[]) {
        // A shard that loads or has failed has no groups to show.
        for group in listed(asked.answer().await).unwrap_or_default() {
            groups.push(group_state(node, topics, group).await);
        }
    }
    groups.sort_by(|left, right| left.id.cmp(&right.id));
    groups
}

/// One group, if it is there and its coordinator answers.
pub(crate) async fn group(node: &Arc<Node>, topics: &[TopicState], id: &str) -> Option<GroupState> {
    for asked in node.list_groups(node.clock.now(), &[], &[]) {
        let mut listed = listed(asked.answer().await).unwrap_or_default().into_iter();
        if let Some(found) = listed.find(|listed| listed.group.as_str() == id) {
            return Some(group_state(node, topics, found).await);
        }
    }
    None
}

async fn group_state(node: &Arc<Node>, topics: &[TopicState], group: ListedGroup) -> GroupState {
    let request = FetchRequest {
        group: group.group.clone(),
        member: None,
        member_epoch: -1,
        topics: None,
    };
    let request = GroupRequest::Offsets(OffsetRequest::Fetch(request));
    let asked = node.ask_group(node.clock.now(), &group.group, request);
    let fetched = match asked.answer().await {
        Ok(GroupReply::Offsets(OffsetReply::Fetch(Ok(fetched)))) => fetched,
        // The group is gone since it was listed.
        _ => Vec::new(),
    };
    let described = describe(node, &group.group).await;
    // Gone since it was listed: then it is as it was listed, without members.
    let (state, members) = described.unwrap_or((group.state, Vec::new()));
    GroupState {
        id: group.group.to_string(),
        kind: group.kind,
        protocol_type: group.protocol_type,
        state,
        members,
        offsets: fetched
            .iter()
            .flat_map(|topic| offsets_of(topics, topic))
            .collect(),
    }
}

fn offsets_of(topics: &[TopicState], fetched: &Topic<FetchedOffset>) -> Vec<GroupOffset> {
    let name = fetched.name.as_str();
    let known = topics.binary_search_by(|topic| topic.name.as_str().cmp(name));
    let partitions = known
        .map(|found| topics[found].partitions.as_slice())
        .unwrap_or_default();
    let committed = fetched.partitions.iter().filter_map(|offset| {
        let committed = offset.committed.as_ref()?.offset.0;
        Some(GroupOffset {
            topic: name.to_owned(),
            partition: offset.partition.0,
            committed,
            lag: lag(partitions, offset.partition.0, committed),
        })
    });
    committed.collect()
}

/// An offset beyond the end, of a topic that was made again, is no lag.
fn lag(partitions: &[PartitionState], index: i32, committed: i64) -> Option<i64> {
    let partition = partitions.get(usize::try_from(index).ok()?)?;
    let end = partition.log?.high_watermark;
    Some(end.saturating_sub(committed).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::LogState;

    #[test]
    fn lag_is_what_lies_between_the_committed_offset_and_the_high_watermark() {
        let log = LogState {
            high_watermark: 10,
            end_offset: 12,
            ..LogState::default()
        };
        let partitions = [
            PartitionState {
                log: Some(log),
                ..PartitionState::default()
            },
            PartitionState::default(),
        ];
        assert_eq!(lag(&partitions, 0, 4), Some(6));
        assert_eq!(lag(&partitions, 0, 10), Some(0));
        assert_eq!(
            lag(&partitions, 0, 11),
            Some(0),
            "beyond the end is not behind"
        );
        assert_eq!(lag(&partitions, 1, 4), None, "its log is offline");
        assert_eq!(lag(&partitions, 2, 4), None, "it does not exist");
        assert_eq!(lag(&partitions, -1, 4), None);
    }
}
