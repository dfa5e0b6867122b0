//! The store in PostgreSQL, which several instances may share.
//!
//! What one instance in SQLite gets from being alone, transactions get from locks here: rows that
//! are changed, and advisory locks where an order matters (`outbox`). Isolation is read committed;
//! a transaction that meets another one is tried again.

mod comments;
mod connections;
mod outbox;
mod outcomes;
mod posts;
mod sessions;
mod users;

use async_trait::async_trait;
use bytes::Bytes;
use social_events::bus::Position;
use social_events::{
    CommentId, Envelope, Moment, PostId, PushOutcome, Timestamp, UserId, UserUpdated,
};
use social_postgres::{Address, again};
use sqlx::{PgPool, Postgres, Transaction};

use super::{Hold, Outbox, Store, StoreError, Taken, TokenHash};
use crate::domain::{
    Comment, ConnectedUser, Connection, ConnectionRequest, Contents, Delivery, Email, JoinedUser,
    NewComment, NewUser, Page, Post, ProfileChange, User, WrittenComment,
};

/// What the server's lists of sessions call this service.
const APPLICATION: &str = "social-server-api";

/// The store in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
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
        Ok(Self { pool })
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
            tx.commit().await?;
            Ok(granted)
        })
        .await
    }

    async fn remove_connections(&self, user: UserId, other: UserId) -> Result<bool, StoreError> {
        connections::remove(&mut *self.pool.acquire().await?, user, other).await
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
            tx.commit().await?;
            Ok(liked)
        })
        .await
    }

    async fn add_comment(&self, comment: NewComment) -> Result<Option<WrittenComment>, StoreError> {
        again(|| async {
            let mut tx = self.write().await?;
            let written = comments::add(&mut tx, &comment).await?;
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
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn close(&self) {
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
        published: &[(i64, Position)],
        refused: &[(i64, String)],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.0;
        outbox::mark_published(&mut tx, published, at).await?;
        outbox::mark_refused(&mut tx, refused).await?;
        tx.commit().await?;
        Ok(())
    }
}
