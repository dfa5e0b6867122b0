//! One session's partitions, in the order they are read.
//!
//! Owns the order: a partition that gave records goes to the end, so that none
//! of them starves behind the response's size limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    EVICTABLE_AFTER_MS, INITIAL_EPOCH, News, PartitionKey, Position, SessionPartition, Told,
    TopicKey, next_epoch,
};
use crate::ids::TopicId;
use crate::mutants::{self, Mutant};

/// The partitions of one session.
#[derive(Debug)]
pub(super) struct Session {
    /// The epoch its next request must have.
    pub(super) epoch: i32,
    pub(super) uses_topic_ids: bool,
    created_ms: u64,
    pub(super) last_used_ms: u64,
    by_place: BTreeMap<u64, SessionPartition>,
    places: BTreeMap<PartitionKey, u64>,
    next_place: u64,
}

impl Session {
    /// What a full request was answered, as the request after it finds it.
    pub(super) fn new(
        now_ms: u64,
        uses_topic_ids: bool,
        partitions: Vec<SessionPartition>,
    ) -> Session {
        let mut session = Session {
            epoch: next_epoch(INITIAL_EPOCH),
            uses_topic_ids,
            created_ms: now_ms,
            last_used_ms: now_ms,
            by_place: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
        };
        for partition in partitions {
            session.want(partition);
        }
        session
    }

    /// Whether it was still in use when it was no longer new: only then a
    /// larger one may take its slot.
    pub(super) fn may_give_way(&self) -> bool {
        self.last_used_ms.saturating_sub(self.created_ms) > EVICTABLE_AFTER_MS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.by_place.len()
    }

    /// Adds a partition at the end, or changes what is wanted of it.
    pub(super) fn want(&mut self, wanted: SessionPartition) {
        if let Some(known) = self.find(&wanted.key) {
            known.position = wanted.position;
            return;
        }
        self.append(wanted);
    }

    pub(super) fn forget(&mut self, key: &PartitionKey) {
        if let Some(place) = self.places.remove(key) {
            self.by_place.remove(&place);
        }
    }

    /// Every partition, in order. Names that were not known when a partition
    /// was added are looked up again.
    pub(super) fn partitions(
        &mut self,
        name_of: &dyn Fn(TopicId) -> Option<Arc<str>>,
    ) -> Vec<SessionPartition> {
        for partition in self.by_place.values_mut() {
            partition.resolve_name(name_of);
        }
        self.by_place.values().cloned().collect()
    }

    /// Takes note of what an answer says of a partition.
    pub(super) fn tell(&mut self, key: &PartitionKey, news: &News) {
        let Some(partition) = self.find(key) else {
            return;
        };
        if !mutants::on(Mutant::TellsOldMarksForNew) {
            partition.told = news.marks;
        }
        if news.has_records {
            self.move_to_end(key);
        }
    }

    fn move_to_end(&mut self, key: &PartitionKey) {
        let place = self.places.remove(key);
        if let Some(partition) = place.and_then(|place| self.by_place.remove(&place)) {
            self.append(partition);
        }
    }

    fn append(&mut self, partition: SessionPartition) {
        self.places.insert(partition.key.clone(), self.next_place);
        self.by_place.insert(self.next_place, partition);
        self.next_place += 1;
    }

    fn find(&mut self, key: &PartitionKey) -> Option<&mut SessionPartition> {
        let place = self.places.get(key)?;
        self.by_place.get_mut(place)
    }
}

impl SessionPartition {
    /// A partition its reader has heard nothing of.
    pub fn new(
        key: PartitionKey,
        topic_name: Option<Arc<str>>,
        position: Position,
    ) -> SessionPartition {
        SessionPartition {
            key,
            topic_name,
            position,
            told: Told::NOTHING,
        }
    }

    fn resolve_name(&mut self, name_of: &dyn Fn(TopicId) -> Option<Arc<str>>) {
        if let (None, TopicKey::Id(id)) = (&self.topic_name, &self.key.topic) {
            self.topic_name = name_of(*id);
        }
    }
}
