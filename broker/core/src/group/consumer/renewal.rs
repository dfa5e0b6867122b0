//! Whether a group needs a new target assignment, and what it is.

use std::collections::BTreeMap;

use super::heartbeat::Step;
use super::leave::{record, unused_regexes};
use super::seat::Seat;
use super::subscription::Roster;
use super::{ConsumerEvent, MemberMetadata, ResolvedRegex, observe, regex};
use crate::group::assignor::TopicPartitions;
use crate::group::record::consumer::{ConsumerChange, GroupMetadata, TargetMetadata};
use crate::group::{GroupDecision, GroupError, MemberId};

/// What became of the group's regular expressions.
pub(super) struct Regexes {
    pub(super) resolved: BTreeMap<String, ResolvedRegex>,
    /// Whether a set of topics is another one than before.
    pub(super) changed: bool,
}

/// The target assignment, as far as one member is concerned.
pub(super) struct Target {
    pub(super) epoch: i32,
    pub(super) partitions: TopicPartitions,
}

impl Step<'_> {
    /// Resolves what has not been resolved, looks again when topics have come or
    /// gone and the last look was a while ago, forgets what nobody needs.
    pub(super) fn match_regexes(
        &self,
        id: &MemberId,
        seat: &Seat<'_>,
        metadata: &MemberMetadata,
        decision: &mut GroupDecision,
    ) -> Result<Regexes, GroupError> {
        let mut regexes = Regexes {
            resolved: self.group.regexes.clone(),
            changed: false,
        };
        if regexes.resolved.is_empty() && metadata.regex().is_none() {
            return Ok(regexes);
        }
        let mut writes = Vec::new();
        let roster = Roster::with(
            self.group,
            (id, metadata),
            seat.replaces,
            &self.group.regexes,
        );
        for unused in unused_regexes(&self.group.regexes, &roster) {
            regexes.resolved.remove(&unused);
            regexes.changed = true;
            writes.push((unused, None));
        }
        let look_again = self.regexes_are_due();
        for expression in roster.regexes_in_use() {
            let known = regexes.resolved.get(expression);
            if known.is_some() && !look_again {
                continue;
            }
            let resolved = match self.resolve(expression) {
                Ok(resolved) => resolved,
                // Only who brings an expression is told that it is wrong.
                Err(error) if expression == metadata.subscribed_topic_regex => return Err(error),
                Err(_) => continue,
            };
            if known.is_some_and(|known| known.topics == resolved.topics) {
                continue;
            }
            regexes.changed = true;
            writes.push((expression.to_owned(), Some(resolved.clone())));
            regexes.resolved.insert(expression.to_owned(), resolved);
        }
        for (expression, resolved) in writes {
            let change = ConsumerChange::Regex(expression, resolved);
            decision.records.push(record(&self.group.id, change));
        }
        if look_again {
            decision
                .effects
                .push(observe(ConsumerEvent::RegexesMatched {
                    group: self.group.id.clone(),
                    version: self.topics.version(),
                }));
        }
        Ok(regexes)
    }

    fn regexes_are_due(&self) -> bool {
        match self.group.soft.regexes_matched {
            None => true,
            Some((version, at_ms)) => {
                let due_ms = at_ms.saturating_add(self.config.regex_refresh_interval_ms);
                version != self.topics.version() && self.now.monotonic_ms >= due_ms
            }
        }
    }

    fn resolve(&self, expression: &str) -> Result<ResolvedRegex, GroupError> {
        Ok(ResolvedRegex {
            topics: regex::matching_topics(expression, self.topics)?,
            version: i64::try_from(self.topics.version()).unwrap_or(i64::MAX),
            timestamp_ms: self.now.wall_ms,
        })
    }

    /// The epoch of the group, one further if anything calls for a new
    /// assignment: `changed`, or topics that came, went or grew.
    pub(super) fn group_epoch<'r>(
        &self,
        changed: bool,
        roster: &dyn Fn() -> Roster<'r>,
        decision: &mut GroupDecision,
    ) -> i32 {
        let group = self.group;
        let version = self.topics.version();
        let topics_may_differ = group.soft.topics_version != Some(version);
        if !changed && !topics_may_differ {
            return group.group_epoch;
        }
        if topics_may_differ {
            decision.effects.push(observe(ConsumerEvent::TopicsChecked {
                group: group.id.clone(),
                version,
            }));
        }
        let metadata_hash = roster().metadata_hash(self.topics);
        let mut epoch = group.group_epoch;
        if changed || metadata_hash != group.metadata_hash {
            epoch = epoch.saturating_add(1);
            let metadata = GroupMetadata {
                epoch,
                metadata_hash,
            };
            let change = ConsumerChange::Group(Some(metadata));
            decision.records.push(record(&group.id, change));
        }
        if group.has_partition_metadata {
            let change = ConsumerChange::PartitionMetadata(None);
            decision.records.push(record(&group.id, change));
        }
        epoch
    }

    /// The target of this member, computed anew if the group asks for it.
    pub(super) fn target<'r>(
        &self,
        id: &MemberId,
        group_epoch: i32,
        seat: &Seat<'_>,
        roster: &dyn Fn() -> Roster<'r>,
        decision: &mut GroupDecision,
    ) -> Target {
        let group = self.group;
        if group.target_metadata.epoch >= group_epoch || !self.may_assign() {
            let promised = group.targets.get(seat.replaces.unwrap_or(id));
            return Target {
                epoch: group.target_metadata.epoch,
                partitions: promised.cloned().unwrap_or_default(),
            };
        }
        let roster = roster();
        let assignor = roster.preferred_assignor(&self.config.assignors);
        let mut mine = TopicPartitions::default();
        for (member, target) in roster.assign(assignor, self.topics) {
            if member == id {
                mine = target.clone();
            }
            if roster.promised(member) != Some(&target) {
                let change = ConsumerChange::TargetMember(member.clone(), Some(target));
                decision.records.push(record(&group.id, change));
            }
        }
        let metadata = TargetMetadata {
            epoch: group_epoch,
            timestamp_ms: self.now.wall_ms.max(0),
        };
        let change = ConsumerChange::Target(Some(metadata));
        decision.records.push(record(&group.id, change));
        decision.effects.push(observe(ConsumerEvent::Assigned {
            group: group.id.clone(),
        }));
        Target {
            epoch: group_epoch,
            partitions: mine,
        }
    }

    /// Whether the last assignment is old enough for another one (KIP-1263).
    fn may_assign(&self) -> bool {
        let interval_ms = self.config.assignment_interval_ms;
        self.group
            .soft
            .assigned_at_ms
            .is_none_or(|at_ms| self.now.monotonic_ms >= at_ms.saturating_add(interval_ms))
    }
}
