//! One shard: its groups behind one short lock, from first use to the end.

use std::sync::{Arc, Mutex, MutexGuard};

use ottla_core::group::{GroupError, GroupRequest, GroupShard, GroupTimer};
use ottla_core::ids::Offset;
use ottla_core::time::Now;

use super::config::group_config;
use super::load::{LoadError, load};
use super::step::{Active, Step};
use super::topics::ImageTopics;
use super::{Asked, ShardKey};
use crate::node::Node;
use crate::node::partition::Partition;

/// The groups of one partition of `__consumer_offsets`.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) key: ShardKey,
    pub(super) log: Arc<Partition>,
    life: Mutex<Life>,
}

#[derive(Debug)]
enum Life {
    /// Nobody has asked yet.
    Unopened,
    /// A thread reads the log.
    Loading,
    Active(Box<Active>),
    /// The log could not be read; the node's log says why.
    Failed,
}

impl Shard {
    pub(super) fn new(key: ShardKey, log: Arc<Partition>) -> Arc<Shard> {
        Arc::new(Shard {
            key,
            log,
            life: Mutex::new(Life::Unopened),
        })
    }

    /// Asks its groups.
    pub(super) fn ask(
        self: &Arc<Shard>,
        node: &Arc<Node>,
        now: Now,
        request: GroupRequest,
    ) -> Asked {
        let mut life = self.opened(node, now);
        match &mut *life {
            Life::Active(active) => {
                let image = node.metadata.image();
                let topics = ImageTopics(&image);
                active.ask(&Step::new(self, node, now, &topics), request)
            }
            Life::Unopened | Life::Loading => {
                Asked::Answered(Err(GroupError::CoordinatorLoadInProgress))
            }
            Life::Failed => Asked::Answered(Err(GroupError::CoordinatorNotAvailable)),
        }
    }

    /// A timer fell due.
    pub(super) fn fire(self: &Arc<Shard>, node: &Arc<Node>, timer: &GroupTimer) {
        let now = node.clock.now();
        if let Life::Active(active) = &mut *self.life() {
            let image = node.metadata.image();
            let topics = ImageTopics(&image);
            active.fire(&Step::new(self, node, now, &topics), timer);
        }
    }

    /// A topic is gone, and what was committed for it.
    pub(super) fn topic_deleted(self: &Arc<Shard>, node: &Arc<Node>, now: Now, topic: &str) {
        if let Life::Active(active) = &mut *self.opened(node, now) {
            let image = node.metadata.image();
            let topics = ImageTopics(&image);
            active.topic_deleted(&Step::new(self, node, now, &topics), topic);
        }
    }

    /// Begins to read the log, unless that has happened.
    pub(super) fn open(self: &Arc<Shard>, node: &Arc<Node>) {
        drop(self.opened(node, node.clock.now()));
    }

    /// The shard, opened if it was not: at once if its log is empty, otherwise
    /// by a thread that may wait for the disk.
    fn opened(self: &Arc<Shard>, node: &Arc<Node>, now: Now) -> MutexGuard<'_, Life> {
        let mut life = self.life();
        if !matches!(*life, Life::Unopened) {
            return life;
        }
        match self.log.marks() {
            Ok(marks) if marks.log_start == marks.log_end => {
                let groups = GroupShard::new(group_config(&node.config.properties));
                *life = self.activate(node, now, groups, marks.log_end);
            }
            Ok(marks) => {
                *life = Life::Loading;
                self.load_on_a_thread(node, marks.log_start);
            }
            // Deleted or offline: this node coordinates nothing here.
            Err(_) => *life = Life::Failed,
        }
        life
    }

    fn load_on_a_thread(self: &Arc<Shard>, node: &Arc<Node>, log_start: Offset) {
        let (shard, node) = (Arc::clone(self), Arc::clone(node));
        tokio::task::spawn_blocking(move || {
            let mut groups = GroupShard::new(group_config(&node.config.properties));
            let loaded = load(&shard.log, log_start, &mut groups);
            let mut life = shard.life();
            *life = match loaded {
                Ok(end) => shard.activate(&node, node.clock.now(), groups, end),
                Err(error) => shard.failed(&error),
            };
            drop(life);
            node.changes.tell();
        });
    }

    fn activate(
        self: &Arc<Shard>,
        node: &Arc<Node>,
        now: Now,
        groups: GroupShard,
        log_end: Offset,
    ) -> Life {
        let mut active = Box::new(Active::new(groups, log_end));
        let image = node.metadata.image();
        active.begin(&Step::new(self, node, now, &ImageTopics(&image)));
        Life::Active(active)
    }

    fn failed(&self, error: &LoadError) -> Life {
        let partition = self.key.partition;
        tracing::error!(%partition, %error, "groups are not available: their log cannot be loaded");
        Life::Failed
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(|poisoned| {
            // A step that panicked may have written and not replayed. The log
            // is right whatever happened: the groups are read again from it.
            let mut life = poisoned.into_inner();
            *life = Life::Unopened;
            self.life.clear_poison();
            life
        })
    }
}
