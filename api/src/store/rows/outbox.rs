//! Rows of the outbox.

use social_events::Timestamp;
use social_events::bus::{Position, Record};
use social_events::headers::{self, Headers};
use sqlx::FromRow;

use crate::domain::Delivery;
use crate::store::{PendingEvent, StoreError};

#[derive(FromRow)]
pub(crate) struct PendingRow {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) event_version: i64,
    pub(crate) event_time: i64,
    pub(crate) traceparent: String,
    pub(crate) topic: String,
    pub(crate) record_key: String,
    pub(crate) payload: String,
}

impl From<PendingRow> for PendingEvent {
    fn from(row: PendingRow) -> Self {
        let headers = Headers::new()
            .with(headers::EVENT_ID, row.event_id)
            .with(headers::EVENT_TYPE, row.event_type)
            .with(headers::EVENT_VERSION, row.event_version.to_string())
            .with(
                headers::EVENT_TIME,
                Timestamp::from_millis(row.event_time).to_string(),
            )
            .with(headers::TRACEPARENT, row.traceparent);
        let record = Record {
            topic: row.topic,
            partition: None,
            key: Some(row.record_key.into()),
            value: row.payload.into(),
            headers,
        };
        Self {
            outbox_seq: row.seq,
            record,
        }
    }
}

#[derive(FromRow)]
pub(crate) struct DeliveryRow {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    pub(crate) topic: String,
    pub(crate) record_key: String,
    pub(crate) traceparent: String,
    pub(crate) event_time: i64,
    pub(crate) published_at: Option<i64>,
    pub(crate) partition: Option<i32>,
    pub(crate) record_offset: Option<i64>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let position = row
            .partition
            .zip(row.record_offset)
            .map(|(partition, offset)| Position {
                topic: row.topic.clone(),
                partition,
                offset,
            });
        Ok(Self {
            event_id: row
                .event_id
                .parse()
                .map_err(|_| StoreError::Unreadable("event id"))?,
            outbox_seq: row.seq,
            topic: row.topic,
            key: row.record_key,
            trace: row
                .traceparent
                .parse()
                .map_err(|_| StoreError::Unreadable("traceparent"))?,
            create_at: Timestamp::from_millis(row.event_time),
            published_at: row.published_at.map(Timestamp::from_millis),
            position,
            outcome: None,
        })
    }
}
