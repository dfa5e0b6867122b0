//! What a partition remembers of idempotent producers (KIP-98): enough to
//! recognise a retry, to notice a gap, and to fence an older incarnation.
//!
//! The rules are those of Kafka's `ProducerStateEntry` and `ProducerAppendInfo`
//! as of 4.x. One differs: the table is bounded, because any client may invent
//! producer ids.

use std::collections::BTreeMap;

use super::refusal::AppendRefusal;
use crate::batch::BatchHeader;
use crate::ids::{Offset, ProducerEpoch, ProducerId, Sequence};
use crate::mutants::{self, Mutant};

/// How many of a producer's latest batches can be recognised when they come
/// again: the most a client keeps in flight.
pub const BATCHES_KEPT: usize = 5;

/// The most producers one partition remembers. Past it, the half that wrote
/// longest ago is forgotten; what those send next is taken as it comes.
pub const PRODUCERS_MAX: usize = 10_000;

/// A batch that is not a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It continues where the producer stopped.
    Next,
    /// It was appended before, here.
    Duplicate {
        /// Where its first record lies.
        base_offset: Offset,
        /// Where its last record lies.
        last_offset: Offset,
        /// The largest timestamp it was stored with.
        timestamp_ms: i64,
    },
}

/// What the log must keep of a producer, whatever becomes of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// The last offset of its last batch of records, if one is known.
    pub data_offset: Option<Offset>,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// The producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    entries: BTreeMap<ProducerId, Entry>,
}

impl Producers {
    /// Judges a batch that carries a producer id; changes nothing.
    pub fn judge(&self, header: &BatchHeader) -> Result<Judgement, AppendRefusal> {
        // Nothing is known of this producer, or no longer (retention, expiry):
        // any sequence begins it anew.
        let Some(entry) = self.entries.get(&header.producer_id) else {
            return Ok(Judgement::Next);
        };
        if let Some(batch) = entry.find(header) {
            return Ok(Judgement::Duplicate {
                base_offset: Offset(batch.last_offset.0 - i64::from(batch.offset_delta)),
                last_offset: batch.last_offset,
                timestamp_ms: batch.timestamp_ms,
            });
        }
        entry.check_epoch(header)?;
        entry.check_sequence(header)?;
        Ok(Judgement::Next)
    }

    /// Whether batches of one producer all continue where it stopped, each of
    /// them behind the one before; changes nothing. False says only that they
    /// have to be judged one after the other.
    pub fn continue_in_order<'a>(&self, headers: impl Iterator<Item = &'a BatchHeader>) -> bool {
        let mut alone = Producers::default();
        for header in headers {
            if alone.is_empty()
                && let Some(entry) = self.entries.get(&header.producer_id)
            {
                alone.restore(header.producer_id, entry.clone());
            }
            let continues = alone.judge(header) == Ok(Judgement::Next);
            alone.record(header);
            if !continues || alone.len() > 1 {
                return false;
            }
        }
        true
    }

    /// Remembers a batch that was appended.
    pub fn record(&mut self, header: &BatchHeader) {
        let full = self.entries.len() >= PRODUCERS_MAX;
        if full && !self.entries.contains_key(&header.producer_id) {
            self.forget_older_half();
        }
        self.entries
            .entry(header.producer_id)
            .or_insert_with(|| Entry::new(header.producer_epoch))
            .push(header);
    }

    /// Puts a producer back that a snapshot remembers.
    pub(super) fn restore(&mut self, producer_id: ProducerId, entry: Entry) {
        self.entries.insert(producer_id, entry);
        if self.entries.len() > PRODUCERS_MAX {
            self.forget_older_half();
        }
    }

    /// All of them, by id.
    pub(super) fn entries(&self) -> impl Iterator<Item = (ProducerId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// Forgets producers whose last batch is `expiration_ms` old by its
    /// timestamp (`producer.id.expiration.ms`) and that have sent nothing since
    /// the call before; so a producer that sends old timestamps is not
    /// forgotten between two of its batches.
    pub fn expire(&mut self, wall_ms: i64, expiration_ms: i64) {
        self.entries.retain(|_, entry| {
            let age_ms = wall_ms.saturating_sub(entry.last_timestamp_ms);
            std::mem::take(&mut entry.active) || age_ms < expiration_ms
        });
    }

    /// Each producer's last batch: compaction keeps it, so that a retry is
    /// recognised after a restart too.
    pub fn last_records(&self) -> BTreeMap<ProducerId, LastRecord> {
        let last = |entry: &Entry| LastRecord {
            data_offset: entry.batches().last().map(|batch| batch.last_offset),
            epoch: entry.epoch,
        };
        self.entries
            .iter()
            .map(|(producer_id, entry)| (*producer_id, last(entry)))
            .collect()
    }

    /// How many producers are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no producer is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn forget_older_half(&mut self) {
        let mut ends: Vec<Offset> = self.entries.values().map(Entry::last_offset).collect();
        ends.sort_unstable();
        let middle = ends[ends.len() / 2];
        self.entries
            .retain(|_, entry| entry.last_offset() >= middle);
    }
}

/// One producer's latest batches, all of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) epoch: ProducerEpoch,
    /// Oldest first; the first `len` are set.
    batches: [SeenBatch; BATCHES_KEPT],
    len: usize,
    last_timestamp_ms: i64,
    /// Wrote since the last expiry; soft, and not part of what replay rebuilds.
    active: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenBatch {
    pub(super) last_sequence: Sequence,
    pub(super) offset_delta: i32,
    pub(super) last_offset: Offset,
    pub(super) timestamp_ms: i64,
}

impl SeenBatch {
    fn first_sequence(&self) -> Sequence {
        self.last_sequence.plus(-self.offset_delta)
    }
}

impl Entry {
    fn new(epoch: ProducerEpoch) -> Entry {
        Entry {
            epoch,
            batches: [SeenBatch::default(); BATCHES_KEPT],
            len: 0,
            last_timestamp_ms: -1,
            active: true,
        }
    }

    /// As it was when these were its latest batches, oldest first.
    ///
    /// # Panics
    /// When there are more than are kept.
    pub(super) fn restored(epoch: ProducerEpoch, batches: &[SeenBatch]) -> Entry {
        let mut entry = Entry::new(epoch);
        entry.batches[..batches.len()].copy_from_slice(batches);
        entry.len = batches.len();
        entry.last_timestamp_ms = batches.last().map_or(-1, |batch| batch.timestamp_ms);
        entry
    }

    pub(super) fn batches(&self) -> &[SeenBatch] {
        &self.batches[..self.len]
    }

    fn last_sequence(&self) -> Sequence {
        self.batches()
            .last()
            .map_or(Sequence::NONE, |batch| batch.last_sequence)
    }

    fn last_offset(&self) -> Offset {
        self.batches()
            .last()
            .map_or(Offset(-1), |batch| batch.last_offset)
    }

    /// The batch of exactly these sequences, if it is still remembered.
    fn find(&self, header: &BatchHeader) -> Option<&SeenBatch> {
        if header.producer_epoch != self.epoch {
            return None;
        }
        let kept = if mutants::on(Mutant::RemembersOneBatch) {
            self.len.min(1)
        } else {
            self.len
        };
        self.batches().iter().rev().take(kept).find(|batch| {
            batch.first_sequence() == header.base_sequence
                && batch.last_sequence == header.last_sequence()
        })
    }

    fn check_epoch(&self, header: &BatchHeader) -> Result<(), AppendRefusal> {
        if header.producer_epoch < self.epoch && !mutants::on(Mutant::AllowsOldEpochs) {
            return Err(AppendRefusal::ProducerEpoch {
                producer_id: header.producer_id,
                sent: header.producer_epoch,
                current: self.epoch,
            });
        }
        Ok(())
    }

    fn check_sequence(&self, header: &BatchHeader) -> Result<(), AppendRefusal> {
        let last = if header.producer_epoch == self.epoch {
            self.last_sequence()
        } else {
            // A new epoch starts counting again.
            Sequence::NONE
        };
        let expected = if last == Sequence::NONE {
            Sequence(0)
        } else {
            last.plus(1)
        };
        let follows = header.base_sequence == expected || mutants::on(Mutant::AllowsGaps);
        if self.epoch == ProducerEpoch::NONE || follows {
            return Ok(());
        }
        Err(AppendRefusal::OutOfOrderSequence {
            producer_id: header.producer_id,
            sent: header.base_sequence,
            last,
        })
    }

    fn push(&mut self, header: &BatchHeader) {
        if header.producer_epoch != self.epoch {
            *self = Entry::new(header.producer_epoch);
        }
        if self.len == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.len -= 1;
        }
        self.batches[self.len] = SeenBatch {
            last_sequence: header.last_sequence(),
            offset_delta: header.last_offset_delta,
            last_offset: header.last_offset(),
            timestamp_ms: header.max_timestamp_ms,
        };
        self.len += 1;
        self.last_timestamp_ms = header.max_timestamp_ms;
        self.active = true;
    }
}

#[cfg(test)]
mod tests;
