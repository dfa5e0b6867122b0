//! One KIP-848 group: its hard state, and the little soft state beside it.

use std::collections::BTreeMap;

use super::{ConsumerEvent, CurrentAssignment, LEAVE_EPOCH, Member, ResolvedRegex};
use crate::group::assignor::TopicPartitions;
use crate::group::record::consumer::{ConsumerChange, ConsumerRecord, TargetMetadata};
use crate::group::{GroupId, InstanceId, MemberId};
use crate::ids::{PartitionIndex, TopicId};
use crate::time::Now;

/// A KIP-848 group.
///
/// Three epochs drive it. The *group epoch* counts changes of members,
/// subscriptions and topics; the *assignment epoch* is the group epoch the
/// target assignment was computed for; each *member epoch* is the assignment
/// epoch that member has reached. All equal means stable.
#[derive(Clone, Debug)]
pub struct ConsumerGroup {
    pub(super) id: GroupId,
    pub(super) group_epoch: i32,
    pub(super) metadata_hash: i64,
    pub(super) target_metadata: TargetMetadata,
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) targets: BTreeMap<MemberId, TopicPartitions>,
    pub(super) regexes: BTreeMap<String, ResolvedRegex>,
    /// A broker before Kafka 4.1 left a record of the topics' partitions, which
    /// the next heartbeat deletes.
    pub(super) has_partition_metadata: bool,
    pub(super) soft: SoftState,
    /// Who has each partition or still has to give it up. Follows `members`.
    owners: BTreeMap<(TopicId, PartitionIndex), MemberId>,
    /// Follows `members`.
    static_members: BTreeMap<InstanceId, MemberId>,
}

/// What may vanish at any moment.
#[derive(Clone, Debug, Default)]
pub(super) struct SoftState {
    /// The version of the topics the metadata hash was last computed from.
    pub(super) topics_version: Option<u64>,
    /// The version of the topics the regular expressions were last matched
    /// against, and when.
    pub(super) regexes_matched: Option<(u64, u64)>,
    /// When the target assignment was computed last.
    pub(super) assigned_at_ms: Option<u64>,
    pub(super) session_deadlines_ms: BTreeMap<MemberId, u64>,
    pub(super) rebalance_deadlines_ms: BTreeMap<MemberId, u64>,
}

/// As ListGroups and the describing requests name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerGroupState {
    /// No member.
    Empty,
    /// The target assignment is older than the group.
    Assigning,
    /// Not every member has reached the target assignment.
    Reconciling,
    /// Every member has what it should have.
    Stable,
}

impl ConsumerGroupState {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            ConsumerGroupState::Empty => "Empty",
            ConsumerGroupState::Assigning => "Assigning",
            ConsumerGroupState::Reconciling => "Reconciling",
            ConsumerGroupState::Stable => "Stable",
        }
    }
}

impl ConsumerGroup {
    /// A group without members, at the epoch Kafka begins with: 1, so that no
    /// member is ever told epoch 0, which would mean "joining".
    pub fn new(id: GroupId) -> Self {
        ConsumerGroup {
            id,
            group_epoch: 1,
            metadata_hash: 0,
            target_metadata: TargetMetadata {
                epoch: 1,
                timestamp_ms: 0,
            },
            members: BTreeMap::new(),
            targets: BTreeMap::new(),
            regexes: BTreeMap::new(),
            has_partition_metadata: false,
            soft: SoftState::default(),
            owners: BTreeMap::new(),
            static_members: BTreeMap::new(),
        }
    }

    /// Whether no member is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Where the group stands.
    pub fn state(&self) -> ConsumerGroupState {
        let target_epoch = self.target_metadata.epoch;
        if self.is_empty() {
            ConsumerGroupState::Empty
        } else if self.group_epoch > target_epoch {
            ConsumerGroupState::Assigning
        } else if self
            .members
            .values()
            .all(|member| member.assignment.is_reconciled_to(target_epoch))
        {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    /// As ListGroups and DescribeGroups call it.
    pub fn state_name(&self) -> &'static str {
        self.state().name()
    }

    /// Whether a member reads this topic, by its name or by a regular
    /// expression that matches it.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        let by_name = |member: &Member| member.metadata.subscribed_topic_names.contains(topic);
        let by_regex = |regex: &ResolvedRegex| regex.topics.contains(topic);
        self.members.values().any(by_name) || self.regexes.values().any(by_regex)
    }

    /// The member of that static name.
    pub(super) fn static_member(&self, instance_id: &InstanceId) -> Option<(&MemberId, &Member)> {
        let member_id = self.static_members.get(instance_id)?;
        self.members.get_key_value(member_id)
    }

    /// Whether a member other than `member` has the partition, or still has to
    /// give it up.
    pub(super) fn is_held_by_another(
        &self,
        member: &MemberId,
        topic: TopicId,
        partition: PartitionIndex,
    ) -> bool {
        self.owners
            .get(&(topic, partition))
            .is_some_and(|owner| owner != member)
    }

    /// Changes hard state. `false`: nothing is left of the group.
    ///
    /// Any records in any order are taken: a log that was half compacted must
    /// still load. What the last record of a key says, holds.
    pub fn replay(&mut self, record: &ConsumerRecord) -> bool {
        match &record.change {
            ConsumerChange::Group(Some(metadata)) => {
                self.group_epoch = metadata.epoch;
                self.metadata_hash = metadata.metadata_hash;
            }
            ConsumerChange::Group(None) => return false,
            ConsumerChange::PartitionMetadata(value) => {
                self.has_partition_metadata = value.is_some();
            }
            ConsumerChange::Member(id, Some(metadata)) => {
                self.change_member(id, |member| member.metadata.clone_from(metadata));
            }
            ConsumerChange::Member(id, None) => self.remove_member(id),
            ConsumerChange::Target(metadata) => {
                // −1: deleted, so that any group epoch asks for a new one.
                self.target_metadata = metadata.unwrap_or(TargetMetadata {
                    epoch: -1,
                    timestamp_ms: 0,
                });
            }
            ConsumerChange::TargetMember(id, Some(target)) => {
                self.targets.insert(id.clone(), target.clone());
            }
            ConsumerChange::TargetMember(id, None) => {
                self.targets.remove(id);
            }
            ConsumerChange::Current(id, Some(assignment)) => {
                self.change_member(id, |member| member.assignment.clone_from(assignment));
            }
            ConsumerChange::Current(id, None) => {
                if self.members.contains_key(id) {
                    self.change_member(id, |member| {
                        member.assignment = CurrentAssignment {
                            member_epoch: LEAVE_EPOCH,
                            previous_member_epoch: LEAVE_EPOCH,
                            ..CurrentAssignment::default()
                        };
                    });
                }
            }
            ConsumerChange::Regex(regex, Some(resolved)) => {
                self.regexes.insert(regex.clone(), resolved.clone());
            }
            ConsumerChange::Regex(regex, None) => {
                self.regexes.remove(regex);
            }
        }
        true
    }

    /// Changes soft state.
    pub fn observe(&mut self, now: Now, event: &ConsumerEvent) {
        match event {
            ConsumerEvent::Heartbeat {
                member,
                session_deadline_ms,
                ..
            } => {
                let deadlines = &mut self.soft.session_deadlines_ms;
                deadlines.insert(member.clone(), *session_deadline_ms);
            }
            ConsumerEvent::RevocationDue {
                member,
                deadline_ms,
                ..
            } => {
                let deadlines = &mut self.soft.rebalance_deadlines_ms;
                deadlines.insert(member.clone(), *deadline_ms);
            }
            ConsumerEvent::TopicsChecked { version, .. } => {
                self.soft.topics_version = Some(*version);
            }
            ConsumerEvent::RegexesMatched { version, .. } => {
                self.soft.regexes_matched = Some((*version, now.monotonic_ms));
            }
            ConsumerEvent::Assigned { .. } => {
                self.soft.assigned_at_ms = Some(now.monotonic_ms);
            }
        }
    }

    fn change_member(&mut self, id: &MemberId, change: impl FnOnce(&mut Member)) {
        let mut member = self.members.remove(id).unwrap_or_default();
        self.forget_holdings(id, &member);
        change(&mut member);
        for (topic, partition, _) in member.assignment.held().iter() {
            self.owners.insert((topic, partition), id.clone());
        }
        if let Some(instance_id) = &member.metadata.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        self.members.insert(id.clone(), member);
    }

    fn remove_member(&mut self, id: &MemberId) {
        let Some(member) = self.members.remove(id) else {
            return;
        };
        self.forget_holdings(id, &member);
        if let Some(instance_id) = &member.metadata.instance_id
            && self.static_members.get(instance_id) == Some(id)
        {
            self.static_members.remove(instance_id);
        }
        self.soft.session_deadlines_ms.remove(id);
        self.soft.rebalance_deadlines_ms.remove(id);
    }

    fn forget_holdings(&mut self, id: &MemberId, member: &Member) {
        for (topic, partition, _) in member.assignment.held().iter() {
            if self.owners.get(&(topic, partition)) == Some(id) {
                self.owners.remove(&(topic, partition));
            }
        }
    }
}
