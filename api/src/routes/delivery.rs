//! Where a comment's event is on its way: outbox, Kafka, push service.

use std::any::type_name;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use social_events::bus::Position;
use social_events::{CommentId, EventId, PostId, PushOutcome, Timestamp};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Reader;
use crate::domain::Delivery;
use crate::error::ApiError;
use crate::events::CommentCreatedEvent;
use crate::extract::Path;
use crate::response::Success;

/// A comment's event and its whereabouts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryDto {
    /// The event's identity, the same in the outbox, in the record's headers and in the push.
    event_id: EventId,
    /// The W3C `traceparent` of the request that wrote the comment, as in the record's headers.
    traceparent: String,
    /// The event inside the API's process.
    bus_event: BusEventDto,
    /// The row that was written in the comment's transaction.
    outbox: OutboxDto,
    /// The record on Kafka; absent until it is acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<RecordDto>,
    /// What the push service said; absent until it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<PushOutcome>,
}

/// An event on the in-process bus.
#[derive(Serialize, ToSchema)]
pub(crate) struct BusEventDto {
    /// Its type, by which handlers are found.
    #[serde(rename = "type")]
    event_type: String,
    /// Who handles events of this type.
    handlers: Vec<String>,
}

/// A row of the outbox.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutboxDto {
    /// The row's number.
    seq: i64,
    /// When it was written.
    create_at: Timestamp,
    /// When Kafka acknowledged the record; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<Timestamp>,
}

/// A record on Kafka.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordDto {
    /// Its key: the post author's number.
    key: String,
    /// Topic, partition and offset.
    #[serde(flatten)]
    position: Position,
}

/// Where a comment's event is on its way
///
/// For whoever may see the post.
#[utoipa::path(get,
    path = "/api/user/{user_id}/post/{post_id}/comment/{comment_id}/delivery", tag = "comments",
    params(("user_id" = i64, Path, description = "whose post"), ("post_id" = i64, Path,),
        ("comment_id" = i64, Path,)),
    responses((status = OK, body = Success<DeliveryDto>),
        (status = NOT_FOUND, description = "that post has no such comment")))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Reader { owner, .. }: Reader,
    Path((_, post, comment)): Path<(i64, i64, i64)>,
) -> Result<Success<DeliveryDto>, ApiError> {
    let found = app
        .store
        .delivery(owner, PostId(post), CommentId(comment))
        .await?;
    let not_found = || ApiError::not_found("Comment", format!("{owner}, {post}, {comment}"));
    Ok(Success::new(view(found.ok_or_else(not_found)?, &app)))
}

fn view(delivery: Delivery, app: &App) -> DeliveryDto {
    let key = delivery.key;
    DeliveryDto {
        event_id: delivery.event_id,
        traceparent: delivery.trace.to_string(),
        bus_event: bus_event(app),
        outbox: OutboxDto {
            seq: delivery.outbox_seq,
            create_at: delivery.create_at,
            published_at: delivery.published_at,
        },
        record: delivery
            .position
            .map(|position| RecordDto { key, position }),
        // The journey has a place of its own, which shows an endpoint to its owner only.
        outcome: delivery.outcome.map(|outcome| PushOutcome {
            journey: None,
            ..outcome
        }),
    }
}

fn bus_event(app: &App) -> BusEventDto {
    let path = type_name::<CommentCreatedEvent>();
    let event_type = path.rsplit("::").next().unwrap_or(path);
    let known = app
        .event_bus
        .overview()
        .into_iter()
        .find(|known| known.event == event_type);
    let handlers = known.into_iter().flat_map(|known| known.handlers);
    BusEventDto {
        event_type: event_type.to_owned(),
        handlers: handlers.map(|handler| handler.name).collect(),
    }
}
