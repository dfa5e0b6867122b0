//! What the push service remembers: subscriptions, pushes under way, records to publish.
//!
//! ```text
//!   begin ──► waiting ──claim──► claimed ──settle──► accepted | gone | dead   (event settled: outcome
//!                ▲                  │                                          into the outbox)
//!                └──── later, or void after a crash ────┘
//! ```
//!
//! One small trait; SQLite implements it, in a file or in memory, and PostgreSQL, which several
//! workers may share. The API's database is never read. Nothing here sends.

mod outcome;
mod postgres;
mod record;
mod rows;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;

use async_trait::async_trait;
use social_events::bus::{Committed, Incoming, Record};
use social_events::{
    CommentId, EventId, Moment, OffsetCommit, ProcessId, Reading, Secret, Subscription,
    SubscriptionId, Timestamp, UserId,
};

pub use self::postgres::PostgresStore;
pub use self::sqlite::SqliteStore;

use crate::endpoint::Endpoint;
use crate::keys::BrowserKeys;
use crate::notification::Notification;

/// A browser that wants pushes for a user.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Whose device it is.
    pub user_id: UserId,
    /// Where its pushes go.
    pub endpoint: Endpoint,
    /// What they are encrypted to.
    pub keys: BrowserKeys,
}

/// What became of a [`NewSubscription`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribed {
    /// Stored, or it was there already.
    Stored(Subscription),
    /// The user has as many devices as are allowed.
    TooMany,
}

/// An event that becomes pushes.
#[derive(Debug, Clone)]
pub struct NewPush {
    /// The event.
    pub event_id: EventId,
    /// Who gets it.
    pub audience: Audience,
    /// The user whom the outcome is told about; its key.
    pub notified: UserId,
    /// The comment, when the event is one.
    pub comment_id: Option<CommentId>,
    /// The commenter's name for the seed's console line; events without one print nothing.
    pub console_name: Option<String>,
    /// What is sent.
    pub notification: Notification,
    /// The record as it came, for the dead-letter topic.
    pub record: Incoming,
    /// How it came.
    pub reading: Reading,
    /// When it came.
    pub received_at: Timestamp,
    /// From when on nobody wants it any more.
    pub expires_at: Timestamp,
}

/// Whose subscriptions an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// No one's: a comment on one's own post.
    Nobody,
    /// One user's.
    User(UserId),
    /// All but one user's.
    EverybodyBut(UserId),
}

/// Names one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PushId {
    /// The event.
    pub event_id: EventId,
    /// The subscription.
    pub subscription_id: SubscriptionId,
}

/// A push that the caller, and nobody else, may try now.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// What to send.
    pub notification: Notification,
    /// See [`NewPush::console_name`].
    pub console_name: Option<String>,
    /// See [`NewPush::expires_at`].
    pub expires_at: Timestamp,
    /// Where to; `None` when the subscription has been removed, or moved to another user.
    pub subscription: Option<Subscription>,
    /// How often it was tried and settled before.
    pub tries: u32,
}

/// One try of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// When it was claimed.
    pub claimed_at: Moment,
    /// When the request left.
    pub sent_at: Moment,
    /// When the answer came, or its absence was certain.
    pub answered_at: Moment,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Where it was sent; `None` when the subscription was gone.
    pub endpoint: Option<Secret>,
}

/// What becomes of a claimed push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// A push service took it.
    Accepted,
    /// The subscription is gone, and is removed.
    Gone,
    /// Given up: the record goes to the dead-letter topic.
    Dead {
        /// Why, in a sentence without secrets.
        cause: String,
    },
    /// To be tried again.
    Later {
        /// When.
        at: Timestamp,
        /// Whether the whole endpoint is left alone until then.
        endpoint_too: bool,
    },
}

/// A record in the outbox that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Names it.
    pub seq: i64,
    /// What to publish.
    pub record: Record,
    /// The commit it waited for; `None` when it waited for none, or in vain.
    pub committed: Option<OffsetCommit>,
}

/// Records that one worker, and no other, publishes.
pub struct Outbox {
    /// The records, in their order.
    pub records: Vec<Outgoing>,
    /// What keeps other workers away.
    pub hold: Box<dyn Hold>,
}

/// The right to publish; given up when it is used or dropped.
#[async_trait]
pub trait Hold: Send {
    /// Forgets the records of these numbers: Kafka has them.
    async fn published(self: Box<Self>, seqs: &[i64]) -> Result<(), StoreError>;
}

/// The database does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened.
    #[error("cannot open the database {path}: {cause}")]
    Open {
        /// The file.
        path: String,
        /// The reason.
        cause: String,
    },
    /// There is no database to be had, however long one waits.
    #[error(transparent)]
    Connect(#[from] social_postgres::ConnectError),
    /// A statement failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row that this program did not write so.
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

/// What the push service remembers. Every method is one transaction.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores a subscription. The same endpoint of the same user stays the same; one that another
    /// user had moves.
    async fn subscribe(
        &self,
        new: &NewSubscription,
        per_user_max: u32,
        now: Timestamp,
    ) -> Result<Subscribed, StoreError>;

    /// Forgets one of the user's subscriptions; false when the user has no such one.
    async fn unsubscribe(&self, user: UserId, seq: SubscriptionId) -> Result<bool, StoreError>;

    /// The user's subscriptions, newest first.
    async fn subscriptions_of(&self, user: UserId) -> Result<Vec<Subscription>, StoreError>;

    /// Up to `limit` subscriptions of everybody with a `seq` above `after`, by `seq`.
    async fn subscriptions(
        &self,
        after: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError>;

    /// Makes an event's pushes, one per subscription of its audience. A repeated event makes none;
    /// what of it is settled already counts as folded.
    async fn begin(&self, push: &NewPush) -> Result<(), StoreError>;

    /// Up to `limit` pushes of one event that are due at `now`.
    async fn due_of(
        &self,
        event: EventId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PushId>, StoreError>;

    /// Up to `limit` pushes of any event that are due at `now`, the longest due first.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PushId>, StoreError>;

    /// When the next push will be due.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Takes a due push for `worker`; `None` when it is settled, not due, or in other hands. The
    /// claim is void at `lease_until`, or as soon as the worker is known to be dead.
    async fn claim(
        &self,
        push: PushId,
        worker: ProcessId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claimed>, StoreError>;

    /// Ends a claim of `worker`. When the event's last push is settled, its outcome goes into the
    /// outbox.
    async fn settle(
        &self,
        push: PushId,
        worker: ProcessId,
        tried: &Tried,
        settlement: &Settlement,
    ) -> Result<(), StoreError>;

    /// Says that `worker` is alive, and makes due at `now` what workers that are not alive any more
    /// had claimed; how many pushes that were. For the start, before anything is claimed, and
    /// again every few seconds.
    async fn keep_alive(&self, worker: ProcessId, now: Timestamp) -> Result<u64, StoreError>;

    /// Up to `limit` records that may be published, in their order. An outcome may once its
    /// event's offset is committed, or if it was made before `stale_before`. `None` while another
    /// worker publishes.
    async fn outbox(
        &self,
        limit: u32,
        stale_before: Timestamp,
    ) -> Result<Option<Outbox>, StoreError>;

    /// Notes how far partitions are committed.
    async fn committed(&self, commits: &[Committed]) -> Result<(), StoreError>;

    /// Those of `events` that have arrived and are kept.
    async fn known(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError>;

    /// Forgets events that were settled before `before`, with everything about them.
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Whether the database answers; for readiness.
    async fn check(&self) -> Result<(), StoreError>;
}
