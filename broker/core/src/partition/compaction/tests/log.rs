//! A log in memory that is cleaned as the shell does it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::BytesMut;

use super::super::{
    AbortedTransaction, BatchFilter, CleanedTransactions, CleaningRules, CompactionError,
    DirtyIndex, OffsetMap, TransactionScan, Verdict, marker_of,
};
use crate::batch::compression::record_bytes;
use crate::batch::crc::checksum_fits;
use crate::batch::header::stamp_position;
use crate::batch::record::records;
use crate::batch::{Attributes, BatchHeader, RecordBatchBuilder};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use crate::partition::PartitionState;

pub const INFLATED_BYTES_MAX: usize = 1 << 20;

/// A record as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<String>,
    pub value: Option<String>,
}

/// Batches one after the other, and what the partition remembers of them.
#[derive(Clone, Debug)]
pub struct TestLog {
    pub batches: Vec<BytesMut>,
    pub state: PartitionState,
    /// Where the last cleaning ended.
    pub cleaned_end: Offset,
}

impl TestLog {
    pub fn new() -> TestLog {
        TestLog {
            batches: Vec::new(),
            state: PartitionState::empty_at(Offset(0)),
            cleaned_end: Offset(0),
        }
    }

    /// Where the next batch goes.
    pub fn end(&self) -> Offset {
        self.state.marks().log_end
    }

    /// Appends a batch as it is, at the log's end.
    pub fn append(&mut self, mut batch: BytesMut) -> Offset {
        let base = self.end();
        stamp_position(&mut batch, base, LeaderEpoch(0));
        self.state.replay(&BatchHeader::parse(&batch).unwrap());
        self.batches.push(batch);
        base
    }

    /// Appends records of one timestamp; `None` is a tombstone.
    pub fn put(&mut self, wall_ms: i64, records: &[(&str, Option<&str>)]) -> Offset {
        self.append(batch(wall_ms, records).build())
    }

    /// Appends one batch of a producer that is idempotent, or transactional.
    pub fn put_by(
        &mut self,
        producer_id: i64,
        sequence: i32,
        is_transactional: bool,
        records: &[(&str, Option<&str>)],
    ) -> Offset {
        let attributes = match is_transactional {
            true => Attributes::default().with_transactional(),
            false => Attributes::default(),
        };
        let batch = batch(1_000, records)
            .with_attributes(attributes)
            .with_producer(
                ProducerId(producer_id),
                ProducerEpoch(0),
                Sequence(sequence),
            );
        self.append(batch.build())
    }

    /// Ends a producer's transaction.
    pub fn end_transaction(&mut self, producer_id: i64, commits: bool) -> Offset {
        let mut builder = RecordBatchBuilder::new()
            .with_attributes(Attributes::default().with_transactional().with_control())
            .with_producer(ProducerId(producer_id), ProducerEpoch(0), Sequence::NONE);
        let key = [0, 0, 0, u8::from(commits)];
        builder.push(1_000, Some(&key), Some(&[0; 6]), &[]).unwrap();
        self.append(builder.build())
    }

    /// Cleans from the log's start to `bound`, as far as a map of `map_bytes`
    /// takes it.
    pub fn clean(
        &mut self,
        bound: Offset,
        wall_ms: i64,
        delete_retention_ms: i64,
        map_bytes: usize,
    ) -> Result<(), CompactionError> {
        let aborted = self.aborted();
        let map = self.map(bound, &aborted, map_bytes)?;
        let last_records = self.state.last_records();
        let rules = CleaningRules {
            map: &map,
            last_records: &last_records,
            bound,
            wall_ms,
            delete_retention_ms,
            inflated_bytes_max: INFLATED_BYTES_MAX,
        };
        let mut filter = BatchFilter::new(rules, CleanedTransactions::new(&aborted, Offset(0)));
        let mut cleaned = Vec::new();
        for batch in &self.batches {
            let header = BatchHeader::parse(batch).unwrap();
            if header.base_offset >= map.end() {
                cleaned.push(batch.clone());
                continue;
            }
            match filter.judge(&header, batch)? {
                Verdict::AsItIs => cleaned.push(batch.clone()),
                Verdict::Rewritten(batch) => cleaned.push(batch),
                Verdict::Gone => {}
            }
        }
        self.batches = cleaned;
        self.cleaned_end = map.end();
        Ok(())
    }

    fn aborted(&self) -> Vec<AbortedTransaction> {
        let mut scan = TransactionScan::default();
        for (header, batch) in self.headers().iter().zip(&self.batches) {
            let is_control = header.attributes.is_control();
            let marker = is_control.then(|| {
                let bytes = record_bytes(header, batch, INFLATED_BYTES_MAX).unwrap();
                marker_of(header, &bytes).unwrap()
            });
            scan.note(header, marker.flatten());
        }
        scan.aborted()
    }

    fn map(
        &self,
        bound: Offset,
        aborted: &[AbortedTransaction],
        map_bytes: usize,
    ) -> Result<OffsetMap, CompactionError> {
        let from = self.cleaned_end;
        let mut index = DirtyIndex::new(from, aborted, map_bytes, INFLATED_BYTES_MAX);
        for batch in &self.batches {
            let header = BatchHeader::parse(batch).unwrap();
            let is_dirty = header.last_offset() >= from && header.base_offset < bound;
            if is_dirty && index.note(&header, batch)? == ControlFlow::Break(()) {
                return Ok(index.into_map());
            }
        }
        index.segment_ended(bound);
        Ok(index.into_map())
    }

    /// All headers, which are whole and in order.
    pub fn headers(&self) -> Vec<BatchHeader> {
        let headers = self.batches.iter().map(|batch| {
            let header = BatchHeader::parse(batch).unwrap();
            assert_eq!(header.size_bytes(), batch.len());
            header
        });
        headers.collect()
    }

    /// All records that are not control records.
    pub fn seen(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (header, batch) in self.headers().iter().zip(&self.batches) {
            assert!(checksum_fits(batch));
            if header.attributes.is_control() {
                continue;
            }
            let bytes = record_bytes(header, batch, INFLATED_BYTES_MAX).unwrap();
            for record in records(header, &bytes) {
                let record = record.unwrap();
                let text = |bytes: Option<&[u8]>| {
                    bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
                };
                seen.push(Seen {
                    offset: record.offset.0,
                    timestamp_ms: record.timestamp_ms,
                    key: text(record.key),
                    value: text(record.value),
                });
            }
        }
        seen
    }

    /// What reading from the start leaves: key → value.
    pub fn table(&self) -> BTreeMap<String, String> {
        let mut table = BTreeMap::new();
        for record in self.seen() {
            let Some(key) = record.key else { continue };
            match record.value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
        }
        table
    }

    /// The offsets of the records that are left.
    pub fn offsets(&self) -> Vec<i64> {
        self.seen().iter().map(|record| record.offset).collect()
    }
}

/// A batch of records of one timestamp. An empty key is no key.
pub fn batch(timestamp_ms: i64, records: &[(&str, Option<&str>)]) -> RecordBatchBuilder {
    let mut builder = RecordBatchBuilder::new();
    for (key, value) in records {
        let key = (!key.is_empty()).then_some(key.as_bytes());
        let value = value.map(str::as_bytes);
        builder.push(timestamp_ms, key, value, &[]).unwrap();
    }
    builder
}
