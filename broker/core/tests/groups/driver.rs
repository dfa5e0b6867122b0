//! The smallest shell a shard can live in: a log in memory, a clock that is
//! moved by hand, and a list of timers. It does what the broker's shell does,
//! in the same order, and checks that every request is answered at most once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_core::decision::RequestToken;
use ottla_core::group::record::EncodedRecord;
use ottla_core::group::{
    GroupConfig, GroupDecision, GroupEffect, GroupRecord, GroupReply, GroupRequest, GroupShard,
    GroupTimer, TopicInfo, TopicsView,
};
use ottla_core::ids::TopicId;
use ottla_core::time::Now;

/// The wall clock when a story begins.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

pub struct Driver {
    config: GroupConfig,
    pub shard: GroupShard,
    pub now: Now,
    pub topics: Topics,
    pub log: Vec<EncodedRecord>,
    timers: BTreeMap<GroupTimer, u64>,
    waiting: BTreeSet<RequestToken>,
    replies: BTreeMap<RequestToken, GroupReply>,
    next_token: u64,
}

impl Driver {
    pub fn new(config: GroupConfig) -> Self {
        let mut driver = Driver {
            shard: GroupShard::new(config.clone()),
            config,
            now: Now {
                monotonic_ms: 1_000,
                wall_ms: EPOCH_MS,
            },
            topics: Topics::default(),
            log: Vec::new(),
            timers: BTreeMap::new(),
            waiting: BTreeSet::new(),
            replies: BTreeMap::new(),
            next_token: 0,
        };
        driver.activate();
        driver
    }

    /// Without an initial delay, as tests and embedded brokers have it.
    pub fn eager() -> Self {
        Driver::new(GroupConfig {
            initial_rebalance_delay_ms: 0,
            ..GroupConfig::default()
        })
    }

    pub fn send(&mut self, request: GroupRequest) -> RequestToken {
        let token = RequestToken(self.next_token);
        self.next_token += 1;
        self.waiting.insert(token);
        let decision = self.shard.decide(self.now, token, request, &self.topics);
        self.carry_out(decision);
        token
    }

    /// A number no request has had yet.
    pub fn fresh(&self) -> u64 {
        self.next_token
    }

    /// The reply, if it has come; each can be taken once.
    pub fn take(&mut self, token: RequestToken) -> Option<GroupReply> {
        self.replies.remove(&token)
    }

    pub fn is_waiting(&self, token: RequestToken) -> bool {
        self.waiting.contains(&token)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Lets time pass, firing what falls due on the way.
    pub fn advance(&mut self, delay_ms: u64) {
        let until_ms = self.now.monotonic_ms + delay_ms;
        while let Some((timer, at_ms)) = self.next_timer()
            && at_ms <= until_ms
        {
            self.timers.remove(&timer);
            self.move_clock(at_ms.max(self.now.monotonic_ms));
            let decision = self.shard.fire(self.now, &timer, &self.topics);
            self.carry_out(decision);
        }
        self.move_clock(until_ms);
    }

    /// Leaves the last record of each key, as compaction does, and no tombstone.
    pub fn compact(&mut self) {
        let last: BTreeMap<_, _> = (self.log.iter().enumerate())
            .map(|(offset, record)| (record.key.clone(), offset))
            .collect();
        let mut offset = 0;
        self.log.retain(|record| {
            let is_last = last[&record.key] == offset;
            offset += 1;
            is_last && record.value.is_some()
        });
    }

    /// The broker dies and comes back: only the log is left of it.
    pub fn restart(&mut self) {
        self.shard = GroupShard::new(self.config.clone());
        self.timers.clear();
        self.waiting.clear();
        for record in &self.log {
            let record = GroupRecord::decode(&record.key, record.value.as_ref());
            self.shard.replay(&record.unwrap().unwrap());
        }
        self.activate();
    }

    /// A step whose records could not be written: nothing happened.
    pub fn send_while_the_disk_is_full(&mut self, request: GroupRequest) {
        let token = RequestToken(self.next_token);
        self.next_token += 1;
        let _ = self.shard.decide(self.now, token, request, &self.topics);
    }

    fn activate(&mut self) {
        let decision = self.shard.activate(self.now);
        self.carry_out(decision);
    }

    fn next_timer(&self) -> Option<(GroupTimer, u64)> {
        let next = self.timers.iter().min_by_key(|(_, at_ms)| **at_ms)?;
        Some((next.0.clone(), *next.1))
    }

    fn move_clock(&mut self, monotonic_ms: u64) {
        self.now.wall_ms += (monotonic_ms - self.now.monotonic_ms) as i64;
        self.now.monotonic_ms = monotonic_ms;
    }

    fn carry_out(&mut self, decision: GroupDecision) {
        let mut steps = VecDeque::from([decision]);
        let mut count = 0;
        while let Some(decision) = steps.pop_front() {
            count += 1;
            assert!(count < 10_000, "one step after another, for ever");
            self.append(&decision.records);
            for effect in decision.effects {
                match effect {
                    GroupEffect::Reply { token, reply } => {
                        let waited = self.waiting.remove(&token);
                        assert!(
                            waited,
                            "answered twice, or never asked: {token:?} {reply:?}"
                        );
                        self.replies.insert(token, reply);
                    }
                    GroupEffect::SetTimer {
                        timer,
                        at_monotonic_ms,
                    } => {
                        self.timers.insert(timer, at_monotonic_ms);
                    }
                    GroupEffect::CancelTimer { timer } => {
                        self.timers.remove(&timer);
                    }
                    GroupEffect::Observe(event) => self.shard.observe(self.now, &event),
                    GroupEffect::Again(timer) => {
                        steps.push_back(self.shard.fire(self.now, &timer, &self.topics));
                    }
                }
            }
        }
    }

    /// Through bytes and back, as the log does it.
    fn append(&mut self, records: &[GroupRecord]) {
        for record in records {
            let encoded = record.encode();
            let decoded = GroupRecord::decode(&encoded.key, encoded.value.as_ref());
            assert_eq!(decoded.unwrap().as_ref(), Some(record));
            self.shard.replay(record);
            self.log.push(encoded);
        }
    }
}

/// A few topics of three partitions each.
pub struct Topics {
    names: Vec<&'static str>,
}

impl Default for Topics {
    fn default() -> Self {
        Topics {
            names: vec!["orders", "payments"],
        }
    }
}

impl Topics {
    /// Topics of these names; their ids go by their places.
    pub fn named(names: &[&'static str]) -> Self {
        Topics {
            names: names.to_vec(),
        }
    }

    fn info(&self, index: usize) -> TopicInfo<'_> {
        TopicInfo {
            id: TopicId([index as u8 + 1; 16]),
            name: self.names[index],
            partitions: 3,
        }
    }
}

impl TopicsView for Topics {
    fn version(&self) -> u64 {
        1
    }

    fn by_name(&self, name: &str) -> Option<TopicInfo<'_>> {
        self.all().find(|info| info.name == name)
    }

    fn by_id(&self, id: TopicId) -> Option<TopicInfo<'_>> {
        self.all().find(|info| info.id == id)
    }

    fn all(&self) -> Box<dyn Iterator<Item = TopicInfo<'_>> + '_> {
        Box::new((0..self.names.len()).map(|index| self.info(index)))
    }
}
