//! What becomes of sessions, one rule at a time.

use super::*;

fn sessions(slots: usize) -> FetchSessions {
    FetchSessions::new(slots, 1..1_000)
}

/// A session over that many partitions of which nothing is known; the id of
/// one that is gone is not drawn again for another size.
fn create(sessions: &mut FetchSessions, now_ms: u64, count: i32) -> Option<i32> {
    let partitions = (0..count).map(|index| from(index, 0)).collect();
    sessions.create(now_ms, 10 * count as u32, false, partitions)
}

/// The session's next request, which changes nothing.
fn go_on(
    sessions: &mut FetchSessions,
    now_ms: u64,
    id: i32,
    epoch: i32,
) -> Result<(Turn, Vec<SessionPartition>), SessionError> {
    sessions.begin(now_ms, request(id, epoch), vec![], &[], &nobody)
}

#[test]
fn a_session_remembers_what_its_reader_named_once() {
    let mut sessions = sessions(2);
    let id = create(&mut sessions, NOW_MS, 3).unwrap();
    let next = request(id, 1);
    let changed = vec![from(1, 55), from(7, 0)];
    let (turn, partitions) = sessions
        .begin(NOW_MS, next, changed, &[key(0)], &nobody)
        .unwrap();
    let expected = Turn::Incremental {
        session_id: id,
        next_epoch: 2,
    };
    assert_eq!(turn, expected);
    assert_eq!(indexes(&partitions), [1, 2, 7]);
    assert_eq!(partitions[0].position.offset, Offset(55));
    assert_eq!(sessions.partition_count(), 3);
}

#[test]
fn a_reader_hears_what_it_lacks_and_nothing_twice() {
    let told = marks(10, 2);
    assert!(!told.lacks(&quiet(told)));
    assert!(told.lacks(&quiet(marks(11, 2))));
    assert!(told.lacks(&quiet(marks(10, 3))));
    let records = News {
        has_records: true,
        ..quiet(told)
    };
    let error = News {
        is_urgent: true,
        ..quiet(told)
    };
    assert!(told.lacks(&records) && told.lacks(&error));
}

#[test]
fn after_an_error_the_marks_are_told_again() {
    let mut sessions = sessions(2);
    let id = create(&mut sessions, NOW_MS, 1).unwrap();
    let error = News {
        is_urgent: true,
        ..quiet(Told::NOTHING)
    };
    let only = key(0);
    for (epoch, news) in [(1, quiet(marks(5, 0))), (2, error)] {
        go_on(&mut sessions, NOW_MS, id, epoch).unwrap();
        let heard = std::iter::once((&only, news));
        sessions.answer(id, epoch + 1, heard).unwrap();
    }
    let (_, partitions) = go_on(&mut sessions, NOW_MS, id, 3).unwrap();
    assert!(partitions[0].told.lacks(&quiet(marks(5, 0))));
}

#[test]
fn a_partition_that_gave_records_goes_to_the_end() {
    let mut sessions = sessions(2);
    let id = create(&mut sessions, NOW_MS, 3).unwrap();
    go_on(&mut sessions, NOW_MS, id, 1).unwrap();
    let news = News {
        has_records: true,
        ..quiet(marks(5, 0))
    };
    let (first, second) = (key(0), key(1));
    let heard = [(&first, news), (&second, quiet(marks(5, 0)))];
    sessions.answer(id, 2, heard.into_iter()).unwrap();
    let (_, partitions) = go_on(&mut sessions, NOW_MS, id, 2).unwrap();
    assert_eq!(indexes(&partitions), [1, 2, 0]);
}

#[test]
fn a_request_out_of_turn_is_refused_and_changes_nothing() {
    let mut sessions = sessions(2);
    let id = create(&mut sessions, NOW_MS, 1).unwrap();
    for epoch in [2, i32::MAX, -2] {
        let refused = go_on(&mut sessions, NOW_MS, id, epoch);
        assert_eq!(refused, Err(SessionError::InvalidEpoch), "{epoch}");
    }
    let unknown = go_on(&mut sessions, NOW_MS, id + 1, 1);
    assert_eq!(unknown, Err(SessionError::IdNotFound));
    let by_id = SessionRequest {
        uses_topic_ids: true,
        ..request(id, 1)
    };
    let refused = sessions.begin(NOW_MS, by_id, vec![], &[], &nobody);
    assert_eq!(refused, Err(SessionError::TopicIds));
    assert!(go_on(&mut sessions, NOW_MS, id, 1).is_ok());
    let again = go_on(&mut sessions, NOW_MS, id, 1);
    assert_eq!(again, Err(SessionError::InvalidEpoch), "said once already");
}

#[test]
fn a_request_that_was_overtaken_must_not_answer() {
    let mut sessions = sessions(2);
    let id = create(&mut sessions, NOW_MS, 1).unwrap();
    go_on(&mut sessions, NOW_MS, id, 1).unwrap();
    go_on(&mut sessions, NOW_MS, id, 2).unwrap();
    let late = sessions.answer(id, 2, std::iter::empty());
    assert_eq!(late, Err(SessionError::InvalidEpoch));
    assert_eq!(sessions.answer(id, 3, std::iter::empty()), Ok(()));
}

#[test]
fn a_full_request_ends_the_session_it_names() {
    let mut sessions = sessions(4);
    let first = create(&mut sessions, NOW_MS, 1).unwrap();
    let second = create(&mut sessions, NOW_MS, 1).unwrap();
    let (turn, _) = go_on(&mut sessions, NOW_MS, first, -1).unwrap();
    assert_eq!(turn, Turn::Sessionless);
    let (turn, _) = go_on(&mut sessions, NOW_MS, second, 0).unwrap();
    let expected = Turn::Full {
        uses_topic_ids: false,
    };
    assert_eq!(turn, expected);
    assert!(sessions.is_empty());
    assert_eq!(sessions.partition_count(), 0);
}

#[test]
fn a_session_without_partitions_ends() {
    let mut sessions = sessions(2);
    let id = create(&mut sessions, NOW_MS, 2).unwrap();
    let gone = [key(0), key(1)];
    let (turn, partitions) = sessions
        .begin(NOW_MS, request(id, 1), vec![], &gone, &nobody)
        .unwrap();
    assert_eq!((turn, partitions.len()), (Turn::Sessionless, 0));
    assert!(sessions.is_empty());
}

#[test]
fn epochs_wrap_past_the_one_that_begins_anew() {
    assert_eq!(next_epoch(0), 1);
    assert_eq!(next_epoch(41), 42);
    assert_eq!(next_epoch(i32::MAX), 1);
    assert_eq!(next_epoch(-1), -1);
}

#[test]
fn a_name_found_later_stays_though_the_topic_goes() {
    let mut sessions = sessions(2);
    let mut unresolved = from(0, 0);
    unresolved.key.topic = TopicKey::Id(TopicId([9; 16]));
    unresolved.topic_name = None;
    let id = sessions.create(NOW_MS, 0, true, vec![unresolved]).unwrap();
    let next = |epoch| SessionRequest {
        uses_topic_ids: true,
        ..request(id, epoch)
    };
    let known = |_| Some(Arc::from("late"));
    sessions
        .begin(NOW_MS, next(1), vec![], &[], &known)
        .unwrap();
    let (_, partitions) = sessions
        .begin(NOW_MS, next(2), vec![], &[], &nobody)
        .unwrap();
    assert_eq!(partitions[0].topic_name.as_deref(), Some("late"));
}

#[test]
fn a_full_cache_offers_no_session_while_its_sessions_are_new() {
    let mut sessions = sessions(2);
    let small = create(&mut sessions, NOW_MS, 1).unwrap();
    create(&mut sessions, NOW_MS, 1).unwrap();
    let later_ms = NOW_MS + EVICTABLE_AFTER_MS;
    assert_eq!(create(&mut sessions, later_ms, 50), None);
    assert!(go_on(&mut sessions, later_ms, small, 1).is_ok());
}

#[test]
fn a_session_nobody_used_for_long_makes_room_for_any() {
    let mut sessions = sessions(2);
    let stale = create(&mut sessions, NOW_MS, 5).unwrap();
    let used = create(&mut sessions, NOW_MS, 5).unwrap();
    let later_ms = NOW_MS + EVICTABLE_AFTER_MS + 1;
    go_on(&mut sessions, later_ms, used, 1).unwrap();
    assert!(create(&mut sessions, later_ms, 1).is_some());
    let gone = go_on(&mut sessions, later_ms, stale, 1);
    assert_eq!(gone, Err(SessionError::IdNotFound));
    assert!(go_on(&mut sessions, later_ms, used, 2).is_ok());
}

#[test]
fn an_old_session_gives_way_to_a_larger_one_only() {
    let mut sessions = sessions(2);
    let old = create(&mut sessions, NOW_MS, 3).unwrap();
    let older_ms = NOW_MS + EVICTABLE_AFTER_MS + 1;
    go_on(&mut sessions, NOW_MS + EVICTABLE_AFTER_MS, old, 1).unwrap();
    go_on(&mut sessions, older_ms, old, 2).unwrap();
    create(&mut sessions, older_ms, 1).unwrap();
    assert_eq!(create(&mut sessions, older_ms, 3), None, "not larger");
    assert!(create(&mut sessions, older_ms, 4).is_some());
    let gone = go_on(&mut sessions, older_ms, old, 3);
    assert_eq!(gone, Err(SessionError::IdNotFound));
}

#[test]
fn no_slots_means_no_sessions() {
    let mut sessions = sessions(0);
    assert_eq!(create(&mut sessions, NOW_MS, 1), None);
}

#[test]
fn what_sessions_remember_together_is_bounded() {
    let mut sessions = sessions(900);
    let half = PARTITIONS_MAX as i32 / 2;
    let id = create(&mut sessions, NOW_MS, half).unwrap();
    assert!(create(&mut sessions, NOW_MS, half).is_some());
    assert_eq!(create(&mut sessions, NOW_MS, 10), None);
    assert_eq!(create(&mut sessions, NOW_MS, i32::MAX / 10_000), None);
    let more = (0..10).map(|index| from(1_000_000 + index, 0)).collect();
    let refused = sessions.begin(NOW_MS, request(id, 1), more, &[], &nobody);
    assert_eq!(refused, Err(SessionError::IdNotFound));
    assert_eq!(sessions.partition_count(), half as usize);
}
