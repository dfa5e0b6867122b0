//! A browser says that it showed a notification.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use social_events::{EventId, Moment};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::domain::{Notified, Receipt};
use crate::error::ApiError;
use crate::extract::Json;
use crate::response::Success;

/// A longer tag is none of ours.
const TAG_BYTES_MAX: usize = 64;

/// What the service worker says.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptBody {
    /// The event of the notification.
    event_id: EventId,
    /// The trace that came with it; for whoever reads the log.
    #[serde(default)]
    traceparent: Option<String>,
    /// The notification's tag.
    tag: String,
    /// When it was shown, by the browser's clock.
    shown_at: Moment,
}

/// Say that a notification was shown
///
/// For the one it was for. A second time changes nothing.
#[utoipa::path(post, path = "/api/push/receipt", tag = "journeys", request_body = ReceiptBody,
    responses((status = OK, body = Success<bool>),
        (status = FORBIDDEN, description = "the notification was for somebody else"),
        (status = NOT_FOUND, description = "no such event is kept")))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<ReceiptBody>,
) -> Result<Success<bool>, ApiError> {
    let received_at = Moment::now();
    if body.tag.len() > TAG_BYTES_MAX {
        let problem = format!("tag must have at most {TAG_BYTES_MAX} bytes");
        return Err(ApiError::InvalidArgument(problem));
    }
    let notified = app.store.notified(body.event_id).await?;
    let not_found = || ApiError::not_found("Event", body.event_id.to_string());
    let comment = match notified.ok_or_else(not_found)? {
        Notified::Author(author, comment) if author == caller.user => Some(comment),
        Notified::EverybodyBut(user) if user != caller.user => None,
        Notified::Author(..) | Notified::EverybodyBut(_) => return Err(ApiError::Forbidden),
    };
    tracing::debug!(event = %body.event_id, traceparent = body.traceparent, "shown");
    let receipt = Receipt {
        event_id: body.event_id,
        session: caller.token,
        tag: body.tag,
        shown_at: body.shown_at,
        received_at,
    };
    app.store.add_receipt(&receipt, comment).await?;
    Ok(Success::new(true))
}
