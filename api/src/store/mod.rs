//! The seam to the database: what the service asks of it, one transaction per method.
//!
//! [`SqliteStore`] and [`PostgresStore`] keep the same promises; tests run on both. Every method
//! that acts for a user names that user, so that ownership is decided by the statement itself.
//! An event is written to the outbox in the transaction of what it is about.

mod changes;
mod postgres;
mod rows;
mod sqlite;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use social_events::bus::{Position, Record};
use social_events::{
    CommentId, Envelope, EventId, Moment, PostId, PushOutcome, Timestamp, UserId, UserUpdated,
};
use tokio::sync::broadcast;

use crate::domain::{
    Answer, Comment, ConnectedUser, Connection, ConnectionRequest, Contents, Delivery, Email,
    JoinedUser, LaneRecord, NewComment, NewUser, Notified, Page, Post, ProfileChange, Receipt,
    Suspect, Tally, User, WrittenComment,
};

pub use changes::{Change, Changes};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

/// How many comments of a post are listed, the newest.
pub const COMMENTS_MAX: i64 = 500;
/// How many events are forgotten at once.
pub const FORGET_BATCH: i64 = 500;
/// How many lost comments the verdict names.
pub const LOST_TOLD_MAX: i64 = 100;

/// The hash of a session's token.
pub type TokenHash = [u8; 32];

/// The database failed, or refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody has that address.
    #[error("the address is taken")]
    DuplicateEmail,
    /// The database failed; nothing was changed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// There is no database to be had, however long one waits.
    #[error(transparent)]
    Connect(#[from] social_postgres::ConnectError),
    /// The schema could not be brought up to date.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this version cannot have written.
    #[error("database holds an unreadable {0}")]
    Unreadable(&'static str),
}

/// What the service asks of its database.
#[async_trait]
pub trait Store: Outbox {
    /// Adds a user, and `UserJoined` to the outbox.
    ///
    /// # Errors
    /// [`StoreError::DuplicateEmail`] when the address is taken.
    async fn add_user(&self, user: NewUser) -> Result<JoinedUser, StoreError>;

    /// A user.
    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError>;

    /// The user of an address, with the password's hash.
    async fn credentials(&self, email: &Email) -> Result<Option<(UserId, String)>, StoreError>;

    /// Counts a log-in; the user as it then is.
    async fn count_login(&self, user: UserId, at: Timestamp) -> Result<Option<User>, StoreError>;

    /// Changes name or image; a changed name adds `UserUpdated` to the outbox.
    async fn change_profile(
        &self,
        user: UserId,
        change: ProfileChange,
    ) -> Result<Option<(User, Option<Envelope<UserUpdated>>)>, StoreError>;

    /// An image's media type and content.
    async fn image(&self, name: &str) -> Result<Option<(String, Bytes)>, StoreError>;

    /// Adds a session and forgets the user's expired ones.
    async fn add_session(
        &self,
        token: TokenHash,
        user: UserId,
        at: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError>;

    /// The user of a session that has not expired at `at`.
    async fn session(&self, token: TokenHash, at: Timestamp) -> Result<Option<UserId>, StoreError>;

    /// Ends a session.
    async fn remove_session(&self, token: TokenHash) -> Result<(), StoreError>;

    /// Whether `viewer` may see `owner`'s posts: it is the same user, or has a granted connection.
    async fn may_see(&self, viewer: UserId, owner: UserId) -> Result<bool, StoreError>;

    /// Whose posts the user may see; the latest grant first.
    async fn connections(&self, user: UserId) -> Result<Vec<ConnectedUser>, StoreError>;

    /// Who asks to see the user's posts; the latest first.
    async fn connection_requests(&self, user: UserId)
    -> Result<Vec<ConnectionRequest>, StoreError>;

    /// Asks for a connection; one that was asked for before stays as it is. `None` when there is
    /// no such target.
    async fn ask_connection(
        &self,
        user: UserId,
        target: UserId,
        at: Timestamp,
    ) -> Result<Option<Connection>, StoreError>;

    /// Grants what `requester` asked of `user`; a second grant changes nothing. `None` when
    /// nothing was asked.
    async fn grant_connection(
        &self,
        user: UserId,
        requester: UserId,
        at: Timestamp,
    ) -> Result<Option<Connection>, StoreError>;

    /// Removes the connections between two users, in both directions; whether there was any.
    async fn remove_connections(&self, user: UserId, other: UserId) -> Result<bool, StoreError>;

    /// Adds a post.
    async fn add_post(
        &self,
        writer: UserId,
        contents: &Contents,
        at: Timestamp,
    ) -> Result<Post, StoreError>;

    /// `owner`'s posts as `viewer` sees them; newest first.
    async fn posts(
        &self,
        viewer: UserId,
        owner: UserId,
        page: Page,
    ) -> Result<Vec<Post>, StoreError>;

    /// A post of `viewer` or of somebody `viewer` may see.
    async fn post(&self, viewer: UserId, post: PostId) -> Result<Option<Post>, StoreError>;

    /// The posts of `viewer` and of everybody `viewer` may see; newest first.
    async fn feed(&self, viewer: UserId, page: Page) -> Result<Vec<Post>, StoreError>;

    /// `viewer` likes `owner`'s post; a second time changes nothing. `None` when there is none.
    async fn like(
        &self,
        viewer: UserId,
        owner: UserId,
        post: PostId,
        at: Timestamp,
    ) -> Result<Option<Post>, StoreError>;

    /// Adds a comment, and `CommentCreated` to the outbox. `None` when there is no such post.
    async fn add_comment(&self, comment: NewComment) -> Result<Option<WrittenComment>, StoreError>;

    /// The newest [`COMMENTS_MAX`] comments of `owner`'s post, newest first. `None` when there
    /// is no such post.
    async fn comments(
        &self,
        owner: UserId,
        post: PostId,
    ) -> Result<Option<Vec<Comment>>, StoreError>;

    /// Where the event of a comment on `owner`'s post is on its way.
    async fn delivery(
        &self,
        owner: UserId,
        post: PostId,
        comment: CommentId,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Keeps what the push service said, as it was read at `read_at`; its latest word about an
    /// event counts.
    async fn save_outcome(&self, outcome: &PushOutcome, read_at: Moment) -> Result<(), StoreError>;

    /// Keeps how requests that wrote comments ended.
    async fn save_answers(&self, answers: &[Answer]) -> Result<(), StoreError>;

    /// Those of `seqs` that exist, newest first.
    async fn comments_by_seq(&self, seqs: &[CommentId]) -> Result<Vec<Comment>, StoreError>;

    /// The newest comments on posts that `viewer` may see, newest first.
    async fn recent_comments(&self, viewer: UserId, limit: i64)
    -> Result<Vec<Comment>, StoreError>;

    /// The comment that a request of this trace wrote, 32 hexadecimal digits; of several the
    /// last.
    async fn comment_of_trace(&self, trace_id: &str) -> Result<Option<CommentId>, StoreError>;

    /// The last `limit` records of a partition that this service published, up to an offset; in
    /// order.
    async fn lane(
        &self,
        topic: &str,
        partition: i32,
        up_to: i64,
        limit: i64,
    ) -> Result<Vec<LaneRecord>, StoreError>;

    /// What became of all confirmed comments, from one look.
    async fn tally(&self) -> Result<Tally, StoreError>;

    /// Up to `limit` events of comments that were acknowledged before `acked_before` and have no
    /// outcome, with an outbox row past `after`, in order.
    async fn suspects(
        &self,
        after: i64,
        acked_before: Moment,
        limit: i64,
    ) -> Result<Vec<Suspect>, StoreError>;

    /// Notes that events are lost, but for those that have had an outcome meanwhile.
    async fn mark_lost(&self, events: &[EventId]) -> Result<(), StoreError>;

    /// Whom an event's notification was for; `None` for an unknown event.
    async fn notified(&self, event: EventId) -> Result<Option<Notified>, StoreError>;

    /// Keeps a receipt for the notification about `comment`, or about something else; a second
    /// one of the same device changes nothing.
    async fn add_receipt(
        &self,
        receipt: &Receipt,
        comment: Option<CommentId>,
    ) -> Result<(), StoreError>;

    /// Forgets up to [`FORGET_BATCH`] settled events that are older than `before`, or not among
    /// the newest `keep`, with their journeys; the verdict still counts them. How many went.
    async fn forget(&self, before: Timestamp, keep: i64) -> Result<u64, StoreError>;

    /// Makes every event pending again that was published and has no outcome: for a bus that
    /// forgets with its process. How many there are.
    async fn publish_again(&self) -> Result<u64, StoreError>;

    /// Every change from now on, whichever instance makes it.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// Tells of a change that is in no database of this service.
    async fn announce(&self, change: Change) -> Result<(), StoreError>;

    /// The database's name, for people.
    fn database(&self) -> &'static str;

    /// Whether the database answers.
    async fn check(&self) -> Result<(), StoreError>;

    /// Waits for what is being written and closes the database.
    async fn close(&self);
}

/// The part of the store that the relay works on.
#[async_trait]
pub trait Outbox: fmt::Debug + Send + Sync + 'static {
    /// Takes the oldest events that are neither published nor refused, up to `limit`, in order;
    /// none of a key that another relay is publishing.
    async fn take(&self, limit: i64) -> Result<Taken, StoreError>;

    /// How many events are pending.
    async fn pending_count(&self) -> Result<i64, StoreError>;
}

/// Events that one relay, and no other, publishes.
pub struct Taken {
    /// The events, in the order of the outbox.
    pub events: Vec<PendingEvent>,
    /// Whether another relay is publishing keys that have pending events as well.
    pub elsewhere: bool,
    /// What keeps other relays away from these keys.
    pub hold: Box<dyn Hold>,
}

/// The right to publish what was taken; given up when it is settled or dropped.
#[async_trait]
pub trait Hold: Send {
    /// Notes where records are, and which events can never be published, so that others of their
    /// key may go on; all or none.
    async fn settle(
        self: Box<Self>,
        published: &[Published],
        refused: &[(i64, String)],
    ) -> Result<(), StoreError>;
}

/// An event that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The outbox row.
    pub outbox_seq: i64,
    /// Where the record is.
    pub position: Position,
    /// When it was sent.
    pub sent_at: Moment,
    /// When it was acknowledged.
    pub acked_at: Moment,
}

/// An event on its way.
#[derive(Debug, Clone)]
pub struct PendingEvent {
    /// The outbox row.
    pub outbox_seq: i64,
    /// The record to publish.
    pub record: Record,
}
