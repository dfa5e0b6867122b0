//! Rows 5, 6 and 28: reads while the log grows, rolls and loses its front.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use ottla_core::batch::batches;
use ottla_core::batch::crc::checksum_fits;

use super::{batch_at, fetch, with_topic};
use crate::back_ends::embedded::Embedded;
use crate::cluster::{Cluster, Command, Outcome, Place};
use crate::wire::Wire;

/// Lets `read` loop on three connections while one appends batches whose
/// timestamps make segments roll, and deletes the oldest records now and then.
fn while_appending(
    settings: &[(&str, &str)],
    read: impl Fn(&mut Wire, &Place, &AtomicBool) + Sync,
) {
    let settings = [&[("segment.ms", "50000")], settings].concat();
    let (mut run, place) = with_topic(Embedded::on_disk(), &settings);
    let address = run.cluster.broker().address();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| read(&mut Wire::connect(address), &place, &is_over));
        }
        for number in 0..600_i64 {
            // Several times what is kept in memory of a log's end.
            let values = ["one", &"two".repeat(number as usize * 30), "three"];
            let batch = batch_at(
                super::LONG_AGO_MS + number * 1_000,
                &values[..1 + number as usize % 3],
            );
            let produce = Command::Produce {
                place: place.clone(),
                batch,
            };
            run.perform(&produce).unwrap();
            if number % 100 == 99 {
                let before = run.model.log(&place).unwrap().end - 150;
                let place = place.clone();
                run.perform(&Command::DeleteRecords {
                    place,
                    before: before.max(0),
                })
                .unwrap();
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    run.read_everything().unwrap();
}

/// One fetch, from the start of the log if its place is gone.
fn read_on(wire: &mut Wire, place: &Place, offset: &mut i64) -> Option<(i64, Bytes)> {
    read_within(wire, &fetch(place, *offset), place, offset)
}

/// What a fetch of `offset` brings.
fn read_within(
    wire: &mut Wire,
    fetch: &Command,
    place: &Place,
    offset: &mut i64,
) -> Option<(i64, Bytes)> {
    match wire.perform(fetch) {
        Outcome::Fetched {
            code: 0,
            high_watermark,
            records,
            ..
        } => Some((high_watermark, records)),
        Outcome::Fetched { code: 1, .. } => {
            *offset = super::offset_at(wire, place, -2);
            None
        }
        other => panic!("{other:?}"),
    }
}

impl Cluster for Wire {
    fn perform(&mut self, command: &Command) -> Outcome {
        Wire::perform(self, command)
    }

    fn allows(&self, _event: crate::cluster::Event) -> bool {
        false
    }

    fn undergo(&mut self, event: crate::cluster::Event) {
        panic!("a connection cannot undergo {event:?}");
    }
}

/// Row 5: the same bytes on every read.
#[test]
fn row_05_a_batch_is_the_same_bytes_for_every_reader_at_every_time() {
    let seen: Mutex<BTreeMap<i64, Bytes>> = Mutex::default();
    while_appending(&[], |wire, place, is_over| {
        let mut offset = 0;
        while !is_over.load(Ordering::Relaxed) {
            let Some((_, records)) = read_on(wire, place, &mut offset) else {
                continue;
            };
            for batch in batches(&records) {
                let (header, batch) = batch.unwrap();
                let mut seen = seen.lock().unwrap();
                let before = seen.entry(header.base_offset.0);
                let before = before.or_insert_with(|| Bytes::copy_from_slice(batch));
                assert_eq!(before, batch, "at {}", header.base_offset);
                offset = header.next_offset().0;
            }
            if records.is_empty() {
                offset = 0;
            }
        }
    });
    assert!(seen.into_inner().unwrap().len() > 100);
}

/// Row 6: what is readable never becomes unreadable, and nothing behind it is
/// shown. With a sync for every append the watermark has something to wait for.
#[test]
fn row_06_the_high_watermark_never_goes_back_and_no_record_behind_it_is_read() {
    while_appending(&[("flush.messages", "1")], |wire, place, is_over| {
        let (mut offset, mut highest) = (0, 0);
        while !is_over.load(Ordering::Relaxed) {
            let Some((high_watermark, records)) = read_on(wire, place, &mut offset) else {
                continue;
            };
            assert!(
                high_watermark >= highest,
                "{high_watermark} after {highest}"
            );
            highest = high_watermark;
            for batch in batches(&records) {
                offset = batch.unwrap().0.next_offset().0;
                assert!(
                    offset <= high_watermark,
                    "{offset} is behind {high_watermark}"
                );
            }
        }
    });
}

/// A limit that ends inside of some batch, whatever their sizes.
const ODD_BYTES_MAX: i32 = 3_001;

/// Row 28: whole batches only, from the one that was asked for. Every reader
/// begins anew at the end, so that it also reads what only the files hold.
#[test]
fn row_28_reads_beside_appends_rolls_and_deletions_see_whole_batches() {
    while_appending(&[], |wire, place, is_over| {
        let mut offset = 0;
        while !is_over.load(Ordering::Relaxed) {
            let odd = Command::Fetch {
                place: place.clone(),
                offset,
                partition_bytes_max: ODD_BYTES_MAX,
                bytes_max: ODD_BYTES_MAX,
            };
            let Some((_, records)) = read_within(wire, &odd, place, &mut offset) else {
                continue;
            };
            if records.is_empty() {
                offset = super::offset_at(wire, place, -2);
            }
            let mut all = batches(&records);
            for batch in all.by_ref() {
                let (header, batch) = batch.unwrap();
                assert!(checksum_fits(batch), "at {}", header.base_offset);
                assert!(header.base_offset.0 <= offset && offset < header.next_offset().0);
                offset = header.next_offset().0;
            }
            assert!(all.rest().is_empty(), "half a batch behind {offset}");
        }
    });
}
