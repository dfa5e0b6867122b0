//! Where in a segment an offset or a timestamp lies, sparsely, in Kafka's own
//! two file formats.
//!
//! Owns when an entry is made and how the files look. An index is a function
//! of the batches in front of it, so it can be made again from them, byte for
//! byte; it is never trusted further than `decode` checked it.
//!
//! ```text
//! .index      relative offset i32 · position i32      last offset of a batch, where that batch begins
//! .timeindex  timestamp i64 · relative offset i32     largest timestamp so far, last offset of its batch
//! ```

use ottla_core::batch::BatchHeader;
use ottla_core::ids::Offset;

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;

/// Kafka's "no timestamp".
pub(super) const NO_TIMESTAMP: i64 = -1;

/// Both indexes of one segment, and the largest timestamp in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentIndex {
    base: Offset,
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    /// The largest timestamp and the last offset of the first batch that has
    /// it; [`NO_TIMESTAMP`] when there is none.
    max_timestamp_ms: i64,
    offset_of_max: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OffsetEntry {
    relative: u32,
    position: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeEntry {
    timestamp_ms: i64,
    relative: u32,
}

/// The checksum of both files, one behind the other.
pub(super) fn files_checksum(offsets: &[u8], times: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(offsets), times)
}

impl SegmentIndex {
    /// The index of a segment without batches.
    pub fn new(base: Offset) -> Self {
        SegmentIndex {
            base,
            offsets: Vec::new(),
            times: Vec::new(),
            max_timestamp_ms: NO_TIMESTAMP,
            offset_of_max: base,
        }
    }

    /// Takes notice of a batch that lies at `position`, making an entry when
    /// more than `interval_bytes` lie between it and the last one.
    pub fn note(&mut self, batch: &BatchHeader, position: u32, interval_bytes: u32) {
        if batch.max_timestamp_ms > self.max_timestamp_ms {
            self.max_timestamp_ms = batch.max_timestamp_ms;
            self.offset_of_max = batch.last_offset();
        }
        let last = self.offsets.last().map_or(0, |entry| entry.position);
        if position - last > interval_bytes {
            self.offsets.push(OffsetEntry {
                relative: self.relative(batch.last_offset()),
                position,
            });
            self.note_time();
        }
    }

    /// Makes the last time entry, which tells a closed segment's largest
    /// timestamp.
    pub fn close(&mut self) {
        self.note_time();
    }

    /// A position at or before the batch that holds `offset`, where a batch
    /// begins.
    pub fn position_for(&self, offset: Offset) -> u32 {
        let after = self
            .offsets
            .partition_point(|entry| self.absolute(entry.relative) <= offset);
        match after.checked_sub(1) {
            Some(at) => self.offsets[at].position,
            None => 0,
        }
    }

    /// The last position known at which a batch begins, not behind `limit`, with
    /// all batches before it and itself below the offset `below`; 0 if none is.
    pub fn position_before(&self, limit: u64, below: Offset) -> u32 {
        let behind = self.offsets.partition_point(|entry| {
            u64::from(entry.position) <= limit && self.absolute(entry.relative) < below
        });
        behind
            .checked_sub(1)
            .map_or(0, |at| self.offsets[at].position)
    }

    /// An offset at or before the first batch with a timestamp of at least
    /// `timestamp_ms`.
    pub fn offset_before(&self, timestamp_ms: i64) -> Offset {
        let after = self
            .times
            .partition_point(|entry| entry.timestamp_ms <= timestamp_ms);
        match after.checked_sub(1) {
            Some(at) => self.absolute(self.times[at].relative),
            None => self.base,
        }
    }

    /// The largest timestamp and the last offset of the first batch with it.
    pub fn max_timestamp(&self) -> Option<(Offset, i64)> {
        (self.max_timestamp_ms > NO_TIMESTAMP)
            .then_some((self.offset_of_max, self.max_timestamp_ms))
    }

    /// Sets what no entry tells yet: the largest timestamp so far.
    pub fn restore_max(&mut self, timestamp_ms: i64, offset_of_max: Offset) {
        if timestamp_ms > self.max_timestamp_ms && offset_of_max >= self.base {
            self.max_timestamp_ms = timestamp_ms;
            self.offset_of_max = offset_of_max;
        }
    }

    /// Whether the files may not take so many entries more
    /// (`segment.index.bytes`); one time entry is kept free for `close`.
    pub fn is_full(&self, index_bytes_max: u32, more: usize) -> bool {
        let limit = index_bytes_max as usize;
        self.offsets.len() + more > limit / OFFSET_ENTRY_BYTES
            || self.times.len() + 1 + more > limit / TIME_ENTRY_BYTES
    }

    /// Bytes of the larger file.
    pub fn file_bytes_max(&self) -> u64 {
        let offsets = self.offsets.len() * OFFSET_ENTRY_BYTES;
        offsets.max(self.times.len() * TIME_ENTRY_BYTES) as u64
    }

    /// The `.index` file.
    pub fn offset_file(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.offsets.len() * OFFSET_ENTRY_BYTES);
        for entry in &self.offsets {
            file.extend_from_slice(&entry.relative.to_be_bytes());
            file.extend_from_slice(&entry.position.to_be_bytes());
        }
        file
    }

    /// The `.timeindex` file.
    pub fn time_file(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.times.len() * TIME_ENTRY_BYTES);
        for entry in &self.times {
            file.extend_from_slice(&entry.timestamp_ms.to_be_bytes());
            file.extend_from_slice(&entry.relative.to_be_bytes());
        }
        file
    }

    /// What tells its two files from others.
    pub fn checksum(&self) -> u32 {
        files_checksum(&self.offset_file(), &self.time_file())
    }

    /// Reads both files of a segment of `log_bytes` bytes. `None` when they
    /// cannot be the index of such a segment.
    pub fn decode(base: Offset, offsets: &[u8], times: &[u8], log_bytes: u64) -> Option<Self> {
        let offsets = decode_offsets(offsets, log_bytes)?;
        let times = decode_times(times)?;
        let mut index = SegmentIndex {
            offsets,
            times,
            ..SegmentIndex::new(base)
        };
        index.take_max_from_entries();
        Some(index)
    }

    /// Reads both files as far as they tell of the first `position` bytes of a
    /// segment: they were written when there were at least as many.
    pub fn decode_before(
        base: Offset,
        offsets: &[u8],
        times: &[u8],
        position: u64,
    ) -> Option<Self> {
        let mut index = SegmentIndex::decode(base, offsets, times, u64::MAX)?;
        index
            .offsets
            .retain(|entry| u64::from(entry.position) < position);
        let last = index.offsets.last().map_or(0, |entry| entry.relative);
        // With each entry of the one comes at most one of the other, of a batch
        // that is not behind it.
        index.times.retain(|entry| entry.relative <= last);
        index.take_max_from_entries();
        Some(index)
    }

    fn take_max_from_entries(&mut self) {
        let last = self.times.last();
        self.max_timestamp_ms = last.map_or(NO_TIMESTAMP, |entry| entry.timestamp_ms);
        self.offset_of_max = last.map_or(self.base, |entry| self.absolute(entry.relative));
    }

    fn note_time(&mut self) {
        let last = self
            .times
            .last()
            .map_or(NO_TIMESTAMP, |entry| entry.timestamp_ms);
        if self.max_timestamp_ms > last {
            self.times.push(TimeEntry {
                timestamp_ms: self.max_timestamp_ms,
                relative: self.relative(self.offset_of_max),
            });
        }
    }

    fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset.0 - self.base.0)
            .expect("a segment rolls before an offset is 2^31 from its base")
    }

    fn absolute(&self, relative: u32) -> Offset {
        self.base.plus(i64::from(relative))
    }
}

fn decode_offsets(file: &[u8], log_bytes: u64) -> Option<Vec<OffsetEntry>> {
    let (entries, rest) = file.as_chunks::<OFFSET_ENTRY_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    let mut decoded: Vec<OffsetEntry> = Vec::with_capacity(entries.len());
    for &[a, b, c, d, e, f, g, h] in entries {
        let entry = OffsetEntry {
            relative: u32::from_be_bytes([a, b, c, d]),
            position: u32::from_be_bytes([e, f, g, h]),
        };
        let follows = decoded
            .last()
            .is_none_or(|last| last.relative < entry.relative && last.position < entry.position);
        let fits = entry.relative <= i32::MAX as u32 && u64::from(entry.position) < log_bytes;
        if !follows || !fits {
            return None;
        }
        decoded.push(entry);
    }
    Some(decoded)
}

fn decode_times(file: &[u8]) -> Option<Vec<TimeEntry>> {
    let (entries, rest) = file.as_chunks::<TIME_ENTRY_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    let mut decoded: Vec<TimeEntry> = Vec::with_capacity(entries.len());
    for &[a, b, c, d, e, f, g, h, i, j, k, l] in entries {
        let entry = TimeEntry {
            timestamp_ms: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            relative: u32::from_be_bytes([i, j, k, l]),
        };
        let follows = decoded.last().is_none_or(|last| {
            last.timestamp_ms < entry.timestamp_ms && last.relative < entry.relative
        });
        let fits = entry.relative <= i32::MAX as u32 && entry.timestamp_ms > NO_TIMESTAMP;
        if !follows || !fits {
            return None;
        }
        decoded.push(entry);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::super::testing::batch;
    use super::*;

    /// What Kafka's `LogSegment` writes for the same batches.
    #[test]
    fn entries_are_made_where_kafka_makes_them() {
        let mut index = SegmentIndex::new(Offset(100));
        let batches = [
            (100, 1_000, 0),
            (102, 3_000, 90),
            // Exactly the interval is not enough; the largest timestamp stays
            // with the first batch that has it.
            (104, 3_000, 150),
            (106, 2_000, 151),
            (108, 2_500, 301),
            (110, 4_000, 302),
            (112, 5_000, 310),
        ];
        for (base, timestamp_ms, position) in batches {
            index.note(&batch(base, 2, timestamp_ms, 0).0, position, 150);
        }
        index.close();
        let offsets: [[u32; 2]; 2] = [[7, 151], [11, 302]];
        let offset_file: Vec<u8> = offsets
            .concat()
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        assert_eq!(index.offset_file(), offset_file);
        let mut time_file = Vec::new();
        for (timestamp_ms, relative) in [(3_000u64, 3u32), (4_000, 11), (5_000, 13)] {
            time_file.extend(timestamp_ms.to_be_bytes());
            time_file.extend(relative.to_be_bytes());
        }
        assert_eq!(index.time_file(), time_file);
        let read = SegmentIndex::decode(Offset(100), &offset_file, &time_file, 400);
        assert_eq!(read, Some(index));
    }

    #[test]
    fn files_that_cannot_be_an_index_are_refused() {
        let decode = |offsets: &[u8], times: &[u8]| {
            SegmentIndex::decode(Offset(0), offsets, times, 100).is_some()
        };
        let entry = [0, 0, 0, 5, 0, 0, 0, 50];
        assert!(decode(&entry, &[]));
        assert!(!decode(&entry[..7], &[]));
        assert!(!decode(&[entry, entry].concat(), &[]));
        assert!(!decode(&[0, 0, 0, 5, 0, 0, 0, 100], &[]));
        assert!(!decode(&[0x80, 0, 0, 5, 0, 0, 0, 50], &[]));
        assert!(!decode(&[], &[0; 11]));
        assert!(!decode(&[], &[0xff; 12]));
        assert!(!decode(&[], &[[0; 12], [0; 12]].concat()));
    }
}
