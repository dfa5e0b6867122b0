//! One rule at a time.

use super::super::CompactionError;
use super::log::{INFLATED_BYTES_MAX, TestLog, batch};
use crate::batch::compression::CompressionError;
use crate::batch::{BATCH_HEADER_BYTES, Codec};
use crate::ids::{Offset, ProducerId, Sequence};

const MAP_BYTES: usize = 1 << 16;
const RETENTION_MS: i64 = 100;

fn clean(log: &mut TestLog, bound: Offset, wall_ms: i64) {
    log.clean(bound, wall_ms, RETENTION_MS, MAP_BYTES).unwrap();
}

#[test]
fn the_last_value_of_each_key_stays_where_it_was() {
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))]);
    log.put(2, &[("c", Some("1")), ("b", Some("2"))]);
    let bound = log.put(3, &[("a", Some("3"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [2, 3, 4, 5]);
    let headers = log.headers();
    assert_eq!(headers[0].base_offset, Offset(0));
    assert_eq!(headers[0].last_offset(), Offset(2));
    assert_eq!(headers[0].record_count, 1);
}

#[test]
fn a_batch_that_loses_nothing_stays_byte_for_byte() {
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1"))]);
    let bound = log.put(2, &[("b", Some("1"))]);
    let before = log.batches.clone();
    clean(&mut log, bound, 1_000);
    assert_eq!(log.batches, before);
}

#[test]
fn records_without_a_key_go() {
    let mut log = TestLog::new();
    log.put(1, &[("", Some("1")), ("a", Some("1"))]);
    let bound = log.put(2, &[("", Some("2"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [1, 2], "what is not cleaned yet stays");
}

#[test]
fn a_tombstone_stays_for_its_retention_after_the_cleaning_that_met_it() {
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1"))]);
    log.put(2, &[("a", None), ("b", Some("1"))]);
    let bound = log.put(3, &[("z", Some("1"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [1, 2, 3]);
    assert_eq!(log.headers()[0].delete_horizon_ms(), Some(1_100));
    assert_eq!(
        log.seen()[0].timestamp_ms,
        2,
        "its own timestamp is unchanged"
    );

    // Cleaning it again and again moves nothing (KAFKA-8522).
    for wall_ms in [1_001, 1_050, 1_099] {
        clean(&mut log, bound, wall_ms);
        assert_eq!(log.offsets(), [1, 2, 3], "at {wall_ms}");
        assert_eq!(log.headers()[0].delete_horizon_ms(), Some(1_100));
    }
    clean(&mut log, bound, 1_100);
    assert_eq!(log.offsets(), [2, 3]);
}

#[test]
fn a_tombstone_goes_at_once_when_its_key_is_written_again() {
    let mut log = TestLog::new();
    log.put(1, &[("a", None)]);
    log.put(2, &[("a", Some("2"))]);
    let bound = log.put(3, &[("z", Some("1"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [1, 2]);
}

#[test]
fn a_tombstone_that_is_kept_for_ever_sets_no_horizon() {
    let mut log = TestLog::new();
    log.put(1, &[("a", None)]);
    let bound = log.put(2, &[("b", Some("1"))]);
    let before = log.batches.clone();
    log.clean(bound, 1_000, i64::MAX, MAP_BYTES).unwrap();
    assert_eq!(log.batches, before);
}

#[test]
fn the_last_batch_of_a_producer_stays_without_its_records() {
    let mut log = TestLog::new();
    log.put_by(7, 0, false, &[("a", Some("1"))]);
    log.put_by(7, 1, false, &[("a", Some("2")), ("a", Some("3"))]);
    log.put(1, &[("a", Some("4"))]);
    let bound = log.put(2, &[("z", Some("1"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [3, 4]);
    let headers = log.headers();
    assert_eq!(headers.len(), 3, "the first batch of the producer is gone");
    assert_eq!(headers[0].producer_id, ProducerId(7));
    assert_eq!(headers[0].base_sequence, Sequence(1));
    assert_eq!(headers[0].last_sequence(), Sequence(2));
    assert_eq!(headers[0].size_bytes(), BATCH_HEADER_BYTES);

    // Once the producer is forgotten, so is the batch.
    log.state.expire_producers(1_000_000, 1);
    log.state.expire_producers(1_000_000, 1);
    clean(&mut log, bound, 1_001);
    assert_eq!(log.headers().len(), 2);
}

#[test]
fn the_last_batch_of_a_cleaning_stays_so_that_the_end_is_known() {
    // KAFKA-17076: without it the log would seem to end earlier.
    let mut log = TestLog::new();
    log.put(1, &[("a", None)]);
    let bound = log.end();
    clean(&mut log, bound, 1_000);
    clean(&mut log, bound, 2_000);
    assert_eq!(log.offsets(), [0; 0]);
    let headers = log.headers();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers[0].next_offset(), bound);
}

#[test]
fn a_gap_at_the_end_of_the_dirty_part_is_passed() {
    // KAFKA-8764: or the same end would be dirty again and again.
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1"))]);
    let bound = log.end().plus(3);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.cleaned_end, bound);
}

#[test]
fn nothing_at_the_bound_or_behind_is_looked_at() {
    // KAFKA-13194: what is not committed may be another record tomorrow.
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1"))]);
    let bound = log.put(2, &[("a", Some("2"))]);
    log.put(3, &[("a", Some("3"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [0, 1, 2]);
}

#[test]
fn a_map_that_is_full_ends_the_cleaning_and_the_next_goes_on() {
    let mut log = TestLog::new();
    let keys: Vec<String> = (0..100).map(|key| key.to_string()).collect();
    for value in ["1", "2"] {
        for key in &keys {
            log.put(1, &[(key, Some(value))]);
        }
    }
    let bound = log.put(2, &[("z", Some("1"))]);
    let table = log.table();
    // Room for nine keys: each cleaning gets that far.
    let mut cleanings = 0;
    while log.cleaned_end < bound {
        log.clean(bound, 1_000, RETENTION_MS, 0).unwrap();
        assert_eq!(log.table(), table);
        cleanings += 1;
    }
    assert!(cleanings >= 200 / 9, "{cleanings}");
    assert_eq!(log.seen().len(), 101);
}

#[test]
fn records_of_an_aborted_transaction_go_at_once_and_hide_nothing() {
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1"))]);
    log.put_by(7, 0, true, &[("a", Some("2")), ("b", Some("2"))]);
    log.end_transaction(7, false);
    log.put_by(7, 2, true, &[("c", Some("3"))]);
    log.end_transaction(7, true);
    let bound = log.put(1, &[("z", Some("1"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [0, 4, 6]);
}

#[test]
fn a_transaction_aborted_in_the_clean_part_says_nothing_of_the_next() {
    let mut log = TestLog::new();
    log.put_by(7, 0, true, &[("a", Some("1"))]);
    log.end_transaction(7, false);
    let bound = log.put_by(7, 1, true, &[("a", Some("2"))]);
    clean(&mut log, bound, 1_000);
    log.end_transaction(7, true);
    log.put(1, &[("b", Some("1"))]);
    log.put_by(7, 2, true, &[("a", Some("3"))]);
    log.end_transaction(7, true);
    let bound = log.put(1, &[("z", Some("1"))]);
    clean(&mut log, bound, 1_000);
    assert_eq!(log.offsets(), [4, 5, 7]);
}

#[test]
fn a_marker_stays_until_its_records_are_gone_and_then_for_the_retention() {
    let mut log = TestLog::new();
    log.put_by(7, 0, true, &[("a", Some("1"))]);
    log.end_transaction(7, true);
    log.put_by(7, 1, false, &[("b", Some("1"))]);
    log.put(1, &[("a", Some("2"))]);
    let bound = log.put(1, &[("z", Some("1"))]);
    let markers = |log: &TestLog| {
        let headers = log.headers();
        let markers = headers.iter().filter(|batch| batch.attributes.is_control());
        markers
            .map(|batch| batch.delete_horizon_ms())
            .collect::<Vec<_>>()
    };
    clean(&mut log, bound, 1_000);
    assert_eq!(markers(&log), [None], "a batch of its was met");
    clean(&mut log, bound, 1_001);
    assert_eq!(markers(&log), [Some(1_101)], "no batch was met any more");
    clean(&mut log, bound, 1_100);
    assert_eq!(markers(&log), [Some(1_101)]);
    clean(&mut log, bound, 1_101);
    assert_eq!(markers(&log), []);
}

#[test]
fn a_rewritten_batch_keeps_its_codec() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut log = TestLog::new();
        let records = [("a", Some("1")), ("b", Some("1"))];
        log.append(batch(1, &records).build_compressed(codec).unwrap());
        let bound = log.put(2, &[("a", Some("2"))]);
        log.put(2, &[("a", Some("2"))]);
        clean(&mut log, bound.plus(1), 1_000);
        assert_eq!(log.offsets(), [1, 2, 3]);
        assert_eq!(log.headers()[0].attributes.codec(), Some(codec));
    }
}

#[test]
fn a_damaged_batch_ends_the_cleaning_before_anything_is_written_again() {
    let mut log = TestLog::new();
    log.put(1, &[("a", Some("1"))]);
    let bound = log.put(2, &[("a", Some("2"))]);
    let last = log.batches[0].len() - 1;
    log.batches[0][last] ^= 1;
    let refused = log.clean(bound, 1_000, RETENTION_MS, MAP_BYTES);
    assert_eq!(refused, Err(CompactionError::Checksum(Offset(0))));
}

#[test]
fn a_bomb_ends_the_cleaning_at_the_cap() {
    let mut log = TestLog::new();
    let zeros = "0".repeat(INFLATED_BYTES_MAX);
    let bomb = batch(1, &[("a", Some(&zeros))]);
    let base_offset = log.append(bomb.build_compressed(Codec::Zstd).unwrap());
    let bound = log.put(2, &[("a", Some("2"))]);
    let max_bytes = INFLATED_BYTES_MAX;
    let problem = CompressionError::TooLarge { max_bytes }.into();
    let refused = log.clean(bound, 1_000, RETENTION_MS, MAP_BYTES);
    let expected = CompactionError::Records {
        base_offset,
        problem,
    };
    assert_eq!(refused, Err(expected));
}
