//! What is found after a crash: the longest valid prefix, everything that was
//! synced, or an error; and what is found after an orderly stop.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use ottla_core::ids::{Offset, TopicId};
use proptest::prelude::*;

use super::faulty::{FaultyDisk, History, Loss};
use super::testing::{TOPIC, append, delete_before, expire, read};
use super::{Log, LogConfig, Storage, StorageError};

const LOG: &str = "topic-0/00000000000000000000.log";

fn config() -> LogConfig {
    LogConfig {
        index_interval_bytes: 150,
        ..LogConfig::default()
    }
}

fn small_segments() -> LogConfig {
    LogConfig {
        segment_bytes: 1_000,
        ..config()
    }
}

fn try_open(disk: &Arc<FaultyDisk>, config: LogConfig) -> Result<(Log, Vec<i64>), StorageError> {
    let storage = Storage::on(Arc::clone(disk) as _, None)?;
    let mut visited = Vec::new();
    let log = Log::open(
        &storage,
        "topic-0",
        TOPIC,
        config,
        Offset(0),
        &mut |header| {
            visited.push(header.base_offset.0);
        },
    )?;
    Ok((log, visited))
}

fn open(disk: &Arc<FaultyDisk>, config: LogConfig) -> Log {
    try_open(disk, config).unwrap().0
}

/// A log with these batches, all synced if asked for, whose process is gone.
fn written(config: LogConfig, batches: usize, is_synced: bool) -> (Arc<FaultyDisk>, Vec<Vec<u8>>) {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config);
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| {
        let _ = tell.send(outcome);
    }));
    let batches: Vec<_> = (0..batches)
        .map(|number| append(&mut log, 2, 1_000 + number as i64, 40 + number).unwrap())
        .collect();
    if is_synced {
        log.request_sync();
        while told.recv().unwrap().unwrap() < log.log_end() {}
    }
    // The last reference: queued work is done, checkpoints are saved.
    drop(log);
    (disk, batches)
}

#[test]
fn cut_at_any_byte_the_whole_batches_in_front_are_kept_and_the_rest_is_gone() {
    let (disk, batches) = written(config(), 4, false);
    let bytes = disk.bytes(LOG);
    assert_eq!(bytes, batches.concat());
    for cut in 0..bytes.len() {
        let after = disk.after_power_cut();
        after.write(LOG, &bytes[..cut]);
        let (log, visited) = try_open(&after, config()).unwrap();
        let mut whole = 0;
        while whole < 4 && batches[..=whole].concat().len() <= cut {
            whole += 1;
        }
        assert_eq!(log.log_end(), Offset(2 * whole as i64), "cut at {cut}");
        assert_eq!(visited.len(), whole, "cut at {cut}");
        assert_eq!(read(&log, 0, 10_000).unwrap(), batches[..whole].concat());
        assert_eq!(after.bytes(LOG), batches[..whole].concat());
    }
}

#[test]
fn any_flipped_bit_ends_the_log_before_its_batch() {
    let (disk, batches) = written(config(), 3, false);
    let bytes = disk.bytes(LOG);
    let second = batches[0].len()..batches[0].len() + batches[1].len();
    for at in second {
        let after = disk.after_power_cut();
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        after.write(LOG, &flipped);
        let log = open(&after, config());
        // The leader epoch is not covered by the checksum.
        let in_epoch = (12..16).contains(&(at - batches[0].len()));
        let expected = if in_epoch { 6 } else { 2 };
        assert_eq!(log.log_end(), Offset(expected), "flipped at {at}");
    }
}

#[test]
fn appending_goes_on_where_a_recovered_log_ends() {
    let (disk, batches) = written(config(), 3, false);
    let after = disk.after_power_cut();
    let bytes = disk.bytes(LOG);
    after.write(LOG, &bytes[..bytes.len() - 1]);
    let mut log = open(&after, config());
    let more = append(&mut log, 1, 2_000, 5).unwrap();
    let expected = [batches[..2].concat(), more].concat();
    assert_eq!(read(&log, 0, 10_000).unwrap(), expected);
    drop(log);
    assert_eq!(read(&open(&after, config()), 0, 10_000).unwrap(), expected);
}

#[test]
fn damage_below_what_was_synced_is_an_error_and_nothing_is_touched() {
    for (cut_to, flip) in [(3, None), (usize::MAX, Some(70))] {
        let (disk, _) = written(config(), 3, true);
        let after = disk.after_power_cut();
        let mut bytes = disk.bytes(LOG);
        bytes.truncate(cut_to);
        if let Some(at) = flip {
            bytes[at] ^= 1;
            // The header walk below the mark looks at no checksum.
            bytes[8] ^= 1;
        }
        after.write(LOG, &bytes);
        let refused = try_open(&after, config()).unwrap_err();
        assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused}");
        assert_eq!(after.bytes(LOG), bytes);
    }
}

#[test]
fn a_folder_that_vanished_with_synced_records_is_an_error() {
    let (disk, _) = written(config(), 3, true);
    let after = disk.after_power_cut();
    for path in after.paths() {
        if path.starts_with("topic-0/") {
            super::Disk::remove(&*after, &path).unwrap();
        }
    }
    let refused = try_open(&after, config()).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused}");
}

#[test]
fn segments_behind_a_damaged_one_are_removed_when_none_was_synced() {
    let (disk, batches) = written(small_segments(), 12, false);
    let after = disk.after_power_cut();
    // As if the checkpoint had not reached the disk.
    super::Disk::remove(&*after, super::checkpoint::SYNCED_FILE).unwrap();
    let logs = after.all(".log");
    assert!(logs.len() > 2);
    let (path, mut bytes) = logs[1].clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    after.write(&path, &bytes);
    let log = open(&after, small_segments());
    assert_eq!(after.all(".log").len(), 2);
    let kept = log.log_end().0 as usize / 2;
    assert!(kept > 0 && kept < batches.len());
    let mut found = Vec::new();
    while (found.len() as u64) < log.size_bytes() {
        let from = 2 * batches
            .iter()
            .scan(0, |sum, b| {
                *sum += b.len();
                Some(*sum)
            })
            .take_while(|sum| *sum <= found.len())
            .count();
        found.extend(read(&log, from as i64, 10_000).unwrap());
    }
    assert_eq!(found, batches[..kept].concat());
}

#[test]
fn recovery_is_idempotent() {
    let (disk, _) = written(small_segments(), 9, false);
    let after = disk.after_power_cut();
    super::Disk::remove(&*after, super::checkpoint::SYNCED_FILE).unwrap();
    let (path, bytes) = after.all(".log").pop().unwrap();
    after.write(&path, &bytes[..bytes.len() - 7]);
    let (first, visited) = try_open(&after, small_segments()).unwrap();
    let end = first.log_end();
    drop(first);
    let files = after.all(".log");
    let (second, again) = try_open(&after.after_power_cut(), small_segments()).unwrap();
    assert_eq!((second.log_end(), again), (end, visited));
    assert_eq!(after.all(".log"), files);
}

#[test]
fn deleted_indexes_are_made_again_byte_for_byte() {
    let (disk, _) = written(small_segments(), 30, true);
    let mut expected = disk.all("index");
    assert!(expected.len() > 8);
    assert!(
        expected
            .iter()
            .any(|(path, bytes)| path.ends_with(".index") && !bytes.is_empty())
    );
    let after = disk.after_power_cut();
    for (path, _) in &expected {
        super::Disk::remove(&*after, path).unwrap();
    }
    drop(open(&after, small_segments()));
    let found = after.all("index");
    expected.retain(|(path, _)| found.iter().any(|(other, _)| other == path));
    assert!(expected.len() > 8);
    assert_eq!(found, expected);
}

#[test]
fn a_deleted_index_is_made_again_when_it_is_needed_even_after_a_clean_stop() {
    let (disk, expected) = stopped(30);
    for (path, _) in &expected {
        super::Disk::remove(&*disk, path).unwrap();
    }
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    let end = Offset(60);
    let log = Log::open(
        &storage,
        "topic-0",
        TOPIC,
        small_segments(),
        end,
        &mut |_| {},
    )
    .unwrap();
    for from in 0..60 {
        assert!(!read(&log, from, 1).unwrap().is_empty());
    }
    log.close().unwrap();
    storage.close().unwrap();
    assert_eq!(disk.all("index"), expected);
}

#[test]
fn after_a_clean_stop_no_byte_of_the_log_is_read_when_nothing_is_to_be_replayed() {
    let (disk, _) = stopped(30);
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    disk.faults().asked_bytes.store(0, Ordering::Relaxed);
    let visit = &mut |_: &_| panic!("nothing is to be replayed");
    let log = Log::open(
        &storage,
        "topic-0",
        TOPIC,
        small_segments(),
        Offset(60),
        visit,
    )
    .unwrap();
    // Only the file that tells whose the folder is.
    let owner_bytes = disk.bytes("topic-0/partition.metadata").len() as u64;
    let asked_bytes = disk.faults().asked_bytes.load(Ordering::Relaxed);
    assert_eq!(asked_bytes, owner_bytes);
    assert_eq!((log.log_end(), log.synced_end()), (Offset(60), Offset(60)));
    let newest = log
        .max_timestamp(Offset(60))
        .unwrap()
        .find()
        .unwrap()
        .unwrap();
    assert_eq!((newest.offset, newest.timestamp_ms), (Offset(58), 1_029));
}

#[test]
fn the_marker_of_a_clean_stop_is_not_believed_twice() {
    let (disk, _) = stopped(3);
    let mut log = open(&disk, small_segments());
    assert!(disk.all(super::checkpoint::CLEAN_FILE).is_empty());
    append(&mut log, 2, 1_000, 10).unwrap();
    drop(log);
    assert_eq!(
        open(&disk.after_power_cut(), small_segments()).log_end(),
        Offset(8)
    );
}

#[test]
fn the_start_of_a_log_does_not_go_back() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    for _ in 0..3 {
        append(&mut log, 2, 1_000, 10).unwrap();
    }
    delete_before(&mut log, Offset(3));
    drop(log);
    let log = open(&disk.after_power_cut(), config());
    assert_eq!((log.log_start(), log.log_end()), (Offset(3), Offset(6)));
}

#[test]
fn segments_before_the_start_are_removed_even_if_a_crash_came_in_between() {
    let (disk, _) = written(small_segments(), 12, true);
    let after = disk.after_power_cut();
    let mut log = open(&disk, small_segments());
    delete_before(&mut log, Offset(24));
    drop(log);
    let starts = disk.bytes(super::checkpoint::LOG_START_FILE);
    after.write(super::checkpoint::LOG_START_FILE, &starts);
    let mut log = open(&after, small_segments());
    assert!(after.all(".log").len() > 2);
    expire(&mut log, 0, Offset(24));
    assert_eq!(log.log_start(), Offset(24));
    assert_eq!(after.all(".log").len(), 1);
}

#[test]
fn offsets_of_records_that_were_deleted_and_then_lost_are_not_given_out_again() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    let first = append(&mut log, 2, 1_000, 10).unwrap();
    append(&mut log, 2, 1_000, 10).unwrap();
    delete_before(&mut log, Offset(4));
    drop(log);
    let after = disk.after_power_cut();
    after.write(LOG, &first);
    let mut log = open(&after, config());
    assert_eq!((log.log_start(), log.log_end()), (Offset(4), Offset(4)));
    let next = append(&mut log, 1, 1_000, 10).unwrap();
    drop(log);
    // As if the checkpoint had not reached the disk: every byte is checked.
    let after = after.after_power_cut();
    super::Disk::remove(&*after, super::checkpoint::SYNCED_FILE).unwrap();
    let log = open(&after, config());
    assert_eq!((log.log_start(), log.log_end()), (Offset(4), Offset(5)));
    assert_eq!(read(&log, 4, 1_000).unwrap(), next);
}

#[test]
fn an_empty_last_segment_keeps_the_end_of_a_log_that_expired() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    append(&mut log, 7, 1_000, 10).unwrap();
    expire(&mut log, i64::MAX, Offset(7));
    drop(log);
    let log = open(&disk.after_power_cut(), config());
    assert_eq!((log.log_start(), log.log_end()), (Offset(7), Offset(7)));
}

#[test]
fn what_was_verified_is_not_checked_again_while_the_system_runs() {
    let (disk, batches) = written(config(), 3, false);
    let killed = disk.after_kill();
    let boot_id = super::Disk::boot_id(&*killed).unwrap();
    let mark = super::checkpoint::Verified {
        offset: Offset(4),
        base: Offset(0),
        position: batches[..2].concat().len() as u64,
        max_timestamp_ms: 1_001,
        offset_of_max: Offset(3),
    };
    let marks = [("topic-0".to_owned(), mark)].into();
    let text = super::checkpoint::encode_verified(&boot_id, &marks);
    killed.write(super::checkpoint::VERIFIED_FILE, text.as_bytes());
    let mut bytes = killed.bytes(LOG);
    bytes[70] ^= 1;
    killed.write(LOG, &bytes);
    let after = killed.after_power_cut();
    assert_eq!(open(&killed, config()).log_end(), Offset(6));
    assert_eq!(open(&after, config()).log_end(), Offset(0));
}

/// A log of small segments after an orderly stop, and its index files.
fn stopped(batches: usize) -> (Arc<FaultyDisk>, Vec<(String, Vec<u8>)>) {
    let disk = FaultyDisk::new();
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    let mut log = Log::open(
        &storage,
        "topic-0",
        TOPIC,
        small_segments(),
        Offset(0),
        &mut |_| {},
    )
    .unwrap();
    for number in 0..batches {
        append(&mut log, 2, 1_000 + number as i64, 40).unwrap();
    }
    log.close().unwrap();
    storage.close().unwrap();
    let indexes = disk.all("index");
    (disk, indexes)
}

proptest! {
    #[test]
    fn any_bytes_as_a_segment_are_recovered_without_asking_for_more_than_there_is(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        valid_batches in 0usize..3,
        length in any::<i32>(),
    ) {
        let (disk, batches) = written(config(), valid_batches, false);
        let after = disk.after_power_cut();
        let mut bytes = [batches.concat(), bytes].concat();
        // Get past the first check more often than chance would.
        let at = batches.concat().len();
        if bytes.len() > at + 61 {
            bytes[at + 16] = 2;
            bytes[at + 8..at + 12].copy_from_slice(&length.to_be_bytes());
        }
        after.write(LOG, &bytes);
        let log = open(&after, config());
        prop_assert_eq!(log.log_end(), Offset(2 * valid_batches as i64));
        let largest = after.faults().largest_read.load(Ordering::Relaxed);
        prop_assert!(largest <= bytes.len() as u64 + 200, "{} bytes at once", largest);
    }

    #[test]
    fn any_bytes_as_checkpoints_cost_no_record_that_is_valid(
        text in "[0-9 a-z\n-]{0,60}",
        file in prop::sample::select(vec![
            super::checkpoint::VERIFIED_FILE,
            super::checkpoint::CLEAN_FILE,
        ]),
    ) {
        let (disk, batches) = written(small_segments(), 5, true);
        let after = disk.after_power_cut();
        after.write(file, text.as_bytes());
        let log = open(&after, small_segments());
        prop_assert_eq!(log.log_end(), Offset(2 * batches.len() as i64));
    }

    #[test]
    fn any_bytes_as_an_index_never_hide_a_batch(
        offsets in proptest::collection::vec(any::<u8>(), 0..40),
        times in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let (disk, indexes) = stopped(12);
        disk.write(&indexes[0].0, &offsets);
        disk.write(&indexes[1].0, &times);
        let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
        let log = Log::open(&storage, "topic-0", TOPIC, small_segments(), Offset(24), &mut |_| {}).unwrap();
        for from in 0..24 {
            // A wrong index may be noticed, but is never a panic.
            let _ = read(&log, from, 1);
            let _ = log.offset_for_timestamp(1_000 + from, Offset(24)).unwrap().find();
        }
    }
}

#[test]
fn a_log_removed_before_its_sync_fails_nobody_and_leaves_no_mark_behind() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    // The sync is planned for later, and comes at the latest with the stop.
    let config = LogConfig {
        flush_ms: 100_000,
        ..config()
    };
    let open = |storage: &Arc<Storage>| {
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
    let mut log = open(&storage);
    append(&mut log, 4, 1_000, 10).unwrap();
    log.remove();
    storage.close().unwrap();
    drop(storage);
    let storage = Storage::open(folder.path()).unwrap();
    let mut again = open(&storage);
    assert_eq!(again.log_end(), Offset(0));
    append(&mut again, 2, 1_000, 10).unwrap();
    again.close().unwrap();
    storage.close().unwrap();
    drop(storage);
    let storage = Storage::open(folder.path()).unwrap();
    assert_eq!(open(&storage).log_end(), Offset(2));
}

/// Appends under `flush.messages=1` and returns once it is synced.
fn append_synced(log: &mut Log) {
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| {
        // Nobody listens to later ones.
        let _ = tell.send(outcome);
    }));
    append(log, 2, 1_000, 40).unwrap();
    log.request_sync();
    while told.recv().unwrap().unwrap() < log.log_end() {}
}

#[test]
fn the_names_of_files_that_a_killed_process_made_are_synced_with_the_next_append() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    // An empty segment: nothing in it asks for a sync.
    append(&mut log, 1, 1_000, 10).unwrap();
    expire(&mut log, i64::MAX, Offset(1));
    let killed = disk.after_kill();
    drop(log);
    let mut log = open(&killed, config());
    append_synced(&mut log);
    let end = log.log_end();
    let after = killed.after_power_cut_with(Loss::Unsynced);
    drop(log);
    assert_eq!(open(&after, config()).log_end(), end);
}

#[test]
fn records_deleted_and_then_lost_are_not_taken_for_damage_after_the_next_crash() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    append_synced(&mut log);
    append(&mut log, 3, 1_000, 40).unwrap();
    delete_before(&mut log, Offset(5));
    let after = disk.after_power_cut_with(Loss::Unsynced);
    drop(log);
    let storage = Storage::on(Arc::clone(&after) as _, None).unwrap();
    let log = Log::open(&storage, "topic-0", TOPIC, config(), Offset(0), &mut |_| {}).unwrap();
    assert_eq!((log.log_start(), log.log_end()), (Offset(5), Offset(5)));
    storage.marks().synced("topic-0", Offset(5), true);
    storage.marks().save().unwrap();
    let again = after.after_kill();
    let log = open(&again, config());
    assert_eq!((log.log_start(), log.log_end()), (Offset(5), Offset(5)));
}

/// What happened to a topic before it was deleted.
#[derive(Clone, Copy, Debug)]
enum Before {
    Written,
    WrittenAndDeletedFrom,
    SyncedAndDeletedFrom,
}

/// A topic with records, a start and marks of both is deleted; another has its
/// name from then on and writes a little. Every moment of that, on the disk.
fn deleted_and_made_again(before: Before) -> History {
    let disk = FaultyDisk::new();
    let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
    let config = match before {
        Before::SyncedAndDeletedFrom => small_segments(),
        // A segment that ends is synced.
        Before::Written | Before::WrittenAndDeletedFrom => config(),
    };
    let from = Offset(0);
    let mut old = Log::open(&storage, "topic-0", OLD_TOPIC, config, from, &mut |_| {}).unwrap();
    for _ in 0..6 {
        append(&mut old, 2, 1_000, 300).unwrap();
    }
    if matches!(before, Before::SyncedAndDeletedFrom) {
        let (tell, told) = mpsc::channel();
        old.on_synced(Box::new(move |outcome| tell.send(outcome).unwrap()));
        old.request_sync();
        while told.recv().unwrap().unwrap() < Offset(12) {}
    }
    if !matches!(before, Before::Written) {
        delete_before(&mut old, Offset(5));
    }
    storage.marks().save().unwrap();
    disk.keep_history();
    old.remove();
    let mut new = open_as(&storage, TOPIC);
    append(&mut new, 1, 2_000, 10).unwrap();
    let (tell, told) = mpsc::channel();
    new.on_synced(Box::new(move |outcome| tell.send(outcome).unwrap()));
    new.request_sync();
    assert_eq!(told.recv().unwrap().unwrap(), Offset(1));
    disk.take_history().unwrap()
}

const OLD_TOPIC: TopicId = TopicId([9; 16]);

fn open_as(storage: &Arc<Storage>, topic: TopicId) -> Log {
    let (config, from) = (small_segments(), Offset(0));
    Log::open(storage, "topic-0", topic, config, from, &mut |_| {}).unwrap()
}

/// After a crash the new topic is there, and so may be the old one's folder.
fn nothing_comes_back_on(disk: &Arc<FaultyDisk>, when: &str) {
    let storage = Storage::on(Arc::clone(disk) as _, None).unwrap();
    let mut new = open_as(&storage, TOPIC);
    assert_eq!(new.log_start(), Offset(0), "{when}");
    assert!(new.log_end() <= Offset(1), "{when}: {}", new.log_end());
    let end = new.log_end();
    append(&mut new, 1, 3_000, 10).unwrap();
    new.close().unwrap();
    storage.close().unwrap();
    drop(storage);
    let storage = Storage::on(Arc::clone(disk) as _, None).unwrap();
    assert_eq!(open_as(&storage, TOPIC).log_end(), end.plus(1), "{when}");
    let is_aside = |path: &String| path.contains("-delete/");
    assert!(!disk.paths().iter().any(is_aside), "{when}: removed");
}

#[test]
fn a_folder_that_comes_back_after_a_power_cut_is_not_the_new_topics() {
    for before in [
        Before::Written,
        Before::WrittenAndDeletedFrom,
        Before::SyncedAndDeletedFrom,
    ] {
        nothing_comes_back_anywhere_in(deleted_and_made_again(before));
    }
}

fn nothing_comes_back_anywhere_in(mut history: History) {
    loop {
        let when = history.next_change();
        nothing_comes_back_on(&history.after_kill(), &when);
        for loss in [Loss::Nothing, Loss::Unsynced]
            .into_iter()
            .chain((0..8).map(|seed| Loss::Torn { seed }))
        {
            let when = format!("{loss:?} before {when}");
            nothing_comes_back_on(&history.after_power_cut(loss), &when);
        }
        if !history.step() {
            break;
        }
    }
}

#[test]
fn a_folder_that_does_not_tell_whose_it_is_is_taken_and_told_with_the_next_segment() {
    for text in [None, Some(b"version: 1\n")] {
        let (disk, _) = stopped(12);
        let path = "topic-0/partition.metadata";
        match text {
            None => disk.erase(path),
            Some(text) => disk.write(path, text),
        }
        let storage = Storage::on(Arc::clone(&disk) as _, None).unwrap();
        let mut log = open_as(&storage, TOPIC);
        assert_eq!(log.log_end(), Offset(24));
        while !disk.paths().iter().any(|known| known == path)
            || !disk.bytes(path).starts_with(b"version: 0\ntopic_id: BwcH")
        {
            append(&mut log, 1, 1_000, 400).unwrap();
            assert!(log.log_end() < Offset(40), "a segment has begun by now");
        }
    }
}
