//! Users and their images.

use bytes::Bytes;
use social_events::{Envelope, Timestamp, UserId, UserJoined, UserUpdated};
use sqlx::PgConnection;

use super::outbox;
use crate::domain::{Email, JoinedUser, NewUser, ProfileChange, ProfileImage, User};
use crate::store::StoreError;
use crate::store::rows::users::UserRow;

pub(super) async fn add(tx: &mut PgConnection, user: &NewUser) -> Result<JoinedUser, StoreError> {
    if let Some(image) = &user.image {
        add_image(tx, image).await?;
    }
    let row: UserRow = sqlx::query_as(
        "INSERT INTO users (name, email, passwd, profile_image_url, create_at)
         VALUES ($1, $2, $3, $4, $5)
         RETURNING seq, name, email, profile_image_url, login_count, last_login_at, create_at",
    )
    .bind(user.name.as_str())
    .bind(user.email.as_str())
    .bind(&user.password_hash)
    .bind(user.image.as_ref().map(ProfileImage::url))
    .bind(user.at.millis())
    .fetch_one(&mut *tx)
    .await
    .map_err(duplicate_email)?;

    let user_id = UserId(row.seq);
    let joined = UserJoined {
        user_id,
        name: row.name.clone(),
    };
    let event = Envelope::new(joined, Some(user.trace));
    outbox::add(tx, &event, None).await?;
    Ok(JoinedUser {
        user: row.into(),
        event,
    })
}

/// The one unique column that a new user can hurt is the address.
fn duplicate_email(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refused) if refused.is_unique_violation() => {
            StoreError::DuplicateEmail
        }
        _ => error.into(),
    }
}

pub(super) async fn by_seq(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> = sqlx::query_as(
        "SELECT seq, name, email, profile_image_url, login_count, last_login_at, create_at
         FROM users WHERE seq = $1",
    )
    .bind(user.0)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(User::from))
}

pub(super) async fn credentials(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<(UserId, String)>, StoreError> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT seq, passwd FROM users WHERE email = $1")
            .bind(email.as_str())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(seq, hash)| (UserId(seq), hash)))
}

pub(super) async fn count_login(
    tx: &mut PgConnection,
    user: UserId,
    at: Timestamp,
) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> = sqlx::query_as(
        "UPDATE users SET login_count = login_count + 1, last_login_at = $1 WHERE seq = $2
         RETURNING seq, name, email, profile_image_url, login_count, last_login_at, create_at",
    )
    .bind(at.millis())
    .bind(user.0)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(User::from))
}

pub(super) async fn change(
    tx: &mut PgConnection,
    user: UserId,
    change: &ProfileChange,
) -> Result<Option<(User, Option<Envelope<UserUpdated>>)>, StoreError> {
    // Two changes at once take turns, so that each sees the name that it replaces.
    sqlx::query("SELECT 1 FROM users WHERE seq = $1 FOR UPDATE")
        .bind(user.0)
        .execute(&mut *tx)
        .await?;
    let Some(before) = by_seq(tx, user).await? else {
        return Ok(None);
    };
    if let Some(image) = &change.image {
        add_image(tx, image).await?;
    }
    let row: UserRow = sqlx::query_as(
        "UPDATE users SET name = coalesce($1, name),
                          profile_image_url = coalesce($2, profile_image_url)
         WHERE seq = $3
         RETURNING seq, name, email, profile_image_url, login_count, last_login_at, create_at",
    )
    .bind(change.name.as_ref().map(|name| name.as_str()))
    .bind(change.image.as_ref().map(ProfileImage::url))
    .bind(user.0)
    .fetch_one(&mut *tx)
    .await?;
    let after = User::from(row);
    if after.name == before.name {
        return Ok(Some((after, None)));
    }
    let updated = UserUpdated {
        user_id: user,
        name: after.name.clone(),
    };
    let event = Envelope::new(updated, Some(change.trace));
    outbox::add(tx, &event, None).await?;
    Ok(Some((after, Some(event))))
}

async fn add_image(tx: &mut PgConnection, image: &ProfileImage) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO profile_images (name, media_type, bytes) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(&image.name)
    .bind(image.kind.media_type())
    .bind(&image.bytes[..])
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn image(
    connection: &mut PgConnection,
    name: &str,
) -> Result<Option<(String, Bytes)>, StoreError> {
    let row: Option<(String, Vec<u8>)> =
        sqlx::query_as("SELECT media_type, bytes FROM profile_images WHERE name = $1")
            .bind(name)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(media_type, bytes)| (media_type, bytes.into())))
}
