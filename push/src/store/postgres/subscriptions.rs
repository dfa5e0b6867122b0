//! The table `subscriptions`.

use social_events::{Subscription, SubscriptionId, Timestamp, UserId};
use sqlx::{PgConnection, PgPool};

use crate::store::rows::SubscriptionRow;
use crate::store::{NewSubscription, StoreError, Subscribed};

pub(super) async fn subscribe(
    connection: &mut PgConnection,
    new: &NewSubscription,
    per_user_max: u32,
    now: Timestamp,
) -> Result<Subscribed, StoreError> {
    let NewSubscription {
        user_id,
        endpoint,
        keys,
    } = new;
    // One after another for an endpoint, whoever's it is to be, and for a user, whose devices are
    // counted; always in this order, so that no two wait for each other.
    for what in [
        format!("endpoint {}", endpoint.expose()),
        format!("user {user_id}"),
    ] {
        sqlx::query(
            "SELECT pg_advisory_xact_lock(hashtextextended(
                 current_schema() || ' subscribe ' || $1, 0))",
        )
        .bind(what)
        .execute(&mut *connection)
        .await?;
    }
    let others: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM subscriptions WHERE user_seq = $1 AND endpoint <> $2",
    )
    .bind(user_id.0)
    .bind(endpoint.expose())
    .fetch_one(&mut *connection)
    .await?;
    if others >= i64::from(per_user_max) {
        return Ok(Subscribed::TooMany);
    }
    // What another user had there is forgotten, with its number: pushes meant for that user that
    // are still waiting find no subscription, and do not reach this one.
    sqlx::query("DELETE FROM subscriptions WHERE endpoint = $1 AND user_seq <> $2")
        .bind(endpoint.expose())
        .bind(user_id.0)
        .execute(&mut *connection)
        .await?;
    let row: SubscriptionRow = sqlx::query_as(
        "INSERT INTO subscriptions (user_seq, endpoint, public_key, auth, create_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (endpoint) DO UPDATE SET public_key = excluded.public_key, auth = excluded.auth
         RETURNING seq, user_seq, endpoint, public_key, auth, create_at",
    )
    .bind(user_id.0)
    .bind(endpoint.expose())
    .bind(keys.p256dh())
    .bind(keys.auth())
    .bind(now.millis())
    .fetch_one(connection)
    .await?;
    Ok(Subscribed::Stored(row.into()))
}

pub(super) async fn unsubscribe(
    writer: &PgPool,
    user: UserId,
    seq: SubscriptionId,
) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM subscriptions WHERE seq = $1 AND user_seq = $2")
        .bind(seq.0)
        .bind(user.0)
        .execute(writer)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

pub(super) async fn of_user(
    reader: &PgPool,
    user: UserId,
) -> Result<Vec<Subscription>, StoreError> {
    let rows: Vec<SubscriptionRow> = sqlx::query_as(
        "SELECT seq, user_seq, endpoint, public_key, auth, create_at
         FROM subscriptions WHERE user_seq = $1 ORDER BY seq DESC",
    )
    .bind(user.0)
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(Subscription::from).collect())
}

pub(super) async fn page(
    reader: &PgPool,
    after: SubscriptionId,
    limit: u32,
) -> Result<Vec<Subscription>, StoreError> {
    let rows: Vec<SubscriptionRow> = sqlx::query_as(
        "SELECT seq, user_seq, endpoint, public_key, auth, create_at
         FROM subscriptions WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(after.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(Subscription::from).collect())
}

pub(super) async fn by_seq(
    connection: &mut PgConnection,
    seq: SubscriptionId,
) -> Result<Option<Subscription>, StoreError> {
    let row: Option<SubscriptionRow> = sqlx::query_as(
        "SELECT seq, user_seq, endpoint, public_key, auth, create_at
         FROM subscriptions WHERE seq = $1",
    )
    .bind(seq.0)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Subscription::from))
}
