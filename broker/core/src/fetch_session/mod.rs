//! Incremental fetch sessions (KIP-227): what a reader asked for stays with
//! the broker, so that its next request names only what changed, and so does
//! the answer.
//!
//! ```text
//! epoch −1   no session           all partitions in, all partitions out
//! epoch  0   asks for a session   all in, all out; the answer carries its id
//! epoch  n   the n-th after that  changes in; out goes what the reader has not heard
//! ```
//!
//! A session is soft state: it may vanish at any moment, and the reader begins
//! anew. Nothing here reads a log. [`FetchSessions`] keeps the sessions and
//! decides which of them go; a [`Turn`] is one request of a session, from
//! [`FetchSessions::begin`] to [`FetchSessions::answer`].

mod cache;
mod session;

use std::sync::Arc;

use thiserror::Error;

use crate::ids::{LeaderEpoch, Offset, TopicId};

pub use cache::{EVICTABLE_AFTER_MS, FetchSessions, PARTITIONS_MAX};

/// "No session": in a request, and in the answer that offers none.
pub const NO_SESSION: i32 = 0;

/// The epoch of a request that asks for a session.
const INITIAL_EPOCH: i32 = 0;

/// The epoch of a request that wants no session, and ends the one it names.
const FINAL_EPOCH: i32 = -1;

/// How requests name a topic: all those of one session in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKey {
    /// Up to version 12.
    Name(Arc<str>),
    /// From version 13 on (KIP-516).
    Id(TopicId),
}

/// A partition as requests name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// Its topic.
    pub topic: TopicKey,
    /// Its place in the topic; whatever the request says, there or not.
    pub index: i32,
}

/// Where a reader is in a partition, and how much of it it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The next offset it wants.
    pub offset: Offset,
    /// How many bytes at most; as it stands in the request.
    pub max_bytes: i32,
    /// The leader epoch it believes in, or none.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch of the last record it has, or none (KIP-595).
    pub last_fetched_epoch: LeaderEpoch,
}

/// The marks of a partition that a reader heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// −1 before the first answer, and after an error.
    pub high_watermark: Offset,
    /// −1 before the first answer, and after an error.
    pub log_start: Offset,
}

/// One partition of a request, and of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPartition {
    /// Which.
    pub key: PartitionKey,
    /// The name of the topic when its id was first known. It outlives the
    /// topic: a reader must hear that its id is not the name's any more.
    pub topic_name: Option<Arc<str>>,
    /// What is wanted of it.
    pub position: Position,
    /// What the reader knows of it.
    pub told: Told,
}

/// What an answer would say of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Its marks; [`Told::NOTHING`] with an error.
    pub marks: Told,
    /// Whether there are records.
    pub has_records: bool,
    /// Whether there is an error, or a log that parted from the reader's.
    pub is_urgent: bool,
}

impl Told {
    /// A reader that knows nothing.
    pub const NOTHING: Told = Told {
        high_watermark: Offset(-1),
        log_start: Offset(-1),
    };

    /// Whether a reader that was told this has to hear `news`.
    pub fn lacks(&self, news: &News) -> bool {
        news.has_records || news.is_urgent || *self != news.marks
    }
}

/// What a request says about sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRequest {
    /// The session it continues or ends, or [`NO_SESSION`].
    pub session_id: i32,
    /// Its place in the session.
    pub epoch: i32,
    /// Whether its version names topics by id.
    pub uses_topic_ids: bool,
}

impl SessionRequest {
    /// Whether it names everything it wants.
    pub fn is_full(&self) -> bool {
        matches!(self.epoch, INITIAL_EPOCH | FINAL_EPOCH)
    }
}

/// What kind of answer a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everything, under [`NO_SESSION`].
    Sessionless,
    /// Everything, and a session with it if there is room for one.
    Full {
        /// Whether the session will name topics by id.
        uses_topic_ids: bool,
    },
    /// What the reader lacks.
    Incremental {
        /// The session.
        session_id: i32,
        /// The epoch of the session's next request.
        next_epoch: i32,
    },
}

/// Why a session does not go on. The reader begins anew with a full request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SessionError {
    /// It never was, was closed, or had to make room.
    #[error("there is no fetch session of this id; begin a new one")]
    IdNotFound,
    /// A request was lost, repeated or overtaken.
    #[error("the fetch session is not at this epoch; begin a new one")]
    InvalidEpoch,
    /// The session names topics by id and this version does not, or the other
    /// way around.
    #[error("the fetch session names topics in another way; begin a new one")]
    TopicIds,
}

/// The epoch after `epoch`, wrapping from the largest to 1: 0 would begin anew.
fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MIN..0 => FINAL_EPOCH,
        i32::MAX => 1,
        _ => epoch + 1,
    }
}

#[cfg(test)]
mod tests;
