//! One comment's journey, for whoever may see its post.

mod lanes;
mod steps;

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use social_events::{CommentId, EventId, PostId};
use utoipa::ToSchema;

use self::lanes::LaneDto;
use self::steps::Step;
use super::views::{CommentDto, WriterDto, trace_id};
use crate::app::App;
use crate::auth::Caller;
use crate::domain::journey::{Part, State as TravelState, parts};
use crate::domain::{Comment, Passage};
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::response::Success;

/// A comment's journey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceDto {
    /// The W3C trace id of the request that wrote the comment.
    trace_id: String,
    /// The event, the same in the outbox, in the record's headers and in the push.
    event_id: EventId,
    /// The comment.
    comment: CommentDto,
    /// Its post.
    post: TracePostDto,
    /// How far it has come.
    state: TravelState,
    /// From the request until a browser showed the notification; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_millis: Option<f64>,
    /// Whose time it was; the sum is the total.
    parts: Vec<Part>,
    /// What happened, in the order of cause and effect.
    steps: Vec<Step>,
    /// The neighbours of its record.
    lanes: Vec<LaneDto>,
}

/// The post of a journey.
#[derive(Serialize, ToSchema)]
struct TracePostDto {
    seq: PostId,
    contents: String,
    writer: WriterDto,
}

/// A comment's journey, by its trace
///
/// For whoever may see the post. An endpoint is told whole to its owner only. Of several comments
/// that one trace wrote, the last. Journeys are kept for a week.
#[utoipa::path(get, path = "/api/trace/{trace_id}", tag = "journeys",
    params(("trace_id" = String, Path, description = "32 hexadecimal digits")),
    responses((status = OK, body = Success<TraceDto>),
        (status = FORBIDDEN, description = "the caller may not see that post"),
        (status = NOT_FOUND, description = "no such journey is kept")))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(trace): Path<String>,
) -> Result<Success<TraceDto>, ApiError> {
    let not_found = || ApiError::not_found("Trace", trace.chars().take(40).collect::<String>());
    let comment = app.store.comment_of_trace(&trace).await?;
    let comment = comment.ok_or_else(not_found)?;
    view(&app, caller, comment).await
}

/// Which comment.
#[derive(Deserialize)]
pub(crate) struct CommentQuery {
    /// Its number.
    comment: i64,
}

/// A comment's journey, by the comment
#[utoipa::path(get, path = "/api/trace", tag = "journeys", 
    params(("comment" = i64, Query, description = "its number")),
    responses((status = OK, body = Success<TraceDto>),
        (status = FORBIDDEN, description = "the caller may not see that post"),
        (status = NOT_FOUND, description = "no such journey is kept")))]
pub(crate) async fn show_comment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<CommentQuery>,
) -> Result<Success<TraceDto>, ApiError> {
    view(&app, caller, CommentId(query.comment)).await
}

async fn view(app: &App, caller: Caller, seq: CommentId) -> Result<Success<TraceDto>, ApiError> {
    let not_found = || ApiError::not_found("Trace", format!("comment {seq}"));
    let comment = app.store.comments_by_seq(&[seq]).await?.pop();
    let comment = comment.ok_or_else(not_found)?;
    if !app.store.may_see(caller.user, comment.post_writer).await? {
        return Err(ApiError::Forbidden);
    }
    let passage = comment.passage.clone().ok_or_else(not_found)?;
    let post = app.store.post(caller.user, comment.post).await?;
    let post = post.ok_or_else(not_found)?;
    let post = TracePostDto {
        seq: post.seq,
        contents: post.contents,
        writer: WriterDto::new(post.writer_seq, post.writer),
    };
    let lanes = lanes::around(app, caller.user, &passage).await?;
    Ok(Success::new(assemble(
        app, caller, &comment, &passage, post, lanes,
    )))
}

fn assemble(
    app: &App,
    caller: Caller,
    comment: &Comment,
    passage: &Passage,
    post: TracePostDto,
    lanes: Vec<LaneDto>,
) -> TraceDto {
    let here = app.settings.process;
    let shown = passage.shown_at(here);
    let view = steps::View {
        app,
        own: comment.post_writer == caller.user,
        comment,
        passage,
    };
    TraceDto {
        trace_id: trace_id(passage.trace),
        event_id: passage.event_id,
        state: passage.state(),
        total_millis: shown.and_then(|_| passage.travel(here).millis),
        parts: parts(passage, here),
        steps: view.steps(),
        comment: CommentDto::new(comment.clone(), here),
        post,
        lanes,
    }
}
