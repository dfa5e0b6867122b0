//! What may be missing from a compacted log, and what may not.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_core::batch::batches;
use protocol_tests::batches::{OwnedRecord, records_of};

use super::{Log, Verdict};

impl Log {
    /// Every record that was written once, by offset.
    fn written(&self) -> BTreeMap<i64, &OwnedRecord> {
        let batches = self.batches.iter();
        batches
            .flat_map(|stored| (stored.base_offset..).zip(&stored.records))
            .collect()
    }

    /// Whether compaction may have taken a record: a later one has its key, or
    /// it is a tombstone, or it has no key and is older than the policy.
    fn may_be_gone(&self, offset: i64, record: &OwnedRecord) -> bool {
        let mut later = self.written().split_off(&(offset + 1)).into_values();
        record.key.is_none() || record.value.is_none() || later.any(|other| other.key == record.key)
    }

    /// Records keep their offsets, their order and their bytes; the last one of
    /// a key stays.
    pub(super) fn check_compacted(&self, offset: i64, bytes: &Bytes) -> Verdict {
        let written = self.written();
        let found = records_of(bytes)?;
        let mut next = offset;
        for (at, record) in found.iter().filter(|(at, _)| *at >= offset) {
            if *at < next {
                return Err(format!("{at} comes after {next}"));
            }
            let sent = written
                .get(at)
                .ok_or(format!("nothing was written at {at}"))?;
            let is_same = sent.key == record.key
                && sent.value == record.value
                && sent.headers == record.headers;
            if !is_same {
                return Err(format!("the record at {at} is not what was sent"));
            }
            self.check_gone(next, *at)?;
            next = at + 1;
        }
        // A batch whose records are all gone still says how far it reached.
        let reached = batches(bytes).filter_map(Result::ok).last();
        let reached = reached.map_or(self.end, |(header, _)| header.next_offset().0);
        self.check_gone(next, reached)
    }

    fn check_gone(&self, from: i64, to: i64) -> Verdict {
        for (at, record) in self.written().range(from.max(self.start)..to.max(from)) {
            if !self.may_be_gone(*at, record) {
                return Err(format!("the last record of its key, at {at}, is gone"));
            }
        }
        Ok(())
    }

    /// Whether a lookup may find `offset`, given what may be gone.
    pub(super) fn may_list(&self, timestamp: i64, offset: i64) -> bool {
        let written = self.written();
        let kept_before = self
            .stamped()
            .find(|(at, stamp)| *stamp >= timestamp && !self.may_be_gone(*at, written[at]));
        match kept_before {
            _ if timestamp == -3 => true,
            Some((kept, _)) => {
                offset <= kept
                    && self
                        .stamped()
                        .any(|(at, stamp)| at == offset && stamp >= timestamp)
            }
            None => true,
        }
    }
}
