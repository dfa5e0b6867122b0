//! A consumer as KIP-848 describes it: it gives up before it takes, says what it
//! has when that changed, and begins again when it is fenced.

use std::collections::BTreeSet;

use super::world::{GROUP, World};
use crate::group::assignor::TopicPartitions;
use crate::group::consumer::{Heartbeat, HeartbeatReply, LEAVE_EPOCH, STATIC_LEAVE_EPOCH};
use crate::group::{GroupError, InstanceId, MemberId, TopicName};
use crate::ids::{PartitionIndex, TopicId};

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) member: MemberId,
    pub(super) instance: Option<InstanceId>,
    pub(super) topics: BTreeSet<TopicName>,
    pub(super) regex: String,
    pub(super) assignor: Option<String>,
    pub(super) epoch: i32,
    /// What it works on, and would commit.
    pub(super) owned: TopicPartitions,
    /// What it was told to have.
    pub(super) told: TopicPartitions,
    /// Whether it takes its time to give up what it was told to.
    pub(super) is_slow: bool,
    /// Whether it repeats its subscription even if it has not changed.
    pub(super) says_all: bool,
    /// What the coordinator knows it has; `None` when it must be told again.
    reported: Option<TopicPartitions>,
    resubscribed: bool,
}

/// What became of a heartbeat on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Answered,
    AnswerLost,
}

impl Client {
    pub(super) fn new(member: &str, topics: &[&str]) -> Client {
        Client {
            member: member.into(),
            instance: None,
            topics: topics.iter().map(|topic| TopicName::from(*topic)).collect(),
            regex: String::new(),
            assignor: None,
            epoch: 0,
            owned: TopicPartitions::default(),
            told: TopicPartitions::default(),
            is_slow: false,
            says_all: false,
            reported: None,
            resubscribed: false,
        }
    }

    pub(super) fn named(mut self, instance: &str) -> Client {
        self.instance = Some(instance.into());
        self
    }

    pub(super) fn matching(mut self, regex: &str) -> Client {
        self.regex = regex.to_owned();
        self
    }

    pub(super) fn preferring(mut self, assignor: &str) -> Client {
        self.assignor = Some(assignor.to_owned());
        self
    }

    pub(super) fn subscribe(&mut self, topics: &[&str], regex: &str) {
        self.topics = topics.iter().map(|topic| TopicName::from(*topic)).collect();
        self.regex = regex.to_owned();
        self.resubscribed = true;
    }

    /// The next life of a static member, or a fresh dynamic one.
    pub(super) fn next_life(&self, member: &str) -> Client {
        Client {
            member: member.into(),
            epoch: 0,
            owned: TopicPartitions::default(),
            told: TopicPartitions::default(),
            reported: None,
            ..self.clone()
        }
    }

    pub(super) fn request(&self) -> Heartbeat {
        let joins = self.epoch == 0;
        let says_all = joins || self.says_all || self.reported.is_none();
        let subscribes = says_all || self.resubscribed;
        let reports = says_all || self.reported.as_ref() != Some(&self.owned);
        Heartbeat {
            group: GROUP.into(),
            member: self.member.clone(),
            fresh_member: "fresh".into(),
            member_id_required: true,
            member_epoch: self.epoch,
            instance: self.instance.clone(),
            rack: None,
            rebalance_timeout_ms: says_all.then_some(60_000),
            subscribed_topic_names: subscribes.then(|| self.topics.clone()),
            subscribed_topic_regex: subscribes.then(|| self.regex.clone()),
            server_assignor: self.assignor.clone().filter(|_| subscribes),
            owned: reports.then(|| self.owned.clone()),
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
        }
    }

    /// One heartbeat, and what follows from its answer.
    pub(super) fn beat(&mut self, world: &mut World) -> Result<HeartbeatReply, GroupError> {
        self.beat_with(world, Delivery::Answered)
    }

    pub(super) fn beat_with(
        &mut self,
        world: &mut World,
        delivery: Delivery,
    ) -> Result<HeartbeatReply, GroupError> {
        let request = self.request();
        let reported = request.owned.clone();
        let answer = world.heartbeat(request);
        if delivery == Delivery::AnswerLost {
            self.reported = None;
            return answer;
        }
        match &answer {
            Ok(reply) => {
                self.epoch = reply.member_epoch;
                self.resubscribed = false;
                if let Some(reported) = reported {
                    self.reported = Some(reported);
                }
                if let Some(assignment) = &reply.assignment {
                    self.told.clone_from(assignment);
                }
                if !self.is_slow || self.gives_up().is_empty() {
                    self.owned.clone_from(&self.told);
                }
            }
            Err(GroupError::FencedMemberEpoch(_) | GroupError::UnknownMemberId) => {
                self.begin_again();
            }
            Err(_) => {}
        }
        answer
    }

    /// Gives up what it should not have, at last. It takes nothing now: since it
    /// was told, it may have said that it has none of that, and been believed. It
    /// asks again.
    pub(super) fn obey(&mut self) {
        for (topic, partition) in self.gives_up() {
            self.owned.remove(topic, partition);
            self.reported = None;
        }
    }

    fn gives_up(&self) -> Vec<(TopicId, PartitionIndex)> {
        let unwanted = |(topic, partition): &(_, _)| !self.told.contains(*topic, *partition);
        self.owned.iter().filter(unwanted).collect()
    }

    pub(super) fn leave(&mut self, world: &mut World) -> Result<HeartbeatReply, GroupError> {
        self.say_goodbye(world, LEAVE_EPOCH)
    }

    pub(super) fn step_away(&mut self, world: &mut World) -> Result<HeartbeatReply, GroupError> {
        self.say_goodbye(world, STATIC_LEAVE_EPOCH)
    }

    fn say_goodbye(&mut self, world: &mut World, epoch: i32) -> Result<HeartbeatReply, GroupError> {
        self.begin_again();
        let mut request = self.request();
        request.member_epoch = epoch;
        world.heartbeat(request)
    }

    fn begin_again(&mut self) {
        self.epoch = 0;
        self.owned = TopicPartitions::default();
        self.told = TopicPartitions::default();
        self.reported = None;
    }
}
