//! Looking for events that were confirmed and are nowhere; and forgetting what is settled.
//!
//! An event is lost when the push service's group has committed past its record, the push service
//! does not know it, and the topic of outcomes, read to its end afterwards, has no outcome of it.
//! The order of looking is what makes a delay no false alarm:
//!
//! ```text
//!  1  published, no outcome            the database
//!  2  which are behind the commit?     the group's offsets: what is committed was stored before
//!  3  which of these are unknown?      the push service: it keeps an event until it has told of it
//!  4  are all outcomes read?           our own offsets on the topic of outcomes
//!  5  still no outcome: lost           the database
//! ```
//!
//! Whatever cannot be asked now leaves the event waiting.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use social_events::bus::GroupOffset;
use social_events::{
    EventId, Moment, SubscriptionReply, SubscriptionRequest, Timestamp, TraceParent, UserId, topics,
};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::Suspect;
use crate::outcomes;
use crate::store::{FORGET_BATCH, StoreError};

/// The group in which push services read events.
const PUSH_GROUP: &str = "social-server-push";
/// Younger events are not worth asking about.
const AGE_MIN: Duration = Duration::from_secs(1);
/// How many events are looked at together.
const BATCH: i64 = 500;
/// Journeys of settled events are kept this long …
const KEEP: Duration = Duration::from_hours(7 * 24);
/// … and at most so many events.
const KEEP_EVENTS: i64 = 100_000;
/// How often it is looked whether something may be forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// Why it could not be decided.
#[derive(Debug, thiserror::Error)]
enum Undecided {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bus(#[from] social_events::bus::BusError),
    #[error("the push service does not say what it knows: {0}")]
    PushService(#[from] crate::error::ApiError),
    #[error("the push service answers something else")]
    Reply,
}

/// Looks for lost events every `interval`, until `stop`.
pub(crate) async fn run(app: Arc<App>, interval: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        if let Err(reason) = look(&app).await {
            tracing::debug!(%reason, "whether events are lost cannot be said now");
        }
    }
}

/// Forgets settled events that are old or too many, until `stop`.
pub(crate) async fn housekeeping(app: Arc<App>, stop: CancellationToken) {
    loop {
        if let Err(error) = forget(&app).await {
            tracing::warn!(%error, "old journeys cannot be forgotten");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FORGET_EVERY) => {}
        }
    }
}

async fn forget(app: &App) -> Result<(), StoreError> {
    let before = Timestamp::from(Moment::now().before(KEEP));
    while app.store.forget(before, KEEP_EVENTS).await? == FORGET_BATCH.unsigned_abs() {}
    Ok(())
}

async fn look(app: &App) -> Result<(), Undecided> {
    let mut after = 0;
    loop {
        let before = Moment::now().before(AGE_MIN);
        let suspects = app.store.suspects(after, before, BATCH).await?;
        let Some(last) = suspects.last() else {
            return Ok(());
        };
        after = last.outbox_seq;
        let lost = lost_of(app, &suspects).await?;
        if !lost.is_empty() {
            tracing::error!(events = ?lost, "confirmed events are nowhere to be found");
            app.store.mark_lost(&lost).await?;
        }
    }
}

async fn lost_of(app: &App, suspects: &[Suspect]) -> Result<Vec<EventId>, Undecided> {
    let offsets = app.bus.group_offsets(PUSH_GROUP, topics::COMMENT_CREATED);
    let behind = behind_commit(suspects, &offsets.await?);
    if behind.is_empty() {
        return Ok(Vec::new());
    }
    let request = SubscriptionRequest::Known {
        user_id: UserId(0),
        event_ids: behind.clone(),
    };
    let asked = app
        .push_service
        .ask(request, TraceParent::random(), &app.metrics);
    let SubscriptionReply::Known { event_ids } = asked.await?.0 else {
        return Err(Undecided::Reply);
    };
    let lost = unknown(behind, event_ids);
    if lost.is_empty() {
        return Ok(lost);
    }
    let offsets = app.bus.group_offsets(outcomes::GROUP, topics::PUSH_OUTCOME);
    let all_read = all_read(&offsets.await?);
    Ok(if all_read { lost } else { Vec::new() })
}

/// The suspects that the group has committed past.
fn behind_commit(suspects: &[Suspect], offsets: &[GroupOffset]) -> Vec<EventId> {
    let committed: HashMap<_, _> = offsets
        .iter()
        .map(|offset| (offset.partition, offset.committed.unwrap_or(0)))
        .collect();
    let behind = suspects.iter().filter(|suspect| {
        let position = &suspect.position;
        committed
            .get(&position.partition)
            .is_some_and(|next| position.offset < *next)
    });
    behind.map(|suspect| suspect.event_id).collect()
}

fn unknown(mut asked: Vec<EventId>, known: Vec<EventId>) -> Vec<EventId> {
    let known: HashSet<_> = known.into_iter().collect();
    asked.retain(|event| !known.contains(event));
    asked
}

/// Nothing is committed in a partition that nothing was ever written to.
fn all_read(offsets: &[GroupOffset]) -> bool {
    offsets
        .iter()
        .all(|offset| offset.committed.unwrap_or(0) >= offset.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use social_events::bus::Position;

    use super::*;

    /// How far an event has come; each is one step that a process may be delayed before.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Stage {
        Published,
        /// The push service has stored it, unless it drops it.
        Stored,
        /// Its offset is committed.
        Committed,
        /// Its outcome is on the topic.
        Told,
        /// The API has read its outcome.
        Read,
    }

    const STAGES: [Stage; 5] = [
        Stage::Published,
        Stage::Stored,
        Stage::Committed,
        Stage::Told,
        Stage::Read,
    ];

    struct Event {
        id: EventId,
        offset: i64,
        dropped: bool,
        /// Whether the push service forgets it as soon as it has told of it.
        forgotten: bool,
        stage: usize,
    }

    impl Event {
        fn at(&self) -> Stage {
            STAGES[self.stage]
        }
    }

    /// One partition of events, whose offsets are committed in order.
    struct World {
        events: Vec<Event>,
        found: Vec<EventId>,
    }

    impl World {
        fn advance(&mut self, index: usize) {
            let index = index % self.events.len();
            let before_is_committed = self.events[..index]
                .iter()
                .all(|earlier| earlier.at() >= Stage::Committed);
            let event = &mut self.events[index];
            let commits = event.at() == Stage::Stored;
            let silent = event.dropped && event.at() == Stage::Committed;
            if (!commits || before_is_committed) && !silent && event.at() != Stage::Read {
                event.stage += 1;
            }
        }

        fn suspects(&self) -> Vec<Suspect> {
            let waiting = self
                .events
                .iter()
                .filter(|event| event.at() < Stage::Read && !self.found.contains(&event.id));
            let suspect = |event: &Event| Suspect {
                outbox_seq: event.offset,
                event_id: event.id,
                position: Position {
                    topic: topics::COMMENT_CREATED.into(),
                    partition: 0,
                    offset: event.offset,
                },
            };
            waiting.map(suspect).collect()
        }

        fn committed(&self) -> [GroupOffset; 1] {
            let committed = self
                .events
                .iter()
                .take_while(|event| event.at() >= Stage::Committed);
            let next = i64::try_from(committed.count()).unwrap();
            [GroupOffset {
                partition: 0,
                committed: Some(next),
                end: i64::MAX,
            }]
        }

        fn known(&self) -> Vec<EventId> {
            let known = self
                .events
                .iter()
                .filter(|event| event.at() >= Stage::Stored && !event.dropped)
                .filter(|event| !(event.forgotten && event.at() >= Stage::Told));
            known.map(|event| event.id).collect()
        }

        fn outcomes(&self) -> [GroupOffset; 1] {
            let count = |stage| {
                let events = self.events.iter().filter(|event| event.at() >= stage);
                i64::try_from(events.count()).unwrap()
            };
            [GroupOffset {
                partition: 0,
                committed: Some(count(Stage::Read)),
                end: count(Stage::Told),
            }]
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Other processes do anything between any two looks of the checker.
        #[test]
        fn only_what_was_dropped_is_found_and_all_of_it(
            fates in prop::collection::vec(any::<(bool, bool)>(), 1..6),
            turns in prop::collection::vec(prop::collection::vec(any::<usize>(), 0..4), 4..40),
        ) {
            let events = (0..).zip(&fates).map(|(offset, (dropped, forgotten))| Event {
                id: EventId::random(), offset, dropped: *dropped, forgotten: *forgotten, stage: 0,
            });
            let mut world = World { events: events.collect(), found: Vec::new() };
            let mut turns = turns.into_iter();
            let mut turn = |world: &mut World| {
                for index in turns.next().unwrap_or_else(|| (0..6).cycle().take(60).collect()) {
                    world.advance(index);
                }
            };
            for _ in 0..12 {
                let suspects = world.suspects();
                turn(&mut world);
                let behind = behind_commit(&suspects, &world.committed());
                turn(&mut world);
                let lost = unknown(behind, world.known());
                turn(&mut world);
                if all_read(&world.outcomes()) {
                    // Marking passes over what has had an outcome meanwhile.
                    let read = |id| world.events.iter().any(|event| event.id == id && event.at() == Stage::Read);
                    let lost: Vec<_> = lost.into_iter().filter(|id| !read(*id)).collect();
                    world.found.extend(lost);
                }
                turn(&mut world);
            }
            let truly: HashSet<_> = world.events.iter().filter(|event| event.dropped).map(|event| event.id).collect();
            let found: HashSet<_> = world.found.iter().copied().collect();
            prop_assert_eq!(found, truly);
        }
    }
}
