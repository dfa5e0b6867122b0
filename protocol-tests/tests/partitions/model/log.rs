//! One partition's log as a plain list of batches, with its start and its end.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use ottla_core::batch::{BatchHeader, batches};
use protocol_tests::batches::{OwnedRecord, records_of};

use super::Verdict;
use super::producers::{Judged, Producers};
use super::settings::Settings;
use crate::cluster::Outcome;

/// How much the model's clock may be off.
const CLOCK_SLACK_MS: i64 = 60_000;
/// `message.timestamp.after.max.ms`.
const TIMESTAMP_AFTER_MAX_MS: i64 = 3_600_000;

const OUT_OF_RANGE: i16 = 1;

#[derive(Clone, Debug, Default)]
pub struct Log {
    pub start: i64,
    pub end: i64,
    /// Everything below survives every crash.
    durable_end: i64,
    /// Retention that began under earlier settings may move the start up to
    /// here.
    may_start_at: i64,
    pub(super) batches: Vec<Stored>,
    pub producers: Producers,
}

/// A batch that was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub base_offset: i64,
    pub end_offset: i64,
    pub sent: Bytes,
    pub header: BatchHeader,
    pub records: Vec<OwnedRecord>,
    /// The topic had the broker stamp the time: between these.
    appended_ms: Option<(i64, i64)>,
    /// The topic had the broker compress it anew.
    is_rewritten: bool,
}

impl Log {
    pub(super) fn produce(&mut self, settings: &Settings, now_ms: i64, batch: &Bytes) -> Outcome {
        let header = BatchHeader::parse(batch).expect("scripts send valid batches");
        let records: Vec<OwnedRecord> = records_of(batch)
            .expect("scripts send valid batches")
            .into_iter()
            .map(|(_, record)| record)
            .collect();
        if batch.len() > settings.max_message_bytes {
            // Refused before the log is asked.
            return Outcome::Produced {
                code: ResponseError::MessageTooLarge.code(),
                base_offset: -1,
                log_start: -1,
            };
        }
        let log_start = self.start;
        let refused = |code| Outcome::Produced {
            code,
            base_offset: -1,
            log_start,
        };
        if let Some(code) = fault_of(settings, now_ms, &records) {
            return refused(code);
        }
        let judged = match header.has_producer_id() {
            true => self.producers.judge(&header),
            false => Judged::Next,
        };
        match judged {
            Judged::Refused(code) => refused(code),
            Judged::Again { base_offset } => self.produced(base_offset),
            Judged::Next => {
                let base_offset = self.append(settings, now_ms, batch, header, records);
                self.produced(base_offset)
            }
        }
    }

    /// The next offset is the end of the log; a batch takes one per record.
    fn append(
        &mut self,
        settings: &Settings,
        now_ms: i64,
        batch: &Bytes,
        header: BatchHeader,
        records: Vec<OwnedRecord>,
    ) -> i64 {
        let base_offset = self.end;
        self.end += records.len() as i64;
        if header.has_producer_id() {
            self.producers.note_age(header.producer_id.0, now_ms);
            self.producers.appended(&header, base_offset);
        }
        let window = (now_ms - CLOCK_SLACK_MS, now_ms + CLOCK_SLACK_MS);
        self.batches.push(Stored {
            base_offset,
            end_offset: self.end,
            sent: batch.clone(),
            header,
            records,
            appended_ms: settings.takes_append_time.then_some(window),
            is_rewritten: settings.recompresses,
        });
        if settings.syncs_every_append() {
            self.durable_end = self.end;
        }
        base_offset
    }

    fn produced(&self, base_offset: i64) -> Outcome {
        Outcome::Produced {
            code: 0,
            base_offset,
            log_start: self.start,
        }
    }

    /// Everything from the batch that holds `offset` on; how much of it is
    /// returned is [`check_fetched`](Self::check_fetched)'s to judge.
    pub(super) fn fetch(&self, offset: i64) -> Outcome {
        let code = match (self.start..=self.end).contains(&offset) {
            true => 0,
            false => OUT_OF_RANGE,
        };
        Outcome::Fetched {
            code,
            high_watermark: self.end,
            log_start: self.start,
            records: Bytes::new(),
        }
    }

    /// Nothing in front of the watermark is hidden, nothing behind it shown.
    pub(super) fn check_marks(&self, expected: &Outcome, outcome: &Outcome) -> Verdict {
        let marks = |outcome: &Outcome| match outcome {
            Outcome::Fetched {
                high_watermark,
                log_start,
                ..
            } => Some((*high_watermark, *log_start)),
            _ => None,
        };
        match marks(expected) == marks(outcome) {
            true => Ok(()),
            false => Err(format!(
                "marks {:?} instead of {:?}",
                marks(outcome),
                marks(expected)
            )),
        }
    }

    /// Whole batches, one after the other, from the one that holds `offset`;
    /// at least one; more only within the limit. Behind them may be the front
    /// of the next: Kafka cuts where the limit is.
    pub(super) fn check_fetched(&self, offset: i64, limit: usize, bytes: &Bytes) -> Verdict {
        let mut expected = self
            .batches
            .iter()
            .skip_while(|stored| stored.end_offset <= offset);
        let mut found = batches(bytes);
        let mut count = 0;
        for batch in found.by_ref() {
            let (header, batch) = batch.map_err(|error| error.to_string())?;
            let stored = expected.next().ok_or("more than was ever written")?;
            stored.check(&header, batch)?;
            count += 1;
        }
        if !found.rest().is_empty() && expected.next().is_none() {
            return Err("bytes behind the end of the log".into());
        }
        if count == 0 && offset < self.end {
            return Err(format!(
                "no whole batch from {offset}, the end is {}",
                self.end
            ));
        }
        match bytes.len() > limit && count > 1 {
            true => Err(format!(
                "{count} batches are {} bytes, above {limit}",
                bytes.len()
            )),
            false => Ok(()),
        }
    }

    /// −1 the end, −2 and −4 the start, −3 the first record with the largest
    /// timestamp, −5 nothing without tiered storage, else the first record
    /// that is not older.
    pub(super) fn list_offsets(&self, timestamp: i64) -> Outcome {
        let listed = |timestamp, offset| Outcome::Listed {
            code: 0,
            timestamp,
            offset,
        };
        match timestamp {
            -1 => return listed(-1, self.end),
            -2 | -4 => return listed(-1, self.start),
            -5 => return listed(-1, -1),
            _ => {}
        }
        let mut stamped = self.stamped();
        let found = match timestamp {
            -3 => {
                let largest = self.stamped().map(|(_, at)| at).max();
                stamped.find(|(_, at)| Some(*at) == largest)
            }
            wanted => stamped.find(|(_, at)| *at >= wanted),
        };
        found.map_or(listed(-1, -1), |(offset, at)| listed(at, offset))
    }

    /// Whether a record that was deleted is newer than all that are left. Kafka
    /// then names one that cannot be read, as long as its segment is there.
    pub(super) fn hides_the_newest(&self) -> bool {
        let newest = self.stamped().map(|(_, at)| at).max();
        let batches = self.batches.iter();
        batches
            .flat_map(Stored::stamped)
            .any(|(offset, at)| offset < self.start && Some(at) >= newest)
    }

    /// Every readable record's offset and timestamp.
    pub(super) fn stamped(&self) -> impl Iterator<Item = (i64, i64)> {
        let start = self.start;
        self.batches
            .iter()
            .flat_map(Stored::stamped)
            .filter(move |(offset, _)| *offset >= start)
    }

    /// Of the record at an offset.
    pub fn timestamp_at(&self, offset: i64) -> Option<i64> {
        let mut found = self.stamped().filter(|(at, _)| *at == offset);
        found.next().map(|(_, at)| at)
    }

    pub(super) fn delete_records(&mut self, settings: &Settings, before: i64) -> Outcome {
        let refused = |code| Outcome::Deleted {
            code,
            low_watermark: -1,
        };
        if !settings.deletes() {
            return refused(ResponseError::PolicyViolation.code());
        }
        let before = if before == -1 { self.end } else { before };
        if !(0..=self.end).contains(&before) {
            return refused(OUT_OF_RANGE);
        }
        // The start never goes back, and a deletion is for good.
        self.start = self.start.max(before);
        self.durable_end = self.durable_end.max(self.start);
        Outcome::Deleted {
            code: 0,
            low_watermark: self.start,
        }
    }

    /// Whether the start may be further than is known.
    pub(super) fn may_expire(&self, settings: &Settings, now_ms: i64) -> bool {
        self.latest_start(settings, now_ms) > self.start
    }

    /// The settings change: what is under way goes on by the old ones.
    pub(super) fn note_expiry(&mut self, settings: &Settings, now_ms: i64) {
        self.may_start_at = self.latest_start(settings, now_ms);
    }

    /// Retention removes whole segments from the front: each batch of them is
    /// too old, or enough would be left without it.
    fn latest_start(&self, settings: &Settings, now_ms: i64) -> i64 {
        let mut latest = self.start.max(self.may_start_at);
        if !settings.deletes() {
            return latest;
        }
        let mut left: i64 = self
            .batches
            .iter()
            .map(|stored| stored.sent.len() as i64)
            .sum();
        for stored in &self.batches {
            left -= stored.sent.len() as i64;
            let newest_ms = stored.stamped().map(|(_, at)| at).max().unwrap_or(-1);
            let age_ms = now_ms + CLOCK_SLACK_MS - newest_ms;
            let is_old = settings.retention_ms >= 0 && age_ms > settings.retention_ms;
            let is_much = settings.retention_bytes >= 0
                && (left >= settings.retention_bytes || settings.recompresses);
            if !is_old && !is_much {
                break;
            }
            latest = latest.max(stored.end_offset);
        }
        latest
    }

    pub(super) fn learn_start(&mut self, settings: &Settings, now_ms: i64, start: i64) -> Verdict {
        let latest = self.latest_start(settings, now_ms);
        if start < self.start || start > latest {
            return Err(format!(
                "the log starts at {start}, which may be from {} to {latest}",
                self.start
            ));
        }
        if start > self.start {
            self.batches.retain(|stored| stored.end_offset > start);
            self.start = start;
            self.durable_end = self.durable_end.max(start);
        }
        Ok(())
    }

    pub(super) fn stopped_in_order(&mut self) {
        self.durable_end = self.end;
    }

    /// What a restart found: the longest prefix of whole batches that nothing
    /// was lost of, and everything that was synced.
    pub(super) fn found_again(&mut self, end: i64, may_lose: bool) -> Verdict {
        let least = if may_lose { self.durable_end } else { self.end };
        if end < least || end > self.end {
            return Err(format!(
                "the log ends at {}, which must be from {least} to {}",
                end, self.end
            ));
        }
        let is_boundary = end == self.end
            || end <= self.start
            || self.batches.iter().any(|stored| stored.end_offset == end);
        if !is_boundary {
            return Err(format!("the log ends at {}, within a batch", end));
        }
        if end < self.end {
            self.batches.retain(|stored| stored.end_offset <= end);
            self.end = end;
            self.may_start_at = self.may_start_at.min(end);
            self.producers = Producers::default();
            for stored in self
                .batches
                .iter()
                .filter(|stored| stored.header.has_producer_id())
            {
                self.producers.appended(&stored.header, stored.base_offset);
            }
        }
        self.producers.restarted(self.start);
        Ok(())
    }

    /// A producer that may have been forgotten: either way is right, and what
    /// became of it is learnt.
    pub(super) fn accept_of_shaky(
        &mut self,
        now_ms: i64,
        batch: &Bytes,
        outcome: &Outcome,
    ) -> bool {
        let header = BatchHeader::parse(batch).expect("scripts send valid batches");
        if !header.has_producer_id() || !self.producers.is_shaky(header.producer_id.0, now_ms) {
            return false;
        }
        match outcome {
            Outcome::Produced {
                code: 0,
                base_offset,
                ..
            } if *base_offset == self.end => {
                self.producers.forget(header.producer_id.0);
                let records = records_of(batch).expect("scripts send valid batches");
                let records = records.into_iter().map(|(_, record)| record).collect();
                self.append(&Settings::default(), now_ms, batch, header, records);
                true
            }
            Outcome::Produced { code, .. } => {
                *code == ResponseError::OutOfOrderSequenceNumber.code()
                    || *code == ResponseError::UnknownProducerId.code()
            }
            _ => false,
        }
    }
}

/// What is wrong with the records: each is judged by its key first, and then,
/// if it has one, by its time; of several faults the time's is told.
fn fault_of(settings: &Settings, now_ms: i64, records: &[OwnedRecord]) -> Option<i16> {
    let latest_ms = now_ms + TIMESTAMP_AFTER_MAX_MS;
    let lacks_key = |record: &OwnedRecord| settings.needs_keys() && record.key.is_none();
    let is_future = |record: &OwnedRecord| {
        !settings.takes_append_time && record.timestamp_ms > latest_ms && !lacks_key(record)
    };
    if records.iter().any(is_future) {
        return Some(ResponseError::InvalidTimestamp.code());
    }
    let lacks_any = records.iter().any(lacks_key);
    lacks_any.then(|| ResponseError::InvalidRecord.code())
}

impl Stored {
    fn stamped(&self) -> impl Iterator<Item = (i64, i64)> {
        let appended_ms = self.appended_ms;
        (self.base_offset..).zip(self.records.iter().map(move |record| {
            appended_ms.map_or(record.timestamp_ms, |(earliest_ms, _)| earliest_ms)
        }))
    }

    /// Whether these are the bytes that were sent: only base offset and leader
    /// epoch may differ, and what the topic had the broker change.
    fn check(&self, header: &BatchHeader, batch: &[u8]) -> Verdict {
        if header.base_offset.0 != self.base_offset || header.next_offset().0 != self.end_offset {
            return Err(format!(
                "a batch from {} to {} instead of {} to {}",
                header.base_offset,
                header.next_offset(),
                self.base_offset,
                self.end_offset
            ));
        }
        if !ottla_core::batch::crc::checksum_fits(batch) {
            return Err(format!(
                "the batch at {} has a wrong checksum",
                self.base_offset
            ));
        }
        if self.appended_ms.is_none() && !self.is_rewritten {
            let is_same = batch.len() == self.sent.len()
                && batch[8..12] == self.sent[8..12]
                && batch[16..] == self.sent[16..];
            return match is_same {
                true => Ok(()),
                false => Err(format!(
                    "the batch at {} is not what was sent",
                    self.base_offset
                )),
            };
        }
        self.check_records(batch)
    }

    fn check_records(&self, batch: &[u8]) -> Verdict {
        let found = records_of(batch)?;
        let is_same = found.len() == self.records.len()
            && found.iter().zip(&self.records).all(|((_, found), sent)| {
                let is_in_time = match self.appended_ms {
                    Some((from, to)) => (from..=to).contains(&found.timestamp_ms),
                    None => found.timestamp_ms == sent.timestamp_ms,
                };
                is_in_time
                    && found.key == sent.key
                    && found.value == sent.value
                    && found.headers == sent.headers
            });
        match is_same {
            true => Ok(()),
            false => Err(format!(
                "the records at {} are not what was sent",
                self.base_offset
            )),
        }
    }
}
