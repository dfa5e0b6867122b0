//! A run cut at every change it makes to the disk, and what a broker finds
//! there: rows 2, 5, 7 (of one node), 11, 29.
//!
//! ```text
//! run ─► history of the disk, with a note after every acknowledgement
//!          └─ at each change: killed before it · killed within it · power cut,
//!             with what was not synced lost or torn ─► broker ─► judged
//! ```
//!
//! What was acknowledged under `flush.messages=1` is there after each of them,
//! everything acknowledged is there after a kill, and what is there is a prefix
//! of what was sent, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla::{Broker, FaultyDisk, History, Loss};
use ottla_core::batch::{Codec, batches};
use protocol_tests::batches::{OwnedRecord, ProducerStamp, batch};

use crate::back_ends::embedded::builder;
use crate::cluster::{Command, Outcome, Place};
use crate::wire::Wire;

/// Topics: one synced at every append, one whenever the broker likes.
const SYNCED: &str = "synced";
const LAZY: &str = "lazy";

/// What a run is made of.
const OPERATIONS: u64 = 10_000;

/// How often retention looks for segments that were deleted, and how often it
/// does so in a broker of this suite.
const OPERATIONS_PER_RETENTION: u64 = 50;
const RETENTION_INTERVAL: Duration = Duration::from_secs(1);

/// How many cuts are tried without `CRASH_POINTS`; `all` tries every one.
const SAMPLE: usize = 250;

/// What was sent, and when it was acknowledged.
#[derive(Default)]
struct Told {
    sent: BTreeMap<Place, Vec<Sent>>,
    /// Where each log was told to start, and by which operation.
    starts: BTreeMap<Place, Vec<(u64, i64)>>,
}

struct Sent {
    batch: Bytes,
    base_offset: i64,
    end_offset: i64,
    /// The operation that sent it; acknowledged once that was noted.
    operation: u64,
}

/// A way to die.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Kill,
    KillWithinWrite,
    Power,
}

fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below.max(1)
}

fn place(topic: &str, partition: i32) -> Place {
    Place {
        topic: topic.to_owned(),
        partition,
    }
}

fn run(seed: u64) -> (History, Told) {
    let disk = FaultyDisk::new();
    disk.keep_history();
    let broker = builder().disk(Arc::clone(&disk)).start_blocking().unwrap();
    let mut wire = Wire::connect(broker.address());
    let mut told = Told::default();
    for (topic, flush) in [(SYNCED, "1"), (LAZY, "9223372036854775807")] {
        // Segments as small as may be, and of few records: rolls come often.
        let settings = [
            ("flush.messages", flush),
            ("segment.bytes", "1048576"),
            ("segment.ms", "60000"),
            ("index.interval.bytes", "200"),
            ("retention.ms", "-1"),
            ("file.delete.delay.ms", "0"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let outcome = wire.perform(&Command::CreateTopic {
            topic: topic.to_owned(),
            settings: settings.to_vec(),
        });
        assert_eq!(outcome, Outcome::Done { code: 0 });
    }
    let mut random = seed;
    for operation in 1..=OPERATIONS {
        let topic = if draw(&mut random, 4) == 0 {
            SYNCED
        } else {
            LAZY
        };
        let place = place(topic, draw(&mut random, 2) as i32);
        match draw(&mut random, 100) {
            0..4 => told.delete_records(&mut wire, place, operation),
            _ => told.produce(&mut wire, place, operation, &mut random),
        }
        disk.note(operation);
        if operation % OPERATIONS_PER_RETENTION == 0 {
            // Takes away what was deleted: cuts come in the middle of that too,
            // and the disk stays small, so that each of many recoveries is quick.
            broker.clock().advance(RETENTION_INTERVAL);
        }
    }
    let history = disk.take_history().unwrap();
    broker.shutdown_blocking();
    (history, told)
}

impl Told {
    fn produce(&mut self, wire: &mut Wire, place: Place, operation: u64, random: &mut u64) {
        let sent = self.sent.entry(place.clone()).or_default();
        let count = 1 + draw(random, 3);
        // Time goes on by seconds, so that segments roll by it.
        let timestamp_ms = 1_700_000_000_000 + operation as i64 * 1_000;
        let records: Vec<OwnedRecord> = (0..count)
            .map(|_| {
                OwnedRecord::of_value(
                    timestamp_ms,
                    vec![operation as u8; draw(random, 300) as usize],
                )
            })
            .collect();
        let base_offset = sent.last().map_or(0, |last| last.end_offset);
        let stamp = ProducerStamp {
            producer_id: 1,
            epoch: 0,
            base_sequence: base_offset as i32,
        };
        let batch = batch(&records, Codec::None, Some(stamp));
        sent.push(Sent {
            batch: batch.clone(),
            base_offset,
            end_offset: base_offset + count as i64,
            operation,
        });
        let outcome = wire.perform(&Command::Produce { place, batch });
        assert!(
            matches!(outcome, Outcome::Produced { code: 0, base_offset: at, .. } if at == base_offset),
            "{outcome:?}"
        );
    }

    fn delete_records(&mut self, wire: &mut Wire, place: Place, operation: u64) {
        let Some(last) = self.sent.get(&place).and_then(|sent| sent.last()) else {
            return;
        };
        let before = (last.end_offset - 25).max(0);
        let starts = self.starts.entry(place.clone()).or_default();
        let before = starts
            .last()
            .map_or(before, |(_, start)| before.max(*start));
        starts.push((operation, before));
        let outcome = wire.perform(&Command::DeleteRecords { place, before });
        let low_watermark = before;
        assert_eq!(
            outcome,
            Outcome::Deleted {
                code: 0,
                low_watermark
            }
        );
    }

    /// Judges what a broker serves of one partition when `noted` operations had
    /// been acknowledged.
    fn judge(
        &self,
        wire: &mut Wire,
        place: &Place,
        noted: u64,
        may_lose: bool,
    ) -> Result<(i64, i64), String> {
        let listed = |wire: &mut Wire, timestamp| {
            let place = place.clone();
            match wire.perform(&Command::ListOffsets { place, timestamp }) {
                Outcome::Listed {
                    code: 0, offset, ..
                } => Ok(offset),
                other => Err(format!("{other:?}")),
            }
        };
        let (start, end) = (listed(wire, -2)?, listed(wire, -1)?);
        let starts = self.starts.get(place).map_or(&[][..], Vec::as_slice);
        let acknowledged = |at: &&(u64, i64)| at.0 <= noted;
        let least_start = starts
            .iter()
            .take_while(acknowledged)
            .last()
            .map_or(0, |at| at.1);
        let most_start = starts
            .iter()
            .find(|at| at.0 > noted)
            .map_or(least_start, |at| at.1);
        if !(least_start..=most_start).contains(&start) {
            return Err(format!(
                "starts at {start} instead of {least_start} to {most_start}"
            ));
        }
        let sent = self.sent.get(place).map_or(&[][..], Vec::as_slice);
        let acknowledged_end = sent
            .iter()
            .take_while(|sent| sent.operation <= noted)
            .last()
            .map_or(0, |sent| sent.end_offset);
        let must_have = match may_lose && place.topic == LAZY {
            true => start,
            false => acknowledged_end,
        };
        if end < must_have {
            return Err(format!("ends at {end}: acknowledged up to {must_have}"));
        }
        self.read(wire, place, start, end)?;
        Ok((start, end))
    }

    /// Every batch from start to end, as it was sent.
    fn read(&self, wire: &mut Wire, place: &Place, start: i64, end: i64) -> Result<(), String> {
        let mut expected = self
            .sent
            .get(place)
            .into_iter()
            .flatten()
            .skip_while(|sent| sent.end_offset <= start);
        let mut offset = start;
        while offset < end {
            let fetch = Command::Fetch {
                place: place.clone(),
                offset,
                partition_bytes_max: 1 << 20,
                bytes_max: 1 << 20,
            };
            let records = match wire.perform(&fetch) {
                Outcome::Fetched {
                    code: 0, records, ..
                } => records,
                other => return Err(format!("from {offset}: {other:?}")),
            };
            let before = offset;
            for found in batches(&records) {
                let (header, found) = found.map_err(|error| error.to_string())?;
                let sent = expected.next().ok_or("more than was sent")?;
                let is_same = header.base_offset.0 == sent.base_offset
                    && found.len() == sent.batch.len()
                    && found[8..12] == sent.batch[8..12]
                    && found[16..] == sent.batch[16..];
                if !is_same {
                    return Err(format!(
                        "the batch at {} is not what was sent",
                        header.base_offset
                    ));
                }
                offset = sent.end_offset;
            }
            if offset == before {
                return Err(format!("nothing from {offset}, the end is {end}"));
            }
        }
        match offset == end || start >= end {
            true => Ok(()),
            false => Err(format!("records up to {offset}, the end is {end}")),
        }
    }

    /// Goes on where the log ends: the same producer, the next sequence.
    fn go_on(&self, wire: &mut Wire, place: &Place, end: i64) -> Result<(), String> {
        let records = [OwnedRecord::of_value(1_750_000_000_000, "after")];
        let stamp = ProducerStamp {
            producer_id: 2,
            epoch: 0,
            base_sequence: 0,
        };
        let batch = batch(&records, Codec::None, Some(stamp));
        let place = place.clone();
        match wire.perform(&Command::Produce { place, batch }) {
            Outcome::Produced {
                code: 0,
                base_offset,
                ..
            } if base_offset == end => Ok(()),
            other => Err(format!("the next append, at {end}: {other:?}")),
        }
    }
}

fn start(disk: &Arc<FaultyDisk>) -> Result<Broker, String> {
    let started = builder()
        .worker_threads(1)
        .disk(Arc::clone(disk))
        .start_blocking();
    started.map_err(|error| error.to_string())
}

/// A broker on what a cut left; then one on what that left when it was killed.
fn recover(disk: &Arc<FaultyDisk>, told: &Told, noted: u64, may_lose: bool) -> Result<(), String> {
    let broker = start(disk)?;
    let mut wire = Wire::connect(broker.address());
    let mut ends = Vec::new();
    for (topic, partition) in [(SYNCED, 0), (SYNCED, 1), (LAZY, 0), (LAZY, 1)] {
        let place = place(topic, partition);
        if !exists(&mut wire, &place) {
            // Cut before its creation was acknowledged.
            match noted {
                0 => continue,
                _ => return Err(format!("{place:?} is gone")),
            }
        }
        let found = told.judge(&mut wire, &place, noted, may_lose);
        let found = found.map_err(|problem| format!("{place:?} {problem}"))?;
        ends.push((place, found));
    }
    let again = disk.after_kill();
    let after = disk.after_power_cut_with(Loss::Unsynced);
    drop(broker);
    for (disk, may_lose) in [(again, false), (after, true)] {
        check_idempotence(&disk, told, noted, &ends, may_lose)?;
    }
    Ok(())
}

/// A recovery that is cut off changes nothing about the next one.
fn check_idempotence(
    disk: &Arc<FaultyDisk>,
    told: &Told,
    noted: u64,
    ends: &[(Place, (i64, i64))],
    may_lose: bool,
) -> Result<(), String> {
    let broker = start(disk).map_err(|problem| format!("the second time: {problem}"))?;
    let mut wire = Wire::connect(broker.address());
    for (place, (start, end)) in ends {
        let again = told.judge(&mut wire, place, noted, true);
        let again = again.map_err(|problem| format!("the second time, {place:?} {problem}"))?;
        if !may_lose && again != (*start, *end) {
            return Err(format!(
                "{place:?} was {start} to {end}, and the second time {again:?}"
            ));
        }
        told.go_on(&mut wire, place, again.1)?;
    }
    Ok(())
}

fn exists(wire: &mut Wire, place: &Place) -> bool {
    let (place, timestamp) = (place.clone(), -1);
    let listed = wire.perform(&Command::ListOffsets { place, timestamp });
    listed.code() != crate::model::UNKNOWN_TOPIC
}

/// All cuts at the place the history stands at.
fn cuts(history: &History, seed: u64) -> Vec<(Cut, Arc<FaultyDisk>)> {
    let at = history.passed() as u64;
    let mut cuts = vec![(Cut::Kill, history.after_kill())];
    for sectors in 0..2 {
        let within = history.after_kill_within_write(sectors);
        cuts.extend(within.map(|disk| (Cut::KillWithinWrite, disk)));
    }
    let torn = Loss::Torn {
        seed: seed ^ (at << 20),
    };
    for loss in [Loss::Unsynced, torn] {
        cuts.push((Cut::Power, history.after_power_cut(loss)));
    }
    cuts
}

/// Rows 2, 5, 11 and 29: cut anywhere, a broker comes back with everything that
/// was acknowledged and synced, with whole batches only, and with nothing else.
#[test]
fn row_29_a_run_cut_at_any_write_comes_back_with_all_that_was_synced() {
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    let (history, told) = run(seed);
    let wanted = match std::env::var("CRASH_POINTS").as_deref() {
        Ok("all") => history.len(),
        Ok(number) => number.parse().expect("CRASH_POINTS is a number or 'all'"),
        Err(_) => SAMPLE,
    };
    println!(
        "{} changes of the disk, {wanted} tried; CRASH_SEED={seed} repeats them",
        history.len()
    );
    let mut random = seed;
    let mut points = history.clone();
    let mut chosen = BTreeSet::new();
    loop {
        if points.is_before_a_change() && draw(&mut random, history.len() as u64) < wanted as u64 {
            chosen.insert(points.passed());
        }
        if !points.step() {
            break;
        }
    }
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let progress = Progress::of(chosen.len());
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (mut history, told, progress) = (history.clone(), &told, &progress);
            // Every so-many-th: disks grow, and so does the work.
            let mine = chosen.iter().skip(worker).step_by(workers);
            scope.spawn(move || {
                for &point in mine {
                    while history.passed() < point {
                        history.step();
                    }
                    progress.tried(try_all(&history, told, seed));
                }
            });
        }
    });
    println!("{} cuts recovered and judged", progress.cuts.into_inner());
}

/// How far all workers have come.
struct Progress {
    points: usize,
    done: AtomicUsize,
    cuts: AtomicUsize,
    started: Instant,
}

impl Progress {
    fn of(points: usize) -> Progress {
        Progress {
            points,
            done: AtomicUsize::new(0),
            cuts: AtomicUsize::new(0),
            started: Instant::now(),
        }
    }

    /// One point more, with so many cuts; says so twenty times in all.
    fn tried(&self, cuts: usize) {
        let cuts = self.cuts.fetch_add(cuts, Ordering::Relaxed) + cuts;
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done * 20 / self.points != (done - 1) * 20 / self.points {
            let seconds = self.started.elapsed().as_secs();
            println!(
                "{done} of {} changes, {cuts} cuts, {seconds} s",
                self.points
            );
        }
    }
}

fn try_all(history: &History, told: &Told, seed: u64) -> usize {
    let cuts = cuts(history, seed);
    for (cut, disk) in &cuts {
        let may_lose = matches!(cut, Cut::Power);
        if let Err(problem) = recover(disk, told, history.noted(), may_lose) {
            panic!(
                "cut before change {} ({}), {cut:?}, {} operations acknowledged: {problem}",
                history.passed(),
                history.next_change(),
                history.noted()
            );
        }
    }
    cuts.len()
}
