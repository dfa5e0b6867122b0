//! The partitions of a journey's topic, with the records around its own.

use std::collections::HashMap;

use serde::Serialize;
use social_events::UserId;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::Passage;
use crate::store::StoreError;

/// How many records of a partition are shown.
const RECORDS_MAX: i64 = 13;
/// How many partitions are shown; of more, those around the journey's own.
const LANES_MAX: usize = 12;
/// How many records after its own are shown at most.
const AFTER_MAX: i64 = 6;

/// A partition and some of its records.
#[derive(Serialize, ToSchema)]
pub(super) struct LaneDto {
    /// The partition.
    partition: i32,
    /// Records that this service published there, in order; the last 13, or those around the
    /// journey's own.
    records: Vec<LaneRecordDto>,
}

/// A record.
#[derive(Serialize, ToSchema)]
struct LaneRecordDto {
    /// Its offset.
    offset: i64,
    /// Its key: a post author's number; absent when the caller may not see that author's posts.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// The lanes of a journey; none until its record exists.
pub(super) async fn around(
    app: &App,
    viewer: UserId,
    passage: &Passage,
) -> Result<Vec<LaneDto>, StoreError> {
    let Some(position) = &passage.position else {
        return Ok(Vec::new());
    };
    let mut seen = HashMap::new();
    let mut lanes = Vec::new();
    for partition in shown(app.backend.partitions(), position.partition) {
        let own = partition == position.partition;
        let up_to = if own {
            position.offset.saturating_add(AFTER_MAX)
        } else {
            i64::MAX
        };
        let records = app
            .store
            .lane(&position.topic, partition, up_to, RECORDS_MAX);
        let mut shown = Vec::new();
        for record in records.await? {
            let may_see = match seen.get(&record.key) {
                Some(may_see) => *may_see,
                None => may_see_key(app, viewer, &record.key).await?,
            };
            seen.insert(record.key.clone(), may_see);
            shown.push(LaneRecordDto {
                offset: record.offset,
                key: may_see.then_some(record.key),
            });
        }
        lanes.push(LaneDto {
            partition,
            records: shown,
        });
    }
    Ok(lanes)
}

async fn may_see_key(app: &App, viewer: UserId, key: &str) -> Result<bool, StoreError> {
    match key.parse() {
        Ok(author) => app.store.may_see(viewer, UserId(author)).await,
        Err(_) => Ok(false),
    }
}

/// The partitions to show: all, or those nearest to `own`.
fn shown(mut partitions: Vec<i32>, own: i32) -> Vec<i32> {
    if !partitions.contains(&own) {
        partitions.push(own);
    }
    partitions.sort_by_key(|partition| (partition.abs_diff(own), *partition));
    partitions.truncate(LANES_MAX);
    partitions.sort_unstable();
    partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_partitions_those_around_ones_own_are_shown() {
        assert_eq!(shown(vec![0, 1, 2], 1), [0, 1, 2]);
        assert_eq!(shown(Vec::new(), 2), [2]);
        let many = shown((0..50).collect(), 49);
        assert_eq!(
            (many.len(), many.first(), many.last()),
            (12, Some(&38), Some(&49))
        );
    }
}
