//! The store in SQLite: a file of its own, or memory.
//!
//! One connection writes, so that a transaction never meets another; readers have a few of their
//! own. `synchronous = FULL`: what was acknowledged survives a power cut.

mod outbox;
mod outcome;
mod pushes;
mod subscriptions;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use social_events::bus::Committed;
use social_events::{EventId, ProcessId, Subscription, SubscriptionId, Timestamp, UserId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::{
    Claimed, Hold, NewPush, NewSubscription, Outbox, PushId, Settlement, Store, StoreError,
    Subscribed, Tried,
};

const READERS_MAX: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The store in SQLite.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl SqliteStore {
    /// Opens the database in `path`, and creates it on the first run.
    ///
    /// # Errors
    /// When it cannot be opened or is of a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = pool(1, options.clone())
            .await
            .map_err(|error| not_opened(&shown, &error))?;
        migrate(&writer)
            .await
            .map_err(|error| not_opened(&shown, &error))?;
        let reader = pool(READERS_MAX, options.read_only(true))
            .await
            .map_err(|error| not_opened(&shown, &error))?;
        Ok(Self { writer, reader })
    }

    /// A database that lives as long as this value.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().in_memory(true);
        let writer = pool(1, options)
            .await
            .map_err(|error| not_opened("in memory", &error))?;
        migrate(&writer)
            .await
            .map_err(|error| not_opened("in memory", &error))?;
        Ok(Self {
            reader: writer.clone(),
            writer,
        })
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin().await?)
    }
}

/// An in-memory database lives in its one connection, so none is ever closed for being idle.
async fn pool(connections_max: u32, options: SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
}

async fn migrate(writer: &SqlitePool) -> Result<(), sqlx::migrate::MigrateError> {
    sqlx::migrate!("./migrations/sqlite").run(writer).await
}

fn not_opened(path: &str, cause: &dyn std::fmt::Display) -> StoreError {
    StoreError::Open {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn subscribe(
        &self,
        new: &NewSubscription,
        per_user_max: u32,
        now: Timestamp,
    ) -> Result<Subscribed, StoreError> {
        let mut transaction = self.write().await?;
        let stored = subscriptions::subscribe(&mut transaction, new, per_user_max, now).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    async fn unsubscribe(&self, user: UserId, seq: SubscriptionId) -> Result<bool, StoreError> {
        subscriptions::unsubscribe(&self.writer, user, seq).await
    }

    async fn subscriptions_of(&self, user: UserId) -> Result<Vec<Subscription>, StoreError> {
        subscriptions::of_user(&self.reader, user).await
    }

    async fn subscriptions(
        &self,
        after: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        subscriptions::page(&self.reader, after, limit).await
    }

    async fn begin(&self, push: &NewPush) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        pushes::begin(&mut transaction, push).await?;
        Ok(transaction.commit().await?)
    }

    async fn due_of(
        &self,
        event: EventId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PushId>, StoreError> {
        pushes::due_of(&self.reader, event, now, limit).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PushId>, StoreError> {
        pushes::due(&self.reader, now, limit).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        pushes::next_due(&self.reader).await
    }

    async fn claim(
        &self,
        push: PushId,
        worker: ProcessId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut transaction = self.write().await?;
        let claimed = pushes::claim(&mut transaction, push, worker, now, lease_until).await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    async fn settle(
        &self,
        push: PushId,
        worker: ProcessId,
        tried: &Tried,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        pushes::settle(&mut transaction, push, worker, tried, settlement).await?;
        Ok(transaction.commit().await?)
    }

    async fn keep_alive(&self, worker: ProcessId, now: Timestamp) -> Result<u64, StoreError> {
        pushes::keep_alive(&self.writer, worker, now).await
    }

    /// There is one worker, and one relay in it: nothing has to be held.
    async fn outbox(
        &self,
        limit: u32,
        stale_before: Timestamp,
    ) -> Result<Option<Outbox>, StoreError> {
        Ok(Some(Outbox {
            records: outbox::first(&self.reader, limit, stale_before).await?,
            hold: Box::new(self.clone()),
        }))
    }

    async fn committed(&self, commits: &[Committed]) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        outbox::committed(&mut transaction, commits).await?;
        Ok(transaction.commit().await?)
    }

    async fn known(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        pushes::known(&self.reader, events).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let pruned = pushes::prune(&mut transaction, before).await?;
        transaction.commit().await?;
        Ok(pruned)
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.writer).await?;
        Ok(())
    }
}

#[async_trait]
impl Hold for SqliteStore {
    async fn published(self: Box<Self>, seqs: &[i64]) -> Result<(), StoreError> {
        outbox::remove(&self.writer, seqs).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_no_database_is_one_clear_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push.db");
        std::fs::write(&path, vec![7; 4096]).unwrap();
        let error = SqliteStore::open(&path).await.unwrap_err().to_string();
        assert!(
            error.contains("push.db") && error.contains("cannot open"),
            "{error}"
        );
    }
}
