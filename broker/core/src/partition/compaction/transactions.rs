//! What compaction must know of transactions (KIP-98): records of aborted ones
//! go at once, and a marker goes only after the last batch it speaks for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::error::RecordsProblem;
use crate::batch::BatchHeader;
use crate::batch::record::records;
use crate::ids::{Offset, ProducerId};

/// What a control batch says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// It never happened.
    Abort,
    /// It happened.
    Commit,
    /// Not about a transaction.
    Other,
}

impl Marker {
    /// Reads the key of a control record: a version, then a type.
    pub fn parse(key: &[u8]) -> Marker {
        match key {
            [_, _, 0, 0, ..] => Marker::Abort,
            [_, _, 0, 1, ..] => Marker::Commit,
            _ => Marker::Other,
        }
    }
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first record that is still there.
    pub first_offset: Offset,
    /// Its marker.
    pub last_offset: Offset,
}

/// Finds out how transactions ended, from all batches of a log in order. The
/// markers in the log are the truth; this needs no index.
#[derive(Clone, Debug, Default)]
pub struct TransactionScan {
    /// The first record of each transaction that has not ended.
    open: BTreeMap<ProducerId, Offset>,
    aborted: Vec<AbortedTransaction>,
}

impl TransactionScan {
    /// Takes note of a batch; `marker` is what it says if it is a control batch
    /// that still has its record.
    pub fn note(&mut self, batch: &BatchHeader, marker: Option<Marker>) {
        let producer_id = batch.producer_id;
        if !batch.attributes.is_control() {
            if batch.attributes.is_transactional() {
                self.open.entry(producer_id).or_insert(batch.base_offset);
            }
            return;
        }
        let ended = match marker {
            Some(Marker::Abort | Marker::Commit) => self.open.remove(&producer_id),
            _ => None,
        };
        if let (Some(Marker::Abort), Some(first_offset)) = (marker, ended) {
            self.aborted.push(AbortedTransaction {
                producer_id,
                first_offset,
                last_offset: batch.last_offset(),
            });
        }
    }

    /// The first record whose transaction has not ended.
    pub fn first_open(&self) -> Option<Offset> {
        self.open.values().min().copied()
    }

    /// The aborted ones, by first record.
    pub fn aborted(mut self) -> Vec<AbortedTransaction> {
        self.aborted
            .sort_by_key(|transaction| transaction.first_offset);
        self.aborted
    }
}

/// Walks through a log once more and tells what of it belongs to aborted
/// transactions.
#[derive(Clone, Debug, Default)]
pub struct CleanedTransactions {
    /// By first record; those that have not been reached.
    ahead: VecDeque<AbortedTransaction>,
    /// Aborted ones the walk is in, and whether a batch of it was seen.
    aborted: BTreeMap<ProducerId, bool>,
    /// Producers with a batch of a committed transaction whose marker has not
    /// been reached.
    committed: BTreeSet<ProducerId>,
}

impl CleanedTransactions {
    /// Begins at `from`; `aborted` come by their first record. What ended before
    /// says nothing of what its producer sends next.
    pub fn new(aborted: &[AbortedTransaction], from: Offset) -> Self {
        let ahead = aborted
            .iter()
            .filter(|transaction| transaction.last_offset >= from);
        CleanedTransactions {
            ahead: ahead.copied().collect(),
            ..CleanedTransactions::default()
        }
    }

    /// The next batch, which is no control batch: whether it was aborted.
    pub fn is_aborted(&mut self, batch: &BatchHeader) -> bool {
        self.advance(batch.last_offset());
        if !batch.attributes.is_transactional() {
            return false;
        }
        if let Some(seen) = self.aborted.get_mut(&batch.producer_id) {
            *seen = true;
            return true;
        }
        self.committed.insert(batch.producer_id);
        false
    }

    /// The next batch, which is a control batch: whether nothing needs it any
    /// more, because no batch it speaks for is left.
    pub fn is_needless(&mut self, batch: &BatchHeader, marker: Option<Marker>) -> bool {
        self.advance(batch.last_offset());
        match marker {
            Some(Marker::Abort) => self.aborted.remove(&batch.producer_id) != Some(true),
            Some(Marker::Commit) => !self.committed.remove(&batch.producer_id),
            Some(Marker::Other) => false,
            // Its record went before.
            None => true,
        }
    }

    fn advance(&mut self, offset: Offset) {
        while self
            .ahead
            .front()
            .is_some_and(|next| next.first_offset <= offset)
        {
            if let Some(reached) = self.ahead.pop_front() {
                self.aborted.entry(reached.producer_id).or_insert(false);
            }
        }
    }
}

/// What a control batch says; `None` when its record is gone.
pub fn marker_of(header: &BatchHeader, bytes: &[u8]) -> Result<Option<Marker>, RecordsProblem> {
    let record = records(header, bytes).next().transpose()?;
    Ok(record.map(|record| Marker::parse(record.key.unwrap_or_default())))
}
