//! Hands out producer ids from blocks that the metadata log has set aside.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ottla_core::controller::{PRODUCER_ID_BLOCK_SIZE, decide_producer_id_block};
use ottla_core::ids::ProducerId;
use ottla_core::time::Now;

use super::Node;
use super::metadata::{Committed, MetadataError};

/// What is left of this node's block.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds(Mutex<Range<i64>>);

impl Node {
    /// An id that no producer was ever given, and when it may be told: once the
    /// record of its block is committed.
    pub(crate) fn next_producer_id(
        self: &Arc<Node>,
        now: Now,
    ) -> Result<(ProducerId, Committed), MetadataError> {
        let mut block = self
            .producer_ids
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = block.next() {
            // The request that opened the block may still wait for it.
            return Ok((ProducerId(id), self.metadata.committed()?));
        }
        let (first, committed) = self.propose(now, |draft| {
            let first = draft.image().next_producer_id();
            let record = decide_producer_id_block(draft.image(), self.config.node_id);
            draft.write([record]);
            first
        })?;
        *block = first + 1..first + PRODUCER_ID_BLOCK_SIZE;
        Ok((ProducerId(first), committed))
    }
}
