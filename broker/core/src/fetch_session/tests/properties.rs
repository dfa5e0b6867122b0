//! An incremental session tells a reader exactly what full requests would
//! (KIP-227), and the cache never forgets what it should keep.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const PARTITIONS: i32 = 6;

/// What may happen between two answers.
#[derive(Clone, Debug)]
enum Step {
    Append {
        index: i32,
        count: i64,
    },
    DeleteUpTo {
        index: i32,
        share: u8,
    },
    /// As an unclean election may: the end goes back.
    Truncate {
        index: i32,
        share: u8,
    },
    TopicGoes {
        index: i32,
    },
    TopicComes {
        index: i32,
    },
    /// The reader wants one more, or another offset of one it has.
    Want {
        index: i32,
        share: u8,
    },
    Forget {
        index: i32,
    },
    Fetch {
        limit: i64,
    },
    /// The session is gone: another needed its place.
    Vanish,
}

fn any_step() -> impl Strategy<Value = Step> {
    let index = 0..PARTITIONS;
    prop_oneof![
        4 => (index.clone(), 1i64..5).prop_map(|(index, count)| Step::Append { index, count }),
        1 => (index.clone(), any::<u8>()).prop_map(|(index, share)| Step::DeleteUpTo { index, share }),
        1 => (index.clone(), any::<u8>()).prop_map(|(index, share)| Step::Truncate { index, share }),
        1 => index.clone().prop_map(|index| Step::TopicGoes { index }),
        1 => index.clone().prop_map(|index| Step::TopicComes { index }),
        3 => (index.clone(), any::<u8>()).prop_map(|(index, share)| Step::Want { index, share }),
        1 => index.prop_map(|index| Step::Forget { index }),
        8 => (1i64..20).prop_map(|limit| Step::Fetch { limit }),
        1 => Just(Step::Vanish),
    ]
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Log {
    start: i64,
    end: i64,
    gone: bool,
}

/// What one partition says to one who wants it from `offset` on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Answer {
    news: News,
    records: (i64, i64),
}

impl Log {
    fn answer(&self, offset: i64, limit: i64) -> Answer {
        if self.gone || offset < self.start || offset > self.end {
            let news = News {
                is_urgent: true,
                ..quiet(Told::NOTHING)
            };
            return Answer {
                news,
                records: (offset, offset),
            };
        }
        let end = self.end.min(offset + limit);
        let news = News {
            has_records: end > offset,
            ..quiet(marks(self.end, self.start))
        };
        Answer {
            news,
            records: (offset, end),
        }
    }

    fn at(&self, share: u8) -> i64 {
        self.start + (self.end - self.start) * i64::from(share) / 255
    }
}

/// A reader that keeps the books a Kafka consumer keeps, and believes the
/// answers it gets.
#[derive(Default)]
struct Reader {
    wants: BTreeMap<i32, i64>,
    changed: BTreeSet<i32>,
    forgotten: BTreeSet<i32>,
    session: Option<(i32, i32)>,
    believes: BTreeMap<i32, Told>,
}

struct World {
    sessions: FetchSessions,
    logs: [Log; PARTITIONS as usize],
    reader: Reader,
}

impl World {
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Append { index, count } => self.log(index).end += count,
            Step::DeleteUpTo { index, share } => {
                self.log(index).start = self.logs[index as usize].at(share);
            }
            Step::Truncate { index, share } => {
                self.log(index).end = self.logs[index as usize].at(share);
            }
            Step::TopicGoes { index } => self.log(index).gone = true,
            Step::TopicComes { index } => self.log(index).gone = false,
            Step::Want { index, share } => {
                let offset = self.logs[index as usize].at(share);
                self.reader.wants.insert(index, offset);
                self.reader.changed.insert(index);
                self.reader.forgotten.remove(&index);
            }
            Step::Forget { index } => {
                if self.reader.wants.remove(&index).is_some() {
                    self.reader.forgotten.insert(index);
                    self.reader.changed.remove(&index);
                }
            }
            Step::Vanish => {
                if let Some((id, _)) = self.reader.session {
                    let _ = self
                        .sessions
                        .begin(0, request(id, -1), vec![], &[], &nobody);
                }
            }
            Step::Fetch { limit } => self.fetch(limit),
        }
    }

    fn log(&mut self, index: i32) -> &mut Log {
        &mut self.logs[index as usize]
    }

    fn fetch(&mut self, limit: i64) {
        let full: BTreeMap<i32, Answer> = self
            .reader
            .wants
            .iter()
            .map(|(&index, &offset)| (index, self.logs[index as usize].answer(offset, limit)))
            .collect();
        let answered = match self.fetch_incrementally(limit) {
            Ok(answered) => answered,
            Err(SessionError::IdNotFound) => {
                self.reader.session = None;
                self.fetch_incrementally(limit)
                    .expect("a full request cannot fail")
            }
            Err(error) => panic!("{error}"),
        };
        // Whoever is answered is answered as a full request is; who is not
        // has nothing new to hear.
        for (index, full) in &full {
            match answered.get(index) {
                Some(answer) => assert_eq!(answer, full, "partition {index}"),
                None => {
                    assert!(
                        !full.news.has_records && !full.news.is_urgent,
                        "partition {index}"
                    );
                    assert_eq!(self.reader.believes.get(index), Some(&full.news.marks));
                }
            }
        }
        assert!(
            answered.keys().all(|index| full.contains_key(index)),
            "nothing that was not wanted"
        );
        for (index, answer) in answered {
            self.reader.believes.insert(index, answer.news.marks);
            if answer.news.has_records {
                self.reader.wants.insert(index, answer.records.1);
                self.reader.changed.insert(index);
            }
        }
    }

    fn fetch_incrementally(&mut self, limit: i64) -> Result<BTreeMap<i32, Answer>, SessionError> {
        let (id, epoch) = self.reader.session.unwrap_or((NO_SESSION, 0));
        let reader = &self.reader;
        let wanted = reader
            .wants
            .iter()
            .filter(|(index, _)| epoch == 0 || reader.changed.contains(index))
            .map(|(&index, &offset)| from(index, offset))
            .collect();
        let forgotten: Vec<PartitionKey> =
            reader.forgotten.iter().map(|&index| key(index)).collect();
        let (turn, asked) =
            self.sessions
                .begin(0, request(id, epoch), wanted, &forgotten, &nobody)?;
        self.reader.changed.clear();
        self.reader.forgotten.clear();
        let answers: Vec<_> = asked
            .iter()
            .map(|asked| {
                (
                    asked,
                    self.logs[asked.key.index as usize].answer(asked.position.offset.0, limit),
                )
            })
            .filter(|(asked, answer)| {
                !matches!(turn, Turn::Incremental { .. }) || asked.told.lacks(&answer.news)
            })
            .collect();
        self.reader.session = match turn {
            Turn::Sessionless => None,
            Turn::Full { uses_topic_ids } => {
                let told = answers.iter().map(|(asked, answer)| SessionPartition {
                    told: answer.news.marks,
                    ..SessionPartition::clone(asked)
                });
                let created = self.sessions.create(0, 3, uses_topic_ids, told.collect());
                created.map(|id| (id, 1))
            }
            Turn::Incremental {
                session_id,
                next_epoch,
            } => {
                let news = answers
                    .iter()
                    .map(|(asked, answer)| (&asked.key, answer.news));
                self.sessions.answer(session_id, next_epoch, news)?;
                Some((session_id, next_epoch))
            }
        };
        Ok(answers
            .iter()
            .map(|(asked, answer)| (asked.key.index, *answer))
            .collect())
    }
}

proptest! {
    #[test]
    fn a_session_tells_exactly_what_full_requests_would(
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut world = World {
            sessions: FetchSessions::new(1, 1..10),
            logs: Default::default(),
            reader: Reader::default(),
        };
        for step in &steps {
            world.run(step);
        }
    }

    /// Whatever is created, used, grown and closed: the cache is never larger
    /// than its slots, a session in use is found again, and the books add up.
    #[test]
    fn live_sessions_are_found_as_long_as_nothing_may_evict_them(
        steps in prop::collection::vec((0usize..6, 1i32..9, 0u64..50_000), 1..200),
    ) {
        const SLOTS: usize = 4;
        let mut sessions = FetchSessions::new(SLOTS, 1..50);
        // By id: epoch, partitions, created, last used.
        let mut live: BTreeMap<i32, (i32, usize, u64, u64)> = BTreeMap::new();
        let mut now_ms = 0;
        for (choice, count, passed_ms) in steps {
            now_ms += passed_ms;
            let chosen = live.keys().copied().nth(choice);
            if let Some(id) = chosen {
                let (epoch, size, created_ms, _) = live[&id];
                let wanted: Vec<_> = (0..count).map(|index| from(index, 0)).collect();
                let begun = sessions.begin(now_ms, request(id, epoch), wanted, &[], &nobody);
                let (_, partitions) = begun.expect("a session that nothing evicted");
                let size = size.max(count as usize);
                prop_assert_eq!(partitions.len(), size);
                live.insert(id, (epoch + 1, size, created_ms, now_ms));
            } else {
                let partitions = (0..count).map(|index| from(index, 0)).collect();
                let made_room = room_for(&mut live, SLOTS, now_ms, count as usize);
                let created = sessions.create(now_ms, choice as u32, false, partitions);
                prop_assert_eq!(created.is_some(), made_room);
                if let Some(id) = created {
                    prop_assert!(live.insert(id, (1, count as usize, now_ms, now_ms)).is_none());
                }
            }
            prop_assert_eq!(sessions.len(), live.len());
            let sizes: usize = live.values().map(|(_, size, ..)| size).sum();
            prop_assert_eq!(sessions.partition_count(), sizes);
        }
    }
}

/// Kafka's rule over a plain list: who goes so that a session of `count`
/// partitions may come; false if nobody does.
fn room_for(
    live: &mut BTreeMap<i32, (i32, usize, u64, u64)>,
    slots: usize,
    now_ms: u64,
    count: usize,
) -> bool {
    if live.len() < slots {
        return true;
    }
    let (&oldest, &(.., last_used_ms)) = live
        .iter()
        .min_by_key(|(id, (.., last_used_ms))| (*last_used_ms, **id))
        .expect("there are slots");
    if now_ms - last_used_ms > EVICTABLE_AFTER_MS {
        live.remove(&oldest);
        return true;
    }
    let old = live.iter().filter(|(_, (_, _, created_ms, last_used_ms))| {
        last_used_ms - created_ms > EVICTABLE_AFTER_MS
    });
    let smallest = old.map(|(&id, &(_, size, ..))| (size, id)).min();
    match smallest {
        Some((size, id)) if size < count => {
            live.remove(&id);
            true
        }
        _ => false,
    }
}
