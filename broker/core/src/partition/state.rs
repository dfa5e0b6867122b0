//! A partition's hard state, and the decision to append.

use std::collections::BTreeMap;

use super::check::AppendOrigin;
use super::epochs::LeaderEpochs;
use super::log_state::Marks;
use super::producers::{Judgement, LastRecord, Producers};
use super::refusal::{AppendRefusal, DeleteRefusal};
use super::snapshot::{self, SnapshotError};
use crate::batch::BatchHeader;
use crate::ids::{LeaderEpoch, Offset, ProducerId};
use crate::mutants::{self, Mutant};

/// What is to be done with a batch that passed [`super::prepare_batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendDecision {
    /// Stamp it with this place and write it.
    Append {
        /// Where its first record goes.
        base_offset: Offset,
        /// The leader that appends it.
        leader_epoch: LeaderEpoch,
    },
    /// It lies in the log already: answer with the original's place, and not
    /// before the high watermark has passed `last_offset`.
    Duplicate {
        /// Where its first record lies.
        base_offset: Offset,
        /// Where its last record lies.
        last_offset: Offset,
        /// The largest timestamp it was stored with.
        timestamp_ms: i64,
    },
}

/// How the log of a reader compares with the partition's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderLog {
    /// It may go on, as far as is known.
    Agrees,
    /// It has records that this log has not.
    Parted {
        /// The largest epoch that both can know.
        epoch: LeaderEpoch,
        /// Where that epoch ended here.
        end: Offset,
    },
    /// Its last epoch is one that this log has not heard of.
    Unknown,
}

/// Everything a partition remembers, except the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    marks: Marks,
    epochs: LeaderEpochs,
    producers: Producers,
}

impl PartitionState {
    /// An empty partition whose log begins at `log_start`. Replay what its log
    /// holds, then say [`finish_recovery`](Self::finish_recovery).
    pub fn empty_at(log_start: Offset) -> PartitionState {
        PartitionState {
            marks: Marks::empty_at(log_start, LeaderEpoch::NONE),
            epochs: LeaderEpochs::default(),
            producers: Producers::default(),
        }
    }

    /// Goes on from a [`snapshot`](Self::snapshot), as if all had been replayed
    /// that was replayed before it was taken. Replay what followed, then say
    /// [`finish_recovery`](Self::finish_recovery).
    ///
    /// # Errors
    /// When the bytes are not one; then everything has to be replayed.
    pub fn resume(snapshot: &[u8]) -> Result<PartitionState, SnapshotError> {
        let (producers, epochs) = snapshot::decode(snapshot)?;
        Ok(PartitionState {
            producers: match mutants::on(Mutant::ForgetsProducers) {
                true => Producers::default(),
                false => producers,
            },
            epochs,
            ..PartitionState::empty_at(Offset(0))
        })
    }

    /// What is remembered of the log up to its end, but for the marks: the
    /// bytes of a file, to [`resume`](Self::resume) from.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(&self.producers, &self.epochs)
    }

    /// Decides where a checked batch goes; changes nothing.
    pub fn decide_append(
        &self,
        origin: AppendOrigin,
        header: &BatchHeader,
    ) -> Result<AppendDecision, AppendRefusal> {
        let is_client = matches!(origin, AppendOrigin::Client { .. });
        let judgement = if is_client && header.has_producer_id() {
            self.producers.judge(header)?
        } else {
            Judgement::Next
        };
        Ok(match judgement {
            Judgement::Next => AppendDecision::Append {
                base_offset: self.marks.log_end,
                leader_epoch: self.marks.leader_epoch,
            },
            Judgement::Duplicate {
                base_offset,
                last_offset,
                timestamp_ms,
            } => AppendDecision::Duplicate {
                base_offset,
                last_offset,
                timestamp_ms,
            },
        })
    }

    /// Decides batches that come at once: where the first goes, and each of the
    /// others behind the one before it, just as if that had been replayed first.
    /// `None` where they have to be decided one after the other, because not all
    /// of them will be appended. Changes nothing.
    pub fn decide_together<'a>(
        &self,
        origin: AppendOrigin,
        headers: impl Iterator<Item = &'a BatchHeader> + Clone,
    ) -> Option<(Offset, LeaderEpoch)> {
        let is_client = matches!(origin, AppendOrigin::Client { .. });
        let mut numbered = headers.filter(|header| is_client && header.has_producer_id());
        let is_in_order = match numbered.clone().next() {
            None => true,
            Some(_) => self.producers.continue_in_order(&mut numbered),
        };
        is_in_order.then_some((self.marks.log_end, self.marks.leader_epoch))
    }

    /// Takes note of a batch that lies in the log, with its place stamped.
    pub fn replay(&mut self, header: &BatchHeader) {
        if mutants::on(Mutant::CountsBatchesForRecords) {
            self.marks.extend(header.base_offset.plus(1));
        } else {
            self.marks.extend(header.next_offset());
        }
        self.epochs.assign(header.leader_epoch, header.base_offset);
        if header.has_producer_id() && !header.attributes.is_control() {
            self.producers.record(header);
        }
    }

    /// Sets the marks to what the log says after all of it was replayed. A
    /// single node's log is committed as far as it survived.
    pub fn finish_recovery(&mut self, log_start: Offset, log_end: Offset) {
        self.marks.extend(log_end);
        self.marks.raise_high_watermark(log_end);
        self.raise_log_start(log_start);
    }

    /// Leads from now on in `leader_epoch`, whether or not it writes.
    pub fn become_leader(&mut self, leader_epoch: LeaderEpoch) {
        self.epochs.assign(leader_epoch, self.marks.log_end);
        self.marks.leader_epoch = leader_epoch;
    }

    /// The marks as they are now.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Where each leader epoch began.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// Whether the log of a reader is a beginning of this one: the reader is at
    /// `offset` and its last batch was of epoch `last_fetched` (KIP-595).
    pub fn compare(&self, last_fetched: LeaderEpoch, offset: Offset) -> ReaderLog {
        if last_fetched <= LeaderEpoch::NONE {
            return ReaderLog::Agrees;
        }
        match self.epochs.end_of(last_fetched, self.marks.log_end) {
            None => ReaderLog::Unknown,
            Some((epoch, end)) if epoch < last_fetched || end < offset => {
                ReaderLog::Parted { epoch, end }
            }
            Some(_) => ReaderLog::Agrees,
        }
    }

    /// Decides where the log begins once the records before `before` are
    /// deleted, or all that can be read if it is `None` (DeleteRecords). Where
    /// it begins already when that is further on.
    ///
    /// # Errors
    /// Nothing at or above the high watermark is deleted, nor below 0.
    pub fn decide_delete_records(&self, before: Option<Offset>) -> Result<Offset, DeleteRefusal> {
        let before = before.unwrap_or(self.marks.high_watermark);
        if before < Offset(0) || before > self.marks.high_watermark {
            return Err(DeleteRefusal {
                before,
                high_watermark: self.marks.high_watermark,
            });
        }
        Ok(before.max(self.marks.log_start))
    }

    /// Each producer's last batch, which compaction keeps.
    pub fn last_records(&self) -> BTreeMap<ProducerId, LastRecord> {
        self.producers.last_records()
    }

    /// How many idempotent producers are remembered.
    pub fn producer_count(&self) -> usize {
        self.producers.len()
    }

    /// Raises the high watermark, at most to the log end. Says whether it rose.
    pub fn raise_high_watermark(&mut self, to: Offset) -> bool {
        self.marks.raise_high_watermark(to)
    }

    /// Raises the log start, at most to the high watermark. Says whether it rose.
    pub fn raise_log_start(&mut self, to: Offset) -> bool {
        let rose = self.marks.raise_log_start(to);
        if rose {
            self.epochs.truncate_front(self.marks.log_start);
        }
        rose
    }

    /// Forgets idempotent producers that are old and quiet; see
    /// [`Producers::expire`].
    pub fn expire_producers(&mut self, wall_ms: i64, expiration_ms: i64) {
        self.producers.expire(wall_ms, expiration_ms);
    }
}
