//! A heartbeat of a member that joins or stays.

use std::collections::BTreeMap;

use super::leave::{check_instance, record, remove_member, unused_regexes};
use super::reconcile::{Situation, reconcile};
use super::subscription::{Roster, subscribed_topic_ids};
use super::{
    ConsumerEvent, ConsumerGroup, ConsumerGroupConfig, ConsumerTimer, CurrentAssignment, Heartbeat,
    HeartbeatReply, Member, MemberMetadata, MemberState, ResolvedRegex, STATIC_LEAVE_EPOCH,
    cancel_timer, cancel_timers, observe, regex,
};
use crate::group::assignor::TopicPartitions;
use crate::group::record::consumer::{ConsumerChange, GroupMetadata, TargetMetadata};
use crate::group::{GroupDecision, GroupEffect, GroupError, GroupTimer, MemberId, TopicsView};
use crate::time::Now;

/// One heartbeat in the making.
pub(super) struct Step<'a> {
    now: Now,
    config: &'a ConsumerGroupConfig,
    topics: &'a dyn TopicsView,
    group: &'a ConsumerGroup,
}

/// Who speaks.
struct Seat<'a> {
    /// As it was until now; a default one for a newcomer.
    member: Member,
    is_new: bool,
    /// The life of the static member that it takes over from.
    replaces: Option<&'a MemberId>,
}

/// What became of the group's regular expressions.
struct Regexes {
    resolved: BTreeMap<String, ResolvedRegex>,
    /// Whether a set of topics is another one than before.
    changed: bool,
}

/// The target assignment, as far as one member is concerned.
struct Target {
    epoch: i32,
    partitions: TopicPartitions,
}

impl<'a> Step<'a> {
    pub(super) fn new(
        now: Now,
        config: &'a ConsumerGroupConfig,
        topics: &'a dyn TopicsView,
        group: &'a ConsumerGroup,
    ) -> Self {
        Step {
            now,
            config,
            topics,
            group,
        }
    }

    /// Decides the heartbeat; records and effects go to `decision`.
    pub(super) fn run(
        &self,
        request: &Heartbeat,
        decision: &mut GroupDecision,
    ) -> Result<HeartbeatReply, GroupError> {
        let id = if request.member.is_empty() {
            &request.fresh_member
        } else {
            &request.member
        };
        self.check_room(id)?;
        let seat = self.seat(id, request)?;
        let before = &seat.member;
        let metadata = updated_metadata(&before.metadata, request);
        let resubscribed = before.metadata.subscribed_topic_names
            != metadata.subscribed_topic_names
            || before.metadata.subscribed_topic_regex != metadata.subscribed_topic_regex;

        self.write_seat(id, &seat, &metadata, decision);
        let regexes = self.match_regexes(id, &seat, &metadata, decision)?;
        let roster = || {
            Roster::with(
                self.group,
                (id, &metadata),
                seat.replaces,
                &regexes.resolved,
            )
        };
        let group_epoch = self.group_epoch(resubscribed || regexes.changed, &roster, decision);
        let target = self.target(id, group_epoch, &seat, &roster, decision);

        let is_settled = !resubscribed && before.assignment.is_reconciled_to(target.epoch);
        let assignment = if is_settled {
            before.assignment.clone()
        } else {
            let situation = Situation {
                target_epoch: target.epoch,
                target: &target.partitions,
                subscribed: &subscribed_topic_ids(&metadata, &regexes.resolved, self.topics),
                subscription_changed: resubscribed,
                reported: request.owned.as_ref(),
                held_by_another: &|topic, partition| {
                    let another = |who| self.group.is_held_by_another(who, topic, partition);
                    another(id) && seat.replaces.is_none_or(another)
                },
            };
            reconcile(&before.assignment, &situation)?
        };
        if assignment != before.assignment {
            self.write_assignment(id, &assignment, &metadata, decision);
        }
        self.prolong_session(id, decision);
        Ok(self.reply(id, request, &before.assignment, &assignment))
    }

    fn check_room(&self, id: &MemberId) -> Result<(), GroupError> {
        let members = &self.group.members;
        if members.len() >= self.config.max_size && !members.contains_key(id) {
            return Err(GroupError::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// Finds out who speaks, and whether it may.
    fn seat(&self, id: &MemberId, request: &Heartbeat) -> Result<Seat<'a>, GroupError> {
        let joins = request.member_epoch == 0;
        if let Some(instance) = &request.instance {
            match self.group.static_member(instance) {
                Some((away, member)) if joins => return replace_static(away, member, id),
                _ if joins => {}
                _ => check_instance(self.group, instance, id)?,
            }
        }
        match self.group.members.get(id) {
            Some(member) => {
                check_epoch(member, request)?;
                Ok(Seat {
                    member: member.clone(),
                    is_new: false,
                    replaces: None,
                })
            }
            None if joins => Ok(Seat {
                member: Member::default(),
                is_new: true,
                replaces: None,
            }),
            None => Err(GroupError::UnknownMemberId),
        }
    }

    fn write_seat(
        &self,
        id: &MemberId,
        seat: &Seat<'_>,
        metadata: &MemberMetadata,
        decision: &mut GroupDecision,
    ) {
        let group = &self.group.id;
        if let Some(replaced) = seat.replaces {
            decision.records.extend(remove_member(group, replaced));
            decision.effects.extend(cancel_timers(group, replaced));
        }
        if seat.is_new || *metadata != seat.member.metadata {
            let member = ConsumerChange::Member(id.clone(), Some(Box::new(metadata.clone())));
            decision.records.push(record(group, member));
        }
        if let Some(replaced) = seat.replaces {
            let target = self
                .group
                .targets
                .get(replaced)
                .cloned()
                .unwrap_or_default();
            let inherited = [
                ConsumerChange::TargetMember(id.clone(), Some(target)),
                ConsumerChange::Current(id.clone(), Some(seat.member.assignment.clone())),
            ];
            let inherited = inherited.map(|change| record(group, change));
            decision.records.extend(inherited);
        }
    }

    /// Resolves what has not been resolved, looks again when topics have come or
    /// gone and the last look was a while ago, forgets what nobody needs.
    fn match_regexes(
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
    fn group_epoch<'r>(
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
    fn target<'r>(
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

    fn write_assignment(
        &self,
        id: &MemberId,
        assignment: &CurrentAssignment,
        metadata: &MemberMetadata,
        decision: &mut GroupDecision,
    ) {
        let group = &self.group.id;
        let change = ConsumerChange::Current(id.clone(), Some(assignment.clone()));
        decision.records.push(record(group, change));
        if assignment.state == MemberState::UnrevokedPartitions {
            let timeout_ms = u64::try_from(metadata.rebalance_timeout_ms).unwrap_or(0);
            decision.effects.extend(revocation_due(
                self.group,
                id,
                self.now.after_ms(timeout_ms),
            ));
        } else {
            decision
                .effects
                .push(cancel_timer(ConsumerTimer::Rebalance {
                    group: group.clone(),
                    member: id.clone(),
                }));
        }
    }

    fn prolong_session(&self, id: &MemberId, decision: &mut GroupDecision) {
        let deadline_ms = self.now.after_ms(self.config.session_timeout_ms);
        decision
            .effects
            .extend(session_until(self.group, id, deadline_ms));
    }

    /// The assignment is told to who joins, who asks for everything, and whose
    /// assignment this heartbeat has changed.
    fn reply(
        &self,
        id: &MemberId,
        request: &Heartbeat,
        before: &CurrentAssignment,
        after: &CurrentAssignment,
    ) -> HeartbeatReply {
        let is_full_request = request.rebalance_timeout_ms.is_some()
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && request.owned.is_some();
        let must_tell =
            request.member_epoch == 0 || is_full_request || before.assigned != after.assigned;
        HeartbeatReply {
            member: id.clone(),
            member_epoch: after.member_epoch,
            heartbeat_interval_ms: self.config.heartbeat_interval_ms,
            assignment: must_tell.then(|| after.assigned.partitions()),
        }
    }
}

/// A static member that joins again takes over from its last life, if that one
/// has left.
fn replace_static<'a>(
    away: &'a MemberId,
    member: &Member,
    joining: &MemberId,
) -> Result<Seat<'a>, GroupError> {
    if member.assignment.member_epoch != STATIC_LEAVE_EPOCH {
        return Err(GroupError::UnreleasedInstanceId(format!(
            "static member {joining} cannot join the group because its instance id is owned by \
             member {away}"
        )));
    }
    Ok(Seat {
        member: Member {
            metadata: member.metadata.clone(),
            assignment: member.assignment.inherited(),
        },
        is_new: true,
        replaces: Some(away),
    })
}

/// A member may be one epoch behind if it has no more than it was given since:
/// the answer that carried the next epoch was lost.
fn check_epoch(member: &Member, request: &Heartbeat) -> Result<(), GroupError> {
    let current = &member.assignment;
    let received = request.member_epoch;
    if received == 0 || received == current.member_epoch {
        return Ok(());
    }
    let relation = if received > current.member_epoch {
        "greater"
    } else {
        let has_only_what_it_was_given = request.owned.as_ref().is_some_and(|owned| {
            owned
                .iter()
                .all(|(topic, partition)| current.assigned.contains(topic, partition))
        });
        if received == current.previous_member_epoch && has_only_what_it_was_given {
            return Ok(());
        }
        "smaller"
    };
    Err(GroupError::FencedMemberEpoch(format!(
        "the member has a {relation} member epoch ({received}) than the one known by the group \
         coordinator ({}): it must abandon all its partitions and rejoin",
        current.member_epoch
    )))
}

fn updated_metadata(before: &MemberMetadata, request: &Heartbeat) -> MemberMetadata {
    let mut metadata = before.clone();
    if let Some(instance) = &request.instance {
        metadata.instance_id = Some(instance.clone());
    }
    if let Some(rack) = &request.rack {
        metadata.rack_id = Some(rack.clone());
    }
    if let Some(timeout_ms) = request.rebalance_timeout_ms {
        metadata.rebalance_timeout_ms = timeout_ms;
    }
    if let Some(assignor) = &request.server_assignor {
        metadata.server_assignor = Some(assignor.clone());
    }
    if let Some(names) = &request.subscribed_topic_names {
        metadata.subscribed_topic_names.clone_from(names);
    }
    if let Some(regex) = &request.subscribed_topic_regex {
        metadata.subscribed_topic_regex.clone_from(regex);
    }
    metadata.client_id.clone_from(&request.client_id);
    metadata.client_host.clone_from(&request.client_host);
    metadata.classic = None;
    metadata
}

/// Sets the timer that ends a session.
fn session_until(group: &ConsumerGroup, member: &MemberId, deadline_ms: u64) -> [GroupEffect; 2] {
    let (group, member) = (group.id.clone(), member.clone());
    [
        GroupEffect::SetTimer {
            timer: GroupTimer::Consumer(ConsumerTimer::Session {
                group: group.clone(),
                member: member.clone(),
            }),
            at_monotonic_ms: deadline_ms,
        },
        observe(ConsumerEvent::Heartbeat {
            group,
            member,
            session_deadline_ms: deadline_ms,
        }),
    ]
}

/// Sets the timer that ends a member's time to give up partitions.
fn revocation_due(group: &ConsumerGroup, member: &MemberId, deadline_ms: u64) -> [GroupEffect; 2] {
    let (group, member) = (group.id.clone(), member.clone());
    [
        GroupEffect::SetTimer {
            timer: GroupTimer::Consumer(ConsumerTimer::Rebalance {
                group: group.clone(),
                member: member.clone(),
            }),
            at_monotonic_ms: deadline_ms,
        },
        observe(ConsumerEvent::RevocationDue {
            group,
            member,
            deadline_ms,
        }),
    ]
}

impl ConsumerGroup {
    /// What a group that was just loaded waits for: every member gets a full
    /// session, and full time to give up what it has to.
    pub fn activate(&self, now: Now, config: &ConsumerGroupConfig, decision: &mut GroupDecision) {
        for (id, member) in &self.members {
            let deadline_ms = now.after_ms(config.session_timeout_ms);
            decision
                .effects
                .extend(session_until(self, id, deadline_ms));
            if member.assignment.state == MemberState::UnrevokedPartitions {
                let timeout_ms = u64::try_from(member.metadata.rebalance_timeout_ms).unwrap_or(0);
                decision
                    .effects
                    .extend(revocation_due(self, id, now.after_ms(timeout_ms)));
            }
        }
    }
}
