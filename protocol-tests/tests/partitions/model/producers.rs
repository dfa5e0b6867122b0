//! What a partition knows of idempotent producers: the last five batches of
//! each, all of its latest epoch.

use std::collections::{BTreeMap, VecDeque};

use kafka_protocol::ResponseError;
use ottla_core::batch::BatchHeader;

/// After this age of a producer's last batch it may be forgotten at any time;
/// Kafka's default, with an hour to spare.
const MAY_BE_FORGOTTEN_AFTER_MS: i64 = 23 * 3_600_000;

const BATCHES_KEPT: usize = 5;

/// The producers of one partition, by id.
#[derive(Clone, Debug, Default)]
pub struct Producers {
    known: BTreeMap<i64, Producer>,
}

#[derive(Clone, Debug)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Seen>,
    last_timestamp_ms: i64,
    /// A restart, or time, may have forgotten some of it.
    is_shaky: bool,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

/// What a batch with a producer id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Next,
    Again { base_offset: i64 },
    Refused(i16),
}

impl Producers {
    pub fn judge(&self, header: &BatchHeader) -> Judged {
        let Some(producer) = self.known.get(&header.producer_id.0) else {
            // Whoever is not known may begin with any number.
            return Judged::Next;
        };
        let epoch = header.producer_epoch.0;
        if epoch == producer.epoch
            && let Some(seen) = producer.batches.iter().find(|seen| {
                seen.first_sequence == header.base_sequence.0
                    && seen.last_sequence == last_sequence(header)
            })
        {
            let base_offset = seen.base_offset;
            return Judged::Again { base_offset };
        }
        if epoch < producer.epoch {
            return Judged::Refused(ResponseError::InvalidProducerEpoch.code());
        }
        let expected = match (epoch == producer.epoch, producer.batches.back()) {
            (true, Some(last)) => after(last.last_sequence),
            // A new epoch begins again.
            _ => 0,
        };
        match header.base_sequence.0 == expected {
            true => Judged::Next,
            false => Judged::Refused(ResponseError::OutOfOrderSequenceNumber.code()),
        }
    }

    pub fn appended(&mut self, header: &BatchHeader, base_offset: i64) {
        let epoch = header.producer_epoch.0;
        let producer = self
            .known
            .entry(header.producer_id.0)
            .or_insert_with(|| Producer {
                epoch,
                batches: VecDeque::new(),
                last_timestamp_ms: 0,
                is_shaky: false,
            });
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
            producer.is_shaky = false;
        }
        if producer.batches.len() == BATCHES_KEPT {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Seen {
            first_sequence: header.base_sequence.0,
            last_sequence: last_sequence(header),
            base_offset,
        });
        producer.last_timestamp_ms = header.max_timestamp_ms;
    }

    /// A producer goes on after so long that what came before may have been
    /// forgotten: that is not known again by what comes now.
    pub fn note_age(&mut self, producer_id: i64, now_ms: i64) {
        let is_shaky = self.is_shaky(producer_id, now_ms);
        if let Some(producer) = self.known.get_mut(&producer_id) {
            producer.is_shaky = is_shaky;
        }
    }

    /// Forgets one that the cluster may have forgotten, and turns out to have.
    pub fn forget(&mut self, producer_id: i64) {
        self.known.remove(&producer_id);
    }

    /// Whether a cluster may have forgotten (some of) what is known here.
    pub fn is_shaky(&self, producer_id: i64, now_ms: i64) -> bool {
        self.known.get(&producer_id).is_some_and(|producer| {
            producer.is_shaky || now_ms - producer.last_timestamp_ms > MAY_BE_FORGOTTEN_AFTER_MS
        })
    }

    /// What lies before the start of the log need not be found by a restart.
    pub fn restarted(&mut self, log_start: i64) {
        for producer in self.known.values_mut() {
            producer.is_shaky |= producer
                .batches
                .iter()
                .any(|batch| batch.base_offset < log_start);
        }
    }

    /// Where a producer that goes on would: its epoch and next sequence.
    pub fn next(&self, producer_id: i64) -> (i16, i32) {
        self.known.get(&producer_id).map_or((0, 0), |producer| {
            let last = producer.batches.back();
            let next = last.map_or(0, |last| after(last.last_sequence));
            (producer.epoch, next)
        })
    }
}

/// 2³¹−1 is followed by 0.
fn after(sequence: i32) -> i32 {
    sequence.wrapping_add(1) & i32::MAX
}

fn last_sequence(header: &BatchHeader) -> i32 {
    header
        .base_sequence
        .0
        .wrapping_add(header.last_offset_delta)
        & i32::MAX
}
