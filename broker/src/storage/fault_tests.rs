//! What a log does when its disk does not do what it should.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ottla_core::ids::Offset;

use super::faulty::FaultyDisk;
use super::testing::{TOPIC, append, expire, read};
use super::{Cold, Log, LogConfig, Storage, StorageError};

fn log_on(disk: &Arc<FaultyDisk>, config: LogConfig) -> Log {
    let storage = Storage::on(Arc::clone(disk) as _, None).unwrap();
    Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
}

#[test]
fn a_full_disk_refuses_appends_leaves_no_part_of_them_and_heals() {
    let disk = FaultyDisk::new();
    let mut log = log_on(&disk, LogConfig::default());
    let first = append(&mut log, 1, 1_000, 100).unwrap();
    *disk.faults().space_bytes.lock().unwrap() = Some(70);
    let refused = append(&mut log, 1, 1_000, 100).unwrap_err();
    assert!(
        matches!(refused, StorageError::DiskFull { .. }),
        "{refused}"
    );
    assert_eq!(disk.all(".log")[0].1, first);
    assert_eq!(read(&log, 0, 1_000).unwrap(), first);
    *disk.faults().space_bytes.lock().unwrap() = None;
    let second = append(&mut log, 1, 1_000, 100).unwrap();
    assert_eq!(read(&log, 0, 1_000).unwrap(), [first, second].concat());
}

#[test]
fn half_an_append_that_cannot_be_undone_takes_the_log_offline() {
    let disk = FaultyDisk::new();
    let mut log = log_on(&disk, LogConfig::default());
    append(&mut log, 1, 1_000, 100).unwrap();
    *disk.faults().space_bytes.lock().unwrap() = Some(70);
    disk.faults().truncate_fails.store(true, Ordering::Relaxed);
    append(&mut log, 1, 1_000, 100).unwrap_err();
    *disk.faults().space_bytes.lock().unwrap() = None;
    disk.faults().truncate_fails.store(false, Ordering::Relaxed);
    let offline = append(&mut log, 1, 1_000, 100).unwrap_err();
    assert!(matches!(offline, StorageError::Offline { .. }), "{offline}");
    assert!(read(&log, 0, 1_000).is_err());
}

#[test]
fn after_a_failed_sync_nothing_is_written_again_even_if_syncs_would_work() {
    let disk = FaultyDisk::new();
    let flushed = LogConfig {
        flush_messages: 1,
        ..LogConfig::default()
    };
    let mut log = log_on(&disk, flushed);
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| tell.send(outcome).unwrap()));
    let first = append(&mut log, 1, 1_000, 10).unwrap();
    assert_eq!(told.recv().unwrap().unwrap(), Offset(1));
    assert_eq!(log.synced_end(), Offset(1));

    disk.faults().sync_fails.store(true, Ordering::Relaxed);
    append(&mut log, 1, 1_000, 10).unwrap();
    assert!(told.recv().unwrap().is_err());
    disk.faults().sync_fails.store(false, Ordering::Relaxed);
    let refused = append(&mut log, 1, 1_000, 10).unwrap_err();
    assert!(
        matches!(refused, StorageError::DiskFailed { .. }),
        "{refused}"
    );
    assert_eq!(log.synced_end(), Offset(1));
    assert_eq!(read(&log, 0, 1).unwrap(), first);
}

#[test]
fn a_sync_is_made_within_the_time_that_was_set() {
    let disk = FaultyDisk::new();
    let timed = LogConfig {
        flush_ms: 5,
        ..LogConfig::default()
    };
    let mut log = log_on(&disk, timed);
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| tell.send(outcome).unwrap()));
    append(&mut log, 3, 1_000, 10).unwrap();
    append(&mut log, 3, 1_000, 10).unwrap();
    let synced = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(synced.unwrap(), Offset(6));
}

#[test]
fn what_is_appended_while_a_sync_is_asked_for_shares_it_or_the_next() {
    let disk = FaultyDisk::new();
    let flushed = LogConfig {
        flush_messages: 1,
        ..LogConfig::default()
    };
    let mut log = log_on(&disk, flushed);
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| tell.send(outcome).unwrap()));
    for _ in 0..500 {
        append(&mut log, 1, 1_000, 0).unwrap();
    }
    let mut syncs = 0;
    let mut synced_end = Offset(0);
    while synced_end < log.log_end() {
        let end = told.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
        assert!(end >= synced_end, "the synced end never goes back");
        synced_end = end;
        syncs += 1;
    }
    assert!(syncs <= 500, "at most one per append");
}

#[test]
fn what_is_appended_during_a_sync_is_not_taken_for_synced() {
    let disk = FaultyDisk::new();
    let log = Arc::new(Mutex::new(log_on(&disk, LogConfig::default())));
    let (tell, told) = mpsc::channel();
    let synced = Box::new(move |outcome| tell.send(outcome).unwrap());
    log.lock().unwrap().on_synced(synced);
    append(&mut log.lock().unwrap(), 1, 1_000, 10).unwrap();
    let appending = Arc::clone(&log);
    *disk.faults().during_sync.lock().unwrap() = Some(Box::new(move || {
        append(&mut appending.lock().unwrap(), 1, 1_000, 10).unwrap();
    }));
    log.lock().unwrap().request_sync();
    assert_eq!(told.recv().unwrap().unwrap(), Offset(1));
    assert_eq!(log.lock().unwrap().synced_end(), Offset(1));
    log.lock().unwrap().request_sync();
    assert_eq!(told.recv().unwrap().unwrap(), Offset(2));
}

#[test]
fn reads_that_race_with_appends_rolls_and_deletion_see_whole_batches_only() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let config = LogConfig {
        segment_bytes: 20_000,
        retention_bytes: 60_000,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    };
    let log = Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap();
    let log = Mutex::new(log);
    let is_over = AtomicBool::new(false);
    let read_all = |back: i64| {
        let mut batches_read = 0;
        while !is_over.load(Ordering::Relaxed) {
            let (plan, from) = {
                let log = log.lock().unwrap();
                let from = Offset(log.log_end().0 - back).max(log.log_start());
                (
                    log.plan_read(from, log.log_end(), 5_000, true).unwrap(),
                    from,
                )
            };
            let bytes = match plan.read() {
                Ok(records) => records.into_bytes(),
                Err(StorageError::SegmentGone) => continue,
                Err(error) => panic!("{error}"),
            };
            let mut expected = from;
            for batch in ottla_core::batch::batches(&bytes) {
                let (header, batch) = batch.unwrap();
                assert!(ottla_core::batch::crc::checksum_fits(batch));
                assert!(header.base_offset <= expected && header.next_offset() > expected);
                expected = header.next_offset();
                batches_read += 1;
            }
        }
        batches_read
    };
    std::thread::scope(|scope| {
        let readers = [3, 60, i64::MAX / 2].map(|back| scope.spawn(move || read_all(back)));
        for number in 0..3_000 {
            let mut log = log.lock().unwrap();
            append(&mut log, 1 + number % 3, 1_000, number as usize % 900).unwrap();
            if number % 50 == 0 {
                let end = log.log_end();
                expire(&mut log, 1_000, end);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    assert!(log.lock().unwrap().log_start() > Offset(0));
}

#[test]
fn a_second_process_is_refused_and_the_folder_is_free_after_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Storage::open(folder.path()).unwrap();
    let refused = Storage::open(folder.path()).unwrap_err();
    assert!(matches!(refused, StorageError::InUse { .. }), "{refused}");
    drop(first);
    Storage::open(folder.path()).unwrap();
}

#[test]
fn what_this_process_wrote_or_read_is_sent_at_once_and_the_rest_by_who_may_wait() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = Storage::open(folder.path()).unwrap();
        let config = LogConfig::default();
        Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    let send = |log: &Log, from, max_bytes, cold| {
        let plan = log.plan_read(Offset(from), log.log_end(), max_bytes, true);
        let pieces = plan.unwrap().send(cold).unwrap()?;
        let bytes = pieces.into_iter().map(|piece| piece.into_bytes().unwrap());
        Some(bytes.collect::<Vec<_>>().concat().len())
    };
    let mut log = open();
    for _ in 0..40 {
        append(&mut log, 1, 1_000, 100_000).unwrap();
    }
    let of_one = send(&log, 0, 10, Cold::LeaveOut).expect("it was just written");
    drop(log);

    let log = open();
    assert_eq!(send(&log, 0, 10, Cold::LeaveOut), None);
    assert_eq!(send(&log, 0, 10, Cold::Read), Some(of_one));
    assert_eq!(send(&log, 0, 10, Cold::LeaveOut), Some(of_one));
    assert_eq!(
        send(&log, 20, 10, Cold::LeaveOut),
        None,
        "nobody read so far"
    );
    let all = 40 * of_one;
    assert_eq!(send(&log, 0, all, Cold::LeaveOut), None);
    assert_eq!(send(&log, 0, all, Cold::Read), Some(all));
    assert_eq!(send(&log, 20, all, Cold::LeaveOut), Some(all / 2));
}

#[test]
fn a_batch_longer_than_what_is_asked_for_is_not_waited_for_either() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = Storage::open(folder.path()).unwrap();
        let config = LogConfig::default();
        Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    let mut log = open();
    append(&mut log, 1, 1_000, 100_000).unwrap();
    append(&mut log, 1, 1_000, 2_000_000).unwrap();
    drop(log);
    let log = open();
    let plan = |from, below| {
        log.plan_read(Offset(from), Offset(below), 10, true)
            .unwrap()
    };
    // With it the beginning of the long one becomes warm.
    assert!(plan(0, 1).send(Cold::Read).unwrap().is_some());
    assert!(plan(1, 2).send(Cold::LeaveOut).unwrap().is_none());
    assert!(plan(1, 2).send(Cold::Read).unwrap().is_some());
    assert!(plan(1, 2).send(Cold::LeaveOut).unwrap().is_some());
}

#[test]
fn what_nobody_reads_is_not_kept_in_memory_and_what_is_read_again_is() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let config = LogConfig::default();
    let mut log = Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap();
    for _ in 0..60 {
        append(&mut log, 1, 1_000, 100_000).unwrap();
    }
    assert_eq!(storage.tail_bytes().load(Ordering::Relaxed), 0);
    assert!(!read(&log, 59, 10).unwrap().is_empty());
    append(&mut log, 1, 1_000, 100_000).unwrap();
    assert!(storage.tail_bytes().load(Ordering::Relaxed) >= 100_000);
    drop(log);
    assert_eq!(storage.tail_bytes().load(Ordering::Relaxed), 0);
}

#[test]
fn a_partition_without_records_costs_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let config = LogConfig::default();
    let log = Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap();
    assert!(read(&log, 0, 10).unwrap().is_empty());
    log.close().unwrap();
    assert!(storage.folders().unwrap().is_empty());
}

#[test]
fn a_removed_log_is_gone_at_once_and_its_name_can_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let open = |storage: &Arc<Storage>| {
        let config = LogConfig::default();
        Log::open(storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    let mut log = open(&storage);
    append(&mut log, 5, 1_000, 10).unwrap();
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| tell.send(outcome).unwrap()));
    log.request_sync();
    assert_eq!(told.recv().unwrap().unwrap(), Offset(5));
    let plan = log.plan_read(Offset(0), Offset(5), 10, true).unwrap();
    log.remove();
    assert!(plan.read().unwrap().size_bytes() > 0);
    let mut again = open(&storage);
    assert_eq!(again.log_end(), Offset(0));
    append(&mut again, 1, 1_000, 10).unwrap();
    assert_eq!(storage.folders().unwrap(), ["topic-0"]);
    storage.close().unwrap();
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("topic"))
        .collect();
    left.sort();
    assert_eq!(left, ["topic-0"]);
}

#[test]
fn a_read_planned_before_a_topic_was_made_again_never_returns_the_new_ones_records() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let open = |storage: &Arc<Storage>| {
        let config = LogConfig::default();
        Log::open(storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    let mut log = open(&storage);
    append(&mut log, 1, 1_000, 10).unwrap();
    log.close().unwrap();
    storage.close().unwrap();
    drop(storage);

    let storage = Storage::open(folder.path()).unwrap();
    let log = open(&storage);
    let plan = log.plan_read(Offset(0), Offset(1), 1_000, true).unwrap();
    let lookup = log.offset_for_timestamp(0, Offset(1)).unwrap();
    log.remove();
    let mut again = open(&storage);
    append(&mut again, 1, 2_000, 500).unwrap();
    assert!(matches!(plan.read(), Err(StorageError::SegmentGone)));
    assert!(matches!(lookup.find(), Err(StorageError::SegmentGone)));
    assert_eq!(again.log_end(), Offset(1));
}

#[test]
fn a_log_is_empty_that_is_made_again_before_the_old_ones_files_were_moved() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let open = || {
        let config = LogConfig::default();
        Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    // The thread that moves folders away is busy.
    let (go_on, busy) = mpsc::channel::<()>();
    storage
        .chores()
        .soon(Box::new(move || busy.recv().unwrap()));
    let mut log = open();
    append(&mut log, 3, 1_000, 10).unwrap();
    log.remove();
    let mut again = open();
    assert_eq!(again.log_end(), Offset(0));
    append(&mut again, 1, 1_000, 10).unwrap();
    go_on.send(()).unwrap();
    storage.close().unwrap();
    assert!(!read(&again, 0, 10).unwrap().is_empty());
    assert_eq!(storage.folders().unwrap(), ["topic-0"]);
}

#[test]
fn a_full_disk_serves_reads_keeps_its_marks_and_heals_in_every_kind_of_write() {
    let disk = FaultyDisk::new();
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    let config = LogConfig {
        segment_bytes: 500,
        ..LogConfig::default()
    };
    let open = |storage: &Arc<Storage>, config: &LogConfig| {
        Log::open(
            storage,
            "topic-0",
            TOPIC,
            config.clone(),
            Offset(0),
            &mut |_| {},
        )
        .unwrap()
    };
    let mut log = open(&storage, &config);
    let mut written = Vec::new();
    // Every number of bytes that may be left, so that the space ends in the
    // first batch of a segment as well as inside of one and in a checkpoint.
    for left in (0..900).step_by(30) {
        *disk.faults().space_bytes.lock().unwrap() = Some(left);
        let refused = loop {
            match append(&mut log, 1, 1_000, 100) {
                Ok(bytes) => written.extend(bytes),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(refused, StorageError::DiskFull { .. }),
            "{refused}"
        );
        let refused = log.start_mark(Offset(1)).save().unwrap_err();
        assert!(
            matches!(refused, StorageError::DiskFull { .. }),
            "{refused}"
        );
        let mut found = Vec::new();
        let mut from = 0;
        while from < log.log_end().0 {
            let bytes = read(&log, from, 10_000).unwrap();
            from += ottla_core::batch::batches(&bytes).count() as i64;
            found.extend(bytes);
        }
        assert_eq!(found, written, "{left} bytes were left");
        *disk.faults().space_bytes.lock().unwrap() = None;
        written.extend(append(&mut log, 1, 1_000, 100).unwrap());
    }
    log.start_mark(Offset(1)).save().unwrap();
    log.raise_start(Offset(1));
    let end = log.log_end();
    let killed = disk.after_kill();
    let storage = Storage::on(killed as _, None).unwrap();
    let found = open(&storage, &config);
    assert_eq!((found.log_start(), found.log_end()), (Offset(1), end));
}

#[test]
fn a_checkpoint_that_cannot_be_synced_ends_writing_as_a_log_would() {
    let disk = FaultyDisk::new();
    let mut log = log_on(&disk, LogConfig::default());
    append(&mut log, 1, 1_000, 10).unwrap();
    disk.faults().sync_fails.store(true, Ordering::Relaxed);
    let failed = log.start_mark(Offset(1)).save().unwrap_err();
    assert!(
        matches!(failed, StorageError::DiskFailed { .. }),
        "{failed}"
    );
    disk.faults().sync_fails.store(false, Ordering::Relaxed);
    let refused = append(&mut log, 1, 1_000, 10).unwrap_err();
    assert!(
        matches!(refused, StorageError::DiskFailed { .. }),
        "{refused}"
    );
}

#[test]
fn many_logs_that_wait_to_be_synced_share_one_sync_of_the_disk() {
    const LOGS: usize = 300;
    let disk = FaultyDisk::new();
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    let open = |storage: &Arc<Storage>, number: usize| {
        let (folder, config) = (format!("topic-{number}"), LogConfig::default());
        Log::open(storage, &folder, TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    let mut logs: Vec<Log> = (0..LOGS).map(|number| open(&storage, number)).collect();
    let (tell, told) = mpsc::channel();
    for log in &mut logs {
        append(log, 1, 1_000, 10).unwrap();
        let tell = tell.clone();
        log.on_synced(Box::new(move |outcome| {
            tell.send(outcome.unwrap()).unwrap();
        }));
    }
    // They come together while the first is being synced.
    let (go_on, all_wait) = mpsc::channel();
    let wait: Box<dyn FnOnce() + Send> = Box::new(move || all_wait.recv().unwrap());
    *disk.faults().during_sync.lock().unwrap() = Some(wait);
    logs.iter().for_each(Log::request_sync);
    go_on.send(()).unwrap();
    for _ in 0..LOGS {
        assert_eq!(told.recv().unwrap(), Offset(1));
    }
    // One that came before the rest, each of its files.
    let syncs_of_files = disk.faults().syncs_of_files.load(Ordering::Relaxed);
    assert!(syncs_of_files <= 2 * 64, "{syncs_of_files}");
    assert!(disk.faults().syncs_of_all.load(Ordering::Relaxed) <= 2);
    let after = disk.after_power_cut_with(super::faulty::Loss::Unsynced);
    let storage = Storage::on(after as _, None).unwrap();
    for number in 0..LOGS {
        assert_eq!(open(&storage, number).log_end(), Offset(1));
    }
}

#[test]
fn a_failed_sync_of_the_disk_is_told_to_every_log_and_ends_all_writing() {
    let disk = FaultyDisk::new();
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    let open = |number: usize| {
        let (folder, config) = (format!("topic-{number}"), LogConfig::default());
        Log::open(&storage, &folder, TOPIC, config, Offset(0), &mut |_| {}).unwrap()
    };
    let mut logs: Vec<Log> = (0..100).map(open).collect();
    let (tell, told) = mpsc::channel();
    for log in &mut logs {
        append(log, 1, 1_000, 10).unwrap();
        let tell = tell.clone();
        log.on_synced(Box::new(move |outcome| {
            tell.send(outcome.is_err()).unwrap();
        }));
    }
    disk.faults().sync_fails.store(true, Ordering::Relaxed);
    logs.iter().for_each(Log::request_sync);
    for _ in 0..100 {
        assert!(told.recv().unwrap());
    }
    disk.faults().sync_fails.store(false, Ordering::Relaxed);
    assert!(append(&mut logs[0], 1, 1_000, 10).is_err());
}
