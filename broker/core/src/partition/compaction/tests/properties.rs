//! Any log, cleaned at any times: what a plain map says is left is left.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::log::{Seen, TestLog, batch};
use crate::batch::{Attributes, BatchHeader, Codec};
use crate::ids::{Offset, ProducerEpoch, ProducerId, Sequence};

const RETENTION_MS: i64 = 50;

#[derive(Clone, Debug)]
enum Step {
    Append {
        /// −1: none.
        producer_id: i64,
        codec: Codec,
        records: Vec<(u8, Option<u16>)>,
        has_append_time: bool,
    },
    /// Cleans up to the end of a batch, so many before the last one.
    Clean {
        batches_behind: usize,
        map_bytes: usize,
        later_ms: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let codecs = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];
    // A key of 0 is none; small keys come again and again.
    let records = proptest::collection::vec((0u8..8, proptest::option::of(any::<u16>())), 1..5);
    prop_oneof![
        5 => (-1i64..3, prop::sample::select(codecs.to_vec()), records, any::<bool>()).prop_map(
            |(producer_id, codec, records, has_append_time)| Step::Append {
                producer_id,
                codec,
                records,
                has_append_time,
            }
        ),
        1 => (0usize..4, prop::sample::select(vec![0usize, 1 << 16]), 0i64..80).prop_map(
            |(batches_behind, map_bytes, later_ms)| Step::Clean {
                batches_behind,
                map_bytes,
                later_ms,
            }
        ),
    ]
}

/// What is known of the whole history.
#[derive(Default)]
struct Model {
    sent: BTreeMap<i64, Seen>,
    sequences: BTreeMap<i64, i32>,
    /// Which batch each record was sent in.
    base_of: BTreeMap<i64, i64>,
    /// When a cleaning first left a tombstone in a batch.
    met_ms: BTreeMap<i64, i64>,
    wall_ms: i64,
}

impl Model {
    /// The last offset of each key below `end`, and nothing else.
    fn last_offsets(&self, end: Offset) -> BTreeMap<String, i64> {
        let below = self.sent.range(..end.0);
        below
            .filter_map(|(offset, record)| Some((record.key.clone()?, *offset)))
            .collect()
    }
}

fn append(log: &mut TestLog, model: &mut Model, step: Step) {
    let Step::Append {
        producer_id,
        codec,
        records,
        has_append_time,
    } = step
    else {
        return;
    };
    model.wall_ms += 1;
    let texts: Vec<(String, Option<String>)> = records
        .iter()
        .map(|(key, value)| {
            let key = if *key == 0 {
                String::new()
            } else {
                key.to_string()
            };
            (key, value.map(|value| value.to_string()))
        })
        .collect();
    let borrowed: Vec<_> = texts
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_deref()))
        .collect();
    let mut builder = batch(model.wall_ms, &borrowed);
    if has_append_time {
        let attributes =
            Attributes::default().with_timestamp_type(crate::batch::TimestampType::LogAppendTime);
        builder = builder.with_attributes(attributes);
    }
    if producer_id >= 0 {
        let next = model.sequences.entry(producer_id).or_default();
        let sequence = Sequence(*next);
        builder = builder.with_producer(ProducerId(producer_id), ProducerEpoch(0), sequence);
        *next += records.len() as i32;
    }
    let base = log.append(builder.build_compressed(codec).unwrap());
    for (number, (key, value)) in texts.into_iter().enumerate() {
        let offset = base.0 + number as i64;
        model.base_of.insert(offset, base.0);
        model.sent.insert(
            offset,
            Seen {
                offset,
                timestamp_ms: model.wall_ms,
                key: Some(key).filter(|key| !key.is_empty()),
                value,
            },
        );
    }
}

fn clean(log: &mut TestLog, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    let Step::Clean {
        batches_behind,
        map_bytes,
        later_ms,
    } = step
    else {
        return Ok(());
    };
    model.wall_ms += later_ms;
    let before = log.clone();
    let headers = before.headers();
    let Some(last) = headers.len().checked_sub(1 + batches_behind) else {
        return Ok(());
    };
    let bound = headers[last].next_offset().max(log.cleaned_end);
    log.clean(bound, model.wall_ms, RETENTION_MS, *map_bytes)
        .unwrap();
    check_against_the_model(&before, log, model)?;
    check_batches(&before, log, bound)?;
    if log.cleaned_end == bound {
        // Once more at the same time changes nothing.
        let once = log.batches.clone();
        log.clean(bound, model.wall_ms, RETENTION_MS, *map_bytes)
            .unwrap();
        prop_assert_eq!(&log.batches, &once);
    }
    Ok(())
}

fn check_against_the_model(
    before: &TestLog,
    log: &TestLog,
    model: &mut Model,
) -> Result<(), TestCaseError> {
    let end = log.cleaned_end;
    prop_assert!(end >= before.cleaned_end);
    let seen = log.seen();
    // Order and offsets: each record that is left is the one that was sent.
    prop_assert!(seen.windows(2).all(|pair| pair[0].offset < pair[1].offset));
    for record in &seen {
        prop_assert_eq!(Some(record), model.sent.get(&record.offset));
    }
    let left: BTreeSet<i64> = log.offsets().into_iter().collect();
    let last = model.last_offsets(end);
    let last_offsets: BTreeSet<i64> = last.values().copied().collect();
    for (offset, record) in &model.sent {
        let is_left = left.contains(offset);
        if *offset >= end.0 {
            prop_assert!(is_left, "offset {} is not cleaned yet", offset);
        } else if !last_offsets.contains(offset) {
            prop_assert!(!is_left, "offset {} is not the last of its key", offset);
        } else if record.value.is_some() {
            prop_assert!(is_left, "offset {} is the last value of its key", offset);
        } else {
            // It has waited when a cleaning that long ago left it there.
            let met_ms = model.met_ms.get(&model.base_of[offset]);
            let has_waited = met_ms.is_some_and(|met_ms| model.wall_ms - met_ms >= RETENTION_MS);
            prop_assert_eq!(is_left, !has_waited, "tombstone {} (KAFKA-8522)", offset);
        }
    }
    for record in seen.iter().filter(|record| record.value.is_none()) {
        let base = model.base_of[&record.offset];
        if base < end.0 {
            model.met_ms.entry(base).or_insert(model.wall_ms);
        }
    }
    Ok(())
}

fn check_batches(before: &TestLog, log: &TestLog, bound: Offset) -> Result<(), TestCaseError> {
    let places = |log: &TestLog| -> BTreeMap<Offset, BatchHeader> {
        let headers = log.headers().into_iter();
        headers.map(|header| (header.base_offset, header)).collect()
    };
    let (was, is) = (places(before), places(log));
    for (base, header) in &is {
        let place = |header: &BatchHeader| {
            let producer = (
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
            );
            (header.last_offset(), header.leader_epoch, producer)
        };
        prop_assert_eq!(was.get(base).map(place), Some(place(header)));
    }
    // What producers sent last, and where the cleaning ended, is still told.
    for last in log.state.last_records().values() {
        let offset = last.data_offset.unwrap();
        prop_assert!(is.values().any(|header| header.last_offset() == offset));
    }
    if log.cleaned_end == bound && was.values().any(|header| header.next_offset() == bound) {
        prop_assert!(is.values().any(|header| header.next_offset() == bound));
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    /// Row 23.
    #[test]
    fn compaction_leaves_what_a_plain_map_says(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut log = TestLog::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Append { .. } => append(&mut log, &mut model, step),
                Step::Clean { .. } => clean(&mut log, &mut model, &step)?,
            }
        }
        // A restart replays what is left and knows the same producers.
        let mut replayed = crate::partition::PartitionState::empty_at(Offset(0));
        for header in log.headers() {
            replayed.replay(&header);
        }
        prop_assert_eq!(replayed.last_records(), log.state.last_records());
    }
}
