//! A shard, and everything a shell does around it.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::RequestToken;
use crate::group::consumer::{
    ConsumerReply, ConsumerRequest, DescribedGroup, Heartbeat, HeartbeatReply,
};
use crate::group::record::EncodedRecord;
use crate::group::{
    GroupConfig, GroupDecision, GroupEffect, GroupError, GroupRecord, GroupReply, GroupRequest,
    GroupShard, GroupTimer, TopicInfo, TopicsView,
};
use crate::ids::TopicId;
use crate::time::Now;

pub(super) const GROUP: &str = "g";

/// Steps one decision may ask for at once before a test calls it a loop.
const AGAIN_MAX: usize = 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Topics {
    version: u64,
    topics: BTreeMap<String, (TopicId, i32)>,
}

impl Topics {
    /// Makes a topic, or lets it grow.
    pub(super) fn set(&mut self, name: &str, partitions: i32) {
        self.version += 1;
        let id = topic_id(self.version);
        let topic = self.topics.entry(name.to_owned()).or_insert((id, 0));
        topic.1 = topic.1.max(partitions);
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.version += 1;
        self.topics.remove(name);
    }

    pub(super) fn name_of(&self, id: TopicId) -> &str {
        let mut topics = self.topics.iter();
        topics
            .find(|(_, topic)| topic.0 == id)
            .map_or("gone", |(name, _)| name)
    }
}

pub(super) fn topic_id(number: u64) -> TopicId {
    TopicId(u128::from(number).to_be_bytes())
}

impl TopicsView for Topics {
    fn version(&self) -> u64 {
        self.version
    }

    fn by_name(&self, name: &str) -> Option<TopicInfo<'_>> {
        let (name, (id, partitions)) = self.topics.get_key_value(name)?;
        Some(TopicInfo {
            id: *id,
            name,
            partitions: *partitions,
        })
    }

    fn by_id(&self, id: TopicId) -> Option<TopicInfo<'_>> {
        self.all().find(|topic| topic.id == id)
    }

    fn all(&self) -> Box<dyn Iterator<Item = TopicInfo<'_>> + '_> {
        let topics = self.topics.iter();
        Box::new(topics.map(|(name, (id, partitions))| TopicInfo {
            id: *id,
            name,
            partitions: *partitions,
        }))
    }
}

pub(super) struct World {
    pub(super) config: GroupConfig,
    pub(super) shard: GroupShard,
    pub(super) topics: Topics,
    pub(super) log: Vec<EncodedRecord>,
    timers: BTreeMap<GroupTimer, u64>,
    /// Every timer ever set: one that was cancelled may be firing already.
    timers_ever: BTreeSet<GroupTimer>,
    pub(super) now_ms: u64,
    replies: Vec<GroupReply>,
}

impl World {
    pub(super) fn new(topics: &[(&str, i32)]) -> World {
        let mut config = GroupConfig::default();
        config.consumer.assignment_interval_ms = 0;
        World::with_config(topics, config)
    }

    pub(super) fn with_config(topics: &[(&str, i32)], config: GroupConfig) -> World {
        let mut world = World {
            shard: GroupShard::new(config.clone()),
            config,
            topics: Topics::default(),
            log: Vec::new(),
            timers: BTreeMap::new(),
            timers_ever: BTreeSet::new(),
            now_ms: 1_000,
            replies: Vec::new(),
        };
        for (name, partitions) in topics {
            world.topics.set(name, *partitions);
        }
        world.load();
        world
    }

    pub(super) fn now(&self) -> Now {
        Now {
            monotonic_ms: self.now_ms,
            wall_ms: 1_700_000_000_000 + self.now_ms as i64,
        }
    }

    pub(super) fn heartbeat(&mut self, request: Heartbeat) -> Result<HeartbeatReply, GroupError> {
        match self.ask(ConsumerRequest::Heartbeat(Box::new(request))) {
            ConsumerReply::Heartbeat(reply) => reply,
            other => panic!("a heartbeat was answered {other:?}"),
        }
    }

    pub(super) fn describe(&mut self) -> Result<DescribedGroup, GroupError> {
        let groups = vec![GROUP.into()];
        match self.ask(ConsumerRequest::Describe { groups }) {
            ConsumerReply::Describe(mut groups) => groups.remove(0).1,
            other => panic!("a description was answered {other:?}"),
        }
    }

    fn ask(&mut self, request: ConsumerRequest) -> ConsumerReply {
        let request = GroupRequest::Consumer(request);
        let decision = self
            .shard
            .decide(self.now(), RequestToken(0), request, &self.topics);
        self.carry_out(decision);
        match self.replies.pop() {
            Some(GroupReply::Consumer(reply)) => reply,
            other => panic!("no reply of a consumer group: {other:?}"),
        }
    }

    /// Lets time pass, and timers fire when they are due.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while let Some((timer, at)) = self.next_timer(until) {
            self.now_ms = self.now_ms.max(at);
            self.timers.remove(&timer);
            let decision = self.shard.fire(self.now(), &timer, &self.topics);
            self.carry_out(decision);
        }
        self.now_ms = until;
    }

    fn next_timer(&self, until: u64) -> Option<(GroupTimer, u64)> {
        self.timers
            .iter()
            .filter(|(timer, at)| **at <= until && matches!(timer, GroupTimer::Consumer(_)))
            .min_by_key(|(_, at)| **at)
            .map(|(timer, at)| (timer.clone(), *at))
    }

    /// Fires every timer there ever was, due, moved, cancelled or not.
    pub(super) fn fire_all_timers(&mut self) {
        for timer in self.timers_ever.clone() {
            let decision = self.shard.fire(self.now(), &timer, &self.topics);
            self.carry_out(decision);
        }
    }

    /// A coordinator that has only the log: all of it, or what compaction leaves.
    pub(super) fn restart(&mut self, compacted: bool) {
        if compacted {
            let mut last = BTreeMap::new();
            for (offset, record) in self.log.iter().enumerate() {
                last.insert(record.key.clone(), offset);
            }
            let log = self.log.drain(..).enumerate();
            self.log = log
                .filter(|(offset, record)| last[&record.key] == *offset && record.value.is_some())
                .map(|(_, record)| record)
                .collect();
        }
        self.load();
    }

    fn load(&mut self) {
        self.shard = GroupShard::new(self.config.clone());
        self.timers.clear();
        for record in &self.log {
            let record = GroupRecord::decode(&record.key, record.value.as_ref()).unwrap();
            self.shard.replay(&record.unwrap());
        }
        let decision = self.shard.activate(self.now());
        self.carry_out(decision);
    }

    fn carry_out(&mut self, decision: GroupDecision) {
        let mut decisions = vec![decision];
        for _ in 0..AGAIN_MAX {
            let Some(decision) = decisions.pop() else {
                return;
            };
            for record in decision.records {
                let encoded = record.encode();
                let decoded = GroupRecord::decode(&encoded.key, encoded.value.as_ref());
                assert_eq!(decoded, Ok(Some(record.clone())), "what is written is read");
                self.shard.replay(&record);
                self.log.push(encoded);
            }
            for effect in decision.effects {
                match effect {
                    GroupEffect::Reply { reply, .. } => self.replies.push(reply),
                    GroupEffect::SetTimer {
                        timer,
                        at_monotonic_ms,
                    } => {
                        if matches!(timer, GroupTimer::Consumer(_)) {
                            self.timers_ever.insert(timer.clone());
                            self.timers.insert(timer, at_monotonic_ms);
                        }
                    }
                    GroupEffect::CancelTimer { timer } => {
                        self.timers.remove(&timer);
                    }
                    GroupEffect::Observe(event) => self.shard.observe(self.now(), &event),
                    GroupEffect::Again(timer) => {
                        decisions.push(self.shard.fire(self.now(), &timer, &self.topics));
                    }
                }
            }
        }
        assert!(decisions.is_empty(), "a decision asks for itself for ever");
    }
}
