//! Which records of a batch stay, and what becomes of the batch.
//!
//! The rules are those of Kafka's `Cleaner` and `MemoryRecords.filterTo` as of
//! 4.3, for batches of magic 2.

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::error::{CompactionError, RecordsProblem};
use super::offset_map::OffsetMap;
use super::transactions::{CleanedTransactions, marker_of};
use crate::batch::BatchHeader;
use crate::batch::compression::record_bytes;
use crate::batch::crc::checksum_fits;
use crate::batch::record::{Record, records};
use crate::batch::rewrite::{BatchRewrite, emptied};
use crate::ids::{Offset, ProducerId};
use crate::mutants::{self, Mutant};
use crate::partition::producers::LastRecord;

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays byte for byte.
    AsItIs,
    /// These bytes take its place.
    Rewritten(BytesMut),
    /// Nothing of it stays.
    Gone,
}

/// What the whole of one cleaning goes by.
#[derive(Clone, Copy, Debug)]
pub struct CleaningRules<'a> {
    /// The last offset of each key in the dirty part.
    pub map: &'a OffsetMap,
    /// The last batch of each producer that is remembered.
    pub last_records: &'a BTreeMap<ProducerId, LastRecord>,
    /// Where the cleanable part ends.
    pub bound: Offset,
    /// Now, Unix milliseconds.
    pub wall_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// What one batch may inflate to.
    pub inflated_bytes_max: usize,
}

/// Judges the batches of one cleaning, which come in order.
#[derive(Debug)]
pub struct BatchFilter<'a> {
    rules: CleaningRules<'a>,
    transactions: CleanedTransactions,
    /// Which records of the batch at hand stay; kept for its memory.
    stays: Vec<bool>,
}

/// What is known of a batch before its records are looked at.
struct BatchFate {
    /// None of its records stays.
    discards_records: bool,
    /// It stays even without records.
    stays_empty: bool,
    /// It is a marker that nothing needs, and may go once it is old.
    is_needless_marker: bool,
}

impl<'a> BatchFilter<'a> {
    /// Begins at the first batch of the log.
    pub fn new(rules: CleaningRules<'a>, transactions: CleanedTransactions) -> Self {
        BatchFilter {
            rules,
            transactions,
            stays: Vec::new(),
        }
    }

    /// Judges the next batch.
    pub fn judge(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
    ) -> Result<Verdict, CompactionError> {
        if !checksum_fits(batch) {
            return Err(CompactionError::Checksum(header.base_offset));
        }
        let judged = self.judge_records(header, batch);
        judged.map_err(|problem| CompactionError::Records {
            base_offset: header.base_offset,
            problem,
        })
    }

    fn judge_records(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
    ) -> Result<Verdict, RecordsProblem> {
        let bytes = record_bytes(header, batch, self.rules.inflated_bytes_max)?;
        let fate = self.fate(header, &bytes)?;
        if fate.discards_records && !fate.stays_empty {
            return Ok(Verdict::Gone);
        }
        let mut has_tombstone = false;
        self.stays.clear();
        for record in records(header, &bytes) {
            let record = record?;
            let stays = !fate.discards_records
                && (header.attributes.is_control() || self.rules.keeps(header, &record));
            has_tombstone |= stays && record.value.is_none();
            self.stays.push(stays);
        }
        if !self.stays.contains(&true) {
            return Ok(match fate.stays_empty {
                true => Verdict::Rewritten(emptied(header)),
                false => Verdict::Gone,
            });
        }
        let horizon_ms = header
            .delete_horizon_ms()
            .filter(|_| !mutants::on(Mutant::PutsOffDeletingTombstones));
        let new_horizon_ms = match horizon_ms {
            None if has_tombstone || fate.is_needless_marker => self.rules.delete_horizon_ms(),
            known => known,
        };
        if new_horizon_ms == horizon_ms && !self.stays.contains(&false) {
            return Ok(Verdict::AsItIs);
        }
        let mut rewrite = BatchRewrite::new(header, new_horizon_ms);
        let mut walk = records(header, &bytes);
        for stays in &self.stays {
            match walk.next_with_bytes().transpose()? {
                Some((record, bytes)) if *stays => rewrite.keep(&record, bytes),
                _ => {}
            }
        }
        Ok(Verdict::Rewritten(rewrite.build()?))
    }

    fn fate(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<BatchFate, RecordsProblem> {
        let is_control = header.attributes.is_control();
        let may_go = if is_control {
            let marker = marker_of(header, bytes)?;
            self.transactions.is_needless(header, marker)
        } else {
            self.transactions.is_aborted(header)
        };
        // A marker waits as a tombstone does, for readers that are inside of its
        // transaction.
        let has_waited = header
            .delete_horizon_ms()
            .is_some_and(|horizon_ms| horizon_ms <= self.rules.wall_ms);
        Ok(BatchFate {
            discards_records: may_go && (!is_control || has_waited),
            stays_empty: self.rules.keeps_empty(header),
            is_needless_marker: may_go && is_control,
        })
    }
}

impl CleaningRules<'_> {
    /// Whether a record of a batch that is neither control nor aborted stays.
    fn keeps(&self, header: &BatchHeader, record: &Record<'_>) -> bool {
        if record.offset >= self.map.end() {
            return true;
        }
        // One without a key is nobody's last value. It came before the topic was
        // compacted.
        let Some(key) = record.key else {
            return false;
        };
        let last_offset = self.map.last_offset(key);
        let is_last = last_offset.is_none_or(|last_offset| record.offset >= last_offset);
        let has_waited = header
            .delete_horizon_ms()
            .is_some_and(|horizon_ms| horizon_ms <= self.wall_ms);
        is_last && (record.value.is_some() || !has_waited)
    }

    /// Whether a batch stays even if no record of it does: it tells what its
    /// producer sent last, or how far the log was cleaned.
    fn keeps_empty(&self, header: &BatchHeader) -> bool {
        let tells_of_producer = header.has_producer_id()
            && !mutants::on(Mutant::CompactsProducersAway)
            && self
                .last_records
                .get(&header.producer_id)
                .is_some_and(|last| match last.data_offset {
                    Some(offset) => header.last_offset() == offset,
                    None => header.attributes.is_control() && header.producer_epoch == last.epoch,
                });
        let tells_the_end =
            header.next_offset() == self.bound && !mutants::on(Mutant::LosesTheEndOfACleaning);
        tells_of_producer || tells_the_end
    }

    /// `None` when they stay for ever.
    fn delete_horizon_ms(&self) -> Option<i64> {
        self.wall_ms.checked_add(self.delete_retention_ms)
    }
}
