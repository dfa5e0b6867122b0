//! Changes, told to every instance: `NOTIFY` in the transaction that makes them, so that they are
//! told when it is committed and not otherwise; one connection of each instance listens.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinHandle;

use crate::store::{Change, Changes, StoreError};

const CHANNEL: &str = "social_api_changes";
/// How long to wait before listening is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) async fn tell(tx: &mut PgConnection, change: Change) -> Result<(), StoreError> {
    let text = serde_json::to_string(&change).expect("a change has only string keys");
    // Schemas of one database are apart from each other.
    sqlx::query("SELECT pg_notify($1 || '_' || current_schema(), $2)")
        .bind(CHANNEL)
        .bind(text)
        .execute(tx)
        .await?;
    Ok(())
}

/// Listens for as long as the task runs. After every interruption listeners are told that they
/// may have missed something.
pub(super) fn listen(pool: PgPool, changes: Changes) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            if let Err(error) = hear(&pool, &changes).await {
                tracing::warn!(%error, "changes of other instances are not heard");
            }
            changes.tell(Change::Missed);
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    })
}

async fn hear(pool: &PgPool, changes: &Changes) -> Result<(), StoreError> {
    let schema: String = sqlx::query_scalar("SELECT current_schema()::text")
        .fetch_one(pool)
        .await?;
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(&format!("{CHANNEL}_{schema}")).await?;
    changes.tell(Change::Missed);
    while let Some(told) = listener.try_recv().await? {
        match serde_json::from_str(told.payload()) {
            Ok(change) => changes.tell(change),
            // A newer version's: something changed.
            Err(_) => changes.tell(Change::Missed),
        }
    }
    Ok(())
}
