//! Readers beside appends, rolls, retention and deletion: whole batches only,
//! marks that never go back, and out of range only what is gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use ottla_core::batch::record::records;
use ottla_core::batch::{RecordBatchBuilder, batches, crc};

use super::tests::{CLIENT, NOW, settings};
use super::*;

/// How long everything runs at the same time.
const RUN: Duration = Duration::from_millis(1_200);

/// Every record says at which offset it should be.
fn numbered(first: i64, count: i64) -> BytesMut {
    let mut builder = RecordBatchBuilder::new();
    for offset in first..first + count {
        let value = offset.to_be_bytes();
        builder
            .push(NOW.wall_ms + offset, None, Some(&value), &[])
            .unwrap();
    }
    builder.build()
}

struct Run {
    partition: Arc<Partition>,
    is_over: AtomicBool,
}

impl Run {
    fn append(&self) {
        let mut next = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let count = 1 + next % 7;
            let appended = self
                .partition
                .append(NOW, numbered(next, count), CLIENT)
                .unwrap();
            assert_eq!(appended.base_offset, Offset(next));
            next += count;
            if next % 64 < 7 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn expire(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.partition.expire(NOW).unwrap();
            std::thread::yield_now();
        }
    }

    fn delete(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let marks = self.partition.marks().unwrap();
            let before = Offset(marks.log_start.0.midpoint(marks.high_watermark.0));
            // Retention may have been further already.
            let _ = self.partition.delete_records(Some(before));
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Follows the log, starting over where it begins whenever it is told that
    /// its offset is gone. Returns how often it read something.
    fn read(&self, max_bytes: usize) -> usize {
        let (mut next, mut reads) = (0, 0);
        let mut seen = self.partition.marks().unwrap();
        while !self.is_over.load(Ordering::Relaxed) {
            let from = FetchFrom {
                offset: Offset(next),
                current_leader_epoch: LeaderEpoch::NONE,
                last_fetched_epoch: LeaderEpoch::NONE,
                max_bytes,
                at_least_one: true,
            };
            let planned = match self.partition.plan_fetch(from) {
                Ok(planned) => planned,
                Err(FetchError::Read(ReadError::OffsetOutOfRange { .. })) => {
                    let marks = self.partition.marks().unwrap();
                    assert!(next < marks.log_start.0, "{next} is there: {marks:?}");
                    next = marks.log_start.0;
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            check_marks(&mut seen, planned.marks);
            let Planned::Read(plan) = planned.read else {
                panic!("nobody asked about an epoch");
            };
            match plan.read() {
                Ok(read) => {
                    let read = read.into_bytes();
                    assert!(!read.is_empty() || next == seen.high_watermark.0);
                    reads += usize::from(!read.is_empty());
                    next = check_batches(&read, next, seen.high_watermark.0);
                }
                // Its file went after the read was planned: look again.
                Err(StorageError::SegmentGone) => {}
                Err(error) => panic!("{error}"),
            }
        }
        reads
    }

    fn search(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let before = self.partition.marks().unwrap();
            let timestamp_ms = NOW.wall_ms + before.high_watermark.0.midpoint(before.log_start.0);
            let query = OffsetQuery {
                search: Search::AtLeast { timestamp_ms },
                reader: Reader::Consumer,
                current_leader_epoch: LeaderEpoch::NONE,
            };
            let found = self.partition.plan_search(query).unwrap().find().unwrap();
            let wanted = timestamp_ms - NOW.wall_ms;
            let after = self.partition.marks().unwrap();
            match found {
                // Itself, or the first one left when the search began anew.
                Some(found) => {
                    let first_left = wanted.max(after.log_start.0);
                    assert!((wanted..=first_left).contains(&found.offset.0), "{found:?}");
                }
                None => assert!(wanted >= before.high_watermark.0),
            }
        }
    }
}

fn check_marks(seen: &mut Marks, now: Marks) {
    assert!(now.log_start <= now.last_stable && now.last_stable <= now.high_watermark);
    assert!(now.high_watermark <= now.log_end);
    assert!(
        seen.high_watermark <= now.high_watermark,
        "{seen:?} {now:?}"
    );
    assert!(seen.log_start <= now.log_start, "{seen:?} {now:?}");
    *seen = now;
}

/// Whole batches of the right records, the first of which holds `next`;
/// answers where they end.
fn check_batches(read: &[u8], mut next: i64, high_watermark: i64) -> i64 {
    let mut walk = batches(read);
    for whole in &mut walk {
        let (header, bytes) = whole.unwrap();
        assert!(crc::checksum_fits(bytes));
        assert!((header.base_offset.0..=header.last_offset().0).contains(&next));
        for record in records(&header, &bytes[ottla_core::batch::BATCH_HEADER_BYTES..]) {
            let record = record.unwrap();
            assert_eq!(record.value.unwrap()[..], record.offset.0.to_be_bytes());
        }
        next = header.next_offset().0;
    }
    assert!(walk.rest().is_empty(), "a piece of a batch");
    assert!(next <= high_watermark, "read beyond what is committed");
    next
}

fn run_all(storage: &Arc<Storage>) {
    let mut settings = settings();
    settings.log.segment_bytes = 4_000;
    settings.log.index_interval_bytes = 500;
    settings.log.retention_bytes = 12_000;
    settings.log.file_delete_delay_ms = 0;
    let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
    let partition = Partition::open(storage, "topic-0", id, index, LeaderEpoch(3), settings);
    let run = Run {
        partition,
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run.append());
        scope.spawn(|| run.expire());
        scope.spawn(|| run.delete());
        scope.spawn(|| run.search());
        let readers = [1, 900, 1 << 20].map(|max_bytes| {
            scope.spawn({
                let run = &run;
                move || run.read(max_bytes)
            })
        });
        let started = Instant::now();
        while started.elapsed() < RUN && !readers.iter().any(|reader| reader.is_finished()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        run.is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 10, "it hardly read anything");
        }
    });
    let marks = run.partition.marks().unwrap();
    assert!(marks.log_start > Offset(0), "nothing was ever removed");
}

#[test]
fn readers_in_memory_see_whole_batches_whatever_else_goes_on() {
    run_all(&Storage::in_memory());
}

#[test]
fn readers_on_disk_see_whole_batches_whatever_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    run_all(&Storage::open(folder.path()).unwrap());
}
