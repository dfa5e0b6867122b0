//! A log against a plain list of batches, in memory and on two kinds of disk.

use std::sync::Arc;

use ottla_core::ids::Offset;
use proptest::prelude::*;

use super::faulty::FaultyDisk;
use super::testing::{TOPIC, append, delete_before, expire};
use super::{Log, LogConfig, Storage};

#[derive(Clone, Debug)]
enum Step {
    Append {
        count: i32,
        timestamp_ms: i64,
        padding: usize,
    },
    Read {
        from: f64,
        below: f64,
        max_bytes: usize,
        at_least_one: bool,
    },
    FindTimestamp(i64),
    DeleteBefore(f64),
    Expire {
        wall_ms: i64,
    },
    Sync,
    Stop,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1i32..5, 0i64..2_000, 0usize..300).prop_map(|(count, timestamp_ms, padding)| {
            Step::Append { count, timestamp_ms, padding }
        }),
        8 => (0.0..1.1, 0.0..1.1, 0usize..2_000, any::<bool>()).prop_map(
            |(from, below, max_bytes, at_least_one)| {
                Step::Read { from, below, max_bytes, at_least_one }
            }
        ),
        3 => (0i64..2_100).prop_map(Step::FindTimestamp),
        1 => (0.0..1.0).prop_map(Step::DeleteBefore),
        1 => (1_000i64..3_000).prop_map(|wall_ms| Step::Expire { wall_ms }),
        1 => Just(Step::Sync),
        1 => Just(Step::Stop),
        1 => Just(Step::Crash),
    ]
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1_500,
        index_interval_bytes: 200,
        retention_ms: 800,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

struct Batch {
    base: i64,
    end: i64,
    timestamp_ms: i64,
    bytes: Vec<u8>,
}

/// The log, and what it should be.
struct Pair {
    reopen: Box<dyn Fn() -> Arc<Storage>>,
    storage: Arc<Storage>,
    log: Option<Log>,
    batches: Vec<Batch>,
}

impl Pair {
    fn new(reopen: Box<dyn Fn() -> Arc<Storage>>) -> Self {
        let storage = reopen();
        let log = Some(open(&storage));
        Pair {
            reopen,
            storage,
            log,
            batches: Vec::new(),
        }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn at(&mut self, fraction: f64) -> i64 {
        (self.log().log_end().0 as f64 * fraction) as i64
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Append {
                count,
                timestamp_ms,
                padding,
            } => {
                let base = self.log().log_end().0;
                let bytes = append(self.log(), count, timestamp_ms, padding).unwrap();
                let end = base + i64::from(count);
                self.batches.push(Batch {
                    base,
                    end,
                    timestamp_ms,
                    bytes,
                });
            }
            Step::Read {
                from,
                below,
                max_bytes,
                at_least_one,
            } => {
                let (from, below) = (self.at(from), self.at(below));
                self.read(from, below, max_bytes, at_least_one);
            }
            Step::FindTimestamp(timestamp_ms) => self.find(timestamp_ms),
            Step::DeleteBefore(fraction) => {
                let offset = self.at(fraction);
                delete_before(self.log(), Offset(offset));
            }
            Step::Expire { wall_ms } => {
                let end = self.log().log_end();
                expire(self.log(), wall_ms, end);
            }
            Step::Sync => self.log().request_sync(),
            Step::Stop => {
                self.log.take().unwrap().close().unwrap();
                self.storage.close().unwrap();
                self.restart();
            }
            Step::Crash => {
                self.log = None;
                self.restart();
            }
        }
        let model_end = self.batches.last().map_or(0, |batch| batch.end);
        assert_eq!(self.log().log_end(), Offset(model_end));
    }

    fn restart(&mut self) {
        let start = self.storage_start();
        self.storage = Storage::in_memory();
        self.storage = (self.reopen)();
        self.log = Some(open(&self.storage));
        if let Some(start) = start {
            assert_eq!(self.log().log_start(), start);
        }
    }

    fn storage_start(&self) -> Option<Offset> {
        self.log.as_ref().map(Log::log_start)
    }

    /// What a read should return: whole batches, from the one with `from` on.
    fn read(&mut self, from: i64, below: i64, max_bytes: usize, at_least_one: bool) {
        let (start, end) = (self.log().log_start().0, self.log().log_end().0);
        let plan = self
            .log()
            .plan_read(Offset(from), Offset(below), max_bytes, at_least_one);
        if from < start || from > end {
            assert!(plan.is_err());
            return;
        }
        let found = plan.unwrap().read().unwrap().into_bytes();
        let mut expected = Vec::new();
        let fitting = self
            .batches
            .iter()
            .filter(|batch| batch.end > from)
            .take_while(|batch| batch.end <= below);
        for batch in fitting {
            let fits = expected.len() + batch.bytes.len() <= max_bytes;
            let is_first = expected.is_empty();
            if !(fits || is_first && at_least_one) {
                break;
            }
            expected.extend_from_slice(&batch.bytes);
        }
        // A read ends where a segment does, so it may return less, but never
        // nothing when there is something.
        assert!(expected.starts_with(&found), "other batches than expected");
        assert_eq!(found.is_empty(), expected.is_empty());
        let mut ends = vec![0];
        for batch in self.batches.iter().filter(|batch| batch.end > from) {
            ends.push(ends[ends.len() - 1] + batch.bytes.len());
        }
        assert!(ends.contains(&found.len()), "only whole batches");
    }

    fn find(&mut self, timestamp_ms: i64) {
        let (start, end) = (self.log().log_start(), self.log().log_end());
        let lookup = self.log().offset_for_timestamp(timestamp_ms, end).unwrap();
        let found = lookup.find().unwrap();
        let expected = self
            .batches
            .iter()
            .find(|batch| batch.timestamp_ms >= timestamp_ms && batch.end > start.0);
        assert_eq!(
            found.map(|located| (located.offset.0, located.timestamp_ms)),
            expected.map(|batch| (batch.base.max(start.0), batch.timestamp_ms))
        );
    }
}

fn open(storage: &Arc<Storage>) -> Log {
    Log::open(storage, "topic-0", TOPIC, config(), Offset(0), &mut |_| {}).unwrap()
}

proptest! {
    #[test]
    fn in_memory_it_is_a_list_of_batches(steps in proptest::collection::vec(step(), 1..120)) {
        let mut pair = Pair::new(Box::new(Storage::in_memory));
        for step in &steps {
            if !matches!(step, Step::Stop | Step::Crash) {
                pair.run(step);
            }
        }
    }

    #[test]
    fn on_a_disk_it_is_the_same_list_after_every_restart(
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let disk = FaultyDisk::new();
        let mut pair = Pair::new(Box::new(move || Storage::on(Arc::clone(&disk) as _, None).unwrap()));
        for step in &steps {
            pair.run(step);
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(32))]

    #[test]
    fn in_files_it_is_the_same_list_after_every_restart(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut pair = Pair::new(Box::new(move || Storage::open(&path).unwrap()));
        for step in &steps {
            pair.run(step);
        }
    }
}
