//! Rows 23 and 24: what goes with time, and what never does.

use std::time::{Duration, Instant};

use ottla_core::batch::Codec;
use protocol_tests::batches::{OwnedRecord, batch};

use super::{batch_at, fetch, offset_at, with_topic};
use crate::back_ends::embedded::Embedded;
use crate::cluster::{Command, Event};

/// How long the broker may take for what is due.
const PATIENCE: Duration = Duration::from_secs(20);

/// Row 24: the start goes forward only, never past the end, and everything
/// between the two can be read at every moment.
#[test]
fn row_24_retention_moves_the_start_forward_and_never_hides_what_it_keeps() {
    let (mut run, place) = with_topic(Embedded::in_memory(), &[("segment.ms", "1000")]);
    let topic = place.topic.clone();
    let hour_ms = 3_600_000;
    for hours in (1..=20).rev() {
        let batch = batch_at(run.model.now_ms() - hours * hour_ms, &["old", "older"]);
        let place = place.clone();
        run.perform(&Command::Produce { place, batch }).unwrap();
    }
    let (name, value) = ("retention.ms".to_owned(), (24 * hour_ms).to_string());
    run.perform(&Command::Configure { topic, name, value })
        .unwrap();
    let mut start = 0;
    for _ in 0..8 {
        run.undergo(Event::Advance(Duration::from_secs(3 * 3_600)))
            .unwrap();
        for _ in 0..20 {
            let now = offset_at(&mut run.cluster, &place, -2);
            assert!(now >= start, "{now} after {start}");
            start = now;
            // Judged: from there on nothing is out of range.
            run.perform(&fetch(&place, start)).unwrap();
            run.perform(&fetch(&place, 40)).unwrap();
        }
    }
    let began = Instant::now();
    while offset_at(&mut run.cluster, &place, -2) < 40 {
        assert!(began.elapsed() < PATIENCE, "what is too old stays");
        run.undergo(Event::Advance(Duration::from_secs(600)))
            .unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(offset_at(&mut run.cluster, &place, -1), 40, "the end stays");
}

/// Row 23: the last value of every key stays, at its offset, and the earlier
/// ones go.
#[test]
fn row_23_compaction_keeps_the_last_value_of_each_key_and_every_offset() {
    let settings = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("segment.ms", "1000"),
    ];
    let (mut run, place) = with_topic(Embedded::on_disk(), &settings);
    let began_ms = run.model.now_ms() - 1_000_000;
    for number in 0..60 {
        let record = OwnedRecord {
            key: Some(vec![b'a' + number % 4]),
            ..OwnedRecord::of_value(began_ms + i64::from(number) * 2_000, vec![number; 20])
        };
        let batch = batch(&[record], Codec::None, None);
        let place = place.clone();
        run.perform(&Command::Produce { place, batch }).unwrap();
    }
    let began = Instant::now();
    loop {
        run.undergo(Event::Advance(Duration::from_secs(60)))
            .unwrap();
        let left = run.read_log(&place).unwrap();
        // What lies in the last segment is not touched.
        if left.len() <= 10 {
            assert!(left.len() >= 4, "{left:?}");
            break;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{} records are left",
            left.len()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
