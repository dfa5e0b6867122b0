//! Cleaning whole logs: what readers get, what is on the disk, and what is
//! found after a crash at any step.

mod crash;
mod stories;

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::header::stamp_position;
use ottla_core::batch::record::records;
use ottla_core::batch::{BatchHeader, Codec, RecordBatchBuilder, batches};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::CleanError;
use crate::storage::faulty::FaultyDisk;
use crate::storage::testing::TOPIC;
use crate::storage::{Log, LogConfig, Storage, StorageError};

/// A record as a reader sees it.
type Seen = (i64, String, Option<String>);

/// A compacted log of small segments.
fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 400,
        index_interval_bytes: 100,
        is_compacted: true,
        retention_ms: -1,
        ..LogConfig::default()
    }
}

fn try_open(disk: &Arc<FaultyDisk>, config: LogConfig) -> Result<Log, StorageError> {
    let storage = Storage::on(Arc::clone(disk) as _, None)?;
    Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {})
}

fn open(disk: &Arc<FaultyDisk>, config: LogConfig) -> Log {
    try_open(disk, config).unwrap()
}

/// Appends a batch of records; `None` is a tombstone.
fn put(log: &mut Log, wall_ms: i64, records: &[(&str, Option<&str>)]) {
    let mut builder = RecordBatchBuilder::new();
    for (key, value) in records {
        let value = value.map(str::as_bytes);
        builder
            .push(wall_ms, Some(key.as_bytes()), value, &[])
            .unwrap();
    }
    // Batches of either kind lie in one log.
    let codec = match wall_ms % 2 {
        0 => Codec::None,
        _ => Codec::Lz4,
    };
    let mut batch = builder.build_compressed(codec).unwrap();
    stamp_position(&mut batch, log.log_end(), LeaderEpoch(0));
    let header = BatchHeader::parse(&batch).unwrap();
    log.append(wall_ms, &header, &batch).unwrap();
}

/// Puts some keys again and again, with values that tell when.
fn fill(log: &mut Log, rounds: i64) {
    for round in 0..rounds {
        for key in ["a", "b", "c"] {
            let value = format!("{key}-{round}-{}", "x".repeat(20));
            put(
                log,
                1_000 + round,
                &[(key, Some(&value)), ("every", Some(&value))],
            );
        }
    }
}

/// Returns once all that was appended is synced, and no file will change.
fn settle(log: &Log) {
    let (tell, told) = mpsc::channel();
    log.on_synced(Box::new(move |outcome| {
        let _ = tell.send(outcome);
    }));
    let is_settled = || {
        let mut closed = log.segments.iter().take(log.segments.len() - 1);
        log.synced_end() == log.log_end() && closed.all(|segment| segment.is_settled())
    };
    while !is_settled() {
        log.request_sync();
        told.recv().unwrap().unwrap();
    }
}

/// Cleans all that is closed. Whether there was anything to do.
fn clean(log: &mut Log, wall_ms: i64) -> Result<bool, CleanError> {
    let Some(view) = log.view(log.log_end()) else {
        return Ok(false);
    };
    let Some(dirty) = view.index(wall_ms, 1 << 20, &|| true)? else {
        return Ok(false);
    };
    view.clean(
        &dirty,
        &BTreeMap::new(),
        wall_ms,
        &|| true,
        &mut |replacement| {
            assert!(log.may_swap(&replacement));
            let renamed = replacement.rename();
            log.finish_swap(&replacement);
            renamed
        },
    )?;
    Ok(true)
}

/// Everything a reader gets, from the log's start on, batch after batch.
fn seen(log: &Log) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut from = log.log_start();
    while from < log.log_end() {
        let plan = log.plan_read(from, log.log_end(), 1, true).unwrap();
        let bytes = plan.read().unwrap().into_bytes();
        let Some(batch) = batches(&bytes).next() else {
            break;
        };
        let (header, batch) = batch.unwrap();
        let bytes = record_bytes(&header, batch, 1 << 20).unwrap();
        for record in records(&header, &bytes) {
            let record = record.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let key = text(record.key.unwrap());
            seen.push((record.offset.0, key, record.value.map(text)));
        }
        assert!(header.next_offset() > from, "a reader comes on");
        from = header.next_offset();
    }
    seen
}

/// What is left once all of it was read: key → value.
fn table(seen: &[Seen]) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for (_, key, value) in seen {
        match value {
            Some(value) => table.insert(key.clone(), value.clone()),
            None => table.remove(key),
        };
    }
    table
}
