//! What a log does, one story each; every one of them in memory.

use ottla_core::ids::Offset;

use super::testing::{TOPIC, append, batch, delete_before, expire, read};
use super::{Log, LogConfig, ReadError, Storage};

fn memory_log(config: LogConfig) -> Log {
    Log::open(
        &Storage::in_memory(),
        "topic-0",
        TOPIC,
        config,
        Offset(0),
        &mut |_| {},
    )
    .unwrap()
}

fn small_segments() -> LogConfig {
    LogConfig {
        segment_bytes: 1_000,
        index_interval_bytes: 100,
        ..LogConfig::default()
    }
}

#[test]
fn what_is_appended_is_read_back_byte_for_byte() {
    let mut log = memory_log(LogConfig::default());
    let first = append(&mut log, 3, 1_000, 10).unwrap();
    let second = append(&mut log, 1, 1_001, 0).unwrap();
    assert_eq!(log.log_end(), Offset(4));
    assert_eq!(read(&log, 0, 10_000).unwrap(), [first, second].concat());
}

#[test]
fn a_read_from_the_middle_of_a_batch_returns_that_batch_whole() {
    let mut log = memory_log(LogConfig::default());
    append(&mut log, 3, 1_000, 10).unwrap();
    let second = append(&mut log, 3, 1_000, 10).unwrap();
    assert_eq!(read(&log, 5, 10_000).unwrap(), second);
}

#[test]
fn one_batch_is_returned_even_above_the_limit_and_no_second_one() {
    let mut log = memory_log(LogConfig::default());
    let first = append(&mut log, 1, 1_000, 500).unwrap();
    append(&mut log, 1, 1_000, 500).unwrap();
    assert_eq!(read(&log, 0, 1).unwrap(), first);
    assert_eq!(read(&log, 0, first.len() * 2 - 1).unwrap(), first);
    let none = log.plan_read(Offset(0), Offset(2), 1, false).unwrap();
    assert_eq!(none.read().unwrap().size_bytes(), 0);
}

#[test]
fn nothing_is_read_at_or_above_the_given_end() {
    let mut log = memory_log(LogConfig::default());
    let first = append(&mut log, 2, 1_000, 10).unwrap();
    append(&mut log, 2, 1_000, 10).unwrap();
    for below in [2, 3] {
        let plan = log
            .plan_read(Offset(0), Offset(below), 10_000, true)
            .unwrap();
        assert_eq!(plan.read().unwrap().into_bytes(), first, "below {below}");
    }
}

#[test]
fn offsets_outside_of_the_log_are_refused_and_its_end_is_empty() {
    let mut log = memory_log(LogConfig::default());
    append(&mut log, 2, 1_000, 10).unwrap();
    assert!(read(&log, 2, 100).unwrap().is_empty());
    for outside in [-1, 3] {
        let refused = read(&log, outside, 100).unwrap_err();
        assert!(matches!(refused, ReadError::OffsetOutOfRange { .. }));
    }
}

#[test]
fn a_plan_made_before_more_was_appended_and_deleted_reads_what_was_there() {
    let mut log = memory_log(small_segments());
    let first = append(&mut log, 1, 1_000, 600).unwrap();
    let plan = log
        .plan_read(Offset(0), log.log_end(), 10_000, true)
        .unwrap();
    append(&mut log, 1, 1_000, 600).unwrap();
    delete_before(&mut log, Offset(1));
    assert_eq!(plan.read().unwrap().into_bytes(), first);
}

#[test]
fn a_memory_read_copies_nothing() {
    let mut log = memory_log(LogConfig::default());
    append(&mut log, 1, 1_000, 600).unwrap();
    let read = || {
        let plan = log.plan_read(Offset(0), Offset(1), 10_000, true).unwrap();
        plan.read().unwrap().into_pieces()
    };
    assert_eq!(read()[0].as_ptr(), read()[0].as_ptr());
}

#[test]
fn retention_by_size_removes_whole_segments_and_moves_the_start() {
    let mut log = memory_log(LogConfig {
        retention_bytes: 1_500,
        ..small_segments()
    });
    for _ in 0..4 {
        append(&mut log, 1, 1_000, 600).unwrap();
    }
    let end = log.log_end();
    expire(&mut log, 1_000, end);
    assert_eq!(log.log_start(), Offset(1));
    assert!(read(&log, 0, 100).is_err());
    assert!(!read(&log, 1, 100).unwrap().is_empty());
}

#[test]
fn retention_by_time_removes_even_the_last_segment_and_keeps_the_end() {
    let mut log = memory_log(LogConfig {
        retention_ms: 10,
        ..small_segments()
    });
    append(&mut log, 1, 1_000, 600).unwrap();
    append(&mut log, 1, 1_005, 600).unwrap();
    let end = log.log_end();
    expire(&mut log, 1_012, end);
    assert_eq!(log.log_start(), Offset(1));
    let end = log.log_end();
    expire(&mut log, 1_016, end);
    assert_eq!((log.log_start(), log.log_end()), (Offset(2), Offset(2)));
    append(&mut log, 1, 1_016, 600).unwrap();
    assert_eq!(log.log_end(), Offset(3));
}

#[test]
fn retention_never_removes_what_is_above_the_high_watermark() {
    let mut log = memory_log(LogConfig {
        retention_ms: 10,
        ..small_segments()
    });
    append(&mut log, 2, 1_000, 600).unwrap();
    expire(&mut log, 9_000, Offset(1));
    assert_eq!(log.log_start(), Offset(0));
}

#[test]
fn deleting_records_moves_the_start_into_a_segment() {
    let mut log = memory_log(small_segments());
    for _ in 0..3 {
        append(&mut log, 2, 1_000, 300).unwrap();
    }
    delete_before(&mut log, Offset(3));
    assert_eq!(log.log_start(), Offset(3));
    assert!(read(&log, 2, 100).is_err());
    assert!(!read(&log, 3, 100).unwrap().is_empty());
}

#[test]
fn a_segment_rolls_by_the_distance_of_timestamps() {
    let mut log = memory_log(LogConfig {
        segment_ms: 100,
        retention_bytes: 0,
        ..LogConfig::default()
    });
    append(&mut log, 1, 1_000, 0).unwrap();
    append(&mut log, 1, 1_100, 0).unwrap();
    append(&mut log, 1, 1_101, 0).unwrap();
    expire(&mut log, 1_101, Offset(2));
    assert_eq!(log.log_start(), Offset(2));
}

#[test]
#[should_panic(expected = "behind the last one")]
fn an_offset_is_never_written_twice() {
    let mut log = memory_log(LogConfig::default());
    append(&mut log, 2, 1_000, 0).unwrap();
    let (header, bytes) = batch(1, 1, 1_000, 0);
    let _ = log.append(1_000, &header, &bytes);
}
