//! What a topic demands of each record in a batch: a key, and a timestamp
//! within its limits.
//!
//! One quick pass over all records; only a batch that is refused is looked at
//! again, to say which of them it is refused for.

use super::check::AppendRules;
use super::refusal::{AppendRefusal, InvalidRecord, REPORTED_RECORDS_MAX, RecordRule};
use crate::batch::record::RecordError;
use crate::batch::skim::{SkimmedRecord, skim_records};
use crate::batch::{BatchHeader, TimestampType};
use crate::mutants::{self, Mutant};
use crate::time::Now;

/// There is no timestamp.
const NO_TIMESTAMP: i64 = -1;

/// Checks every record; returns the largest timestamp, −1 if there is none.
pub(super) fn check_records(
    rules: &AppendRules,
    now: Now,
    header: &BatchHeader,
    record_bytes: &[u8],
) -> Result<i64, AppendRefusal> {
    let judge = Judge::new(rules, now, header);
    let (mut max_timestamp_ms, mut is_refused) = (NO_TIMESTAMP, false);
    skim_records(header.record_count, record_bytes, |_, record| {
        max_timestamp_ms = max_timestamp_ms.max(judge.timestamp_ms(&record));
        is_refused |= judge.broken_rule(&record).is_some();
    })?;
    if is_refused {
        return Err(judge.refusal(header.record_count, record_bytes)?);
    }
    Ok(max_timestamp_ms)
}

/// Whether the header alone already tells of a timestamp that will be refused.
pub(super) fn header_is_suspect(rules: &AppendRules, now: Now, header: &BatchHeader) -> bool {
    let judge = Judge::new(rules, now, header);
    let claimed = [header.base_timestamp_ms, header.max_timestamp_ms];
    judge.append_time_ms.is_some()
        || claimed
            .into_iter()
            .any(|timestamp_ms| judge.broken_timestamp_rule(timestamp_ms).is_some())
}

/// The rules of a topic, applied to the records of one batch.
struct Judge<'a> {
    rules: &'a AppendRules,
    now_ms: i64,
    base_timestamp_ms: i64,
    /// What the producer claims to be the append time of every record.
    append_time_ms: Option<i64>,
}

impl<'a> Judge<'a> {
    fn new(rules: &'a AppendRules, now: Now, header: &BatchHeader) -> Self {
        let is_marked = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        Judge {
            rules,
            now_ms: now.wall_ms,
            base_timestamp_ms: header.base_timestamp_ms,
            append_time_ms: is_marked.then_some(header.max_timestamp_ms),
        }
    }

    /// Wraps as Java's arithmetic does, like every reader of the record.
    #[inline]
    fn timestamp_ms(&self, record: &SkimmedRecord) -> i64 {
        let own_ms = self.base_timestamp_ms.wrapping_add(record.timestamp_delta);
        self.append_time_ms.unwrap_or(own_ms)
    }

    #[inline]
    fn broken_rule(&self, record: &SkimmedRecord) -> Option<RecordRule> {
        if self.rules.compacted && !record.has_key {
            return Some(RecordRule::Key);
        }
        self.broken_timestamp_rule(self.timestamp_ms(record))
    }

    /// A batch that its producer marked LogAppendTime is fine where the topic
    /// wants CreateTime and there is a timestamp, as it is to Kafka.
    #[inline]
    fn broken_timestamp_rule(&self, timestamp_ms: i64) -> Option<RecordRule> {
        let is_judged =
            self.rules.timestamp_type == TimestampType::CreateTime && timestamp_ms != NO_TIMESTAMP;
        if !is_judged {
            return self.append_time_ms.map(|_| RecordRule::TimestampType);
        }
        let age_ms = self.now_ms.wrapping_sub(timestamp_ms);
        let is_outside = age_ms > self.rules.timestamp_before_max_ms
            || age_ms.wrapping_neg() > self.rules.timestamp_after_max_ms
                && !mutants::on(Mutant::BelievesInTheFuture);
        is_outside.then(|| RecordRule::Timestamp {
            timestamp_ms,
            earliest_ms: self
                .now_ms
                .saturating_sub(self.rules.timestamp_before_max_ms),
            latest_ms: self
                .now_ms
                .saturating_add(self.rules.timestamp_after_max_ms),
        })
    }

    /// Says which records break a rule; at least one does.
    #[cold]
    fn refusal(
        &self,
        record_count: i32,
        record_bytes: &[u8],
    ) -> Result<AppendRefusal, RecordError> {
        let (mut invalid, mut total, mut has_timestamp) = (Vec::new(), 0, false);
        skim_records(record_count, record_bytes, |index, record| {
            let Some(rule) = self.broken_rule(&record) else {
                return;
            };
            total += 1;
            has_timestamp |= rule != RecordRule::Key;
            if invalid.len() < REPORTED_RECORDS_MAX {
                invalid.push(InvalidRecord { index, rule });
            }
        })?;
        Ok(AppendRefusal::InvalidRecords {
            invalid,
            total,
            has_timestamp,
        })
    }
}
