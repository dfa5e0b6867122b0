//! Scripts: operations that a generator makes and shrinks, settled against the
//! model, done to a cluster, and judged one after the other.

use std::fmt;
use std::time::Duration;

use ottla::Loss;
use ottla_core::batch::{Codec, batches};
use proptest::prelude::*;
use protocol_tests::batches::{OwnedRecord, ProducerStamp, batch, records_of};

use crate::cluster::{Cluster, Command, Event, Outcome, Place};
use crate::model::{Model, place_of};

/// A step whose numbers are relative to what is there when its turn comes, so
/// that a script still makes sense with steps taken out.
#[derive(Clone, Debug)]
pub enum Operation {
    CreateTopic(u8, Policy),
    DeleteTopic(u8),
    Configure(u8, &'static str, &'static str),
    Produce(u8, Sent),
    Fetch(u8, Spot, i32, i32),
    ListOffsets(u8, Wanted),
    DeleteRecords(u8, Spot),
    Commit(u8, u8, Spot),
    Committed(u8, u8),
    AdvanceHours(u8),
    Restart,
    Crash(Loss),
}

/// What a topic begins as.
#[derive(Clone, Copy, Debug)]
pub enum Policy {
    Plain,
    Synced,
    Compacted,
}

/// A batch and who sends it.
#[derive(Clone)]
pub struct Sent {
    pub records: Vec<OwnedRecord>,
    pub codec: Codec,
    pub sender: Sender,
}

/// Short enough that a shrunk script fits a screen: keys and values by length.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(-1, |all| all.len() as i64);
        write!(f, "{:?} {:?}", self.sender, self.codec)?;
        self.records.iter().try_for_each(|record| {
            let (key, value) = (length(&record.key), length(&record.value));
            write!(f, " [at {} key {key} value {value}]", record.timestamp_ms)
        })
    }
}

/// One of a few idempotent producers, or none.
#[derive(Clone, Copy, Debug)]
pub enum Sender {
    Plain,
    /// What it has to send next.
    Next(u8),
    /// The batch it sent so many batches ago, again.
    Again(u8, u8),
    /// So many sequence numbers too far.
    Gap(u8, u8),
    /// With the epoch before its own.
    OldEpoch(u8),
    /// As its next incarnation.
    NewEpoch(u8),
}

/// An offset.
#[derive(Clone, Copy, Debug)]
pub enum Spot {
    /// In thousandths of the way from start to end; there may be more than 1,000.
    Along(u16),
    BeforeStart(u8),
    BehindEnd(u8),
    Exactly(i64),
}

/// A timestamp.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Special(i64),
    /// Of the record this far along, and a millisecond more or less.
    Near(u16, i8),
}

const TOPICS: u8 = 3;
const PRODUCER_ID: i64 = 4_000;

/// Runs scripts against one cluster.
pub struct Run<C> {
    pub cluster: C,
    pub model: Model,
    prefix: String,
    /// The last batches of each producer in each partition.
    sent: Vec<(Place, i64, bytes::Bytes)>,
    /// Events that this cluster cannot undergo, and were left out.
    pub left_out: usize,
}

impl<C: Cluster> Run<C> {
    /// Topics get names that begin so.
    pub fn on(cluster: C, prefix: &str) -> Run<C> {
        Run {
            cluster,
            model: Model::default(),
            prefix: prefix.to_owned(),
            sent: Vec::new(),
            left_out: 0,
        }
    }

    /// Does all of it; the first thing that is wrong ends it.
    pub fn script(&mut self, operations: &[Operation]) -> Result<(), Wrong> {
        for (at, operation) in operations.iter().enumerate() {
            self.step(operation).map_err(|problem| Wrong {
                at,
                operation: operation.clone(),
                problem,
            })?;
        }
        Ok(())
    }

    /// One operation, judged.
    pub fn step(&mut self, operation: &Operation) -> Result<(), String> {
        match self.event(operation) {
            Some(event) if self.cluster.allows(event) => self.undergo(event),
            Some(_) => {
                self.left_out += 1;
                Ok(())
            }
            None => {
                let command = self.settle(operation);
                self.perform(&command).map(drop)
            }
        }
    }

    /// One command, judged.
    pub fn perform(&mut self, command: &Command) -> Result<Outcome, String> {
        let outcome = self.cluster.perform(command);
        let cluster = &mut self.cluster;
        let look = || start_of(cluster, place_of(command)?);
        let judged = self.model.judge(command, &outcome, look);
        judged
            .map(|()| outcome)
            .map_err(|problem| format!("{problem}\nupon {}", Shown(command)))
    }

    /// An event, and then every log is looked at and read.
    pub fn undergo(&mut self, event: Event) -> Result<(), String> {
        self.cluster.undergo(event);
        self.model.undergo(event);
        if matches!(event, Event::Advance(_)) {
            return Ok(());
        }
        for place in self.model.places() {
            self.find_again(event, &place)?;
        }
        self.read_everything()
    }

    fn find_again(&mut self, event: Event, place: &Place) -> Result<(), String> {
        let start = start_of(&mut self.cluster, place);
        let end = listed(&mut self.cluster, place, -1);
        match (start, end) {
            (Some(start), Some(end)) => self.model.found_again(event, place, start, end),
            _ => Err(format!("{place:?} is not served after {event:?}")),
        }
    }

    /// Reads every log from its start to its end.
    pub fn read_everything(&mut self) -> Result<(), String> {
        for place in self.model.places() {
            self.read_log(&place)?;
        }
        Ok(())
    }

    /// Reads one log from its start to its end, each answer judged.
    pub fn read_log(&mut self, place: &Place) -> Result<Vec<(i64, OwnedRecord)>, String> {
        let mut all = Vec::new();
        let mut offset = start_of(&mut self.cluster, place).unwrap_or(0);
        loop {
            let fetch = Command::Fetch {
                place: place.clone(),
                offset,
                partition_bytes_max: 1 << 20,
                bytes_max: 1 << 20,
            };
            let outcome = self.perform(&fetch)?;
            let Outcome::Fetched {
                code: 0, records, ..
            } = outcome
            else {
                return Ok(all);
            };
            let last = batches(&records).filter_map(Result::ok).last();
            match last.map(|(header, _)| header.next_offset().0) {
                Some(next) if next > offset => offset = next,
                _ => return Ok(all),
            }
            all.extend(records_of(&records)?);
        }
    }

    /// Leaves nothing behind on a cluster that others use.
    pub fn delete_topics(&mut self) {
        for number in 0..TOPICS {
            let topic = self.topic(number);
            self.cluster.perform(&Command::DeleteTopic { topic });
        }
    }

    fn event(&self, operation: &Operation) -> Option<Event> {
        match operation {
            Operation::AdvanceHours(hours) => Some(Event::Advance(Duration::from_secs(
                3_600 * u64::from(*hours),
            ))),
            Operation::Restart => Some(Event::Restart),
            Operation::Crash(loss) => Some(Event::Crash(*loss)),
            _ => None,
        }
    }

    fn topic(&self, number: u8) -> String {
        format!("{}-{}", self.prefix, number % TOPICS)
    }

    /// The first half of the numbers means the first partition.
    fn place(&self, number: u8) -> Place {
        Place {
            topic: self.topic(number),
            partition: i32::from(number / TOPICS % 2),
        }
    }

    fn settle(&mut self, operation: &Operation) -> Command {
        match operation {
            Operation::CreateTopic(topic, policy) => Command::CreateTopic {
                topic: self.topic(*topic),
                settings: policy.settings(),
            },
            Operation::DeleteTopic(topic) => Command::DeleteTopic {
                topic: self.topic(*topic),
            },
            Operation::Configure(topic, name, value) => Command::Configure {
                topic: self.topic(*topic),
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            },
            Operation::Produce(place, sent) => self.settle_produce(self.place(*place), sent),
            Operation::Fetch(place, spot, partition_bytes_max, bytes_max) => Command::Fetch {
                place: self.place(*place),
                offset: self.settle_spot(*place, *spot),
                partition_bytes_max: *partition_bytes_max,
                bytes_max: *bytes_max,
            },
            Operation::ListOffsets(place, wanted) => Command::ListOffsets {
                place: self.place(*place),
                timestamp: self.settle_timestamp(*place, *wanted),
            },
            Operation::DeleteRecords(place, spot) => Command::DeleteRecords {
                place: self.place(*place),
                before: self.settle_spot(*place, *spot),
            },
            Operation::Commit(group, place, spot) => Command::Commit {
                group: format!("{}-group-{}", self.prefix, group % 2),
                place: self.place(*place),
                offset: self.settle_spot(*place, *spot).max(0),
            },
            Operation::Committed(group, place) => Command::Committed {
                group: format!("{}-group-{}", self.prefix, group % 2),
                place: self.place(*place),
            },
            Operation::AdvanceHours(_) | Operation::Restart | Operation::Crash(_) => {
                unreachable!("events are no commands")
            }
        }
    }

    fn settle_produce(&mut self, place: Place, sent: &Sent) -> Command {
        let now_ms = self.model.now_ms();
        let mut records = sent.records.clone();
        for record in &mut records {
            // As generated they count from now.
            record.timestamp_ms = record.timestamp_ms.saturating_add(now_ms).max(0);
        }
        let stamp = self.stamp(&place, sent.sender);
        if let (Sender::Again(_, ago), Some(stamp)) = (sent.sender, stamp) {
            let mut before =
                self.sent.iter().rev().filter(|(at, producer_id, _)| {
                    *at == place && *producer_id == stamp.producer_id
                });
            if let Some((_, _, batch)) = before.nth(usize::from(ago)) {
                let batch = batch.clone();
                return Command::Produce { place, batch };
            }
        }
        let batch = batch(&records, sent.codec, stamp);
        if let Some(stamp) = stamp {
            self.sent
                .push((place.clone(), stamp.producer_id, batch.clone()));
        }
        Command::Produce { place, batch }
    }

    fn stamp(&self, place: &Place, sender: Sender) -> Option<ProducerStamp> {
        let number = match sender {
            Sender::Plain => return None,
            Sender::Next(number)
            | Sender::Again(number, _)
            | Sender::Gap(number, _)
            | Sender::OldEpoch(number)
            | Sender::NewEpoch(number) => number,
        };
        let producer_id = PRODUCER_ID + i64::from(number);
        let known = self
            .model
            .log(place)
            .map(|log| log.producers.next(producer_id));
        let (epoch, next) = known.unwrap_or_default();
        let (epoch, base_sequence) = match sender {
            Sender::Gap(_, by) => (epoch, next.wrapping_add(1 + i32::from(by)) & i32::MAX),
            Sender::OldEpoch(_) => ((epoch - 1).max(0), next),
            Sender::NewEpoch(_) => (epoch.saturating_add(1), 0),
            _ => (epoch, next),
        };
        Some(ProducerStamp {
            producer_id,
            epoch,
            base_sequence,
        })
    }

    fn settle_spot(&self, place: u8, spot: Spot) -> i64 {
        let place = self.place(place);
        let (start, end) = self
            .model
            .log(&place)
            .map_or((0, 0), |log| (log.start, log.end));
        match spot {
            Spot::Along(thousandths) => start + (end - start) * i64::from(thousandths) / 1_000,
            Spot::BeforeStart(by) => start - 1 - i64::from(by),
            Spot::BehindEnd(by) => end + 1 + i64::from(by),
            Spot::Exactly(offset) => offset,
        }
    }

    fn settle_timestamp(&self, place: u8, wanted: Wanted) -> i64 {
        match wanted {
            Wanted::Special(timestamp) => timestamp,
            Wanted::Near(along, by) => {
                let at = self.settle_spot(place, Spot::Along(along));
                let log = self.model.log(&self.place(place));
                let stamp = log.and_then(|log| log.timestamp_at(at));
                (stamp.unwrap_or_else(|| self.model.now_ms()) + i64::from(by)).max(0)
            }
        }
    }
}

fn start_of(cluster: &mut impl Cluster, place: &Place) -> Option<i64> {
    listed(cluster, place, -2)
}

fn listed(cluster: &mut impl Cluster, place: &Place, timestamp: i64) -> Option<i64> {
    let place = place.clone();
    match cluster.perform(&Command::ListOffsets { place, timestamp }) {
        Outcome::Listed {
            code: 0, offset, ..
        } => Some(offset),
        _ => None,
    }
}

impl Policy {
    fn settings(self) -> Vec<(String, String)> {
        // Small segments: every boundary comes up within a short script.
        let mut settings = vec![
            ("retention.ms", "-1"),
            ("segment.bytes", "1048576"),
            ("max.message.bytes", "1000000"),
        ];
        match self {
            Policy::Plain => {}
            Policy::Synced => settings.push(("flush.messages", "1")),
            Policy::Compacted => settings.extend([
                ("cleanup.policy", "compact"),
                ("min.cleanable.dirty.ratio", "0.01"),
                ("segment.ms", "1000"),
            ]),
        }
        settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Where a script went wrong.
pub struct Wrong {
    at: usize,
    operation: Operation,
    problem: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong {
            at,
            operation,
            problem,
        } = self;
        write!(f, "operation {at} ({}): {problem}", Shown(operation))
    }
}

/// As `Debug`, but not for pages.
struct Shown<'a, T>(&'a T);

impl<T: fmt::Debug> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        let end = text.floor_char_boundary(400);
        write!(
            f,
            "{}{}",
            &text[..end],
            if end < text.len() { "…" } else { "" }
        )
    }
}

/// What a script is made of.
pub fn operation() -> impl Strategy<Value = Operation> {
    // One place more than the others: much has to happen to the same log.
    let place = || prop_oneof![1 => Just(0), 2 => 0..TOPICS * 2];
    prop_oneof![
        2 => (0..TOPICS, policy()).prop_map(|(topic, policy)| Operation::CreateTopic(topic, policy)),
        1 => (0..TOPICS).prop_map(Operation::DeleteTopic),
        3 => (0..TOPICS, setting()).prop_map(|(topic, (name, value))| {
            Operation::Configure(topic, name, value)
        }),
        30 => (place(), sent()).prop_map(|(place, sent)| Operation::Produce(place, sent)),
        12 => (place(), spot(), limit(), limit())
            .prop_map(|(place, spot, partition, all)| Operation::Fetch(place, spot, partition, all)),
        8 => (place(), wanted()).prop_map(|(place, wanted)| Operation::ListOffsets(place, wanted)),
        2 => (place(), spot()).prop_map(|(place, spot)| Operation::DeleteRecords(place, spot)),
        3 => (0..2u8, place(), spot())
            .prop_map(|(group, place, spot)| Operation::Commit(group, place, spot)),
        2 => (0..2u8, place()).prop_map(|(group, place)| Operation::Committed(group, place)),
        2 => (1..60u8).prop_map(Operation::AdvanceHours),
        1 => Just(Operation::Restart),
        1 => loss().prop_map(Operation::Crash),
    ]
}

/// A whole script; it begins with topics, or nothing much would happen.
pub fn script(operations: usize) -> impl Strategy<Value = Vec<Operation>> {
    let topics = (policy(), policy(), policy()).prop_map(|(first, second, third)| {
        vec![
            Operation::CreateTopic(0, first),
            Operation::CreateTopic(1, second),
            Operation::CreateTopic(2, third),
        ]
    });
    let rest = proptest::collection::vec(operation(), 1..operations);
    (topics, rest).prop_map(|(mut all, rest)| {
        all.extend(rest);
        all
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        4 => Just(Policy::Plain),
        3 => Just(Policy::Synced),
        1 => Just(Policy::Compacted),
    ]
}

pub fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::Nothing),
        Just(Loss::Unsynced),
        any::<u64>().prop_map(|seed| Loss::Torn { seed }),
    ]
}

fn setting() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("flush.messages", "1"),
        ("flush.messages", "9223372036854775807"),
        ("retention.ms", "-1"),
        ("retention.ms", "86400000"),
        ("retention.bytes", "-1"),
        ("retention.bytes", "300000"),
        ("max.message.bytes", "1000000"),
        ("max.message.bytes", "2000"),
        ("segment.ms", "3600000"),
        ("index.interval.bytes", "100"),
        ("message.timestamp.type", "CreateTime"),
        ("cleanup.policy", "delete"),
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
    ])
}

fn sent() -> impl Strategy<Value = Sent> {
    (records(), codec(), sender()).prop_map(|(records, codec, sender)| Sent {
        records,
        codec,
        sender,
    })
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![
        4 => Just(Codec::None),
        1 => Just(Codec::Gzip),
        1 => Just(Codec::Snappy),
        1 => Just(Codec::Lz4),
        1 => Just(Codec::Zstd),
    ]
}

fn sender() -> impl Strategy<Value = Sender> {
    let number = || prop_oneof![2 => Just(0), 1 => 0..5u8];
    prop_oneof![
        6 => Just(Sender::Plain),
        8 => number().prop_map(Sender::Next),
        4 => (number(), 0..7u8).prop_map(|(number, ago)| Sender::Again(number, ago)),
        1 => (number(), 0..3u8).prop_map(|(number, by)| Sender::Gap(number, by)),
        2 => number().prop_map(Sender::OldEpoch),
        2 => number().prop_map(Sender::NewEpoch),
    ]
}

/// Their timestamps count from now.
fn records() -> impl Strategy<Value = Vec<OwnedRecord>> {
    const DAY_MS: i64 = 86_400_000;
    let base = prop_oneof![
        20 => -100_000..0i64,
        1 => Just(-30 * DAY_MS),
        1 => Just(-3_650 * DAY_MS),
        1 => Just(3_650 * DAY_MS),
    ];
    let small = proptest::collection::vec(record(), 1..6);
    let huge = (
        any::<u8>(),
        prop_oneof![5_000..90_000usize, 900_000..2_000_000usize],
    );
    let huge = huge.prop_map(|(byte, length)| vec![OwnedRecord::of_value(0, vec![byte; length])]);
    (base, prop_oneof![30 => small, 1 => huge]).prop_map(|(base, mut records)| {
        for record in &mut records {
            record.timestamp_ms += base;
        }
        records
    })
}

fn record() -> impl Strategy<Value = OwnedRecord> {
    let key = prop_oneof![
        4 => proptest::option::of((0..4u8).prop_map(|key| vec![key])),
        1 => Just(Some(Vec::new())),
        1 => (1_000..3_000usize).prop_map(|length| Some(vec![7; length])),
    ];
    let value = proptest::option::weighted(0.9, proptest::collection::vec(any::<u8>(), 0..200));
    let header = (0..3u8, proptest::option::of(any::<u8>()))
        .prop_map(|(key, value)| (vec![key], value.map(|value| vec![value])));
    (
        0..1_000i64,
        key,
        value,
        proptest::collection::vec(header, 0..3),
    )
        .prop_map(|(timestamp_ms, key, value, headers)| OwnedRecord {
            timestamp_ms,
            key,
            value,
            headers,
        })
}

fn spot() -> impl Strategy<Value = Spot> {
    prop_oneof![
        10 => (0..=1_000u16).prop_map(Spot::Along),
        1 => Just(Spot::Along(1_000)),
        1 => (0..3u8).prop_map(Spot::BeforeStart),
        1 => (0..3u8).prop_map(Spot::BehindEnd),
        1 => prop::sample::select(vec![0, -2, i64::MAX, i64::MIN]).prop_map(Spot::Exactly),
    ]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        1 => (-4..0i64).prop_map(Wanted::Special),
        1 => prop::sample::select(vec![0, 1, i64::MAX]).prop_map(Wanted::Special),
        3 => (0..1_000u16, -1..2i8).prop_map(|(along, by)| Wanted::Near(along, by)),
    ]
}

fn limit() -> impl Strategy<Value = i32> {
    prop_oneof![Just(1 << 20), 0..2_000i32, Just(1), Just(i32::MAX)]
}
