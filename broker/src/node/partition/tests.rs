//! A partition over a log in memory: what a producer and a reader see.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_core::batch::{BatchHeader, RecordBatchBuilder, TimestampType, batches, crc};
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};
use ottla_core::partition::{AppendOrigin, AppendRefusal, AppendRules};
use ottla_core::time::Now;

use super::*;
use crate::storage::{LogConfig, ReadError};

pub(super) const NOW: Now = Now {
    monotonic_ms: 0,
    wall_ms: 1_700_000_000_000,
};
pub(super) const CLIENT: AppendOrigin = AppendOrigin::Client { zstd_allowed: true };

pub(super) fn settings() -> PartitionSettings {
    PartitionSettings {
        rules: AppendRules::default(),
        log: LogConfig::default(),
        producer_id_expiration_ms: 86_400_000,
    }
}

fn partition(settings: PartitionSettings) -> Arc<Partition> {
    let storage = Storage::in_memory();
    let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
    Partition::open(&storage, "topic-0", id, index, LeaderEpoch(3), settings)
}

fn batch(count: i32) -> BytesMut {
    let mut builder = RecordBatchBuilder::new();
    for _ in 0..count {
        builder
            .push(NOW.wall_ms, None, Some(b"value"), &[])
            .unwrap();
    }
    builder.build()
}

fn from(offset: i64) -> FetchFrom {
    FetchFrom {
        offset: Offset(offset),
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
        max_bytes: 1 << 20,
        at_least_one: true,
    }
}

fn fetch(partition: &Partition, offset: i64) -> Result<Bytes, FetchError> {
    match partition.plan_fetch(from(offset))?.read {
        Planned::Read(plan) => Ok(plan.read().map_err(ReadError::Storage)?.into_bytes()),
        Planned::Diverging { .. } => panic!("nobody asked about an epoch"),
    }
}

#[test]
fn what_was_appended_reads_back_with_only_its_place_changed() {
    let partition = partition(settings());
    let sent = batch(3);
    partition.append(NOW, batch(2), CLIENT).unwrap();
    let appended = partition.append(NOW, sent.clone(), CLIENT).unwrap();
    assert_eq!(
        (appended.base_offset, appended.end_offset),
        (Offset(2), Offset(5))
    );
    assert_eq!(appended.log_append_time_ms, -1);
    assert!(appended.ticket.is_none(), "memory is committed at once");
    let read = fetch(&partition, 2).unwrap();
    let header = BatchHeader::parse(&read).unwrap();
    assert_eq!(
        (header.base_offset, header.leader_epoch),
        (Offset(2), LeaderEpoch(3))
    );
    assert_eq!(
        read[16..],
        sent[16..],
        "not a byte behind the leader epoch differs"
    );
    assert_eq!(read[8..12], sent[8..12]);
}

#[test]
fn the_append_time_becomes_the_batchs_time_under_a_new_checksum() {
    let mut settings = settings();
    settings.rules.timestamp_type = TimestampType::LogAppendTime;
    let partition = partition(settings);
    let later = Now {
        wall_ms: NOW.wall_ms + 5_000,
        ..NOW
    };
    let appended = partition.append(later, batch(1), CLIENT).unwrap();
    assert_eq!(appended.log_append_time_ms, later.wall_ms);
    let read = fetch(&partition, 0).unwrap();
    assert!(crc::checksum_fits(&read));
    let header = BatchHeader::parse(&read).unwrap();
    assert_eq!(header.max_timestamp_ms, later.wall_ms);
    assert_eq!(
        header.attributes.timestamp_type(),
        TimestampType::LogAppendTime
    );
}

#[test]
fn a_retry_is_answered_with_the_place_of_the_original() {
    let partition = partition(settings());
    let numbered = |sequence| {
        let mut builder = RecordBatchBuilder::new().with_producer(
            ProducerId(5),
            ProducerEpoch(0),
            Sequence(sequence),
        );
        builder.push(NOW.wall_ms, None, None, &[]).unwrap();
        builder.build()
    };
    partition.append(NOW, numbered(0), CLIENT).unwrap();
    partition.append(NOW, numbered(1), CLIENT).unwrap();
    let retry = partition.append(NOW, numbered(0), CLIENT).unwrap();
    assert_eq!(retry.base_offset, Offset(0));
    assert_eq!(partition.marks().unwrap().log_end, Offset(2));
    let gap = partition.append(NOW, numbered(7), CLIENT);
    let refused = matches!(
        gap,
        Err(AppendError::Refused(
            AppendRefusal::OutOfOrderSequence { .. }
        ))
    );
    assert!(refused, "{gap:?}");
}

#[test]
fn a_refused_batch_changes_nothing() {
    let partition = partition(settings());
    let before = partition.marks().unwrap();
    let mut broken = batch(1);
    broken[70] ^= 1;
    assert!(partition.append(NOW, broken, CLIENT).is_err());
    assert_eq!(partition.marks().unwrap(), before);
}

#[test]
fn deleted_records_stay_deleted_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = Storage::open(folder.path()).unwrap();
        let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
        let partition = Partition::open(&storage, "topic-0", id, index, LeaderEpoch(3), settings());
        (storage, partition)
    };
    let (storage, partition) = open();
    partition.append(NOW, batch(5), CLIENT).unwrap();
    let beyond = partition.delete_records(Some(Offset(6)));
    assert!(matches!(beyond, Err(DeleteRecordsError::Refused(_))));
    assert_eq!(
        partition.delete_records(Some(Offset(3))).unwrap(),
        Offset(3)
    );
    assert!(fetch(&partition, 2).is_err());
    // What a power cut leaves of the checkpoint is what is there now.
    let checkpoint = folder.path().join("log-start-offset-checkpoint");
    assert_eq!(
        std::fs::read_to_string(checkpoint).unwrap(),
        "0\n1\ntopic 0 3\n"
    );
    assert_eq!(
        partition.delete_records(Some(Offset(1))).unwrap(),
        Offset(3)
    );
    drop((partition, storage));
    let (_storage, partition) = open();
    assert_eq!(partition.marks().unwrap().log_start, Offset(3));
    assert_eq!(partition.delete_records(None).unwrap(), Offset(5));
}

#[test]
fn readers_outside_of_the_log_or_of_the_epoch_are_told_so() {
    let partition = partition(settings());
    partition.append(NOW, batch(1), CLIENT).unwrap();
    let beyond = partition.plan_fetch(from(2)).unwrap_err();
    assert!(matches!(
        beyond,
        FetchError::Read(ReadError::OffsetOutOfRange { .. })
    ));
    let fenced = FetchFrom {
        current_leader_epoch: LeaderEpoch(2),
        ..from(0)
    };
    let fenced = partition.plan_fetch(fenced).unwrap_err();
    assert!(matches!(
        fenced,
        FetchError::Epoch(EpochError::Fenced { .. })
    ));
    let unknown = FetchFrom {
        current_leader_epoch: LeaderEpoch(4),
        ..from(0)
    };
    let unknown = partition.plan_fetch(unknown).unwrap_err();
    assert!(matches!(
        unknown,
        FetchError::Epoch(EpochError::Unknown { .. })
    ));
    let current = FetchFrom {
        current_leader_epoch: LeaderEpoch(3),
        ..from(0)
    };
    assert!(partition.plan_fetch(current).is_ok());
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_batch_arrives() {
    let partition = partition(settings());
    let signal = FetchSignal::new(1);
    let seen = partition.marks().unwrap().high_watermark;
    let _watch = partition.watch(seen, &signal);
    let idle = tokio::time::timeout(Duration::from_millis(20), signal.woken()).await;
    assert!(idle.is_err(), "nothing has arrived");
    partition.append(NOW, batch(1), CLIENT).unwrap();
    tokio::time::timeout(Duration::from_secs(5), signal.woken())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_long_poll_that_comes_too_late_is_woken_at_once() {
    let partition = partition(settings());
    let seen = partition.marks().unwrap().high_watermark;
    partition.append(NOW, batch(1), CLIENT).unwrap();
    let signal = FetchSignal::new(1_000_000);
    let _watch = partition.watch(seen, &signal);
    tokio::time::timeout(Duration::from_secs(5), signal.woken())
        .await
        .unwrap();
}

#[test]
fn who_stops_waiting_leaves_no_trace() {
    let partition = partition(settings());
    let ticket = partition.ticket(Offset(10)).unwrap();
    let watch = partition.watch(Offset(0), &FetchSignal::new(1));
    assert_eq!(partition.inner().waiters.len(), 2);
    drop((ticket, watch));
    assert_eq!(partition.inner().waiters.len(), 0);
}

#[tokio::test]
async fn deleting_the_partition_fails_its_tickets_and_wakes_its_readers() {
    let partition = partition(settings());
    let ticket = partition.ticket(Offset(1)).unwrap().unwrap();
    let signal = FetchSignal::new(1);
    let _watch = partition.watch(Offset(0), &signal);
    assert!(partition.close(Unavailable::Deleted).is_some());
    assert_eq!(ticket.await, Err(Unavailable::Deleted));
    signal.woken().await;
    let refused = partition.append(NOW, batch(1), CLIENT);
    assert!(matches!(
        refused,
        Err(AppendError::Unavailable(Unavailable::Deleted))
    ));
    assert!(partition.close(Unavailable::Deleted).is_none());
}

#[tokio::test]
async fn a_panic_inside_takes_the_partition_offline_and_nothing_else() {
    let partition = partition(settings());
    let first = partition.ticket(Offset(1)).unwrap().unwrap();
    let second = partition.ticket(Offset(1)).unwrap().unwrap();
    let step = std::panic::AssertUnwindSafe(|| {
        // Dropped while the stack unwinds, as a connection's tickets are.
        let _second = second;
        let _half_done = partition.inner();
        panic!("on purpose");
    });
    std::panic::catch_unwind(step).unwrap_err();
    assert_eq!(first.await, Err(Unavailable::Offline));
    assert!(matches!(
        partition.append(NOW, batch(1), CLIENT),
        Err(AppendError::Unavailable(Unavailable::Offline))
    ));
    assert!(partition.close(Unavailable::Deleted).is_none());
}

#[test]
fn concurrent_producers_get_dense_offsets_and_readers_whole_batches() {
    let partition = partition(settings());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..200 {
                    partition.append(NOW, batch(1 + turn % 3), CLIENT).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                let end = partition.marks().unwrap().high_watermark;
                let read = fetch(&partition, 0).unwrap();
                let mut walk = batches(&read);
                let mut next = Offset(0);
                for whole in &mut walk {
                    let (header, bytes) = whole.unwrap();
                    assert_eq!(header.base_offset, next);
                    assert!(crc::checksum_fits(bytes));
                    next = header.next_offset();
                }
                assert!(walk.rest().is_empty());
                assert!(next >= end || read.len() > (1 << 20) - 1_000);
            }
        });
    });
    let each: i64 = (0..200).map(|turn| 1 + turn % 3).sum();
    assert_eq!(partition.marks().unwrap().log_end, Offset(4 * each));
}

#[test]
fn a_partition_that_nobody_uses_is_little_more_than_its_name() {
    let unused = partition(settings());
    assert!(size_of::<Partition>() <= 160, "{}", size_of::<Partition>());
    let marks = Marks::empty_at(Offset(0), LeaderEpoch(3));
    assert_eq!(unused.marks(), Ok(marks));
    assert_eq!(unused.size_bytes(), Ok(0));
    unused.expire(NOW).unwrap();
    assert!(unused.dirty_range(NOW).unwrap().is_none());
    assert!(!unused.is_used());
    fetch(&unused, 0).unwrap();
    assert!(unused.is_used());
    assert_eq!(unused.marks(), Ok(marks), "as it said before");
}

#[test]
fn a_partition_that_nobody_used_stays_closed_when_the_node_has_stopped() {
    let unused = partition(settings());
    unused.shut_down();
    assert_eq!(unused.marks(), Err(Unavailable::Offline));
    assert!(unused.close(Unavailable::Deleted).is_none());
}
