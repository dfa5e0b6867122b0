//! Batches that come at once, beside a partition that gets the same batches one
//! after the other: what is answered, and what lies in the files, is the same.

use bytes::BytesMut;
use ottla_core::batch::RecordBatchBuilder;
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};
use proptest::prelude::*;

use super::tests::{CLIENT, NOW, settings};
use super::*;
use crate::storage::LogConfig;
use crate::storage::faulty::FaultyDisk;

/// A batch of a burst.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Plain { records: usize, age_ms: i64 },
    Numbered { producer: i64, sequence: i32 },
    Damaged,
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        6 => (1..6_usize, 0..2_000_i64).prop_map(|(records, age_ms)| Sent::Plain { records, age_ms }),
        6 => (0..2_i64, 0..6_i32).prop_map(|(producer, sequence)| {
            Sent::Numbered { producer, sequence }
        }),
        1 => Just(Sent::Damaged),
    ]
}

/// Mostly what goes on where a producer stopped, as a producer sends it.
fn burst() -> impl Strategy<Value = Vec<Sent>> {
    let in_order = (0..2_i64, 0..4_i32, 1..6_i32).prop_map(|(producer, from, count)| {
        let numbered = |sequence| Sent::Numbered { producer, sequence };
        (from..from + count).map(numbered).collect()
    });
    let plain = (1..6_usize, 2..8_usize).prop_map(|(records, count)| {
        let plain = Sent::Plain { records, age_ms: 0 };
        vec![plain; count]
    });
    prop_oneof![prop::collection::vec(sent(), 1..8), in_order, plain]
}

fn batch(sent: Sent) -> BytesMut {
    let mut builder = RecordBatchBuilder::new();
    match sent {
        Sent::Plain { records, age_ms } => {
            for _ in 0..records {
                let value = [b'v'; 20];
                builder
                    .push(NOW.wall_ms - age_ms, None, Some(&value), &[])
                    .unwrap();
            }
        }
        Sent::Numbered { producer, sequence } => {
            let (id, epoch) = (ProducerId(producer), ProducerEpoch(0));
            builder = builder.with_producer(id, epoch, Sequence(sequence));
            builder
                .push(NOW.wall_ms, None, Some(b"numbered"), &[])
                .unwrap();
        }
        Sent::Damaged => {
            builder
                .push(NOW.wall_ms, None, Some(b"damaged"), &[])
                .unwrap();
            let mut batch = builder.build();
            batch[65] ^= 1;
            return batch;
        }
    }
    builder.build()
}

fn partition_on(disk: &Arc<FaultyDisk>, log: LogConfig) -> Arc<Partition> {
    let settings = PartitionSettings { log, ..settings() };
    let storage = disk.storage().unwrap();
    let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
    Partition::open(&storage, "topic-0", id, index, LeaderEpoch(3), settings)
}

fn append_all(partition: &Arc<Partition>, burst: &[Sent]) -> Vec<String> {
    let mut batches: Vec<BytesMut> = burst.iter().copied().map(batch).collect();
    let records = batches.iter_mut().map(|batch| &mut batch[..]);
    let outcomes = partition.append_all(NOW, records, CLIENT);
    outcomes.iter().map(told).collect()
}

/// What a client is told, in words that compare.
fn told(outcome: &Result<Appended, AppendError>) -> String {
    match outcome {
        Ok(Appended {
            base_offset,
            end_offset,
            log_append_time_ms,
            log_start,
            ticket,
        }) => format!(
            "{base_offset}..{end_offset} at {log_append_time_ms} from {log_start}, waits: {}",
            ticket.is_some()
        ),
        Err(error) => error.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_comes_at_once_is_appended_as_if_one_came_after_the_other(
        bursts in prop::collection::vec(burst(), 1..12),
        segment_bytes in prop_oneof![2 => Just(1_u32 << 30), 1 => 300..2_000_u32],
        segment_ms in prop_oneof![2 => Just(i64::MAX), 1 => 0..2_000_i64],
        segment_index_bytes in prop_oneof![1 => Just(10_u32 << 20), 2 => 24..200_u32],
        index_interval_bytes in prop_oneof![1 => Just(4096_u32), 2 => 0..300_u32],
        verify_bytes in prop_oneof![Just(64_u64 << 20), 1..1_000_u64],
    ) {
        let config = LogConfig {
            segment_bytes,
            segment_ms,
            segment_index_bytes,
            index_interval_bytes,
            verify_bytes,
            ..LogConfig::default()
        };
        let (disk, plain_disk) = (FaultyDisk::new(), FaultyDisk::new());
        let together = partition_on(&disk, config.clone());
        let one_by_one = partition_on(&plain_disk, config);
        for burst in bursts {
            let expected: Vec<String> = burst
                .iter()
                .map(|sent| told(&one_by_one.append(NOW, batch(*sent), CLIENT)))
                .collect();
            prop_assert_eq!(append_all(&together, &burst), expected);
            prop_assert_eq!(together.marks().unwrap(), one_by_one.marks().unwrap());
        }
        prop_assert_eq!(disk.all(".log"), plain_disk.all(".log"));
        together.shut_down();
        one_by_one.shut_down();
        prop_assert_eq!(disk.all("index"), plain_disk.all("index"));
        let state = |partition: &Arc<FaultyDisk>| {
            let opened = partition_on(&partition.after_kill(), LogConfig::default());
            opened.with_open(|open| open.state.clone())
        };
        prop_assert_eq!(state(&disk), state(&plain_disk));
    }
}

#[test]
fn neighbours_lie_in_the_file_by_one_write() {
    let disk = FaultyDisk::new();
    let partition = partition_on(&disk, LogConfig::default());
    let plain = Sent::Plain {
        records: 1,
        age_ms: 0,
    };
    append_all(&partition, &[plain]);
    let whole = batch(plain).len();
    // Of a write that fails, this disk keeps half.
    disk.faults()
        .truncate_fails
        .store(true, std::sync::atomic::Ordering::Relaxed);
    disk.faults()
        .writes_fail
        .store(true, std::sync::atomic::Ordering::Relaxed);
    append_all(&partition, &[plain; 4]);
    assert_eq!(disk.all(".log")[0].1.len(), whole + 2 * whole);
}

#[test]
fn a_full_disk_takes_none_of_what_comes_at_once_and_all_of_it_later() {
    let disk = FaultyDisk::new();
    let partition = partition_on(&disk, LogConfig::default());
    let plain = Sent::Plain {
        records: 2,
        age_ms: 0,
    };
    append_all(&partition, &[plain]);
    let before = disk.all(".log");
    *disk.faults().space_bytes.lock().unwrap() = Some(150);
    let refused = append_all(&partition, &[plain; 3]);
    assert!(
        refused.iter().all(|told| told.contains("no space")),
        "{refused:?}"
    );
    assert_eq!(disk.all(".log"), before);
    assert_eq!(partition.marks().unwrap().log_end, Offset(2));
    *disk.faults().space_bytes.lock().unwrap() = None;
    append_all(&partition, &[plain; 3]);
    assert_eq!(partition.marks().unwrap().high_watermark, Offset(8));
}
