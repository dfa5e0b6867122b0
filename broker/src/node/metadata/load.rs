//! Reads the metadata log at start.

use std::fmt::Display;
use std::sync::Arc;

use ottla_core::batch::{BATCH_HEADER_BYTES, batches, records};
use ottla_core::controller::{MetadataImage, MetadataRecord};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::MetadataError;
use crate::node::partition::{FetchFrom, Partition, Planned};

/// Read at a time; a batch larger than this comes whole.
const READ_BYTES: usize = 1 << 20;

/// The image that the log's records lead to.
pub(crate) fn load(log: &Arc<Partition>) -> Result<MetadataImage, MetadataError> {
    let mut image = MetadataImage::default();
    let mut next = Offset(0);
    loop {
        let bytes = read(log, next)?;
        if bytes.is_empty() {
            return Ok(image);
        }
        for batch in batches(&bytes) {
            let (header, batch) = batch.map_err(unreadable)?;
            for record in records(&header, &batch[BATCH_HEADER_BYTES..]) {
                replay(&mut image, record.map_err(unreadable)?.value)?;
            }
            next = header.next_offset();
        }
    }
}

fn read(log: &Arc<Partition>, offset: Offset) -> Result<bytes::Bytes, MetadataError> {
    let from = FetchFrom {
        offset,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
        max_bytes: READ_BYTES,
        at_least_one: true,
    };
    let planned = log.plan_fetch(from).map_err(unreadable)?;
    match planned.read {
        Planned::Read(plan) => Ok(plan.read().map_err(unreadable)?.into_bytes()),
        Planned::Diverging { .. } => Err(unreadable("a log cannot diverge from itself")),
    }
}

fn replay(image: &mut MetadataImage, value: Option<&[u8]>) -> Result<(), MetadataError> {
    let value = value.ok_or_else(|| unreadable("a record without a value"))?;
    image.replay(&MetadataRecord::decode(value).map_err(unreadable)?);
    Ok(())
}

fn unreadable(problem: impl Display) -> MetadataError {
    MetadataError::Unreadable(problem.to_string())
}
