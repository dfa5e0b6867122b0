//! Reads a shard's groups out of its log.

use std::sync::Arc;

use bytes::Bytes;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::{batches, records};
use ottla_core::group::{GroupRecord, GroupShard};
use ottla_core::ids::{LeaderEpoch, Offset};
use thiserror::Error;

use crate::node::partition::{FetchError, FetchFrom, Partition, Planned};
use crate::storage::ReadError;

/// Read at a time; a batch larger than this comes whole.
const READ_BYTES: usize = 1 << 20;

/// A compressed batch, which only another broker can have written, may inflate
/// to this much.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// Why the groups of a log cannot be known.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    #[error("the log of the groups cannot be read: {0}")]
    Read(#[from] FetchError),
    #[error("the log of the groups is corrupt before offset {before}: {problem}")]
    Corrupt { before: Offset, problem: String },
}

/// Replays the log from `next` to its end; returns the end.
pub(super) fn load(
    log: &Arc<Partition>,
    mut next: Offset,
    groups: &mut GroupShard,
) -> Result<Offset, LoadError> {
    loop {
        let bytes = read(log, next)?;
        if bytes.is_empty() {
            return Ok(next);
        }
        let corrupt = |before: Offset, problem: String| LoadError::Corrupt { before, problem };
        for batch in batches(&bytes) {
            let (header, batch) = batch.map_err(|error| corrupt(next, error.to_string()))?;
            let failed = |problem: String| corrupt(header.next_offset(), problem);
            if !header.attributes.is_control() {
                let plain = record_bytes(&header, batch, BATCH_BYTES_MAX)
                    .map_err(|error| failed(error.to_string()))?;
                for record in records(&header, &plain) {
                    let record = record.map_err(|error| failed(error.to_string()))?;
                    replay(groups, record.key, record.value).map_err(&failed)?;
                }
            }
            next = header.next_offset();
        }
    }
}

fn replay(groups: &mut GroupShard, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), String> {
    let key = Bytes::copy_from_slice(key.ok_or("a record without a key")?);
    let value = value.map(Bytes::copy_from_slice);
    match GroupRecord::decode(&key, value.as_ref()) {
        Ok(Some(record)) => groups.replay(&record),
        Ok(None) => {
            let kind = &key[..key.len().min(2)];
            tracing::warn!(
                ?kind,
                "skipped a record of a kind or version this broker does not know"
            );
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

fn read(log: &Arc<Partition>, offset: Offset) -> Result<Bytes, FetchError> {
    let planned = log.plan_fetch(FetchFrom {
        offset,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
        max_bytes: READ_BYTES,
        at_least_one: true,
    })?;
    match planned.read {
        Planned::Read(plan) => Ok(plan.read().map_err(ReadError::from)?.into_bytes()),
        Planned::Diverging { .. } => unreachable!("no epoch was given to diverge from"),
    }
}
