//! The store in PostgreSQL, which several workers may share.
//!
//! What one worker in SQLite gets from being alone, transactions get from locks here: the event's
//! row where pushes are settled, advisory locks where there is no row yet. Isolation is read
//! committed; a transaction that meets another one is tried again.

mod outbox;
mod outcome;
mod pushes;
mod subscriptions;

use async_trait::async_trait;
use social_events::bus::Committed;
use social_events::{EventId, ProcessId, Secret, Subscription, SubscriptionId, Timestamp, UserId};
use social_postgres::{Address, again};
use sqlx::{PgPool, Postgres, Transaction};

use super::{
    Claimed, Hold, NewPush, NewSubscription, Outbox, PushId, Settlement, Store, StoreError,
    Subscribed, Tried,
};

/// What the server's lists of sessions call this service.
const APPLICATION: &str = "social-server-push";

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

    /// The private VAPID key that all workers share: `candidate`, if none is kept yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vapid_key(&self, candidate: &Secret) -> Result<Secret, StoreError> {
        sqlx::query(
            "INSERT INTO vapid_key (id, private_key) VALUES (1, $1) ON CONFLICT DO NOTHING",
        )
        .bind(candidate.expose())
        .execute(&self.pool)
        .await?;
        let kept: String = sqlx::query_scalar("SELECT private_key FROM vapid_key")
            .fetch_one(&self.pool)
            .await?;
        Ok(Secret::new(kept))
    }

    async fn write(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        Ok(self.pool.begin().await?)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn subscribe(
        &self,
        new: &NewSubscription,
        per_user_max: u32,
        now: Timestamp,
    ) -> Result<Subscribed, StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            let stored = subscriptions::subscribe(&mut transaction, new, per_user_max, now).await?;
            transaction.commit().await?;
            Ok(stored)
        })
        .await
    }

    async fn unsubscribe(&self, user: UserId, seq: SubscriptionId) -> Result<bool, StoreError> {
        subscriptions::unsubscribe(&self.pool, user, seq).await
    }

    async fn subscriptions_of(&self, user: UserId) -> Result<Vec<Subscription>, StoreError> {
        subscriptions::of_user(&self.pool, user).await
    }

    async fn subscriptions(
        &self,
        after: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        subscriptions::page(&self.pool, after, limit).await
    }

    async fn begin(&self, push: &NewPush) -> Result<(), StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            pushes::begin(&mut transaction, push).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn due_of(
        &self,
        event: EventId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PushId>, StoreError> {
        pushes::due_of(&self.pool, event, now, limit).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PushId>, StoreError> {
        pushes::due(&self.pool, now, limit).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        pushes::next_due(&self.pool).await
    }

    async fn claim(
        &self,
        push: PushId,
        worker: ProcessId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            let claimed = pushes::claim(&mut transaction, push, worker, now, lease_until).await?;
            transaction.commit().await?;
            Ok(claimed)
        })
        .await
    }

    async fn settle(
        &self,
        push: PushId,
        worker: ProcessId,
        tried: &Tried,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            pushes::settle(&mut transaction, push, worker, tried, settlement).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn keep_alive(&self, worker: ProcessId, now: Timestamp) -> Result<u64, StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            let freed = pushes::keep_alive(&mut transaction, worker, now).await?;
            transaction.commit().await?;
            Ok(freed)
        })
        .await
    }

    async fn outbox(
        &self,
        limit: u32,
        stale_before: Timestamp,
    ) -> Result<Option<Outbox>, StoreError> {
        let mut transaction = self.write().await?;
        if !outbox::lock(&mut transaction).await? {
            return Ok(None);
        }
        // A statement of its own, which sees what the worker before has removed.
        let records = outbox::first(&mut transaction, limit, stale_before).await?;
        Ok(Some(Outbox {
            records,
            hold: Box::new(Held(transaction)),
        }))
    }

    async fn committed(&self, commits: &[Committed]) -> Result<(), StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            outbox::committed(&mut transaction, commits).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn known(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        pushes::known(&self.pool, events).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        again(|| async {
            let mut transaction = self.write().await?;
            let pruned = pushes::prune(&mut transaction, before).await?;
            transaction.commit().await?;
            Ok(pruned)
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

/// The transaction that holds the outbox's lock. When this process dies its connection ends, and
/// with it the lock.
struct Held(Transaction<'static, Postgres>);

#[async_trait]
impl Hold for Held {
    async fn published(self: Box<Self>, seqs: &[i64]) -> Result<(), StoreError> {
        let mut transaction = self.0;
        outbox::remove(&mut transaction, seqs).await?;
        Ok(transaction.commit().await?)
    }
}
