//! A heartbeat of a member that joins or stays.

use super::leave::record;
use super::reconcile::{Situation, reconcile};
use super::seat::Seat;
use super::subscription::{Roster, subscribed_topic_ids};
use super::timers::{cancel_timer, revocation_due, session_until};
use super::{
    ConsumerGroup, ConsumerGroupConfig, ConsumerTimer, CurrentAssignment, Heartbeat,
    HeartbeatReply, MemberMetadata, MemberState,
};
use crate::group::record::consumer::ConsumerChange;
use crate::group::{GroupDecision, GroupError, MemberId, TopicsView};
use crate::time::Now;

/// One heartbeat in the making.
pub(super) struct Step<'a> {
    pub(super) now: Now,
    pub(super) config: &'a ConsumerGroupConfig,
    pub(super) topics: &'a dyn TopicsView,
    pub(super) group: &'a ConsumerGroup,
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
        let seat = Seat::find(self.group, self.config.max_size, id, request)?;
        let before = &seat.member;
        let metadata = updated_metadata(&before.metadata, request);
        let resubscribed = before.metadata.subscribed_topic_names
            != metadata.subscribed_topic_names
            || before.metadata.subscribed_topic_regex != metadata.subscribed_topic_regex;

        seat.write(self.group, id, &metadata, decision);
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
