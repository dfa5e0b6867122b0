//! Comments, each written with its event.

use social_events::{CommentCreated, CommentId, EmailAddress, Envelope, PostId, UserId, Writer};
use sqlx::PgConnection;

use super::{outbox, users};
use crate::domain::{Comment, NewComment, WrittenComment};
use crate::store::rows::comments::CommentRow;
use crate::store::{COMMENTS_MAX, StoreError};

/// The comment, the post's counter and the event: one transaction, so none without the others.
pub(super) async fn add(
    tx: &mut PgConnection,
    comment: &NewComment,
) -> Result<Option<WrittenComment>, StoreError> {
    let counted = sqlx::query(
        "UPDATE posts SET comment_count = comment_count + 1 WHERE seq = $1 AND user_seq = $2",
    )
    .bind(comment.post.0)
    .bind(comment.post_writer.0)
    .execute(&mut *tx)
    .await?;
    if counted.rows_affected() == 0 {
        return Ok(None);
    }
    let seq: i64 = sqlx::query_scalar(
        "INSERT INTO comments (user_seq, post_seq, contents, create_at) VALUES ($1, $2, $3, $4)
         RETURNING seq",
    )
    .bind(comment.writer.0)
    .bind(comment.post.0)
    .bind(comment.contents.as_str())
    .bind(comment.at.millis())
    .fetch_one(&mut *tx)
    .await?;
    let comment_id = CommentId(seq);

    let post_writer = users::by_seq(tx, comment.post_writer).await?;
    let commenter = users::by_seq(tx, comment.writer).await?;
    let (Some(post_writer), Some(commenter)) = (post_writer, commenter) else {
        return Err(StoreError::Unreadable("user"));
    };
    let writer = Writer {
        email: EmailAddress {
            address: commenter.email,
        },
        name: Some(commenter.name),
    };
    let created = CommentCreated {
        post_writer: post_writer.into(),
        post_id: comment.post,
        user_id: comment.writer,
        comment_writer: writer.clone(),
        comment_id,
    };
    let event = Envelope {
        time: comment.at,
        ..Envelope::new(created, Some(comment.trace))
    };
    outbox::add(tx, &event, Some(comment_id)).await?;
    let comment = Comment {
        seq: comment_id,
        contents: comment.contents.as_str().to_owned(),
        writer,
        create_at: comment.at,
    };
    Ok(Some(WrittenComment { comment, event }))
}

pub(super) async fn of_post(
    connection: &mut PgConnection,
    owner: UserId,
    post: PostId,
) -> Result<Option<Vec<Comment>>, StoreError> {
    let (exists,): (bool,) =
        sqlx::query_as("SELECT EXISTS (SELECT 1 FROM posts WHERE seq = $1 AND user_seq = $2)")
            .bind(post.0)
            .bind(owner.0)
            .fetch_one(&mut *connection)
            .await?;
    if !exists {
        return Ok(None);
    }
    let rows: Vec<CommentRow> = sqlx::query_as(
        "SELECT c.seq, c.contents, u.email, u.name, c.create_at
         FROM comments c JOIN users u ON u.seq = c.user_seq
         WHERE c.post_seq = $1 ORDER BY c.seq DESC LIMIT $2",
    )
    .bind(post.0)
    .bind(COMMENTS_MAX)
    .fetch_all(connection)
    .await?;
    Ok(Some(rows.into_iter().map(Comment::from).collect()))
}
