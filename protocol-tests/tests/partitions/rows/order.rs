//! Rows 1, 2, 3, 19, 25 and 26: offsets, what lies at them, and who finds it.

use ottla::FaultyDisk;
use ottla_core::batch::Codec;
use protocol_tests::batches::{OwnedRecord, batch, records_of};

use super::{LONG_AGO_MS, fetch, list, place, produce, with_topic};
use crate::back_ends::embedded::Embedded;
use crate::cluster::{Command, Event, Outcome};
use crate::wire::Wire;

/// Row 1: send order is offset order, and nothing arrives where it was not sent.
#[test]
fn row_01_each_producers_records_lie_in_the_order_and_the_place_they_were_sent_to() {
    let (run, _) = with_topic(Embedded::in_memory(), &[]);
    let address = run.cluster.broker().address();
    std::thread::scope(|scope| {
        for producer in 0..4 {
            scope.spawn(move || {
                let mut wire = Wire::connect(address);
                for number in 0..100 {
                    let place = place(number % 2);
                    let value = format!("{} {producer} {number:03}", place.partition);
                    let outcome = wire.perform(&produce(&place, &[&value]));
                    assert_eq!(outcome.code(), 0);
                }
            });
        }
    });
    for partition in 0..2 {
        let mut wire = Wire::connect(address);
        let Outcome::Fetched { records, .. } = wire.perform(&fetch(&place(partition), 0)) else {
            panic!("a fetch is answered by a fetch");
        };
        let values = records_of(&records)
            .unwrap()
            .into_iter()
            .map(|(_, record)| String::from_utf8(record.value.unwrap()).unwrap());
        let values: Vec<String> = values.collect();
        assert_eq!(values.len(), 200);
        for producer in 0..4 {
            let prefix = format!("{partition} {producer} ");
            let of_one: Vec<&String> = values
                .iter()
                .filter(|value| value.starts_with(&prefix))
                .collect();
            assert_eq!(of_one.len(), 50, "some went elsewhere");
            assert!(of_one.is_sorted(), "{of_one:?}");
        }
    }
}

/// Row 2: each batch begins where the one before ends, also after a crash.
#[test]
fn row_02_offsets_are_dense_and_none_is_given_twice_over_crashes() {
    let disk = FaultyDisk::new();
    let (mut run, place) = with_topic(Embedded::on_faulty_disk(disk), &[("flush.messages", "1")]);
    for life in 0..4u64 {
        for count in [1, 3, 2] {
            run.perform(&produce(&place, &["a", "b", "c"][..count]))
                .unwrap();
        }
        run.undergo(Event::Crash(ottla::Loss::Torn { seed: life }))
            .unwrap();
    }
    assert_eq!(run.model.log(&place).unwrap().end, 24);
}

/// Row 3: an offset has one value, whoever reads it and when.
#[test]
fn row_03_every_reader_finds_the_same_value_at_an_offset_before_and_after_a_restart() {
    let (mut run, place) = with_topic(Embedded::on_disk(), &[]);
    for number in 0..20 {
        run.perform(&produce(&place, &[&format!("{number}"), "second"]))
            .unwrap();
    }
    let before = run.perform(&fetch(&place, 0)).unwrap();
    let mut other = Wire::connect(run.cluster.broker().address());
    assert_eq!(other.perform(&fetch(&place, 0)), before);
    run.undergo(Event::Restart).unwrap();
    assert_eq!(run.perform(&fetch(&place, 0)).unwrap(), before);
}

/// Row 19: a group goes on at its last commit, also after a restart.
#[test]
fn row_19_a_group_finds_its_last_commit_after_a_restart() {
    let (mut run, place) = with_topic(Embedded::on_disk(), &[]);
    run.perform(&produce(&place, &["a", "b", "c"])).unwrap();
    let group = "row-group".to_owned();
    for offset in [2, 1, 3] {
        let (group, place) = (group.clone(), place.clone());
        run.perform(&Command::Commit {
            group,
            place,
            offset,
        })
        .unwrap();
    }
    run.undergo(Event::Restart).unwrap();
    let outcome = run.perform(&Command::Committed { group, place }).unwrap();
    assert_eq!(outcome, Outcome::Committed { code: 0, offset: 3 });
}

/// Row 25: the first record that is not older, and the special values.
#[test]
fn row_25_a_timestamp_leads_to_the_first_record_that_is_not_older() {
    // An index of two entries is soon full: the newest record is not in the
    // last segment.
    let settings = [("index.interval.bytes", "1"), ("segment.index.bytes", "24")];
    let (mut run, place) = with_topic(Embedded::in_memory(), &settings);
    for (first, second) in [
        (30, 31),
        (10, 12),
        (10, 50),
        (40, 11),
        (20, 20),
        (10, 41),
        (13, 9),
    ] {
        let records = [first, second].map(|by| OwnedRecord::of_value(LONG_AGO_MS + by, "x"));
        let batch = batch(&records, Codec::None, None);
        let place = place.clone();
        run.perform(&Command::Produce { place, batch }).unwrap();
    }
    for by in [0, 10, 11, 12, 13, 30, 31, 32, 40, 41, 50, 51] {
        run.perform(&list(&place, LONG_AGO_MS + by)).unwrap();
    }
    for special in [-1, -2, -3, -4, -5] {
        run.perform(&list(&place, special)).unwrap();
    }
}

/// Row 26: at least one whole batch, above any limit; else within the limits.
#[test]
fn row_26_a_fetch_returns_one_whole_batch_above_the_limit_and_more_only_below_it() {
    let (mut run, place) = with_topic(Embedded::in_memory(), &[]);
    let long = "x".repeat(500);
    for _ in 0..10 {
        run.perform(&produce(&place, &[&long])).unwrap();
    }
    for limit in [0, 1, 100, 568, 1_000, 1_200, 1_800, 1 << 20] {
        for (partition_bytes_max, bytes_max) in [(limit, 1 << 20), (1 << 20, limit)] {
            let (place, offset) = (place.clone(), 4);
            run.perform(&Command::Fetch {
                place,
                offset,
                partition_bytes_max,
                bytes_max,
            })
            .unwrap();
        }
    }
}
