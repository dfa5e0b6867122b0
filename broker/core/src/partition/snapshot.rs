//! What a partition remembers of its log, as the bytes of a file: so that a
//! restart need not replay what lies before.
//!
//! The format is that of Kafka's `.snapshot` files, which keep one batch per
//! producer. Ours remember as many as can be recognised when they come again,
//! and where the leader epochs began: that follows behind Kafka's part, where
//! Kafka does not look, under the same checksum.
//!
//! ```text
//! version i16 = 1 · crc32c u32 of all that follows
//! count i32 · [producer id i64 · epoch i16 · last sequence i32 · last offset i64 · offset delta i32
//!              · timestamp i64 · coordinator epoch i32 = −1 · transaction's first offset i64 = −1]
//! "OTLA" · version u8 = 1
//! count i32 · [leader epoch i32 · start offset i64]
//! for each producer: count u8 · [last sequence i32 · offset delta i32 · last offset i64 · timestamp i64]
//! ```

use thiserror::Error;

use super::epochs::LeaderEpochs;
use super::producers::{BATCHES_KEPT, Entry, Producers, SeenBatch};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

const VERSION: i16 = 1;
/// Where the part begins that the checksum covers.
const COVERED_FROM: usize = 6;
const OWN_PART: [u8; 4] = *b"OTLA";
const OWN_VERSION: u8 = 1;

/// Why bytes are no snapshot to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// Another version, or Kafka's file, which remembers less.
    #[error("the snapshot is of another version or another broker")]
    Foreign,
    /// Bytes have changed or are missing.
    #[error("the snapshot is damaged")]
    Damaged,
}

/// The file's bytes.
pub(super) fn encode(producers: &Producers, epochs: &LeaderEpochs) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(VERSION.to_be_bytes());
    file.extend([0; 4]);
    push_count(&mut file, producers.len());
    for (producer_id, entry) in producers.entries() {
        push_newest(&mut file, producer_id, entry);
    }
    file.extend(OWN_PART);
    file.push(OWN_VERSION);
    push_count(&mut file, epochs.starts().len());
    for &(epoch, start) in epochs.starts() {
        file.extend(epoch.0.to_be_bytes());
        file.extend(start.0.to_be_bytes());
    }
    for (_, entry) in producers.entries() {
        push_older(&mut file, entry);
    }
    let crc = crc32c::crc32c(&file[COVERED_FROM..]);
    file[2..COVERED_FROM].copy_from_slice(&crc.to_be_bytes());
    file
}

/// Reads [`encode`]'s bytes.
pub(super) fn decode(file: &[u8]) -> Result<(Producers, LeaderEpochs), SnapshotError> {
    let mut bytes = Bytes(file);
    if i16::from_be_bytes(bytes.take()?) != VERSION {
        return Err(SnapshotError::Foreign);
    }
    let crc = u32::from_be_bytes(bytes.take()?);
    if crc32c::crc32c(bytes.0) != crc {
        return Err(SnapshotError::Damaged);
    }
    // No room is reserved for a count: the bytes of each entry must be there.
    let mut newest = Vec::new();
    for _ in 0..bytes.number()? {
        newest.push(bytes.newest()?);
    }
    if bytes.0.get(..OWN_PART.len()) != Some(&OWN_PART) {
        return Err(SnapshotError::Foreign);
    }
    let [_, _, _, _, own_version] = bytes.take()?;
    if own_version != OWN_VERSION {
        return Err(SnapshotError::Foreign);
    }
    let mut epochs = LeaderEpochs::default();
    for _ in 0..bytes.number()? {
        let epoch = LeaderEpoch(bytes.number()?);
        epochs.assign(epoch, bytes.offset()?);
    }
    let mut producers = Producers::default();
    for (producer_id, epoch, last) in newest {
        let mut batches = bytes.older()?;
        batches.extend(last);
        producers.restore(producer_id, Entry::restored(epoch, &batches));
    }
    match bytes.0 {
        [] => Ok((producers, epochs)),
        _ => Err(SnapshotError::Damaged),
    }
}

/// Kafka's entry.
fn push_newest(file: &mut Vec<u8>, producer_id: ProducerId, entry: &Entry) {
    let none = SeenBatch {
        last_sequence: Sequence::NONE,
        offset_delta: 0,
        last_offset: Offset(-1),
        timestamp_ms: -1,
    };
    let last = entry.batches().last().unwrap_or(&none);
    file.extend(producer_id.0.to_be_bytes());
    file.extend(entry.epoch.0.to_be_bytes());
    file.extend(last.last_sequence.0.to_be_bytes());
    file.extend(last.last_offset.0.to_be_bytes());
    file.extend(last.offset_delta.to_be_bytes());
    file.extend(last.timestamp_ms.to_be_bytes());
    file.extend((-1i32).to_be_bytes());
    file.extend((-1i64).to_be_bytes());
}

fn push_older(file: &mut Vec<u8>, entry: &Entry) {
    let older = entry
        .batches()
        .split_last()
        .map_or(&[][..], |(_, older)| older);
    file.push(older.len() as u8);
    for batch in older {
        file.extend(batch.last_sequence.0.to_be_bytes());
        file.extend(batch.offset_delta.to_be_bytes());
        file.extend(batch.last_offset.0.to_be_bytes());
        file.extend(batch.timestamp_ms.to_be_bytes());
    }
}

fn push_count(file: &mut Vec<u8>, count: usize) {
    let count = i32::try_from(count).expect("both tables are bounded far below 2^31");
    file.extend(count.to_be_bytes());
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

type Newest = (ProducerId, ProducerEpoch, Option<SeenBatch>);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(SnapshotError::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<i32, SnapshotError> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn offset(&mut self) -> Result<Offset, SnapshotError> {
        Ok(Offset(i64::from_be_bytes(self.take()?)))
    }

    fn newest(&mut self) -> Result<Newest, SnapshotError> {
        let producer_id = ProducerId(i64::from_be_bytes(self.take()?));
        let epoch = ProducerEpoch(i16::from_be_bytes(self.take()?));
        let last_sequence = Sequence(self.number()?);
        let last_offset = self.offset()?;
        let batch = SeenBatch {
            last_sequence,
            offset_delta: self.number()?,
            last_offset,
            timestamp_ms: i64::from_be_bytes(self.take()?),
        };
        let _transaction: [u8; 12] = self.take()?;
        Ok((
            producer_id,
            epoch,
            (last_offset >= Offset(0)).then_some(batch),
        ))
    }

    fn older(&mut self) -> Result<Vec<SeenBatch>, SnapshotError> {
        let [count] = self.take()?;
        if usize::from(count) >= BATCHES_KEPT {
            return Err(SnapshotError::Damaged);
        }
        let mut batches = Vec::with_capacity(BATCHES_KEPT);
        for _ in 0..count {
            let last_sequence = Sequence(self.number()?);
            let offset_delta = self.number()?;
            batches.push(SeenBatch {
                last_sequence,
                offset_delta,
                last_offset: self.offset()?,
                timestamp_ms: i64::from_be_bytes(self.take()?),
            });
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests;
