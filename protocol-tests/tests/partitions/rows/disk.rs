//! Rows 29 to 32: what becomes of a partition whose disk fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kafka_protocol::ResponseError;
use ottla::{FaultyDisk, Loss};

use super::{fetch, list, place, produce, with_topic};
use crate::back_ends::embedded::{Embedded, builder};
use crate::cluster::{Cluster, Event, Outcome};
use crate::script::Run;
use crate::wire::Wire;

const STORAGE_ERROR: i16 = 56;

fn on_synced_topic() -> (Arc<FaultyDisk>, Run<Embedded>) {
    let disk = FaultyDisk::new();
    let cluster = Embedded::on_faulty_disk(Arc::clone(&disk));
    let (run, _) = with_topic(
        cluster,
        &[("flush.messages", "1"), ("index.interval.bytes", "100")],
    );
    (disk, run)
}

/// Row 29: indexes are made again as they were.
#[test]
fn row_29_deleted_indexes_are_made_again_byte_for_byte() {
    let disk = FaultyDisk::new();
    let cluster = Embedded::on_faulty_disk(Arc::clone(&disk));
    let (mut run, place) = with_topic(
        cluster,
        &[("index.interval.bytes", "100"), ("segment.ms", "1")],
    );
    for number in 0..30 {
        run.perform(&produce(&place, &[&format!("{number}"), &"x".repeat(100)]))
            .unwrap();
    }
    run.undergo(Event::Restart).unwrap();
    run.cluster.stop();
    let indexes = disk.all("index");
    assert!(
        indexes
            .iter()
            .any(|(path, bytes)| path.starts_with("row") && bytes.len() > 20)
    );
    for (path, _) in &indexes {
        disk.erase(path);
    }
    // A crash: what is not there is made from what is, at the next start.
    disk.erase("clean-shutdown");
    run.cluster.start_again();
    run.read_everything().unwrap();
    run.cluster.stop();
    let again = disk.all("index");
    let of_topic = |all: &[(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
        all.iter()
            .filter(|(path, _)| path.starts_with("row-"))
            .cloned()
            .collect()
    };
    assert_eq!(of_topic(&again), of_topic(&indexes));
}

/// Row 30: damage below what was synced is never cut off in silence.
#[test]
fn row_30_a_flipped_bit_below_what_was_synced_takes_its_partition_offline_alone() {
    let (disk, mut run) = on_synced_topic();
    for number in 0..10 {
        run.perform(&produce(&place(0), &[&format!("{number}")]))
            .unwrap();
        run.perform(&produce(&place(1), &["beside it"])).unwrap();
    }
    run.undergo(Event::Restart).unwrap();
    run.cluster.stop();
    let path = "row-0/00000000000000000000.log";
    let mut bytes = disk.bytes(path);
    // In the length of the third batch: what follows cannot be found.
    let at = bytes.len() / 10 * 2 + 9;
    bytes[at] ^= 0x40;
    disk.write(path, &bytes);
    // Every byte is looked at after a power cut.
    let after = disk.after_power_cut_with(Loss::Unsynced);
    after.erase("clean-shutdown");
    let broker = builder().disk(Arc::clone(&after)).start_blocking().unwrap();
    let mut wire = Wire::connect(broker.address());
    assert_eq!(wire.perform(&fetch(&place(0), 0)).code(), STORAGE_ERROR);
    assert_eq!(
        wire.perform(&produce(&place(0), &["x"])).code(),
        STORAGE_ERROR
    );
    assert_eq!(wire.perform(&fetch(&place(1), 0)).code(), 0);
    assert_eq!(wire.perform(&produce(&place(1), &["x"])).code(), 0);
    assert_eq!(
        after.bytes(path),
        bytes,
        "the damaged file is left as it is"
    );
}

/// Row 31: the first failed sync is the last.
#[test]
fn row_31_a_failed_sync_is_never_acknowledged_and_no_later_one_counts() {
    let (disk, mut run) = on_synced_topic();
    run.perform(&produce(&place(0), &["acknowledged"])).unwrap();
    disk.faults().sync_fails.store(true, Ordering::Relaxed);
    let refused = run.cluster.perform(&produce(&place(0), &["lost"]));
    assert_ne!(refused.code(), 0, "{refused:?}");
    disk.faults().sync_fails.store(false, Ordering::Relaxed);
    // The system may have dropped the pages, and says that all is well.
    for partition in [0, 1] {
        let refused = run.cluster.perform(&produce(&place(partition), &["later"]));
        assert_eq!(refused.code(), STORAGE_ERROR, "partition {partition}");
    }
    let after = disk.after_power_cut_with(Loss::Unsynced);
    let broker = builder().disk(after).start_blocking().unwrap();
    let mut wire = Wire::connect(broker.address());
    let end = wire.perform(&list(&place(0), -1));
    let timestamp = -1;
    assert_eq!(
        end,
        Outcome::Listed {
            code: 0,
            timestamp,
            offset: 1
        }
    );
}

/// Row 32: a full disk refuses writes, serves reads, and heals.
#[test]
fn row_32_a_full_disk_refuses_whole_batches_serves_reads_and_heals() {
    let disk = FaultyDisk::new();
    let (mut run, place) = with_topic(Embedded::on_faulty_disk(Arc::clone(&disk)), &[]);
    run.perform(&produce(&place, &["before"])).unwrap();
    for space in [0, 1, 61, 100] {
        *disk.faults().space_bytes.lock().unwrap() = Some(space);
        let refused = run.cluster.perform(&produce(&place, &[&"x".repeat(500)]));
        assert_eq!(refused.code(), STORAGE_ERROR, "{space} bytes left");
        run.perform(&fetch(&place, 0)).unwrap();
        *disk.faults().space_bytes.lock().unwrap() = None;
        run.perform(&produce(&place, &["after"])).unwrap();
        run.perform(&fetch(&place, 0)).unwrap();
    }
    run.undergo(Event::Crash(Loss::Nothing)).unwrap();
}

/// Row 32, other errors: half a write that failed is nowhere to be seen.
#[test]
fn row_32_a_write_that_fails_halfway_is_refused_and_leaves_nothing_behind() {
    let disk = FaultyDisk::new();
    let (mut run, place) = with_topic(Embedded::on_faulty_disk(Arc::clone(&disk)), &[]);
    run.perform(&produce(&place, &["before"])).unwrap();
    disk.faults().writes_fail.store(true, Ordering::Relaxed);
    let refused = run.cluster.perform(&produce(&place, &["halfway"]));
    assert_eq!(refused.code(), ResponseError::KafkaStorageError.code());
    disk.faults().writes_fail.store(false, Ordering::Relaxed);
    run.perform(&produce(&place, &["after"])).unwrap();
    run.undergo(Event::Crash(Loss::Nothing)).unwrap();
}

/// Row 28 on a bad disk: a read that fails or ends early is an error or less,
/// never something else than what was written.
#[test]
fn row_28_a_read_that_fails_or_ends_early_never_shows_half_a_batch() {
    let disk = FaultyDisk::new();
    let (mut run, place) = with_topic(Embedded::on_faulty_disk(Arc::clone(&disk)), &[]);
    for _ in 0..20 {
        run.perform(&produce(&place, &[&"x".repeat(300)])).unwrap();
    }
    run.undergo(Event::Restart).unwrap();
    let faults: [fn(&ottla::Faults) -> &std::sync::atomic::AtomicBool; 2] =
        [|faults| &faults.short_reads, |faults| &faults.reads_fail];
    for fault in faults {
        fault(disk.faults()).store(true, Ordering::Relaxed);
        for offset in [0, 7, 19] {
            if let Outcome::Fetched {
                code: 0, records, ..
            } = run.cluster.perform(&fetch(&place, offset))
            {
                let mut all = ottla_core::batch::batches(&records);
                let is_whole = all
                    .by_ref()
                    .all(|batch| ottla_core::batch::crc::checksum_fits(batch.unwrap().1));
                assert!(is_whole && all.rest().is_empty(), "from {offset}");
            }
        }
        fault(disk.faults()).store(false, Ordering::Relaxed);
    }
    run.read_everything().unwrap();
}
