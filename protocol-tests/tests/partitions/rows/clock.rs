//! Row 33: the wall clock decides nothing about order.

use std::time::Duration;

use super::{batch_at, fetch, offset_at, produce, with_topic};
use crate::back_ends::embedded::Embedded;
use crate::cluster::{Command, Event};

const TEN_YEARS: Duration = Duration::from_secs(3_652 * 86_400);

/// Row 33: a clock that jumps changes no offset, loses no record and takes no
/// batch from the future.
#[test]
fn row_33_a_clock_that_jumps_ten_years_changes_no_order_and_loses_nothing() {
    let (mut run, place) = with_topic(Embedded::on_disk(), &[]);
    run.perform(&produce(&place, &["before"])).unwrap();
    // From where the clock will be, which is the future still: refused.
    let ahead_ms = run.model.now_ms() + TEN_YEARS.as_millis() as i64;
    let from_ahead = Command::Produce {
        place: place.clone(),
        batch: batch_at(ahead_ms, &["ahead"]),
    };
    assert_eq!(run.perform(&from_ahead).unwrap().code(), 32);
    run.undergo(Event::Advance(TEN_YEARS)).unwrap();
    assert_eq!(run.perform(&from_ahead).unwrap().code(), 0);
    // Back again: a start reads the system's clock anew.
    run.undergo(Event::Restart).unwrap();
    run.perform(&produce(&place, &["after"])).unwrap();
    run.perform(&fetch(&place, 0)).unwrap();
    assert_eq!(offset_at(&mut run.cluster, &place, -1), 3);
}
