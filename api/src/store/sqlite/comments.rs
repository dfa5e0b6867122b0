//! Comments, each written with its event.

use social_events::{CommentCreated, CommentId, EmailAddress, Envelope, PostId, UserId, Writer};
use sqlx::SqliteConnection;

use super::{outbox, users};
use crate::domain::{Comment, NewComment, WrittenComment};
use crate::store::rows::comments::CommentRow;
use crate::store::{COMMENTS_MAX, StoreError};

/// The comment, the post's counter and the event: one transaction, so none without the others.
pub(super) async fn add(
    tx: &mut SqliteConnection,
    comment: NewComment,
) -> Result<Option<WrittenComment>, StoreError> {
    let counted = sqlx::query(
        "UPDATE posts SET comment_count = comment_count + 1 WHERE seq = ? AND user_seq = ?",
    )
    .bind(comment.post.0)
    .bind(comment.post_writer.0)
    .execute(&mut *tx)
    .await?;
    if counted.rows_affected() == 0 {
        return Ok(None);
    }
    let added = sqlx::query(
        "INSERT INTO comments (user_seq, post_seq, contents, create_at) VALUES (?, ?, ?, ?)",
    )
    .bind(comment.writer.0)
    .bind(comment.post.0)
    .bind(comment.contents.as_str())
    .bind(comment.at.millis())
    .execute(&mut *tx)
    .await?;
    let comment_id = CommentId(added.last_insert_rowid());

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
    outbox::add(tx, &event, Some((comment_id, comment.requested_at))).await?;
    let comment = Comment {
        seq: comment_id,
        post: comment.post,
        post_writer: comment.post_writer,
        contents: comment.contents.as_str().to_owned(),
        writer_seq: comment.writer,
        writer,
        create_at: comment.at,
        passage: None,
    };
    Ok(Some(WrittenComment { comment, event }))
}

pub(super) async fn of_post(
    connection: &mut SqliteConnection,
    owner: UserId,
    post: PostId,
) -> Result<Option<Vec<Comment>>, StoreError> {
    let (exists,): (bool,) =
        sqlx::query_as("SELECT EXISTS (SELECT 1 FROM posts WHERE seq = ? AND user_seq = ?)")
            .bind(post.0)
            .bind(owner.0)
            .fetch_one(&mut *connection)
            .await?;
    if !exists {
        return Ok(None);
    }
    let seqs: Vec<i64> = sqlx::query_scalar(
        "SELECT seq FROM comments WHERE post_seq = $1 ORDER BY seq DESC LIMIT $2",
    )
    .bind(post.0)
    .bind(COMMENTS_MAX)
    .fetch_all(&mut *connection)
    .await?;
    let seqs: Vec<_> = seqs.into_iter().map(CommentId).collect();
    by_seqs(connection, &seqs).await.map(Some)
}

/// Those of `seqs` that exist, newest first, each with the way of its event.
pub(super) async fn by_seqs(
    connection: &mut SqliteConnection,
    seqs: &[CommentId],
) -> Result<Vec<Comment>, StoreError> {
    let seqs = serde_json::to_string(seqs).expect("numbers are JSON");
    let rows: Vec<CommentRow> = sqlx::query_as(
        "SELECT c.seq, c.post_seq, p.user_seq AS owner_seq, c.user_seq AS writer_seq, c.contents,
                u.email, u.name, c.create_at,
                o.seq AS outbox_seq, o.event_id, o.topic, o.record_key, o.traceparent,
                o.requested_us, o.committed_us, o.raised_us, o.handlers, o.answered_us,
                o.answer_status, o.sent_us, o.acked_us, o.partition, o.record_offset, o.refusal,
                o.fate,
                q.accepted, q.gone, q.dead_lettered, q.folded, q.steps, q.journey, q.read_us,
                (SELECT min(shown_us) FROM push_receipts r WHERE r.event_id = o.event_id)
                    AS shown_us,
                (SELECT min(received_us) FROM push_receipts r WHERE r.event_id = o.event_id)
                    AS received_us,
                (SELECT count(*) FROM push_receipts r WHERE r.event_id = o.event_id) AS devices
         FROM comments c
             JOIN posts p ON p.seq = c.post_seq
             JOIN users u ON u.seq = c.user_seq
             LEFT JOIN outbox o ON o.comment_seq = c.seq
             LEFT JOIN push_outcomes q ON q.event_id = o.event_id
         WHERE c.seq IN (SELECT value FROM json_each($1)) ORDER BY c.seq DESC",
    )
    .bind(seqs)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(CommentRow::comment).collect()
}

/// The newest comments on posts that `viewer` may see.
pub(super) async fn recent(
    connection: &mut SqliteConnection,
    viewer: UserId,
    limit: i64,
) -> Result<Vec<Comment>, StoreError> {
    let seqs: Vec<i64> = sqlx::query_scalar(
        "SELECT c.seq FROM comments c JOIN posts p ON p.seq = c.post_seq
         WHERE p.user_seq = $1 OR p.user_seq IN (
             SELECT target_seq FROM connections WHERE user_seq = $1 AND granted_at IS NOT NULL)
         ORDER BY c.seq DESC LIMIT $2",
    )
    .bind(viewer.0)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let seqs: Vec<_> = seqs.into_iter().map(CommentId).collect();
    by_seqs(connection, &seqs).await
}
