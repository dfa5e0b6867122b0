//! Waits for a group: until it has settled, until it has read everything.

use std::pin::pin;
use std::sync::Arc;

use super::error::EmbedError;
use super::wait::{Wait, Waits};
use crate::node::Node;
use crate::observe::{self, GroupState, TopicState};

/// A consumer group of either kind, there already or yet to come. Made by
/// [`Broker::group`](crate::Broker::group).
#[derive(Clone, Debug)]
pub struct GroupHandle {
    waits: Waits,
    id: String,
}

impl GroupHandle {
    pub(crate) fn new(waits: Waits, id: String) -> GroupHandle {
        GroupHandle { waits, id }
    }

    /// Waits until the group is stable with exactly so many members: each has
    /// what it was assigned. Of 0 members, until everybody has left. Answers
    /// with the group as it then is.
    pub fn wait_stable(&self, members: usize) -> Wait<GroupState> {
        let s = if members == 1 { "" } else { "s" };
        let what = format!("group '{}' to be stable with {members} member{s}", self.id);
        let state = if members == 0 { "Empty" } else { "Stable" };
        self.until(what, move |group, _| {
            group.state == state && group.members.len() == members
        })
    }

    /// Waits until the group has committed the end of every partition that it
    /// was assigned or has committed before. A partition without records needs
    /// no commit.
    ///
    /// Records that arrive later are not waited for: produce first, then wait.
    pub fn wait_caught_up(&self) -> Wait<GroupState> {
        let what = format!("group '{}' to have caught up", self.id);
        self.until(what, is_caught_up)
    }

    fn until(
        &self,
        what: String,
        is_so: impl Fn(&GroupState, &[TopicState]) -> bool + Send + 'static,
    ) -> Wait<GroupState> {
        let id = self.id.clone();
        let about = Some(id.clone());
        self.waits
            .wait(what, about, move |node| until(node, id, is_so))
    }
}

async fn until(
    node: Arc<Node>,
    id: String,
    is_so: impl Fn(&GroupState, &[TopicState]) -> bool,
) -> Result<GroupState, EmbedError> {
    loop {
        // Enabled before looking, so that no change falls in between.
        let mut changed = pin!(node.changes.next());
        changed.as_mut().enable();
        let topics = observe::topics(&node);
        if let Some(group) = observe::group(&node, &topics, &id).await
            && is_so(&group, &topics)
        {
            return Ok(group);
        }
        changed.await;
    }
}

fn is_caught_up(group: &GroupState, topics: &[TopicState]) -> bool {
    // While it rebalances, nobody knows who has what.
    let is_settled = matches!(group.state, "Stable" | "Empty");
    let has_anything = !group.members.is_empty() || !group.offsets.is_empty();
    let committed_all = group.offsets.iter().all(|offset| offset.lag == Some(0));
    is_settled && has_anything && committed_all && uncommitted_are_empty(group, topics)
}

fn uncommitted_are_empty(group: &GroupState, topics: &[TopicState]) -> bool {
    let assigned = group.members.iter().flat_map(|member| &member.assigned);
    let mut assigned = assigned.flat_map(|of_topic| {
        let partitions = of_topic.partitions.iter();
        partitions.map(|partition| (of_topic.topic.as_str(), *partition))
    });
    assigned.all(|(topic, partition)| {
        is_committed(group, topic, partition) || is_empty(topics, topic, partition)
    })
}

fn is_committed(group: &GroupState, topic: &str, partition: i32) -> bool {
    let mut offsets = group.offsets.iter();
    offsets.any(|offset| offset.topic == topic && offset.partition == partition)
}

fn is_empty(topics: &[TopicState], topic: &str, partition: i32) -> bool {
    let log = topics
        .iter()
        .find(|known| known.name == topic)
        .and_then(|topic| topic.partitions.get(usize::try_from(partition).ok()?))
        .and_then(|partition| partition.log);
    log.is_some_and(|log| log.start_offset == log.high_watermark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{AssignedPartitions, GroupMember, GroupOffset, LogState, PartitionState};

    fn topic(ends: &[i64]) -> TopicState {
        let partitions = (0..).zip(ends).map(|(index, end)| PartitionState {
            index,
            log: Some(LogState {
                high_watermark: *end,
                ..LogState::default()
            }),
            ..PartitionState::default()
        });
        TopicState {
            name: "orders".to_owned(),
            partitions: partitions.collect(),
            ..TopicState::default()
        }
    }

    fn group(assigned: &[i32], lags: &[(i32, i64)]) -> GroupState {
        let assigned = AssignedPartitions {
            topic: "orders".to_owned(),
            partitions: assigned.to_vec(),
        };
        let offsets = lags.iter().map(|(partition, lag)| GroupOffset {
            topic: "orders".to_owned(),
            partition: *partition,
            lag: Some(*lag),
            ..GroupOffset::default()
        });
        GroupState {
            state: "Stable",
            members: vec![GroupMember {
                assigned: vec![assigned],
                ..GroupMember::default()
            }],
            offsets: offsets.collect(),
            ..GroupState::default()
        }
    }

    #[test]
    fn a_group_has_caught_up_when_nothing_it_has_is_uncommitted() {
        let topics = [topic(&[5, 0])];
        assert!(is_caught_up(&group(&[0, 1], &[(0, 0)]), &topics));
        assert!(!is_caught_up(&group(&[0, 1], &[(0, 1)]), &topics));
        assert!(!is_caught_up(&group(&[0, 1], &[]), &topics));
        assert!(is_caught_up(&group(&[1], &[]), &topics), "nothing to read");
    }

    #[test]
    fn a_group_that_rebalances_or_never_was_has_not_caught_up() {
        let topics = [topic(&[5])];
        let mut rebalancing = group(&[0], &[(0, 0)]);
        rebalancing.state = "PreparingRebalance";
        assert!(!is_caught_up(&rebalancing, &topics));
        assert!(!is_caught_up(&GroupState::default(), &topics));
    }
}
