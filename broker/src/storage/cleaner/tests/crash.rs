//! A crash at every step of a cleaning: a process killed, also within a write,
//! and power cut, also with bytes and names lost that were not synced.

use std::sync::Arc;

use super::{Seen, clean, config, fill, open, put, seen, settle, table, try_open};
use crate::storage::faulty::{FaultyDisk, History, Loss};
use crate::storage::{Disk, LogConfig};

/// All steps of a cleaning, and what had been sent before.
fn steps(config: &LogConfig) -> (History, Vec<Seen>) {
    let disk = FaultyDisk::new();
    let mut log = open(&disk, config.clone());
    fill(&mut log, 8);
    put(&mut log, 2_000, &[("a", None)]);
    fill(&mut log, 1);
    settle(&log);
    let sent = seen(&log);
    disk.keep_history();
    assert!(clean(&mut log, 5_000).unwrap());
    drop(log);
    (disk.take_history().unwrap(), sent)
}

/// Nothing that compaction does not drop is missing, and the log goes on.
fn check(disk: &Arc<FaultyDisk>, config: &LogConfig, sent: &[Seen], story: &str) {
    let log = try_open(disk, config.clone());
    let mut log = log.unwrap_or_else(|error| panic!("{story}: {error}"));
    let found = seen(&log);
    let end = sent.last().unwrap().0 + 1;
    assert_eq!(log.log_end().0, end, "{story}");
    assert_eq!(table(&found), table(sent), "{story}");
    assert!(found.iter().all(|record| sent.contains(record)), "{story}");
    let names = disk.list("topic-0").unwrap();
    let is_leftover = |name: &String| name.ends_with(".swap") || name.ends_with(".cleaned");
    assert!(!names.iter().any(is_leftover), "{story}: {names:?}");
    // Once more finds the same.
    drop(log);
    log = open(disk, config.clone());
    assert_eq!(seen(&log), found, "{story}");
    settle(&log);
    clean(&mut log, 9_000).unwrap();
    put(&mut log, 9_000, &[("more", Some("1"))]);
    assert_eq!(table(&seen(&log)).len(), table(sent).len() + 1, "{story}");
}

/// Settings under which each segment is replaced by itself, and under which all
/// become one.
fn configs() -> [LogConfig; 2] {
    let large = LogConfig {
        segment_bytes: 2_000,
        ..config()
    };
    [config(), large]
}

#[test]
fn a_kill_at_any_step_of_a_cleaning_loses_nothing() {
    for config in configs() {
        let (mut steps, sent) = steps(&config);
        assert!(steps.len() > 20, "{} steps", steps.len());
        loop {
            let story = format!("step {}", steps.passed());
            check(&steps.after_kill(), &config, &sent, &story);
            for sectors in [0, 1] {
                if let Some(disk) = steps.after_kill_within_write(sectors) {
                    check(&disk, &config, &sent, &format!("{story}, torn"));
                }
            }
            if !steps.step() {
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_cleaning_loses_nothing() {
    for config in configs() {
        let (mut steps, sent) = steps(&config);
        loop {
            let torn = (0..2).map(|seed| Loss::Torn { seed });
            for loss in [Loss::Nothing, Loss::Unsynced].into_iter().chain(torn) {
                let story = format!("step {}, {loss:?}", steps.passed());
                check(&steps.after_power_cut(loss), &config, &sent, &story);
            }
            if !steps.step() {
                break;
            }
        }
    }
}

#[test]
fn a_crash_finds_a_log_that_is_no_longer_to_be_compacted() {
    let (mut steps, sent) = steps(&config());
    let deletes = LogConfig {
        is_compacted: false,
        ..config()
    };
    loop {
        let disk = steps.after_power_cut(Loss::Unsynced);
        let log = open(&disk, deletes.clone());
        assert_eq!(table(&seen(&log)), table(&sent), "step {}", steps.passed());
        if !steps.step() {
            break;
        }
    }
}
