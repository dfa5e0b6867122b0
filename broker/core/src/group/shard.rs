//! One shard: which groups exist and which part decides for which.

use std::collections::BTreeMap;

use super::classic::{self, ClassicGroup};
use super::consumer::{self, ConsumerGroup};
use super::offsets::{self, CommittedOffsets};
use super::record::{ClassicRecord, ConsumerRecord, OffsetRecord};
use super::{
    GroupConfig, GroupDecision, GroupEffect, GroupId, GroupRecord, GroupRequest, GroupTimer,
    SoftEvent, TopicsView, admin,
};
use crate::decision::RequestToken;
use crate::time::Now;

/// Every group whose records live in one partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct GroupShard {
    pub(super) config: GroupConfig,
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) offsets: CommittedOffsets,
}

/// A group id names a group of one kind at a time.
#[derive(Debug)]
pub(super) enum Group {
    /// Members assign among themselves; also a group that only stores offsets.
    Classic(ClassicGroup),
    /// The coordinator assigns (KIP-848).
    Consumer(ConsumerGroup),
}

impl GroupShard {
    /// A shard without groups: what `replay` starts from.
    pub fn new(config: GroupConfig) -> Self {
        GroupShard {
            config,
            groups: BTreeMap::new(),
            offsets: CommittedOffsets::default(),
        }
    }

    /// Decides a request. The reply may come with a later step.
    pub fn decide(
        &self,
        now: Now,
        token: RequestToken,
        request: GroupRequest,
        topics: &dyn TopicsView,
    ) -> GroupDecision {
        match request {
            GroupRequest::Classic(request) => classic::decide(self, now, token, request),
            GroupRequest::Consumer(request) => consumer::decide(self, now, token, request, topics),
            GroupRequest::Offsets(request) => offsets::decide(self, now, token, request, topics),
            GroupRequest::Admin(request) => admin::decide(self, token, request),
        }
    }

    /// Decides what follows from a timer. One that is not due any more does
    /// nothing, or is set again for when it is.
    pub fn fire(&self, now: Now, timer: &GroupTimer, topics: &dyn TopicsView) -> GroupDecision {
        match timer {
            GroupTimer::Classic(timer) => classic::fire(self, now, timer),
            GroupTimer::Consumer(timer) => consumer::fire(self, now, timer, topics),
            GroupTimer::Offsets(timer) => offsets::fire(self, now, timer),
        }
    }

    /// Changes hard state as a written record says.
    pub fn replay(&mut self, record: &GroupRecord) {
        match record {
            GroupRecord::Offset(record) => self.replay_offset(record),
            GroupRecord::Classic(record) => self.replay_classic(record),
            GroupRecord::Consumer(record) => self.replay_consumer(record),
        }
    }

    /// Changes soft state as a decision said.
    pub fn observe(&mut self, now: Now, event: &SoftEvent) {
        match event {
            SoftEvent::Classic(event) => {
                if let Some(Group::Classic(group)) = self.groups.get_mut(&event.group) {
                    group.observe(now, &event.change);
                }
            }
            SoftEvent::Consumer(event) => {
                if let Some(Group::Consumer(group)) = self.groups.get_mut(event.group()) {
                    group.observe(now, event);
                }
            }
        }
    }

    /// What a shard does once it has replayed its log and begins to answer:
    /// every member gets a full session, and expired offsets are looked for
    /// from now on.
    pub fn activate(&self, now: Now) -> GroupDecision {
        let mut decision = GroupDecision::default();
        for (id, group) in &self.groups {
            match group {
                Group::Classic(group) => {
                    decision
                        .effects
                        .extend(group.activate(id, now, &self.config));
                }
                Group::Consumer(group) => {
                    group.activate(now, &self.config.consumer, &mut decision);
                }
            }
        }
        decision.effects.push(self.next_expiry(now));
        decision
    }

    /// Sets the timer that looks for expired offsets.
    pub(super) fn next_expiry(&self, now: Now) -> GroupEffect {
        GroupEffect::SetTimer {
            timer: GroupTimer::Offsets(offsets::OffsetTimer::Expiry),
            at_monotonic_ms: now.after_ms(self.config.offsets_retention_check_interval_ms),
        }
    }

    fn replay_offset(&mut self, record: &OffsetRecord) {
        if record.committed.is_some() {
            // A group that only stores offsets has no record of its own.
            self.groups
                .entry(record.group.clone())
                .or_insert_with(|| Group::Classic(ClassicGroup::default()));
        }
        self.offsets.replay(record);
    }

    fn replay_classic(&mut self, record: &ClassicRecord) {
        match (&record.metadata, self.groups.get_mut(&record.group)) {
            (Some(metadata), Some(Group::Classic(group))) => group.replay(metadata),
            (Some(metadata), _) => {
                let mut group = ClassicGroup::default();
                group.replay(metadata);
                self.groups
                    .insert(record.group.clone(), Group::Classic(group));
            }
            (None, Some(Group::Classic(_))) => {
                self.groups.remove(&record.group);
            }
            // The id has become a consumer group since; its records follow.
            (None, _) => {}
        }
    }

    fn replay_consumer(&mut self, record: &ConsumerRecord) {
        let id = record.group();
        if !matches!(self.groups.get(id), Some(Group::Consumer(_))) {
            if record.is_tombstone() {
                return;
            }
            let group = Group::Consumer(ConsumerGroup::new(id.clone()));
            self.groups.insert(id.clone(), group);
        }
        if let Some(Group::Consumer(group)) = self.groups.get_mut(id)
            && !group.replay(record)
        {
            self.groups.remove(id);
        }
    }
}
