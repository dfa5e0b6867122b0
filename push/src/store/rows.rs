//! Rows as both databases give them, and the values they become. No statements.

use social_events::{
    EventId, Moment, OffsetCommit, Secret, Subscription, SubscriptionId, Timestamp, UserId,
};
use sqlx::FromRow;

use super::{Claimed, Outgoing, PushId, StoreError, record};

#[derive(FromRow)]
pub(super) struct SubscriptionRow {
    seq: i64,
    user_seq: i64,
    endpoint: String,
    public_key: String,
    auth: String,
    create_at: i64,
}

impl From<SubscriptionRow> for Subscription {
    fn from(row: SubscriptionRow) -> Self {
        Self {
            seq: SubscriptionId(row.seq),
            notification_end_point: Secret::new(row.endpoint),
            public_key: Secret::new(row.public_key),
            auth: Secret::new(row.auth),
            user_id: UserId(row.user_seq),
            create_at: Timestamp::from_millis(row.create_at),
        }
    }
}

#[derive(FromRow)]
pub(super) struct PushIdRow {
    event_id: String,
    subscription_id: i64,
}

impl TryFrom<PushIdRow> for PushId {
    type Error = StoreError;

    fn try_from(row: PushIdRow) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: event_id(&row.event_id)?,
            subscription_id: SubscriptionId(row.subscription_id),
        })
    }
}

pub(super) fn event_id(text: &str) -> Result<EventId, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Damaged("an event id is no UUID".to_owned()))
}

/// What is sent, of the event.
#[derive(FromRow)]
pub(super) struct ClaimedRow {
    notification: String,
    console_name: Option<String>,
    expires_at: i64,
}

impl ClaimedRow {
    pub(super) fn claimed(
        self,
        subscription: Option<Subscription>,
        tries: i64,
    ) -> Result<Claimed, StoreError> {
        Ok(Claimed {
            notification: serde_json::from_str(&self.notification)
                .map_err(|error| StoreError::Damaged(format!("a notification: {error}")))?,
            console_name: self.console_name,
            expires_at: Timestamp::from_millis(self.expires_at),
            subscription,
            tries: u32::try_from(tries).unwrap_or(u32::MAX),
        })
    }
}

#[derive(FromRow)]
pub(super) struct OutgoingRow {
    seq: i64,
    record: String,
    next_offset: Option<i64>,
    committed_at: Option<i64>,
}

impl TryFrom<OutgoingRow> for Outgoing {
    type Error = StoreError;

    fn try_from(row: OutgoingRow) -> Result<Self, StoreError> {
        let committed = row.next_offset.zip(row.committed_at);
        Ok(Self {
            seq: row.seq,
            record: record::read(&row.record)?,
            committed: committed.map(|(next, at_us)| OffsetCommit {
                at: Moment::from_micros(at_us),
                next,
            }),
        })
    }
}
