//! Reads the dirty part of a log once, to know the last offset of each key.

use std::ops::ControlFlow;

use super::error::{CompactionError, RecordsProblem};
use super::offset_map::OffsetMap;
use super::transactions::{AbortedTransaction, CleanedTransactions, marker_of};
use crate::batch::BatchHeader;
use crate::batch::compression::record_bytes;
use crate::batch::crc::checksum_fits;
use crate::batch::record::records;
use crate::ids::Offset;
use crate::mutants::{self, Mutant};

/// The map of a cleaning, being filled.
#[derive(Debug)]
pub struct DirtyIndex {
    map: OffsetMap,
    from: Offset,
    transactions: CleanedTransactions,
    inflated_bytes_max: usize,
}

impl DirtyIndex {
    /// Begins at `from`, where the last cleaning ended; `aborted` are all
    /// aborted transactions by their first record. `map_bytes_max` is
    /// `log.cleaner.dedupe.buffer.size`.
    pub fn new(
        from: Offset,
        aborted: &[AbortedTransaction],
        map_bytes_max: usize,
        inflated_bytes_max: usize,
    ) -> DirtyIndex {
        DirtyIndex {
            map: OffsetMap::new(map_bytes_max, from),
            from,
            transactions: CleanedTransactions::new(aborted, from),
            inflated_bytes_max,
        }
    }

    /// Takes note of the next batch. Breaks at the first key without room: the
    /// cleaning ends before it.
    pub fn note(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
    ) -> Result<ControlFlow<()>, CompactionError> {
        if !checksum_fits(batch) {
            return Err(CompactionError::Checksum(header.base_offset));
        }
        let noted = self.note_records(header, batch);
        noted.map_err(|problem| CompactionError::Records {
            base_offset: header.base_offset,
            problem,
        })
    }

    /// The next segment begins at `base`. Whatever is missing before it was
    /// removed by an earlier cleaning: without this, the same end would be
    /// cleaned for ever (KAFKA-8764).
    pub fn segment_ended(&mut self, base: Offset) {
        if !mutants::on(Mutant::CleansAGapForEver) {
            self.map.reached(base);
        }
    }

    /// The last offset of each key, and how far that is known.
    pub fn into_map(self) -> OffsetMap {
        self.map
    }

    fn note_records(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
    ) -> Result<ControlFlow<()>, RecordsProblem> {
        let bytes = record_bytes(header, batch, self.inflated_bytes_max)?;
        if header.attributes.is_control() {
            let marker = marker_of(header, &bytes)?;
            self.transactions.is_needless(header, marker);
        } else if !self.transactions.is_aborted(header) {
            for record in records(header, &bytes) {
                let record = record?;
                let Some(key) = record.key.filter(|_| record.offset >= self.from) else {
                    continue;
                };
                if !self.map.has_room() {
                    return Ok(ControlFlow::Break(()));
                }
                self.map.put(key, record.offset);
                self.map.reached(record.offset.plus(1));
            }
        }
        self.map.reached(header.next_offset());
        Ok(ControlFlow::Continue(()))
    }
}
