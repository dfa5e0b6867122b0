//! One check for each property of partitions, by its number, small enough to
//! be read as the property: scripts of [`crate::state_machine`] find the corner
//! cases, these say what the case is.

mod clock;
mod concurrent;
mod disk;
mod order;
mod retention;

use bytes::Bytes;
use ottla_core::batch::Codec;
use protocol_tests::batches::{OwnedRecord, batch};

use crate::back_ends::embedded::Embedded;
use crate::cluster::{Cluster, Command, Outcome, Place};
use crate::script::Run;

/// A millisecond that is long over.
const LONG_AGO_MS: i64 = 1_750_000_000_000;

/// A run on a cluster with one topic.
fn with_topic(cluster: Embedded, settings: &[(&str, &str)]) -> (Run<Embedded>, Place) {
    let mut run = Run::on(cluster, "row");
    let all = [("retention.ms", "-1")].iter().chain(settings);
    let settings = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let topic = "row".to_owned();
    let settings = settings.collect();
    run.perform(&Command::CreateTopic { topic, settings })
        .unwrap();
    (run, place(0))
}

fn place(partition: i32) -> Place {
    Place {
        topic: "row".to_owned(),
        partition,
    }
}

fn batch_at(timestamp_ms: i64, values: &[&str]) -> Bytes {
    let records: Vec<OwnedRecord> = values
        .iter()
        .map(|value| OwnedRecord::of_value(timestamp_ms, *value))
        .collect();
    batch(&records, Codec::None, None)
}

fn produce(place: &Place, values: &[&str]) -> Command {
    let batch = batch_at(LONG_AGO_MS, values);
    let place = place.clone();
    Command::Produce { place, batch }
}

fn fetch(place: &Place, offset: i64) -> Command {
    Command::Fetch {
        place: place.clone(),
        offset,
        partition_bytes_max: 1 << 20,
        bytes_max: 1 << 20,
    }
}

fn list(place: &Place, timestamp: i64) -> Command {
    let place = place.clone();
    Command::ListOffsets { place, timestamp }
}

/// Where a log starts or ends.
fn offset_at(cluster: &mut impl Cluster, place: &Place, timestamp: i64) -> i64 {
    match cluster.perform(&list(place, timestamp)) {
        Outcome::Listed {
            code: 0, offset, ..
        } => offset,
        other => panic!("{other:?}"),
    }
}
