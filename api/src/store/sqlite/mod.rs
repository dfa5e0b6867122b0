//! The store in SQLite: one writer, several readers, one file.
//!
//! SQLite has one writer at a time, so there is one connection that writes: transactions queue
//! in the pool, in order, and never meet `SQLITE_BUSY`. Readers see the last committed state
//! (write-ahead log) and wait for nobody. Without a file everything is one connection's memory.

mod comments;
mod connections;
mod journeys;
mod outbox;
mod outcomes;
mod posts;
mod sessions;
mod users;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use social_events::{
    CommentId, Envelope, EventId, Moment, PostId, PushOutcome, Timestamp, UserId, UserUpdated,
};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use tokio::sync::broadcast;

use super::{Change, Changes, Hold, Outbox, Published, Store, StoreError, Taken, TokenHash};
use crate::domain::{
    Answer, Comment, ConnectedUser, Connection, ConnectionRequest, Contents, Delivery, Email,
    JoinedUser, LaneRecord, NewComment, NewUser, Notified, Page, Post, ProfileChange, Receipt,
    Suspect, Tally, User, WrittenComment,
};

const READERS_MAX: u32 = 4;
/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The store in SQLite.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    changes: Changes,
}

impl SqliteStore {
    /// Opens the database in `file`, creating it when it is not there, and brings its schema up
    /// to date. What it acknowledged survives the machine, not only the process.
    ///
    /// # Errors
    /// When the file cannot be opened, written, or is another version's.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .foreign_keys(true);
        let writer = pool(1).connect_with(options.clone()).await?;
        migrate(&writer).await?;
        let readers = pool(READERS_MAX)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            writer,
            readers,
            changes: Changes::default(),
        })
    }

    /// Opens a database in memory. It is gone with the store.
    ///
    /// # Errors
    /// When SQLite has no memory left.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true);
        // The database is the connection's: it must neither be closed nor have a sibling.
        let writer = pool(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        migrate(&writer).await?;
        Ok(Self {
            readers: writer.clone(),
            writer,
            changes: Changes::default(),
        })
    }

    fn tell_journeys(&self, comments: impl IntoIterator<Item = CommentId>) {
        for comment in comments {
            self.changes.tell(Change::Journey(comment));
        }
    }

    /// A transaction that takes the write lock at once, not at its first write.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
}

async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    sqlx::migrate!("./migrations/sqlite").run(writer).await?;
    Ok(())
}

/// The table of what a store can do; each concern's statements are in its own file.
#[async_trait]
impl Store for SqliteStore {
    async fn add_user(&self, user: NewUser) -> Result<JoinedUser, StoreError> {
        let mut tx = self.write().await?;
        let joined = users::add(&mut tx, user).await?;
        tx.commit().await?;
        Ok(joined)
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        users::by_seq(&mut *self.readers.acquire().await?, user).await
    }

    async fn credentials(&self, email: &Email) -> Result<Option<(UserId, String)>, StoreError> {
        users::credentials(&mut *self.readers.acquire().await?, email).await
    }

    async fn count_login(&self, user: UserId, at: Timestamp) -> Result<Option<User>, StoreError> {
        let mut tx = self.write().await?;
        let counted = users::count_login(&mut tx, user, at).await?;
        tx.commit().await?;
        Ok(counted)
    }

    async fn change_profile(
        &self,
        user: UserId,
        change: ProfileChange,
    ) -> Result<Option<(User, Option<Envelope<UserUpdated>>)>, StoreError> {
        let mut tx = self.write().await?;
        let changed = users::change(&mut tx, user, change).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn image(&self, name: &str) -> Result<Option<(String, Bytes)>, StoreError> {
        users::image(&mut *self.readers.acquire().await?, name).await
    }

    async fn add_session(
        &self,
        token: TokenHash,
        user: UserId,
        at: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sessions::add(&mut tx, token, user, at, expires).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn session(&self, token: TokenHash, at: Timestamp) -> Result<Option<UserId>, StoreError> {
        sessions::user(&mut *self.readers.acquire().await?, token, at).await
    }

    async fn remove_session(&self, token: TokenHash) -> Result<(), StoreError> {
        sessions::remove(&mut *self.writer.acquire().await?, token).await
    }

    async fn may_see(&self, viewer: UserId, owner: UserId) -> Result<bool, StoreError> {
        connections::may_see(&mut *self.readers.acquire().await?, viewer, owner).await
    }

    async fn connections(&self, user: UserId) -> Result<Vec<ConnectedUser>, StoreError> {
        connections::granted(&mut *self.readers.acquire().await?, user).await
    }

    async fn connection_requests(
        &self,
        user: UserId,
    ) -> Result<Vec<ConnectionRequest>, StoreError> {
        connections::requests(&mut *self.readers.acquire().await?, user).await
    }

    async fn ask_connection(
        &self,
        user: UserId,
        target: UserId,
        at: Timestamp,
    ) -> Result<Option<Connection>, StoreError> {
        let mut tx = self.write().await?;
        let asked = connections::ask(&mut tx, user, target, at).await?;
        tx.commit().await?;
        self.changes.tell(Change::Connections(user, target));
        Ok(asked)
    }

    async fn grant_connection(
        &self,
        user: UserId,
        requester: UserId,
        at: Timestamp,
    ) -> Result<Option<Connection>, StoreError> {
        let mut tx = self.write().await?;
        let granted = connections::grant(&mut tx, user, requester, at).await?;
        tx.commit().await?;
        self.changes.tell(Change::Connections(user, requester));
        Ok(granted)
    }

    async fn remove_connections(&self, user: UserId, other: UserId) -> Result<bool, StoreError> {
        let removed = connections::remove(&mut *self.writer.acquire().await?, user, other).await?;
        self.changes.tell(Change::Connections(user, other));
        Ok(removed)
    }

    async fn add_post(
        &self,
        writer: UserId,
        contents: &Contents,
        at: Timestamp,
    ) -> Result<Post, StoreError> {
        let mut tx = self.write().await?;
        let post = posts::add(&mut tx, writer, contents, at).await?;
        tx.commit().await?;
        self.changes.tell(Change::Post(post.seq));
        Ok(post)
    }

    async fn posts(
        &self,
        viewer: UserId,
        owner: UserId,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        posts::of_user(&mut *self.readers.acquire().await?, viewer, owner, page).await
    }

    async fn post(&self, viewer: UserId, post: PostId) -> Result<Option<Post>, StoreError> {
        posts::visible(&mut *self.readers.acquire().await?, viewer, post).await
    }

    async fn feed(&self, viewer: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        posts::feed(&mut *self.readers.acquire().await?, viewer, page).await
    }

    async fn like(
        &self,
        viewer: UserId,
        owner: UserId,
        post: PostId,
        at: Timestamp,
    ) -> Result<Option<Post>, StoreError> {
        let mut tx = self.write().await?;
        let liked = posts::like(&mut tx, viewer, owner, post, at).await?;
        tx.commit().await?;
        self.changes.tell(Change::Post(post));
        Ok(liked)
    }

    async fn add_comment(&self, comment: NewComment) -> Result<Option<WrittenComment>, StoreError> {
        let mut tx = self.write().await?;
        let written = comments::add(&mut tx, comment).await?;
        tx.commit().await?;
        if let Some(written) = &written {
            self.changes.tell(Change::Comment(written.comment.seq));
            self.changes.tell(Change::Post(written.comment.post));
        }
        Ok(written)
    }

    async fn comments(
        &self,
        owner: UserId,
        post: PostId,
    ) -> Result<Option<Vec<Comment>>, StoreError> {
        comments::of_post(&mut *self.readers.acquire().await?, owner, post).await
    }

    async fn delivery(
        &self,
        owner: UserId,
        post: PostId,
        comment: CommentId,
    ) -> Result<Option<Delivery>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let Some(delivery) = outbox::delivery(&mut reader, owner, post, comment).await? else {
            return Ok(None);
        };
        let outcome = outcomes::of_event(&mut reader, delivery.event_id).await?;
        Ok(Some(Delivery {
            outcome,
            ..delivery
        }))
    }

    async fn save_outcome(&self, outcome: &PushOutcome, read_at: Moment) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        outcomes::save(&mut tx, outcome, read_at).await?;
        tx.commit().await?;
        if let Some(comment) = outcome.comment_id {
            self.changes.tell(Change::Outcome(comment));
        }
        Ok(())
    }

    async fn save_answers(&self, answers: &[Answer]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let comments = journeys::save_answers(&mut tx, answers).await?;
        tx.commit().await?;
        self.tell_journeys(comments);
        Ok(())
    }

    async fn comments_by_seq(&self, seqs: &[CommentId]) -> Result<Vec<Comment>, StoreError> {
        comments::by_seqs(&mut *self.readers.acquire().await?, seqs).await
    }

    async fn recent_comments(
        &self,
        viewer: UserId,
        limit: i64,
    ) -> Result<Vec<Comment>, StoreError> {
        comments::recent(&mut *self.readers.acquire().await?, viewer, limit).await
    }

    async fn comment_of_trace(&self, trace_id: &str) -> Result<Option<CommentId>, StoreError> {
        journeys::comment_of_trace(&mut *self.readers.acquire().await?, trace_id).await
    }

    async fn lane(
        &self,
        topic: &str,
        partition: i32,
        up_to: i64,
        limit: i64,
    ) -> Result<Vec<LaneRecord>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        journeys::lanes(&mut reader, topic, partition, up_to, limit).await
    }

    async fn tally(&self) -> Result<Tally, StoreError> {
        journeys::tally(&mut *self.readers.begin().await?).await
    }

    async fn suspects(
        &self,
        after: i64,
        acked_before: Moment,
        limit: i64,
    ) -> Result<Vec<Suspect>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        journeys::suspects(&mut reader, after, acked_before, limit).await
    }

    async fn mark_lost(&self, events: &[EventId]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let comments = journeys::mark_lost(&mut tx, events).await?;
        tx.commit().await?;
        self.tell_journeys(comments);
        Ok(())
    }

    async fn notified(&self, event: EventId) -> Result<Option<Notified>, StoreError> {
        journeys::notified(&mut *self.readers.acquire().await?, event).await
    }

    async fn add_receipt(
        &self,
        receipt: &Receipt,
        comment: Option<CommentId>,
    ) -> Result<(), StoreError> {
        journeys::add_receipt(&mut *self.writer.acquire().await?, receipt).await?;
        self.tell_journeys(comment);
        Ok(())
    }

    async fn forget(&self, before: Timestamp, keep: i64) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let forgotten = journeys::forget(&mut tx, before, keep).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    async fn publish_again(&self) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let again = journeys::publish_again(&mut tx).await?;
        tx.commit().await?;
        Ok(again)
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.listen()
    }

    async fn announce(&self, change: Change) -> Result<(), StoreError> {
        self.changes.tell(change);
        Ok(())
    }

    fn database(&self) -> &'static str {
        "SQLite"
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    /// There is one process, and one relay in it: nothing has to be held.
    async fn take(&self, limit: i64) -> Result<Taken, StoreError> {
        let mut reader = self.readers.acquire().await?;
        Ok(Taken {
            events: outbox::pending(&mut reader, limit).await?,
            elsewhere: false,
            hold: Box::new(self.clone()),
        })
    }

    async fn pending_count(&self) -> Result<i64, StoreError> {
        outbox::pending_count(&mut *self.readers.acquire().await?).await
    }
}

#[async_trait]
impl Hold for SqliteStore {
    async fn settle(
        self: Box<Self>,
        published: &[Published],
        refused: &[(i64, String)],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let mut comments = outbox::mark_published(&mut tx, published).await?;
        comments.extend(outbox::mark_refused(&mut tx, refused).await?);
        tx.commit().await?;
        self.tell_journeys(comments);
        Ok(())
    }
}
