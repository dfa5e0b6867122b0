//! Posts and likes. Counters are changed by the statement, never read and written back.

use social_events::{PostId, Timestamp, UserId};
use sqlx::SqliteConnection;

use crate::domain::{Contents, Page, Post};
use crate::store::StoreError;
use crate::store::rows::posts::PostRow;

pub(super) async fn add(
    tx: &mut SqliteConnection,
    writer: UserId,
    contents: &Contents,
    at: Timestamp,
) -> Result<Post, StoreError> {
    let added = sqlx::query("INSERT INTO posts (user_seq, contents, create_at) VALUES (?, ?, ?)")
        .bind(writer.0)
        .bind(contents.as_str())
        .bind(at.millis())
        .execute(&mut *tx)
        .await?;
    let post = PostId(added.last_insert_rowid());
    by_seq(tx, writer, writer, post)
        .await?
        .ok_or(StoreError::Unreadable("post"))
}

async fn by_seq(
    connection: &mut SqliteConnection,
    viewer: UserId,
    owner: UserId,
    post: PostId,
) -> Result<Option<Post>, StoreError> {
    let row: Option<PostRow> = sqlx::query_as(
        "SELECT p.seq, p.contents, p.like_count, p.comment_count, p.create_at, p.user_seq AS writer_seq, u.email,
                u.name,
                EXISTS (SELECT 1 FROM likes l WHERE l.post_seq = p.seq AND l.user_seq = ?1)
                    AS liked
         FROM posts p JOIN users u ON u.seq = p.user_seq
         WHERE p.seq = ?3 AND p.user_seq = ?2",
    )
    .bind(viewer.0)
    .bind(owner.0)
    .bind(post.0)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Post::from))
}

pub(super) async fn of_user(
    connection: &mut SqliteConnection,
    viewer: UserId,
    owner: UserId,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let rows: Vec<PostRow> = sqlx::query_as(
        "SELECT p.seq, p.contents, p.like_count, p.comment_count, p.create_at, p.user_seq AS writer_seq, u.email,
                u.name,
                EXISTS (SELECT 1 FROM likes l WHERE l.post_seq = p.seq AND l.user_seq = ?1)
                    AS liked
         FROM posts p JOIN users u ON u.seq = p.user_seq
         WHERE p.user_seq = ?2
         ORDER BY p.seq DESC LIMIT ?3 OFFSET ?4",
    )
    .bind(viewer.0)
    .bind(owner.0)
    .bind(page.limit)
    .bind(page.offset)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Post::from).collect())
}

pub(super) async fn visible(
    connection: &mut SqliteConnection,
    viewer: UserId,
    post: PostId,
) -> Result<Option<Post>, StoreError> {
    let row: Option<PostRow> = sqlx::query_as(
        "SELECT p.seq, p.contents, p.like_count, p.comment_count, p.create_at, p.user_seq AS writer_seq, u.email,
                u.name,
                EXISTS (SELECT 1 FROM likes l WHERE l.post_seq = p.seq AND l.user_seq = ?1)
                    AS liked
         FROM posts p JOIN users u ON u.seq = p.user_seq
         WHERE p.seq = ?2 AND (p.user_seq = ?1 OR p.user_seq IN (
             SELECT target_seq FROM connections
             WHERE user_seq = ?1 AND granted_at IS NOT NULL))",
    )
    .bind(viewer.0)
    .bind(post.0)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Post::from))
}

pub(super) async fn feed(
    connection: &mut SqliteConnection,
    viewer: UserId,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let rows: Vec<PostRow> = sqlx::query_as(
        "SELECT p.seq, p.contents, p.like_count, p.comment_count, p.create_at, p.user_seq AS writer_seq, u.email,
                u.name,
                EXISTS (SELECT 1 FROM likes l WHERE l.post_seq = p.seq AND l.user_seq = ?1)
                    AS liked
         FROM posts p JOIN users u ON u.seq = p.user_seq
         WHERE p.user_seq = ?1 OR p.user_seq IN (
             SELECT target_seq FROM connections
             WHERE user_seq = ?1 AND granted_at IS NOT NULL)
         ORDER BY p.seq DESC LIMIT ?2 OFFSET ?3",
    )
    .bind(viewer.0)
    .bind(page.limit)
    .bind(page.offset)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Post::from).collect())
}

pub(super) async fn like(
    tx: &mut SqliteConnection,
    viewer: UserId,
    owner: UserId,
    post: PostId,
    at: Timestamp,
) -> Result<Option<Post>, StoreError> {
    let liked = sqlx::query(
        "INSERT OR IGNORE INTO likes (user_seq, post_seq, create_at)
         SELECT ?1, seq, ?4 FROM posts WHERE seq = ?3 AND user_seq = ?2",
    )
    .bind(viewer.0)
    .bind(owner.0)
    .bind(post.0)
    .bind(at.millis())
    .execute(&mut *tx)
    .await?;
    if liked.rows_affected() > 0 {
        sqlx::query("UPDATE posts SET like_count = like_count + 1 WHERE seq = ?")
            .bind(post.0)
            .execute(&mut *tx)
            .await?;
    }
    by_seq(tx, viewer, owner, post).await
}
