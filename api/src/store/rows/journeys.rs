//! Rows of the verdict and its checker.

use social_events::bus::Position;
use sqlx::FromRow;

use crate::domain::{LaneRecord, Suspect, Tally};
use crate::store::StoreError;

/// All sums in one row, so that they are of one moment.
#[derive(FromRow)]
pub(crate) struct TallyRow {
    pub(crate) confirmed: i64,
    pub(crate) delivered: i64,
    pub(crate) waiting: i64,
    pub(crate) dead: i64,
    pub(crate) lost: i64,
    pub(crate) folded: i64,
}

impl From<TallyRow> for Tally {
    fn from(row: TallyRow) -> Self {
        Self {
            confirmed: row.confirmed,
            delivered: row.delivered,
            waiting: row.waiting,
            dead_lettered: row.dead,
            lost: row.lost,
            folded: row.folded,
            lost_comments: Vec::new(),
        }
    }
}

#[derive(FromRow)]
pub(crate) struct SuspectRow {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) record_offset: i64,
}

impl TryFrom<SuspectRow> for Suspect {
    type Error = StoreError;

    fn try_from(row: SuspectRow) -> Result<Self, StoreError> {
        Ok(Self {
            outbox_seq: row.seq,
            event_id: row
                .event_id
                .parse()
                .map_err(|_| StoreError::Unreadable("event id"))?,
            position: Position {
                topic: row.topic,
                partition: row.partition,
                offset: row.record_offset,
            },
        })
    }
}

#[derive(FromRow)]
pub(crate) struct LaneRow {
    pub(crate) partition: i32,
    pub(crate) record_offset: i64,
    pub(crate) record_key: String,
}

impl From<LaneRow> for LaneRecord {
    fn from(row: LaneRow) -> Self {
        Self {
            partition: row.partition,
            offset: row.record_offset,
            key: row.record_key,
        }
    }
}
