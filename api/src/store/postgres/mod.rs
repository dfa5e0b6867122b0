//! The store in PostgreSQL, which several instances may share.
//!
//! What one instance in SQLite gets from being alone, transactions get from locks here: rows that
//! are changed, and advisory locks where an order matters (`outbox`). Isolation is read committed;
//! a transaction that meets another one is tried again.

mod changes;
mod comments;
mod connections;
mod journeys;
mod outbox;
mod outcomes;
mod posts;
mod sessions;
mod users;

use async_trait::async_trait;
use bytes::Bytes;
use social_events::{
    CommentId, Envelope, EventId, Moment, PostId, PushOutcome, Timestamp, UserId, UserUpdated,
};
use social_postgres::{Address, again};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::{Change, Changes, Hold, Outbox, Published, Store, StoreError, Taken, TokenHash};
use crate::domain::{
    Answer, Comment, ConnectedUser, Connection, ConnectionRequest, Contents, Delivery, Email,
    JoinedUser, LaneRecord, NewComment, NewUser, Notified, Page, Post, ProfileChange, Receipt,
    Suspect, Tally, User, WrittenComment,
};

/// What the server's lists of sessions call this service.
const APPLICATION: &str = "social-server-api";

/// The store in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    changes: Changes,
    listening: AbortHandle,
}

impl PostgresStore {
    /// Opens the database at `address`, waiting until it is there, and brings its schema up to
    /// date.
    ///
    /// # Errors
    /// When waiting would not help.
    pub async fn open(address: &Address) -> Result<Self, StoreError> {
        let migrations = sqlx::migrate!("./migrations/postgres");
        let pool = social_postgres::connect(address, APPLICATION, &migrations).await?;
        let changes = Changes::default();
        let listening = changes::listen(pool.clone(), changes.clone());
        Ok(Self {
            pool,
            changes,
            listening: listening.abort_handle(),
        })
    }

    async fn write(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        Ok(self.pool.begin().await?)
    }
}

/// The table of what a store can do; each concern's statements are in its own file.
#[async_trait]
impl Store for PostgresStore {
    async fn add_user(&self, user: NewUser) -> Result<JoinedUser, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let joined = users::add(&mut tx, &user).await?;
            tx.commit().await?;
            Ok(joined)
        })
        .await
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        users::by_seq(&mut *self.pool.acquire().await?, user).await
    }

    async fn credentials(&self, email: &Email) -> Result<Option<(UserId, String)>, StoreError> {
        users::credentials(&mut *self.pool.acquire().await?, email).await
    }

    async fn count_login(&self, user: UserId, at: Timestamp) -> Result<Option<User>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let counted = users::count_login(&mut tx, user, at).await?;
            tx.commit().await?;
            Ok(counted)
        })
        .await
    }

    async fn change_profile(
        &self,
        user: UserId,
        change: ProfileChange,
    ) -> Result<Option<(User, Option<Envelope<UserUpdated>>)>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let changed = users::change(&mut tx, user, &change).await?;
            tx.commit().await?;
            Ok(changed)
        })
        .await
    }

    async fn image(&self, name: &str) -> Result<Option<(String, Bytes)>, StoreError> {
        users::image(&mut *self.pool.acquire().await?, name).await
    }

    async fn add_session(
        &self,
        token: TokenHash,
        user: UserId,
        at: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            sessions::add(&mut tx, token, user, at, expires).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn session(&self, token: TokenHash, at: Timestamp) -> Result<Option<UserId>, StoreError> {
        sessions::user(&mut *self.pool.acquire().await?, token, at).await
    }

    async fn remove_session(&self, token: TokenHash) -> Result<(), StoreError> {
        sessions::remove(&mut *self.pool.acquire().await?, token).await
    }

    async fn may_see(&self, viewer: UserId, owner: UserId) -> Result<bool, StoreError> {
        connections::may_see(&mut *self.pool.acquire().await?, viewer, owner).await
    }

    async fn connections(&self, user: UserId) -> Result<Vec<ConnectedUser>, StoreError> {
        connections::granted(&mut *self.pool.acquire().await?, user).await
    }

    async fn connection_requests(
        &self,
        user: UserId,
    ) -> Result<Vec<ConnectionRequest>, StoreError> {
        connections::requests(&mut *self.pool.acquire().await?, user).await
    }

    async fn ask_connection(
        &self,
        user: UserId,
        target: UserId,
        at: Timestamp,
    ) -> Result<Option<Connection>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let asked = connections::ask(&mut tx, user, target, at).await?;
            changes::tell(&mut tx, Change::Connections(user, target)).await?;
            tx.commit().await?;
            Ok(asked)
        })
        .await
    }

    async fn grant_connection(
        &self,
        user: UserId,
        requester: UserId,
        at: Timestamp,
    ) -> Result<Option<Connection>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let granted = connections::grant(&mut tx, user, requester, at).await?;
            changes::tell(&mut tx, Change::Connections(user, requester)).await?;
            tx.commit().await?;
            Ok(granted)
        })
        .await
    }

    async fn remove_connections(&self, user: UserId, other: UserId) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let removed = connections::remove(&mut tx, user, other).await?;
            changes::tell(&mut tx, Change::Connections(user, other)).await?;
            tx.commit().await?;
            Ok(removed)
        })
        .await
    }

    async fn add_post(
        &self,
        writer: UserId,
        contents: &Contents,
        at: Timestamp,
    ) -> Result<Post, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let post = posts::add(&mut tx, writer, contents, at).await?;
            changes::tell(&mut tx, Change::Post(post.seq)).await?;
            tx.commit().await?;
            Ok(post)
        })
        .await
    }

    async fn posts(
        &self,
        viewer: UserId,
        owner: UserId,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        posts::of_user(&mut *self.pool.acquire().await?, viewer, owner, page).await
    }

    async fn post(&self, viewer: UserId, post: PostId) -> Result<Option<Post>, StoreError> {
        posts::visible(&mut *self.pool.acquire().await?, viewer, post).await
    }

    async fn feed(&self, viewer: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        posts::feed(&mut *self.pool.acquire().await?, viewer, page).await
    }

    async fn like(
        &self,
        viewer: UserId,
        owner: UserId,
        post: PostId,
        at: Timestamp,
    ) -> Result<Option<Post>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let liked = posts::like(&mut tx, viewer, owner, post, at).await?;
            changes::tell(&mut tx, Change::Post(post)).await?;
            tx.commit().await?;
            Ok(liked)
        })
        .await
    }

    async fn add_comment(&self, comment: NewComment) -> Result<Option<WrittenComment>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let written = comments::add(&mut tx, &comment).await?;
            if let Some(written) = &written {
                changes::tell(&mut tx, Change::Comment(written.comment.seq)).await?;
                changes::tell(&mut tx, Change::Post(written.comment.post)).await?;
            }
            tx.commit().await?;
            Ok(written)
        })
        .await
    }

    async fn comments(
        &self,
        owner: UserId,
        post: PostId,
    ) -> Result<Option<Vec<Comment>>, StoreError> {
        comments::of_post(&mut *self.pool.acquire().await?, owner, post).await
    }

    async fn delivery(
        &self,
        owner: UserId,
        post: PostId,
        comment: CommentId,
    ) -> Result<Option<Delivery>, StoreError> {
        let mut reader = self.pool.acquire().await?;
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
        again(|| async {
            let mut tx = self.write().await?;
            outcomes::save(&mut tx, outcome, read_at).await?;
            if let Some(comment) = outcome.comment_id {
                changes::tell(&mut tx, Change::Outcome(comment)).await?;
            }
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn save_answers(&self, answers: &[Answer]) -> Result<(), StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let comments = journeys::save_answers(&mut tx, answers).await?;
            tell_journeys(&mut tx, comments).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn comments_by_seq(&self, seqs: &[CommentId]) -> Result<Vec<Comment>, StoreError> {
        comments::by_seqs(&mut *self.pool.acquire().await?, seqs).await
    }

    async fn recent_comments(
        &self,
        viewer: UserId,
        limit: i64,
    ) -> Result<Vec<Comment>, StoreError> {
        comments::recent(&mut *self.pool.acquire().await?, viewer, limit).await
    }

    async fn comment_of_trace(&self, trace_id: &str) -> Result<Option<CommentId>, StoreError> {
        journeys::comment_of_trace(&mut *self.pool.acquire().await?, trace_id).await
    }

    async fn lane(
        &self,
        topic: &str,
        partition: i32,
        up_to: i64,
        limit: i64,
    ) -> Result<Vec<LaneRecord>, StoreError> {
        let mut reader = self.pool.acquire().await?;
        journeys::lanes(&mut reader, topic, partition, up_to, limit).await
    }

    async fn tally(&self) -> Result<Tally, StoreError> {
        journeys::tally(&mut *self.pool.acquire().await?).await
    }

    async fn suspects(
        &self,
        after: i64,
        acked_before: Moment,
        limit: i64,
    ) -> Result<Vec<Suspect>, StoreError> {
        let mut reader = self.pool.acquire().await?;
        journeys::suspects(&mut reader, after, acked_before, limit).await
    }

    async fn mark_lost(&self, events: &[EventId]) -> Result<(), StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let comments = journeys::mark_lost(&mut tx, events).await?;
            tell_journeys(&mut tx, comments).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn notified(&self, event: EventId) -> Result<Option<Notified>, StoreError> {
        journeys::notified(&mut *self.pool.acquire().await?, event).await
    }

    async fn add_receipt(
        &self,
        receipt: &Receipt,
        comment: Option<CommentId>,
    ) -> Result<(), StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            journeys::add_receipt(&mut tx, receipt).await?;
            tell_journeys(&mut tx, comment).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn forget(&self, before: Timestamp, keep: i64) -> Result<u64, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let forgotten = journeys::forget(&mut tx, before, keep).await?;
            tx.commit().await?;
            Ok(forgotten)
        })
        .await
    }

    async fn publish_again(&self) -> Result<u64, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let again = journeys::publish_again(&mut tx).await?;
            tx.commit().await?;
            Ok(again)
        })
        .await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.listen()
    }

    async fn announce(&self, change: Change) -> Result<(), StoreError> {
        changes::tell(&mut *self.pool.acquire().await?, change).await
    }

    fn database(&self) -> &'static str {
        "PostgreSQL"
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn close(&self) {
        self.listening.abort();
        self.pool.close().await;
    }
}

#[async_trait]
impl Outbox for PostgresStore {
    async fn take(&self, limit: i64) -> Result<Taken, StoreError> {
        let mut tx = self.write().await?;
        let (events, elsewhere) = outbox::take(&mut tx, limit).await?;
        Ok(Taken {
            events,
            elsewhere,
            hold: Box::new(Held(tx)),
        })
    }

    async fn pending_count(&self) -> Result<i64, StoreError> {
        outbox::pending_count(&mut *self.pool.acquire().await?).await
    }
}

/// The transaction that holds the locks of the keys that were taken. When this process dies its
/// connection ends, and with it the locks.
struct Held(Transaction<'static, Postgres>);

#[async_trait]
impl Hold for Held {
    async fn settle(
        self: Box<Self>,
        published: &[Published],
        refused: &[(i64, String)],
    ) -> Result<(), StoreError> {
        let mut tx = self.0;
        let rows = published.iter().map(|published| published.outbox_seq);
        let rows = rows.chain(refused.iter().map(|(seq, _)| *seq));
        outbox::lock(&mut tx, rows.collect()).await?;
        let mut comments = outbox::mark_published(&mut tx, published).await?;
        comments.extend(outbox::mark_refused(&mut tx, refused).await?);
        tell_journeys(&mut tx, comments).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn tell_journeys(
    tx: &mut PgConnection,
    comments: impl IntoIterator<Item = CommentId>,
) -> Result<(), StoreError> {
    for comment in comments {
        changes::tell(tx, Change::Journey(comment)).await?;
    }
    Ok(())
}
