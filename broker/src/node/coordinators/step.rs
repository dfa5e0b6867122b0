//! One step of a shard, under its lock: decide, append, replay, effects.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::BytesMut;
use ottla_core::batch::RecordBatchBuilder;
use ottla_core::decision::RequestToken;
use ottla_core::group::{
    GroupDecision, GroupEffect, GroupError, GroupRecord, GroupReply, GroupRequest, GroupShard,
    GroupTimer, TopicsView,
};
use ottla_core::ids::Offset;
use ottla_core::partition::{AppendOrigin, AppendRefusal};
use ottla_core::time::Now;
use tokio::sync::oneshot;

use super::Asked;
use super::asked::Delivery;
use super::shard::Shard;
use crate::node::Node;
use crate::node::partition::{AppendError, Partition};
use crate::node::timers::TimerId;

/// A timer whose step could not be written is fired again after this time.
const RETRY_MS: u64 = 1_000;

/// A shard that answers.
#[derive(Debug)]
pub(super) struct Active {
    groups: GroupShard,
    /// Requests whose answers come with a later step. A member has at most two
    /// of them, so that groups bound their number.
    waiting: HashMap<RequestToken, oneshot::Sender<Delivery>>,
    timers: HashMap<GroupTimer, (u64, TimerId)>,
    next_token: u64,
    /// Behind the last record that was replayed: answers tell of state up to
    /// here, so none may leave before it is committed.
    replayed_end: Offset,
}

/// What a step works with besides the shard's state.
pub(super) struct Step<'a> {
    shard: &'a Arc<Shard>,
    node: &'a Arc<Node>,
    now: Now,
    topics: &'a dyn TopicsView,
}

impl<'a> Step<'a> {
    pub(super) fn new(
        shard: &'a Arc<Shard>,
        node: &'a Arc<Node>,
        now: Now,
        topics: &'a dyn TopicsView,
    ) -> Self {
        Step {
            shard,
            node,
            now,
            topics,
        }
    }
}

type Replies = Vec<(RequestToken, GroupReply)>;

impl Active {
    pub(super) fn new(groups: GroupShard, log_end: Offset) -> Self {
        Active {
            groups,
            waiting: HashMap::new(),
            timers: HashMap::new(),
            next_token: 0,
            replayed_end: log_end,
        }
    }

    /// The first steps: sessions begin, and topics that went while nobody
    /// listened are forgotten.
    pub(super) fn begin(&mut self, step: &Step<'_>) {
        let decision = self.groups.activate(step.now);
        let replies = self.carry_out(step, decision);
        self.deliver(step, replies.unwrap_or_default());
        self.forget(step, |groups| groups.topics_deleted_meanwhile(step.topics));
    }

    pub(super) fn ask(&mut self, step: &Step<'_>, request: GroupRequest) -> Asked {
        let token = RequestToken(self.next_token);
        self.next_token += 1;
        let is_offsets = matches!(request, GroupRequest::Offsets(_));
        let decision = self.groups.decide(step.now, token, request, step.topics);
        let mut replies = match self.carry_out(step, decision) {
            Ok(replies) => replies,
            Err(error) => return Asked::Answered(Err(refusal(&error, is_offsets))),
        };
        let own = replies.iter().position(|(answered, _)| *answered == token);
        let own = own.map(|position| replies.swap_remove(position).1);
        self.deliver(step, replies);
        let (sender, asked) = Asked::waiting();
        match own {
            None => {
                self.waiting.insert(token, sender);
                asked
            }
            Some(reply) => match self.delivery(&step.shard.log, reply) {
                Some(Delivery {
                    reply,
                    committed: None,
                }) => Asked::Answered(Ok(reply)),
                Some(delivery) => {
                    // The receiver is in our hands.
                    let _ = sender.send(delivery);
                    asked
                }
                None => Asked::Answered(Err(GroupError::NotCoordinator)),
            },
        }
    }

    pub(super) fn fire(&mut self, step: &Step<'_>, timer: &GroupTimer) {
        self.timers.remove(timer);
        let decision = self.groups.fire(step.now, timer, step.topics);
        match self.carry_out(step, decision) {
            Ok(replies) => self.deliver(step, replies),
            Err(error) => self.retry(step, timer, &error),
        }
    }

    pub(super) fn topic_deleted(&mut self, step: &Step<'_>, topic: &str) {
        self.forget(step, |groups| groups.topic_deleted(topic));
    }

    /// Writes what `decide` deletes, until it finds nothing more.
    fn forget(&mut self, step: &Step<'_>, decide: impl Fn(&GroupShard) -> GroupDecision) {
        loop {
            let decision = decide(&self.groups);
            if decision.records.is_empty() {
                return;
            }
            match self.carry_out(step, decision) {
                Ok(replies) => self.deliver(step, replies),
                Err(error) => {
                    tracing::warn!(%error, "offsets of deleted topics were not deleted");
                    return;
                }
            }
        }
    }

    /// Writes and carries out a decision and those that follow from it. An error
    /// is about the first: nothing has happened then.
    fn carry_out(
        &mut self,
        step: &Step<'_>,
        decision: GroupDecision,
    ) -> Result<Replies, AppendError> {
        let mut replies = Replies::new();
        let mut follow_ups = VecDeque::new();
        self.write(step, &decision.records)?;
        self.apply(step, decision.effects, &mut replies, &mut follow_ups);
        while let Some(timer) = follow_ups.pop_front() {
            let decision = self.groups.fire(step.now, &timer, step.topics);
            match self.write(step, &decision.records) {
                Ok(()) => self.apply(step, decision.effects, &mut replies, &mut follow_ups),
                Err(error) => self.retry(step, &timer, &error),
            }
        }
        Ok(replies)
    }

    /// Appends the records as one batch, then replays them.
    fn write(&mut self, step: &Step<'_>, records: &[GroupRecord]) -> Result<(), AppendError> {
        if records.is_empty() {
            return Ok(());
        }
        let batch = encode(step.now, records)?;
        let log = &step.shard.log;
        let appended = log.append(step.now, batch, AppendOrigin::Coordinator)?;
        self.replayed_end = appended.end_offset;
        for record in records {
            self.groups.replay(record);
        }
        step.node.changes.tell();
        Ok(())
    }

    fn apply(
        &mut self,
        step: &Step<'_>,
        effects: Vec<GroupEffect>,
        replies: &mut Replies,
        follow_ups: &mut VecDeque<GroupTimer>,
    ) {
        for effect in effects {
            match effect {
                GroupEffect::Reply { token, reply } => replies.push((token, reply)),
                GroupEffect::SetTimer {
                    timer,
                    at_monotonic_ms,
                } => self.set_timer(step, timer, at_monotonic_ms),
                GroupEffect::CancelTimer { timer } => {
                    if let Some((_, id)) = self.timers.remove(&timer) {
                        step.node.timers.cancel(id);
                    }
                }
                GroupEffect::Observe(event) => {
                    self.groups.observe(step.now, &event);
                    step.node.changes.tell();
                }
                GroupEffect::Again(timer) => follow_ups.push_back(timer),
            }
        }
    }

    /// Hands answers to whoever waits for them, behind what is not committed.
    fn deliver(&mut self, step: &Step<'_>, replies: Replies) {
        for (token, reply) in replies {
            let Some(waiting) = self.waiting.remove(&token) else {
                continue;
            };
            if let Some(delivery) = self.delivery(&step.shard.log, reply) {
                // Whoever asked may be gone; the group finds out by itself.
                let _ = waiting.send(delivery);
            }
        }
    }

    /// `None`: the log is closed, and the answer will never be true.
    fn delivery(&self, log: &Arc<Partition>, reply: GroupReply) -> Option<Delivery> {
        let committed = log.ticket(self.replayed_end).ok()?;
        Some(Delivery { reply, committed })
    }

    fn retry(&mut self, step: &Step<'_>, timer: &GroupTimer, error: &AppendError) {
        tracing::warn!(%error, ?timer, "a step of a group was not written; it is tried again");
        self.set_timer(step, timer.clone(), step.now.after_ms(RETRY_MS));
    }

    fn set_timer(&mut self, step: &Step<'_>, timer: GroupTimer, at_monotonic_ms: u64) {
        if let Some((set_for_ms, id)) = self.timers.get(&timer) {
            if *set_for_ms == at_monotonic_ms {
                return;
            }
            step.node.timers.cancel(*id);
        }
        // Weak: a timer must not keep a stopped node and its files alive.
        let node = Arc::downgrade(step.node);
        let shard = Arc::downgrade(step.shard);
        let due = timer.clone();
        let id = step.node.timers.schedule(at_monotonic_ms, move || {
            if let (Some(node), Some(shard)) = (node.upgrade(), shard.upgrade()) {
                shard.fire(&node, &due);
            }
        });
        self.timers.insert(timer, (at_monotonic_ms, id));
    }
}

fn encode(now: Now, records: &[GroupRecord]) -> Result<BytesMut, AppendError> {
    let mut batch = RecordBatchBuilder::new();
    for record in records {
        let encoded = record.encode();
        let value = encoded.value.as_deref();
        batch
            .push(now.wall_ms, Some(&encoded.key), value, &[])
            .map_err(|_| AppendRefusal::TooLarge {
                size_bytes: usize::MAX,
                max_bytes: batch.size_bytes(),
            })?;
    }
    Ok(batch.build())
}

/// What a client is told when its step could not be written.
fn refusal(error: &AppendError, is_offsets: bool) -> GroupError {
    match error {
        AppendError::Refused(
            AppendRefusal::TooLarge { .. } | AppendRefusal::LargerThanSegment { .. },
        ) => match is_offsets {
            true => GroupError::InvalidCommitOffsetSize,
            false => GroupError::RecordsTooLarge,
        },
        AppendError::Unavailable(_) => GroupError::NotCoordinator,
        AppendError::Refused(_) | AppendError::Storage(_) => {
            tracing::warn!(%error, "a step of a group was not written");
            GroupError::CoordinatorNotAvailable
        }
    }
}
