//! The sessions there are, and which of them make room for others.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::session::Session;
use super::{
    FINAL_EPOCH, NO_SESSION, News, PartitionKey, SessionError, SessionPartition, SessionRequest,
    Turn, next_epoch,
};
use crate::ids::TopicId;
use crate::mutants::{self, Mutant};

/// A session that nobody used for longer makes room for any other; one that is
/// not older never gives way to a larger one. Milliseconds.
pub const EVICTABLE_AFTER_MS: u64 = 120_000;

/// Partitions that all sessions of one cache hold together: what readers can
/// make it remember. Kafka has no such bound.
pub const PARTITIONS_MAX: usize = 125_000;

/// A bounded number of sessions.
#[derive(Debug)]
pub struct FetchSessions {
    slots: usize,
    ids: Range<i32>,
    sessions: BTreeMap<i32, Session>,
    partition_count: usize,
    /// When each was last used, and which.
    by_last_use: BTreeSet<(u64, i32)>,
    /// Those old enough to give way to a larger one, the smallest first.
    by_size: BTreeSet<(usize, i32)>,
}

impl FetchSessions {
    /// Room for `slots` sessions, whose ids are taken from `ids`.
    ///
    /// # Panics
    /// When there are fewer ids than slots, or one of them means no session.
    pub fn new(slots: usize, ids: Range<i32>) -> FetchSessions {
        assert!(ids.start > NO_SESSION && ids.len() > slots);
        FetchSessions {
            slots,
            ids,
            sessions: BTreeMap::new(),
            partition_count: 0,
            by_last_use: BTreeSet::new(),
            by_size: BTreeSet::new(),
        }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many partitions they hold together.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// Begins a request that names `wanted` and `forgotten`, and says what kind
    /// of answer it gets and all partitions it is about, in order. A full one
    /// ends the session it names. `name_of` knows topics by id.
    ///
    /// # Errors
    /// When it continues a session that is not there, or not at this point.
    pub fn begin(
        &mut self,
        now_ms: u64,
        request: SessionRequest,
        wanted: Vec<SessionPartition>,
        forgotten: &[PartitionKey],
        name_of: &dyn Fn(TopicId) -> Option<Arc<str>>,
    ) -> Result<(Turn, Vec<SessionPartition>), SessionError> {
        if request.is_full() {
            self.remove(request.session_id);
            let turn = match request.epoch {
                FINAL_EPOCH => Turn::Sessionless,
                _ => Turn::Full {
                    uses_topic_ids: request.uses_topic_ids,
                },
            };
            return Ok((turn, wanted));
        }
        self.resume(now_ms, request, wanted, forgotten, name_of)
    }

    fn resume(
        &mut self,
        now_ms: u64,
        request: SessionRequest,
        wanted: Vec<SessionPartition>,
        forgotten: &[PartitionKey],
        name_of: &dyn Fn(TopicId) -> Option<Arc<str>>,
    ) -> Result<(Turn, Vec<SessionPartition>), SessionError> {
        let session = self.sessions.get(&request.session_id);
        let session = session.ok_or(SessionError::IdNotFound)?;
        if session.epoch != request.epoch && !mutants::on(Mutant::TakesAnySessionEpoch) {
            return Err(SessionError::InvalidEpoch);
        }
        if session.uses_topic_ids != request.uses_topic_ids {
            return Err(SessionError::TopicIds);
        }
        if self.partition_count + wanted.len() > PARTITIONS_MAX {
            self.remove(request.session_id);
            return Err(SessionError::IdNotFound);
        }
        // Taken out while its size and its last use change: both order it.
        let mut session = self
            .remove(request.session_id)
            .expect("it was found a moment ago");
        for partition in &wanted {
            session.want(partition.clone());
        }
        for key in forgotten {
            session.forget(key);
        }
        if session.is_empty() {
            return Ok((Turn::Sessionless, wanted));
        }
        session.epoch = next_epoch(session.epoch);
        session.last_used_ms = now_ms;
        let turn = Turn::Incremental {
            session_id: request.session_id,
            next_epoch: session.epoch,
        };
        let partitions = session.partitions(name_of);
        self.insert(request.session_id, session);
        Ok((turn, partitions))
    }

    /// Takes note of what a request of a session is answered, in the order of
    /// the answer. A session that went meanwhile is no concern of this one.
    ///
    /// # Errors
    /// When a later request of the session has overtaken this one.
    pub fn answer<'news>(
        &mut self,
        session_id: i32,
        next_epoch: i32,
        news: impl Iterator<Item = (&'news PartitionKey, News)>,
    ) -> Result<(), SessionError> {
        let Some(session) = self.sessions.get_mut(&session_id) else {
            return Ok(());
        };
        if session.epoch != next_epoch {
            return Err(SessionError::InvalidEpoch);
        }
        for (key, news) in news {
            session.tell(key, &news);
        }
        Ok(())
    }

    /// Begins a session with what a full request was answered, if there is
    /// room for it or can be made. `draw` is a random number: ids are not to
    /// be guessed.
    pub fn create(
        &mut self,
        now_ms: u64,
        draw: u32,
        uses_topic_ids: bool,
        partitions: Vec<SessionPartition>,
    ) -> Option<i32> {
        if partitions.len() > PARTITIONS_MAX {
            return None;
        }
        while !self.has_room_for(partitions.len()) {
            self.evict_for(now_ms, partitions.len())?;
        }
        let session = Session::new(now_ms, uses_topic_ids, partitions);
        let session_id = self.free_id(draw);
        self.insert(session_id, session);
        Some(session_id)
    }

    fn has_room_for(&self, partition_count: usize) -> bool {
        self.sessions.len() < self.slots && self.partition_count + partition_count <= PARTITIONS_MAX
    }

    /// Removes the session that nobody used for longest, if that is long ago;
    /// else the smallest of the old ones, if the new one is larger.
    fn evict_for(&mut self, now_ms: u64, partition_count: usize) -> Option<Session> {
        let &(last_used_ms, least_used) = self.by_last_use.first()?;
        if now_ms.saturating_sub(last_used_ms) > EVICTABLE_AFTER_MS {
            return self.remove(least_used);
        }
        let &(smallest_count, smallest) = self.by_size.first()?;
        if partition_count <= smallest_count {
            return None;
        }
        self.remove(smallest)
    }

    fn insert(&mut self, id: i32, session: Session) {
        self.partition_count += session.len();
        self.by_last_use.insert((session.last_used_ms, id));
        if session.may_give_way() {
            self.by_size.insert((session.len(), id));
        }
        self.sessions.insert(id, session);
    }

    fn remove(&mut self, id: i32) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.partition_count -= session.len();
        self.by_last_use.remove(&(session.last_used_ms, id));
        self.by_size.remove(&(session.len(), id));
        Some(session)
    }

    /// The first id from the drawn one on that no session has.
    fn free_id(&self, draw: u32) -> i32 {
        let first = self.ids.start + (draw as usize % self.ids.len()) as i32;
        let mut ids = (first..self.ids.end).chain(self.ids.start..first);
        ids.find(|id| !self.sessions.contains_key(id))
            .expect("there are more ids than slots")
    }
}
