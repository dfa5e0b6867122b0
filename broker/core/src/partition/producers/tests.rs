//! Stories of idempotent producers, then any story at all against a model
//! that remembers everything and searches it plainly.

use proptest::prelude::*;

use super::*;
use crate::batch::Attributes;
use crate::ids::LeaderEpoch;

/// A batch of `count` records as it was appended at `base_offset`.
fn batch(epoch: i16, sequence: i32, count: i32, base_offset: i64) -> BatchHeader {
    batch_of(ProducerId(7), epoch, sequence, count, base_offset)
}

fn batch_of(
    producer_id: ProducerId,
    epoch: i16,
    sequence: i32,
    count: i32,
    base_offset: i64,
) -> BatchHeader {
    BatchHeader {
        base_offset: Offset(base_offset),
        batch_length: 100,
        leader_epoch: LeaderEpoch(0),
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: count - 1,
        base_timestamp_ms: 1_000,
        max_timestamp_ms: 1_000 + base_offset,
        producer_id,
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        record_count: count,
    }
}

/// Appends what is judged next and panics on anything else.
fn append(producers: &mut Producers, header: &BatchHeader) {
    assert_eq!(producers.judge(header), Ok(Judgement::Next), "{header:?}");
    producers.record(header);
}

fn duplicate_at(base_offset: i64, count: i32) -> Result<Judgement, AppendRefusal> {
    Ok(Judgement::Duplicate {
        base_offset: Offset(base_offset),
        last_offset: Offset(base_offset + i64::from(count) - 1),
        timestamp_ms: 1_000 + base_offset,
    })
}

fn out_of_order(sent: i32, last: i32) -> Result<Judgement, AppendRefusal> {
    Err(AppendRefusal::OutOfOrderSequence {
        producer_id: ProducerId(7),
        sent: Sequence(sent),
        last: Sequence(last),
    })
}

#[test]
fn a_retry_of_any_of_the_last_five_batches_is_answered_with_its_first_place() {
    let mut producers = Producers::default();
    for index in 0..6 {
        append(
            &mut producers,
            &batch(0, index * 2, 2, i64::from(index) * 10),
        );
    }
    for index in 1..6 {
        let retry = batch(0, index * 2, 2, 999);
        assert_eq!(
            producers.judge(&retry),
            duplicate_at(i64::from(index) * 10, 2)
        );
    }
    // The sixth from the end is forgotten, so it looks like a step back.
    assert_eq!(producers.judge(&batch(0, 0, 2, 999)), out_of_order(0, 11));
}

#[test]
fn a_gap_is_out_of_order_and_changes_nothing() {
    let mut producers = Producers::default();
    append(&mut producers, &batch(0, 0, 3, 0));
    assert_eq!(producers.judge(&batch(0, 4, 1, 3)), out_of_order(4, 2));
    append(&mut producers, &batch(0, 3, 1, 3));
}

#[test]
fn a_batch_that_only_overlaps_an_earlier_one_is_no_duplicate() {
    let mut producers = Producers::default();
    append(&mut producers, &batch(0, 0, 4, 0));
    assert_eq!(producers.judge(&batch(0, 0, 3, 4)), out_of_order(0, 3));
    assert_eq!(producers.judge(&batch(0, 1, 3, 4)), out_of_order(1, 3));
}

#[test]
fn a_sequence_wraps_from_the_largest_to_zero() {
    let mut producers = Producers::default();
    append(&mut producers, &batch(0, i32::MAX, 1, 0));
    append(&mut producers, &batch(0, 0, 2, 1));
    // And within one batch.
    let mut producers = Producers::default();
    append(&mut producers, &batch(0, i32::MAX - 1, 4, 0));
    assert_eq!(
        producers.judge(&batch(0, i32::MAX - 1, 4, 9)),
        duplicate_at(0, 4)
    );
    append(&mut producers, &batch(0, 2, 1, 4));
}

#[test]
fn an_older_epoch_is_fenced_and_a_newer_one_counts_from_zero() {
    let mut producers = Producers::default();
    append(&mut producers, &batch(3, 0, 2, 0));
    let fenced = AppendRefusal::ProducerEpoch {
        producer_id: ProducerId(7),
        sent: ProducerEpoch(2),
        current: ProducerEpoch(3),
    };
    assert_eq!(producers.judge(&batch(2, 2, 1, 2)), Err(fenced));
    assert_eq!(producers.judge(&batch(4, 2, 1, 2)), out_of_order(2, -1));
    append(&mut producers, &batch(4, 0, 1, 2));
    // The old epoch's batches are no duplicates of the new one's.
    append(&mut producers, &batch(4, 1, 1, 3));
}

#[test]
fn an_unknown_producer_may_begin_at_any_sequence() {
    let mut producers = Producers::default();
    append(&mut producers, &batch(5, 1_234, 1, 0));
    append(&mut producers, &batch(5, 1_235, 1, 1));
}

#[test]
fn a_producer_is_forgotten_when_it_is_both_old_and_quiet() {
    let mut producers = Producers::default();
    producers.record(&batch(0, 0, 1, 0)); // its timestamp: 1 000
    producers.expire(1_000_000, 500);
    assert_eq!(producers.len(), 1, "it wrote since the last look");
    producers.expire(1_499, 500);
    assert_eq!(producers.len(), 1, "not old enough");
    producers.expire(1_500, 500);
    assert!(producers.is_empty());
}

#[test]
fn the_table_is_bounded_and_forgets_those_that_wrote_longest_ago() {
    let mut producers = Producers::default();
    for id in 0..=PRODUCERS_MAX as i64 {
        producers.record(&batch_of(ProducerId(id), 0, 0, 1, id));
    }
    assert_eq!(producers.len(), PRODUCERS_MAX / 2 + 1);
    assert!(
        producers
            .entries
            .contains_key(&ProducerId(PRODUCERS_MAX as i64))
    );
    assert!(!producers.entries.contains_key(&ProducerId(0)));
}

/// Remembers every batch ever appended.
#[derive(Default)]
struct Model {
    appended: Vec<BatchHeader>,
}

impl Model {
    /// `Ok(None)` is next, `Ok(Some)` the place of the original, `Err` a refusal.
    fn judge(&self, sent: &BatchHeader) -> Result<Option<i64>, &'static str> {
        let own = || {
            self.appended
                .iter()
                .filter(|batch| batch.producer_id == sent.producer_id)
        };
        let Some(latest) = own().next_back() else {
            return Ok(None);
        };
        let in_epoch: Vec<_> = own()
            .filter(|batch| batch.producer_epoch == latest.producer_epoch)
            .collect();
        let kept = &in_epoch[in_epoch.len().saturating_sub(5)..];
        let same = kept.iter().find(|batch| {
            batch.producer_epoch == sent.producer_epoch
                && batch.base_sequence == sent.base_sequence
                && batch.record_count == sent.record_count
        });
        if let Some(original) = same {
            return Ok(Some(original.base_offset.0));
        }
        if sent.producer_epoch < latest.producer_epoch {
            return Err("fenced");
        }
        let expected = if sent.producer_epoch == latest.producer_epoch {
            let next = i64::from(latest.base_sequence.0) + i64::from(latest.record_count);
            (next % (1 << 31)) as i32
        } else {
            0
        };
        if sent.base_sequence.0 == expected {
            Ok(None)
        } else {
            Err("out of order")
        }
    }
}

/// Sequences near zero and near the wrap, so that both are met often.
fn any_sequence() -> impl Strategy<Value = i32> {
    prop_oneof![0..8i32, (i32::MAX - 6)..=i32::MAX]
}

proptest! {
    #![proptest_config(crate::testing::cases(2_000))]
    #[test]
    fn every_story_is_judged_as_the_plain_model_judges_it(
        story in proptest::collection::vec(
            (0..2i64, 0..3i16, prop::option::weighted(0.4, any_sequence()), 1..4i32), 1..40,
        ),
    ) {
        let mut producers = Producers::default();
        let mut model = Model::default();
        let mut end = 0;
        for (id, epoch, sequence, count) in story {
            // Mostly continue where the producer stopped, so that windows fill.
            let producer_id = ProducerId(id);
            let continued = producers
                .entries
                .get(&producer_id)
                .map_or(0, |entry| entry.last_sequence().plus(1).0);
            let sent = batch_of(producer_id, epoch, sequence.unwrap_or(continued), count, end);
            let judged = match producers.judge(&sent) {
                Ok(Judgement::Next) => Ok(None),
                Ok(Judgement::Duplicate { base_offset, .. }) => Ok(Some(base_offset.0)),
                Err(AppendRefusal::ProducerEpoch { .. }) => Err("fenced"),
                Err(AppendRefusal::OutOfOrderSequence { .. }) => Err("out of order"),
                Err(other) => panic!("{other}"),
            };
            prop_assert_eq!(judged, model.judge(&sent));
            if judged == Ok(None) {
                producers.record(&sent);
                model.appended.push(sent);
                end += i64::from(count);
            }
        }
    }
}
