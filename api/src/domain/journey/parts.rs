//! How a journey's time divides among those who took part. The parts meet without a gap, so
//! their sum is the whole.

use serde::Serialize;
use social_events::{Moment, ProcessId};
use utoipa::ToSchema;

use super::{Passage, travel::millis};

/// One part of a journey.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Part {
    /// Whose: `api`, `relay`, `broker`, `push`, `browser`.
    pub name: &'static str,
    /// How long it took.
    pub millis: f64,
}

/// The parts known so far: request → committed → sent to the broker → fetched → accepted by a
/// push service → shown.
#[must_use]
pub fn parts(passage: &Passage, here: ProcessId) -> Vec<Part> {
    let clock = passage.push_clock(here);
    let journey = passage
        .outcome
        .as_ref()
        .and_then(|(outcome, _)| outcome.journey.as_ref());
    let fetched = clock
        .zip(journey)
        .map(|(clock, journey)| clock.at(journey.reading.fetched_at));
    let ends = [
        (
            "api",
            passage.answer.as_ref().map(|answer| answer.committed_at),
        ),
        ("relay", passage.produced.map(|(sent, _)| sent)),
        ("broker", fetched),
        ("push", passage.accepted(here).map(|(_, answered)| answered)),
        ("browser", passage.shown_at(here)),
    ];
    divide(passage.requested_at, ends)
}

/// An end that is before the one before it (a notification is sometimes shown before the push
/// service's answer is read) makes that part shorter, so that none is negative.
fn divide(start: Moment, ends: [(&'static str, Option<Moment>); 5]) -> Vec<Part> {
    let mut parts: Vec<(&'static str, Moment)> = Vec::new();
    for (name, end) in ends {
        let Some(end) = end else { continue };
        let end = end.max(start);
        for (_, earlier) in &mut parts {
            *earlier = (*earlier).min(end);
        }
        parts.push((name, end));
    }
    let mut from = start;
    let lasts = |(name, end): (&'static str, Moment)| {
        let part = Part {
            name,
            millis: millis(from.micros_until(end)),
        };
        from = end;
        part
    };
    parts.into_iter().map(lasts).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_part_is_negative_and_their_sum_is_the_whole(
            start in 0_i64..1_000_000, ends in prop::array::uniform5(prop::option::of(0_i64..2_000_000)),
        ) {
            let names = ["api", "relay", "broker", "push", "browser"];
            let moments = ends.map(|end| end.map(Moment::from_micros));
            let start = Moment::from_micros(start);
            let ends = [0, 1, 2, 3, 4].map(|place: usize| (names[place], moments[place]));
            let parts = divide(start, ends);
            prop_assert!(parts.iter().all(|part| part.millis >= 0.0));
            let sum: f64 = parts.iter().map(|part| part.millis).sum();
            let whole = moments.iter().flatten().next_back();
            let whole = whole.map_or(0.0, |end| millis(start.micros_until((*end).max(start))));
            prop_assert!((sum - whole).abs() < 1e-6, "{sum} of {whole}");
        }
    }
}
