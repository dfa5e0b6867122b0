//! The truth: a Kafka of one node, out of plain maps.
//!
//! [`Model::perform`] says what has to be answered and is written to be read as
//! the specification. [`Model::judge`] compares that with what a cluster
//! answered, and allows only what Kafka leaves open: how many whole batches a
//! Fetch returns, when retention and compaction get to what they may remove,
//! and what of unsynced records a crash leaves.

mod compacted;
mod log;
mod producers;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_protocol::ResponseError;
use ottla::Loss;

use crate::cluster::{Command, Event, Outcome, Place};
use crate::wire::PARTITIONS;
pub use log::Log;
use settings::Settings;

pub type Verdict = Result<(), String>;

/// Everything a cluster of one node has to remember.
#[derive(Clone, Debug, Default)]
pub struct Model {
    topics: BTreeMap<String, Topic>,
    committed: BTreeMap<(String, Place), Commits>,
    advanced: Duration,
}

#[derive(Clone, Debug)]
struct Topic {
    settings: Settings,
    logs: Vec<Log>,
}

/// The offset a group committed last, and what a lossy crash may have brought
/// back: the offsets topic is not synced at every commit.
#[derive(Clone, Debug, Default)]
struct Commits {
    /// −1 when there is none.
    last: i64,
    earlier: BTreeSet<i64>,
    is_shaken: bool,
}

impl Model {
    /// The cluster's wall clock, in Unix milliseconds; right to a few seconds.
    pub fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (since_epoch + self.advanced).as_millis() as i64
    }

    pub fn log(&self, place: &Place) -> Option<&Log> {
        let topic = self.topics.get(&place.topic)?;
        topic.logs.get(usize::try_from(place.partition).ok()?)
    }

    /// Every partition there is.
    pub fn places(&self) -> Vec<Place> {
        let names = self.topics.keys();
        names
            .flat_map(|topic| {
                (0..PARTITIONS).map(|partition| Place {
                    topic: topic.clone(),
                    partition,
                })
            })
            .collect()
    }

    /// What has to be answered.
    pub fn perform(&mut self, command: &Command) -> Outcome {
        let now_ms = self.now_ms();
        match command {
            Command::CreateTopic { topic, settings } => self.create_topic(topic, settings),
            Command::DeleteTopic { topic } => self.delete_topic(topic),
            Command::Configure { topic, name, value } => match self.topics.get_mut(topic) {
                Some(Topic { settings, logs }) => {
                    for log in logs {
                        log.note_expiry(settings, now_ms);
                    }
                    settings.set(name, value);
                    done(0)
                }
                None => done(UNKNOWN_TOPIC),
            },
            Command::Produce { place, batch } => match self.find(place) {
                Some((settings, log)) => log.produce(settings, now_ms, batch),
                None => Outcome::Produced {
                    code: UNKNOWN_TOPIC,
                    base_offset: -1,
                    log_start: -1,
                },
            },
            Command::Fetch { place, offset, .. } => match self.find(place) {
                Some((_, log)) => log.fetch(*offset),
                None => Outcome::Fetched {
                    code: UNKNOWN_TOPIC,
                    high_watermark: -1,
                    log_start: -1,
                    records: Default::default(),
                },
            },
            Command::ListOffsets { place, timestamp } => match self.find(place) {
                Some((_, log)) => log.list_offsets(*timestamp),
                None => Outcome::Listed {
                    code: UNKNOWN_TOPIC,
                    timestamp: -1,
                    offset: -1,
                },
            },
            Command::DeleteRecords { place, before } => match self.find(place) {
                Some((settings, log)) => log.delete_records(settings, *before),
                None => Outcome::Deleted {
                    code: UNKNOWN_TOPIC,
                    low_watermark: -1,
                },
            },
            Command::Commit {
                group,
                place,
                offset,
            } => self.commit(group, place, *offset),
            Command::Committed { group, place } => Outcome::Committed {
                code: 0,
                offset: self
                    .committed
                    .get(&(group.clone(), place.clone()))
                    .map_or(-1, |commits| commits.last),
            },
        }
    }

    /// Whether that may be answered. `look` asks the cluster where a log
    /// starts now.
    pub fn judge(
        &mut self,
        command: &Command,
        outcome: &Outcome,
        look: impl FnOnce() -> Option<i64>,
    ) -> Verdict {
        let before = self.clone();
        let now_ms = self.now_ms();
        if let Command::DeleteRecords { place, .. } = command {
            return self.judge_deletion(place, command, outcome, look);
        }
        if let Some((settings, log)) = place_of(command).and_then(|place| self.find(place))
            && log.may_expire(settings, now_ms)
            && let Some(start) = look()
        {
            log.learn_start(settings, now_ms, start)?;
        }
        let Err(problem) = self.compare(command, outcome) else {
            return Ok(());
        };
        // Retention may have come between the answer and the look.
        let mut earlier = before;
        earlier.compare(command, outcome).map_err(|_| problem)
    }

    fn compare(&mut self, command: &Command, outcome: &Outcome) -> Verdict {
        let expected = self.perform(command);
        match self.is_allowed(command, &expected, outcome)? {
            true => Ok(()),
            false => Err(differs(&expected, outcome)),
        }
    }

    /// The start moves by the deletion, and may move further by retention.
    fn judge_deletion(
        &mut self,
        place: &Place,
        command: &Command,
        outcome: &Outcome,
        look: impl FnOnce() -> Option<i64>,
    ) -> Verdict {
        let now_ms = self.now_ms();
        let expected = self.perform(command);
        let mut possible = 0..=0;
        if let Some((settings, log)) = self.find(place) {
            let deleted_to = log.start;
            if log.may_expire(settings, now_ms)
                && let Some(start) = look()
            {
                log.learn_start(settings, now_ms, start)?;
            }
            possible = deleted_to..=log.start;
        }
        let is_allowed = match outcome {
            Outcome::Deleted {
                code: 0,
                low_watermark,
            } => expected.code() == 0 && possible.contains(low_watermark),
            other => expected.code() == other.code(),
        };
        match is_allowed {
            true => Ok(()),
            false => Err(differs(&expected, outcome)),
        }
    }

    fn is_allowed(
        &mut self,
        command: &Command,
        expected: &Outcome,
        outcome: &Outcome,
    ) -> Result<bool, String> {
        match (command, outcome) {
            (
                Command::Fetch {
                    place,
                    offset,
                    partition_bytes_max,
                    bytes_max,
                },
                Outcome::Fetched { records, .. },
            ) if expected.code() == 0 && outcome.code() == 0 => {
                let Some((settings, log)) = self.find(place) else {
                    return Ok(false);
                };
                log.check_marks(expected, outcome)?;
                let limit = (*partition_bytes_max).min(*bytes_max).max(0) as usize;
                match settings.is_compacted() {
                    true => log.check_compacted(*offset, records)?,
                    false => log.check_fetched(*offset, limit, records)?,
                }
                Ok(true)
            }
            (Command::ListOffsets { place, timestamp }, Outcome::Listed { offset, .. }) => {
                let loosely = self.find(place).is_some_and(|(settings, log)| {
                    (settings.is_compacted() && log.may_list(*timestamp, *offset))
                        || (*timestamp == -3 && log.hides_the_newest())
                });
                Ok(expected == outcome || loosely)
            }
            (Command::Produce { place, batch }, _) if expected != outcome => {
                let now_ms = self.now_ms();
                let found = self.find(place);
                Ok(found.is_some_and(|(_, log)| log.accept_of_shaky(now_ms, batch, outcome)))
            }
            (Command::Committed { group, place }, Outcome::Committed { code: 0, offset }) => {
                let commits = self.committed.get_mut(&(group.clone(), place.clone()));
                let may_be = commits.is_some_and(|commits| commits.may_be(*offset));
                Ok(expected == outcome || may_be)
            }
            (Command::Produce { .. }, Outcome::Produced { code, .. }) if *code != 0 => {
                Ok(expected.code() == *code)
            }
            (Command::Fetch { .. }, _) if outcome.code() != 0 => {
                // Beside an error only the code is promised.
                Ok(expected.code() == outcome.code())
            }
            _ => Ok(expected == outcome),
        }
    }

    /// What happens to the cluster besides being asked.
    pub fn undergo(&mut self, event: Event) {
        match event {
            Event::Advance(by) => self.advanced += by,
            Event::Restart => {
                for log in self.topics.values_mut().flat_map(|topic| &mut topic.logs) {
                    log.stopped_in_order();
                }
            }
            Event::Crash(Loss::Nothing) => {}
            Event::Crash(_) => {
                for commits in self.committed.values_mut() {
                    commits.is_shaken = true;
                }
            }
        }
    }

    /// Where a log starts and ends after a stop or a crash.
    pub fn found_again(&mut self, event: Event, place: &Place, start: i64, end: i64) -> Verdict {
        let now_ms = self.now_ms();
        let Some((settings, log)) = self.find(place) else {
            return Ok(());
        };
        log.learn_start(settings, now_ms, start)?;
        let may_lose = matches!(event, Event::Crash(Loss::Unsynced | Loss::Torn { .. }));
        log.found_again(end, may_lose)
            .map_err(|problem| format!("{place:?} after {event:?}: {problem}"))
    }

    fn find(&mut self, place: &Place) -> Option<(&Settings, &mut Log)> {
        let Topic { settings, logs } = self.topics.get_mut(&place.topic)?;
        let log = logs.get_mut(usize::try_from(place.partition).ok()?)?;
        Some((settings, log))
    }

    fn create_topic(&mut self, topic: &str, settings: &[(String, String)]) -> Outcome {
        if self.topics.contains_key(topic) {
            return done(ResponseError::TopicAlreadyExists.code());
        }
        let mut known = Settings::default();
        for (name, value) in settings {
            known.set(name, value);
        }
        let created = Topic {
            settings: known,
            logs: vec![Log::default(); PARTITIONS as usize],
        };
        self.topics.insert(topic.to_owned(), created);
        done(0)
    }

    fn delete_topic(&mut self, topic: &str) -> Outcome {
        if self.topics.remove(topic).is_none() {
            return done(UNKNOWN_TOPIC);
        }
        // What was committed for it goes with it.
        self.committed.retain(|(_, place), _| place.topic != topic);
        done(0)
    }

    fn commit(&mut self, group: &str, place: &Place, offset: i64) -> Outcome {
        if self.find(place).is_none() {
            return done(UNKNOWN_TOPIC);
        }
        let key = (group.to_owned(), place.clone());
        let commits = self.committed.entry(key).or_insert_with(|| Commits {
            last: -1,
            ..Commits::default()
        });
        commits.earlier.insert(commits.last);
        commits.last = offset;
        commits.is_shaken = false;
        done(0)
    }
}

impl Commits {
    /// Whether a crash may have brought this one back; if so it stays.
    fn may_be(&mut self, offset: i64) -> bool {
        let may_be = self.is_shaken && self.earlier.contains(&offset);
        if may_be {
            self.last = offset;
            self.is_shaken = false;
        }
        may_be
    }
}

pub const UNKNOWN_TOPIC: i16 = 3;

fn differs(expected: &Outcome, outcome: &Outcome) -> String {
    format!("expected {expected:?}\n     got {outcome:?}")
}

fn done(code: i16) -> Outcome {
    Outcome::Done { code }
}

/// The partition a command is about, if it tells of records.
pub fn place_of(command: &Command) -> Option<&Place> {
    match command {
        Command::Produce { place, .. }
        | Command::Fetch { place, .. }
        | Command::ListOffsets { place, .. }
        | Command::DeleteRecords { place, .. } => Some(place),
        _ => None,
    }
}
