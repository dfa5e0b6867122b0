//! What may be cleaned, and when.

use super::super::{CompactionPolicy, DirtyRange, LogFacts, SegmentFacts, groups};
use crate::ids::Offset;

/// Segments of ten offsets and 100 bytes; segment n was written at n·1000 ms.
fn segments(count: i64) -> Vec<SegmentFacts> {
    let segment = |number| SegmentFacts {
        base: Offset(number * 10),
        size_bytes: 100,
        index_bytes: 8,
        newest_ms: number * 1_000 + 999,
        first_batch_ms: Some(number * 1_000 + 1),
    };
    (0..count).map(segment).collect()
}

fn log(closed: &[SegmentFacts]) -> LogFacts<'_> {
    let active_base = Offset(closed.len() as i64 * 10);
    LogFacts {
        log_start: Offset(0),
        log_end: active_base.plus(5),
        stable_end: active_base.plus(5),
        active_base,
        cleaned_end: None,
        closed,
    }
}

fn range(log: &LogFacts<'_>, policy: &CompactionPolicy) -> DirtyRange {
    DirtyRange::of(log, policy, 100_000)
}

const ANY: CompactionPolicy = CompactionPolicy {
    min_dirty_ratio: 0.5,
    min_lag_ms: 0,
    max_lag_ms: i64::MAX,
    delete_retention_ms: 0,
};

#[test]
fn all_closed_segments_of_a_new_log_are_dirty() {
    let closed = segments(4);
    let range = range(&log(&closed), &ANY);
    assert_eq!((range.first_dirty, range.bound), (Offset(0), Offset(40)));
    assert_eq!((range.clean_bytes, range.dirty_bytes), (0, 400));
    assert!(range.is_due(&ANY));
    assert_eq!(range.look_again_ms, None, "only an append makes more of it");
}

#[test]
fn a_cleaned_log_has_nothing_dirty_and_is_never_overdue() {
    let closed = segments(4);
    let facts = LogFacts {
        cleaned_end: Some(Offset(40)),
        ..log(&closed)
    };
    let policy = CompactionPolicy {
        min_dirty_ratio: 0.0,
        max_lag_ms: 1,
        ..ANY
    };
    let range = range(&facts, &policy);
    assert_eq!((range.clean_bytes, range.dirty_bytes), (400, 0));
    assert!(!range.is_due(&policy));
    assert_eq!(range.look_again_ms, None);
}

#[test]
fn the_ratio_must_be_passed_and_not_only_reached() {
    let closed = segments(4);
    let facts = |end| LogFacts {
        cleaned_end: Some(Offset(end)),
        ..log(&closed)
    };
    assert!(!range(&facts(20), &ANY).is_due(&ANY), "exactly a half");
    assert!(range(&facts(10), &ANY).is_due(&ANY));
}

#[test]
fn the_bound_is_where_the_segment_begins_that_is_not_wholly_stable() {
    let closed = segments(4);
    for (stable_end, bound) in [(40, 40), (39, 30), (30, 30), (25, 20), (0, 0)] {
        let facts = LogFacts {
            stable_end: Offset(stable_end),
            ..log(&closed)
        };
        let range = range(&facts, &ANY);
        assert_eq!(range.bound, Offset(bound), "stable below {stable_end}");
        let is_waiting = stable_end < 40;
        assert_eq!(range.look_again_ms.is_some(), is_waiting);
    }
}

#[test]
fn a_segment_younger_than_the_minimum_lag_waits_and_so_do_all_behind_it() {
    let closed = segments(4);
    let policy = CompactionPolicy {
        min_lag_ms: 1_500,
        ..ANY
    };
    let range = DirtyRange::of(&log(&closed), &policy, 4_000);
    // 4000 − 1500 lies between the newest of segments 1 (1999) and 2 (2999).
    assert_eq!(range.bound, Offset(20));
    assert_eq!(range.look_again_ms, Some(2_999 + 1_500 + 1));
}

#[test]
fn a_segment_older_than_the_maximum_lag_is_due_whatever_the_ratio() {
    let closed = segments(4);
    let policy = CompactionPolicy {
        min_dirty_ratio: 1.0,
        max_lag_ms: 5_000,
        ..ANY
    };
    let facts = LogFacts {
        cleaned_end: Some(Offset(30)),
        ..log(&closed)
    };
    let early = DirtyRange::of(&facts, &policy, 8_001);
    assert!(!early.is_due(&policy));
    assert_eq!(early.look_again_ms, Some(8_002));
    assert!(DirtyRange::of(&facts, &policy, 8_002).is_due(&policy));
}

#[test]
fn a_mark_outside_of_the_log_makes_all_of_it_dirty() {
    let closed = segments(4);
    for cleaned_end in [46, 4] {
        let facts = LogFacts {
            log_start: Offset(5),
            cleaned_end: Some(Offset(cleaned_end)),
            ..log(&closed)
        };
        assert_eq!(range(&facts, &ANY).first_dirty, Offset(5));
    }
}

#[test]
fn an_empty_log_is_not_due() {
    let range = range(&log(&[]), &ANY);
    assert_eq!(range.dirty_bytes, 0);
    assert!(!range.is_due(&CompactionPolicy {
        min_dirty_ratio: 0.0,
        ..ANY
    }));
}

#[test]
fn neighbours_are_put_together_as_long_as_they_fit_into_one_segment() {
    let closed = segments(5);
    assert_eq!(groups(&closed, Offset(50), 250, 1_000), [0..2, 2..4, 4..5]);
    assert_eq!(
        groups(&closed, Offset(50), 50, 1_000),
        [0..1, 1..2, 2..3, 3..4, 4..5]
    );
    assert_eq!(groups(&closed, Offset(50), 10_000, 16), [0..2, 2..4, 4..5]);
    assert_eq!(groups(&closed, Offset(50), 10_000, 1_000), vec![0..5]);
    assert!(groups(&[], Offset(0), 10_000, 1_000).is_empty());
}

#[test]
fn an_offset_too_far_from_the_base_begins_a_new_group() {
    let far = i64::from(i32::MAX);
    let mut closed = segments(3);
    closed[2].base = Offset(far + 1);
    // The second segment may hold offsets up to the base of the third.
    assert_eq!(
        groups(&closed, Offset(far + 20), 10_000, 1_000),
        [0..2, 2..3]
    );
    closed[2].base = Offset(far + 2);
    assert_eq!(
        groups(&closed, Offset(far + 20), 10_000, 1_000),
        [0..1, 1..2, 2..3]
    );
}
