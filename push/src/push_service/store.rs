//! What the local push service remembers: channels, and messages nobody has acknowledged.
//!
//! SQLite in a file or in memory, on one connection: the office is its only user.

use std::path::Path;
use std::time::Duration;

use social_events::Timestamp;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// How long a channel that has unsubscribed still answers 410.
const KEEP_GONE: Duration = Duration::from_hours(7 * 24);

/// The tables.
#[derive(Debug)]
pub(super) struct OfficeStore {
    pool: SqlitePool,
}

/// A subscription of a browser.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Channel {
    pub channel_id: String,
    pub uaid: String,
    pub token: String,
    pub sender_key: Option<String>,
    pub gone_at: Option<i64>,
}

/// A message to put into the table.
#[derive(Debug)]
pub(super) struct NewMessage<'a> {
    pub version: &'a str,
    pub channel: &'a Channel,
    pub topic: Option<&'a str>,
    pub body: &'a [u8],
    pub expires_at: Timestamp,
}

/// A message on its way to a browser.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Message {
    pub id: i64,
    pub version: String,
    pub channel_id: String,
    pub body: Vec<u8>,
}

impl OfficeStore {
    pub async fn open(path: Option<&Path>) -> Result<Self, sqlx::Error> {
        let options = match path {
            Some(path) => SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full),
            None => SqliteConnectOptions::new().in_memory(true),
        };
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations/push_service")
            .run(&pool)
            .await?;
        Ok(Self { pool })
    }

    pub async fn channel(&self, channel_id: &str) -> sqlx::Result<Option<Channel>> {
        sqlx::query_as("SELECT * FROM channels WHERE channel_id = ?")
            .bind(channel_id)
            .fetch_optional(&self.pool)
            .await
    }

    pub async fn channel_of_token(&self, token: &str) -> sqlx::Result<Option<Channel>> {
        sqlx::query_as("SELECT * FROM channels WHERE token = ?")
            .bind(token)
            .fetch_optional(&self.pool)
            .await
    }

    /// How many live channels a browser has.
    pub async fn channels_of(&self, uaid: &str) -> sqlx::Result<u32> {
        sqlx::query_scalar("SELECT count(*) FROM channels WHERE uaid = ? AND gone_at IS NULL")
            .bind(uaid)
            .fetch_one(&self.pool)
            .await
    }

    /// How many live channels there are.
    pub async fn channels(&self) -> sqlx::Result<u32> {
        sqlx::query_scalar("SELECT count(*) FROM channels WHERE gone_at IS NULL")
            .fetch_one(&self.pool)
            .await
    }

    pub async fn add_channel(&self, channel: &Channel) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO channels (channel_id, uaid, token, sender_key) VALUES (?, ?, ?, ?)",
        )
        .bind(&channel.channel_id)
        .bind(&channel.uaid)
        .bind(&channel.token)
        .bind(&channel.sender_key)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The channel is gone, with its messages.
    pub async fn end_channel(
        &self,
        uaid: &str,
        channel_id: &str,
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "UPDATE channels SET gone_at = ?
             WHERE channel_id = ? AND uaid = ? AND gone_at IS NULL",
        )
        .bind(now.millis())
        .bind(channel_id)
        .bind(uaid)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM messages WHERE channel_id = ? AND uaid = ?")
            .bind(channel_id)
            .bind(uaid)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// How many messages wait for a browser.
    pub async fn waiting(&self, uaid: &str) -> sqlx::Result<u32> {
        sqlx::query_scalar("SELECT count(*) FROM messages WHERE uaid = ?")
            .bind(uaid)
            .fetch_one(&self.pool)
            .await
    }

    /// Stores a message. Of its topic, those above `handed_id` were not handed to the browser yet,
    /// and are replaced (RFC 8030, section 5.4).
    pub async fn add_message(&self, new: &NewMessage<'_>, handed_id: i64) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM messages WHERE channel_id = ? AND topic = ? AND id > ?")
            .bind(&new.channel.channel_id)
            .bind(new.topic)
            .bind(handed_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO messages (version, channel_id, uaid, topic, body, expires_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(new.version)
        .bind(&new.channel.channel_id)
        .bind(&new.channel.uaid)
        .bind(new.topic)
        .bind(new.body)
        .bind(new.expires_at.millis())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Up to `limit` messages for a browser above `after`, the oldest first.
    pub async fn messages(
        &self,
        uaid: &str,
        after: i64,
        now: Timestamp,
        limit: u32,
    ) -> sqlx::Result<Vec<Message>> {
        sqlx::query_as(
            "SELECT id, version, channel_id, body FROM messages
             WHERE uaid = ? AND id > ? AND expires_at > ? ORDER BY id LIMIT ?",
        )
        .bind(uaid)
        .bind(after)
        .bind(now.millis())
        .bind(limit)
        .fetch_all(&self.pool)
        .await
    }

    /// A browser has the message: forget it.
    pub async fn acknowledge(&self, uaid: &str, version: &str) -> sqlx::Result<bool> {
        let deleted = sqlx::query("DELETE FROM messages WHERE version = ? AND uaid = ?")
            .bind(version)
            .bind(uaid)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected() == 1)
    }

    /// Its sender takes the message back; false when it is not there any more.
    pub async fn withdraw(&self, version: &str) -> sqlx::Result<bool> {
        let deleted = sqlx::query("DELETE FROM messages WHERE version = ?")
            .bind(version)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected() == 1)
    }

    /// Forgets expired messages and channels that have been gone for long.
    pub async fn prune(&self, now: Timestamp) -> sqlx::Result<()> {
        let kept_ms = i64::try_from(KEEP_GONE.as_millis()).unwrap_or(i64::MAX);
        sqlx::query("DELETE FROM messages WHERE expires_at <= ?")
            .bind(now.millis())
            .execute(&self.pool)
            .await?;
        sqlx::query("DELETE FROM channels WHERE gone_at <= ?")
            .bind(now.millis() - kept_ms)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
