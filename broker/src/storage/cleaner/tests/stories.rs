//! One thing at a time.

use std::sync::Arc;

use ottla_core::batch::batches;
use ottla_core::ids::Offset;

use super::{clean, config, fill, open, put, seen, settle, table};
use crate::storage::faulty::FaultyDisk;
use crate::storage::testing::{TOPIC, expire};
use crate::storage::{Disk, Log, LogConfig, Storage};

fn in_memory() -> Log {
    let storage = Storage::in_memory();
    Log::open(&storage, "topic-0", TOPIC, config(), Offset(0), &mut |_| {}).unwrap()
}

/// A log with several closed segments, cleaned.
fn cleaned(disk: &Arc<FaultyDisk>) -> Log {
    let mut log = open(disk, config());
    fill(&mut log, 8);
    settle(&log);
    assert!(clean(&mut log, 5_000).unwrap());
    log
}

#[test]
fn the_last_value_of_each_key_is_left_in_memory_as_on_a_disk() {
    let disk = FaultyDisk::new();
    for mut log in [in_memory(), open(&disk, config())] {
        fill(&mut log, 8);
        settle(&log);
        let before = seen(&log);
        let (segments, size_bytes) = (log.segments.len(), log.size_bytes());
        log.config.segment_bytes = 2_000;
        assert!(clean(&mut log, 5_000).unwrap());
        let after = seen(&log);
        assert_eq!(table(&after), table(&before));
        assert!(after.iter().all(|record| before.contains(record)));
        let active_base = log.segments.back().unwrap().base().0;
        let clean_part = after.iter().filter(|record| record.0 < active_base);
        assert_eq!(clean_part.count(), 4, "one for each key");
        assert!(log.segments.len() < segments, "small ones became one");
        assert!(log.size_bytes() < size_bytes);
        let sizes = log.segments.iter().map(|segment| segment.size_bytes());
        assert_eq!(log.size_bytes(), sizes.sum::<u64>());
        assert_eq!(log.log_start(), Offset(0));
    }
}

#[test]
fn a_clean_log_is_left_alone_until_it_is_dirty_again() {
    let disk = FaultyDisk::new();
    let mut log = cleaned(&disk);
    assert!(!clean(&mut log, 6_000).unwrap());
    fill(&mut log, 4);
    settle_again(&log);
    assert!(clean(&mut log, 7_000).unwrap());
}

#[test]
fn a_restart_finds_the_log_as_it_was_cleaned_and_its_indexes_as_they_must_be() {
    let disk = FaultyDisk::new();
    let log = cleaned(&disk);
    let (seen_before, log_end) = (seen(&log), log.log_end());
    drop(log);
    let indexes = disk.all("index");
    for after in [disk.after_power_cut(), disk.after_kill()] {
        let log = open(&after, config());
        assert_eq!(seen(&log), seen_before);
        assert_eq!(log.log_end(), log_end);
        drop(log);
        // Made again, they are the same.
        for (path, _) in &indexes {
            after.erase(path);
        }
        let log = open(&after, config());
        for segment in &log.segments {
            segment.load_index().unwrap();
        }
        for (path, bytes) in after.all("index") {
            let saved = indexes.iter().find(|(saved, _)| *saved == path);
            assert_eq!(saved.map(|(_, bytes)| bytes), Some(&bytes), "{path}");
        }
    }
}

#[test]
fn a_log_that_is_no_longer_to_be_compacted_opens_with_its_gaps() {
    let disk = FaultyDisk::new();
    let log = cleaned(&disk);
    let before = seen(&log);
    drop(log);
    let deletes = LogConfig {
        is_compacted: false,
        ..config()
    };
    let after = disk.after_power_cut();
    assert_eq!(seen(&open(&after, deletes.clone())), before);
    // Even without the checkpoint of what was synced: the cleaner's own is left.
    after.erase("recovery-point-offset-checkpoint");
    assert_eq!(seen(&open(&after, deletes)), before);
}

#[test]
fn a_reader_of_an_offset_that_is_gone_gets_what_comes_next() {
    let disk = FaultyDisk::new();
    let log = cleaned(&disk);
    let all = seen(&log);
    for from in 0..log.log_end().0 {
        let plan = log.plan_read(Offset(from), log.log_end(), 1, true).unwrap();
        let bytes = plan.read().unwrap().into_bytes();
        let (header, _) = batches(&bytes).next().unwrap().unwrap();
        assert!(header.last_offset() >= Offset(from), "from {from}");
        let next = all.iter().find(|record| record.0 >= from);
        let first_in_batch = next.is_none_or(|next| header.base_offset.0 <= next.0);
        assert!(first_in_batch, "from {from}");
    }
}

#[test]
fn a_read_planned_before_sees_the_log_as_it_was_then() {
    let disk = FaultyDisk::new();
    for mut log in [in_memory(), open(&disk, config())] {
        fill(&mut log, 8);
        settle(&log);
        log.tail = None;
        let plan = |log: &Log| log.plan_read(Offset(0), log.log_end(), 150, true).unwrap();
        let before = plan(&log).read().unwrap().into_bytes();
        let planned = plan(&log);
        assert!(clean(&mut log, 5_000).unwrap());
        assert_eq!(planned.read().unwrap().into_bytes(), before);
        assert_ne!(plan(&log).read().unwrap().into_bytes(), before);
    }
}

#[test]
fn timestamps_are_found_among_what_is_left() {
    let disk = FaultyDisk::new();
    let log = cleaned(&disk);
    let all = seen(&log);
    for timestamp_ms in 1_000..1_008 {
        let lookup = log
            .offset_for_timestamp(timestamp_ms, log.log_end())
            .unwrap();
        let found = lookup.find().unwrap().unwrap();
        assert!(found.timestamp_ms >= timestamp_ms);
        assert!(all.iter().any(|record| record.0 == found.offset.0));
    }
}

#[test]
fn a_tombstone_goes_once_it_was_there_long_enough() {
    let mut log = in_memory();
    log.set_config(LogConfig {
        compaction: ottla_core::partition::compaction::CompactionPolicy {
            delete_retention_ms: 1_000,
            ..log.config.compaction
        },
        ..log.config.clone()
    });
    fill(&mut log, 4);
    put(&mut log, 2_000, &[("a", None)]);
    fill_others(&mut log);
    assert!(clean(&mut log, 5_000).unwrap());
    let tombstones = |log: &Log| seen(log).iter().filter(|record| record.2.is_none()).count();
    assert_eq!(tombstones(&log), 1);
    fill_others(&mut log);
    assert!(clean(&mut log, 5_999).unwrap());
    assert_eq!(tombstones(&log), 1);
    fill_others(&mut log);
    assert!(clean(&mut log, 6_000).unwrap());
    assert_eq!(tombstones(&log), 0);
    assert!(!table(&seen(&log)).contains_key("a"));
}

#[test]
fn segments_that_retention_took_are_not_replaced() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    fill(&mut log, 8);
    settle(&log);
    let view = log.view(log.log_end()).unwrap();
    let dirty = view.index(5_000, 1 << 20, &|| true).unwrap().unwrap();
    log.config.retention_ms = 1;
    let log_end = log.log_end();
    expire(&mut log, 1 << 40, log_end);
    let none = std::collections::BTreeMap::new();
    let cleaned = view.clean(&dirty, &none, 5_000, &|| true, &mut |replacement| {
        assert!(!log.may_swap(&replacement));
        replacement.discard();
        Err(crate::storage::CleanError::Stopped)
    });
    assert!(cleaned.is_err());
    assert!(disk.all(".swap").is_empty());
    assert!(disk.all(".cleaned").is_empty());
}

#[test]
fn a_cleaning_that_is_stopped_leaves_nothing_behind() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    fill(&mut log, 8);
    settle(&log);
    let before = seen(&log);
    let view = log.view(log.log_end()).unwrap();
    let dirty = view.index(5_000, 1 << 20, &|| true).unwrap().unwrap();
    let none = std::collections::BTreeMap::new();
    let stopped = view.clean(&dirty, &none, 5_000, &|| false, &mut |_| unreachable!());
    assert!(stopped.is_err());
    assert!(disk.all(".cleaned").is_empty());
    assert_eq!(seen(&log), before);
    assert!(clean(&mut log, 5_000).unwrap());
}

#[test]
fn a_removed_log_is_not_cleaned_into_another_one_of_its_name() {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config());
    fill(&mut log, 8);
    settle(&log);
    let view = log.view(log.log_end()).unwrap();
    let dirty = view.index(5_000, 1 << 20, &|| true).unwrap().unwrap();
    let storage = Arc::clone(&log.storage);
    log.remove();
    Log::open(&storage, "topic-0", TOPIC, config(), Offset(0), &mut |_| {}).unwrap();
    disk.create_folder("topic-0").unwrap();
    let none = std::collections::BTreeMap::new();
    let cleaned = view.clean(&dirty, &none, 5_000, &|| true, &mut |_| unreachable!());
    assert!(matches!(cleaned, Err(crate::storage::CleanError::Stopped)));
    assert!(
        disk.paths()
            .iter()
            .all(|path| !path.starts_with("topic-0/"))
    );
}

#[test]
fn nothing_is_cleaned_that_is_not_committed() {
    let mut log = in_memory();
    fill(&mut log, 8);
    let second = log.segments[1].base();
    let view = log.view(second).unwrap();
    assert_eq!(view.range(5_000).unwrap().bound, second);
    let inside = view.range(5_000).unwrap();
    assert_eq!(inside.first_dirty, Offset(0));
    let view = log.view(Offset(second.0 - 1)).unwrap();
    assert_eq!(view.range(5_000).unwrap().bound, Offset(0));
}

fn settle_again(log: &Log) {
    while log
        .segments
        .iter()
        .rev()
        .skip(1)
        .any(|segment| !segment.is_settled())
        || log.synced_end() < log.log_end()
    {
        log.request_sync();
        std::thread::yield_now();
    }
}

fn fill_others(log: &mut Log) {
    for number in 0..12 {
        let value = format!("{number}-{}", "x".repeat(30));
        put(log, 3_000 + number, &[("b", Some(&value))]);
    }
}
