//! Sessions told as stories, and shaken against a plain model.

mod properties;
mod stories;

use std::sync::Arc;

use super::*;
use crate::ids::{LeaderEpoch, Offset};

const NOW_MS: u64 = 1_000_000;

fn key(index: i32) -> PartitionKey {
    PartitionKey {
        topic: TopicKey::Name(Arc::from("orders")),
        index,
    }
}

/// Partition `index`, wanted from `offset` on.
fn from(index: i32, offset: i64) -> SessionPartition {
    let position = Position {
        offset: Offset(offset),
        max_bytes: 1_000,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
    };
    SessionPartition::new(key(index), Some(Arc::from("orders")), position)
}

fn request(session_id: i32, epoch: i32) -> SessionRequest {
    SessionRequest {
        session_id,
        epoch,
        uses_topic_ids: false,
    }
}

fn nobody(_: TopicId) -> Option<Arc<str>> {
    None
}

fn marks(high_watermark: i64, log_start: i64) -> Told {
    Told {
        high_watermark: Offset(high_watermark),
        log_start: Offset(log_start),
    }
}

fn quiet(marks: Told) -> News {
    News {
        marks,
        has_records: false,
        is_urgent: false,
    }
}

fn indexes(partitions: &[SessionPartition]) -> Vec<i32> {
    partitions.iter().map(|each| each.key.index).collect()
}
