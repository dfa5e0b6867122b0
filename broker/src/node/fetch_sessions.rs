//! The fetch sessions of this node, over several locks.
//!
//! What a session is, and which of them make room for others, is decided in
//! `ottla_core::fetch_session`. As in Kafka each shard has its share of the
//! slots and a range of the ids, so that an id says where its session is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_core::fetch_session::{
    FetchSessions as Shard, NO_SESSION, News, PartitionKey, SessionError, SessionPartition,
    SessionRequest, Turn,
};
use ottla_core::ids::TopicId;
use ottla_core::time::Now;
use uuid::Uuid;

/// As many as Kafka has.
const SHARDS: usize = 8;

/// How many ids belong to each shard.
const IDS_PER_SHARD: i32 = i32::MAX / SHARDS as i32;

/// Every fetch session of this node.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    shards: [Mutex<Shard>; SHARDS],
    /// The shard of the next new session.
    next: AtomicUsize,
}

impl FetchSessions {
    /// Room for `slots` sessions; each shard gets its whole part of them.
    pub(crate) fn new(slots: usize) -> FetchSessions {
        let shards = std::array::from_fn(|shard| {
            let first = shard as i32 * IDS_PER_SHARD;
            let ids = first.max(NO_SESSION + 1)..first + IDS_PER_SHARD;
            let slots = (slots / SHARDS).min(ids.len() - 1);
            Mutex::new(Shard::new(slots, ids))
        });
        FetchSessions {
            shards,
            next: AtomicUsize::new(0),
        }
    }

    /// See [`Shard::begin`].
    pub(crate) fn begin(
        &self,
        now: Now,
        request: SessionRequest,
        wanted: Vec<SessionPartition>,
        forgotten: &[PartitionKey],
        name_of: &dyn Fn(TopicId) -> Option<Arc<str>>,
    ) -> Result<(Turn, Vec<SessionPartition>), SessionError> {
        let shard = match self.of(request.session_id) {
            Some(shard) => shard,
            None if request.is_full() => self.lock(0),
            None => return Err(SessionError::IdNotFound),
        };
        let mut shard = shard;
        shard.begin(now.monotonic_ms, request, wanted, forgotten, name_of)
    }

    /// See [`Shard::answer`].
    pub(crate) fn answer<'news>(
        &self,
        session_id: i32,
        next_epoch: i32,
        news: impl Iterator<Item = (&'news PartitionKey, News)>,
    ) -> Result<(), SessionError> {
        match self.of(session_id) {
            Some(mut shard) => shard.answer(session_id, next_epoch, news),
            None => Ok(()),
        }
    }

    /// Begins a session if there is room for it; its id, or [`NO_SESSION`].
    pub(crate) fn create(
        &self,
        now: Now,
        uses_topic_ids: bool,
        partitions: Vec<SessionPartition>,
    ) -> i32 {
        let draw = Uuid::new_v4().as_fields().0;
        let shard = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        self.lock(shard)
            .create(now.monotonic_ms, draw, uses_topic_ids, partitions)
            .unwrap_or(NO_SESSION)
    }

    /// The shard that has this id's session, if there is one.
    fn of(&self, session_id: i32) -> Option<MutexGuard<'_, Shard>> {
        let shard = usize::try_from(session_id / IDS_PER_SHARD).ok()?;
        (shard < SHARDS).then(|| self.lock(shard))
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
