//! Stories about the store: claims, leases, restarts, what moves and what is forgotten. They are
//! told in SQLite, and in PostgreSQL where `TEST_POSTGRES` names a server.

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{Committed, Incoming, Record};
use social_events::headers::Headers;
use social_events::{
    CommentId, Envelope, EventId, PostId, ProcessId, PushOutcome, Reading, Secret, SubscriptionId,
    Timestamp, UserId, topics,
};
use social_postgres::Address;
use uuid::Uuid;

use crate::endpoint::{EndpointPolicy, HostRule};
use crate::keys::{BrowserKeys, encode};
use crate::notification::Notification;
use crate::pusher::later;
use crate::store::{
    Audience, Claimed, NewPush, NewSubscription, Outgoing, PostgresStore, PushId, Settlement,
    SqliteStore, Store, Subscribed, Tried,
};

const USER: UserId = UserId(1);
const T0: Timestamp = Timestamp::from_millis(1_000_000);
/// When everything has waited long enough.
const FAR: Timestamp = Timestamp::from_millis(i64::MAX);
const LEASE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    later(T0, Duration::from_secs(seconds))
}

fn device(user: UserId, name: &str) -> NewSubscription {
    let (pair, auth) = ece::generate_keypair_and_auth_secret().unwrap();
    let p256dh = encode(&pair.pub_as_raw().unwrap());
    let endpoint = EndpointPolicy::new(HostRule::Public)
        .check(&format!("https://push.example/{name}"))
        .unwrap();
    NewSubscription {
        user_id: user,
        endpoint,
        keys: BrowserKeys::parse(&p256dh, &encode(&auth)).unwrap(),
    }
}

fn event() -> NewPush {
    let event_id = EventId::random();
    let record = Record {
        topic: topics::COMMENT_CREATED.to_owned(),
        partition: None,
        key: Some("1".into()),
        value: "{}".into(),
        headers: Headers::new(),
    };
    NewPush {
        event_id,
        audience: Audience::User(USER),
        notified: USER,
        comment_id: Some(CommentId(9)),
        console_name: Some("민지".to_owned()),
        notification: Notification::comment(event_id, PostId(7), "민지"),
        record: Incoming::at(record, 2, 11, T0),
        reading: Reading {
            process: ProcessId::random(),
            group: "social-server-push".to_owned(),
            member: None,
            generation: None,
            fetched_at: T0.into(),
            waited_us: Some(5),
            consumed_at: T0.into(),
        },
        received_at: T0,
        expires_at: at(3600),
    }
}

fn tried(seconds: u64) -> Tried {
    let now = at(seconds).into();
    Tried {
        claimed_at: now,
        sent_at: now,
        answered_at: now,
        status: Some(201),
        endpoint: Some(Secret::new("https://push.example/phone-whole")),
    }
}

/// An empty database: in memory; in a schema of its own on the server that `TEST_POSTGRES` names,
/// if it does.
pub(crate) async fn empty() -> Arc<dyn Store> {
    let Ok(url) = std::env::var("TEST_POSTGRES") else {
        return Arc::new(SqliteStore::in_memory().await.unwrap());
    };
    let schema = format!("push_{}", Uuid::new_v4().simple());
    let address = Address::parse(&url, &schema).unwrap();
    Arc::new(PostgresStore::open(&address).await.unwrap())
}

/// What may be published of `store`, taken and given back.
async fn outbox(store: &dyn Store, limit: u32, stale_before: Timestamp) -> Vec<Outgoing> {
    let outbox = store.outbox(limit, stale_before).await.unwrap();
    let outbox = outbox.expect("nobody else publishes");
    outbox.hold.published(&[]).await.unwrap();
    outbox.records
}

async fn published(store: &dyn Store, seqs: &[i64]) {
    let outbox = store.outbox(100, FAR).await.unwrap();
    outbox.unwrap().hold.published(seqs).await.unwrap();
}

struct Story {
    store: Arc<dyn Store>,
    worker: ProcessId,
    push: PushId,
}

impl Story {
    /// One device, one event for it.
    async fn begin() -> Self {
        Self::begin_in(empty().await).await
    }

    async fn begin_in(store: Arc<dyn Store>) -> Self {
        let stored = store
            .subscribe(&device(USER, "phone"), 10, T0)
            .await
            .unwrap();
        let Subscribed::Stored(subscription) = stored else {
            panic!("{stored:?}")
        };
        let event = event();
        store.begin(&event).await.unwrap();
        let push = PushId {
            event_id: event.event_id,
            subscription_id: subscription.seq,
        };
        Self {
            store,
            worker: ProcessId::random(),
            push,
        }
    }

    async fn claim(&self, seconds: u64) -> Option<Claimed> {
        let now = at(seconds);
        self.store
            .claim(self.push, self.worker, now, later(now, LEASE))
            .await
            .unwrap()
    }

    async fn settle(&self, seconds: u64, settlement: Settlement) {
        self.store
            .settle(self.push, self.worker, &tried(seconds), &settlement)
            .await
            .unwrap();
    }

    async fn outbox(&self) -> Vec<Record> {
        let waiting = outbox(&*self.store, 100, FAR).await;
        waiting.into_iter().map(|waiting| waiting.record).collect()
    }
}

#[tokio::test]
async fn a_push_is_in_one_pair_of_hands() {
    let story = Story::begin().await;
    assert!(story.claim(0).await.is_some());
    assert!(story.claim(1).await.is_none());
    assert!(story.store.due(at(1), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_many_that_claim_at_once_one_gets_it() {
    let story = Story::begin().await;
    let claims = futures_util::future::join_all((0..50).map(|_| story.claim(0))).await;
    assert_eq!(claims.iter().flatten().count(), 1);
}

#[tokio::test]
async fn a_claim_that_nobody_settles_is_void_after_its_lease() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    assert!(story.claim(59).await.is_none());
    assert_eq!(story.store.due(at(60), 10).await.unwrap(), [story.push]);
    assert!(story.claim(60).await.is_some());
}

#[tokio::test]
async fn what_is_settled_is_never_claimed_again() {
    for end in [
        Settlement::Accepted,
        Settlement::Gone,
        Settlement::Dead { cause: "x".into() },
    ] {
        let story = Story::begin().await;
        story.claim(0).await.unwrap();
        story.settle(1, end).await;
        assert!(story.claim(100_000).await.is_none());
        assert_eq!(story.store.next_due().await.unwrap(), None);
    }
}

#[tokio::test]
async fn whoever_settles_after_the_lease_changes_nothing_any_more() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    story.claim(60).await.unwrap();
    story.settle(61, Settlement::Accepted).await;
    story.settle(62, Settlement::Gone).await;
    assert_eq!(story.outbox().await.len(), 1);
    assert_eq!(story.store.subscriptions_of(USER).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_put_off_is_due_at_its_time_and_counts_its_tries() {
    let story = Story::begin().await;
    assert_eq!(story.claim(0).await.unwrap().tries, 0);
    story
        .settle(
            1,
            Settlement::Later {
                at: at(10),
                endpoint_too: false,
            },
        )
        .await;
    assert_eq!(story.store.next_due().await.unwrap(), Some(at(10)));
    assert!(story.claim(9).await.is_none());
    assert_eq!(story.claim(10).await.unwrap().tries, 1);
    assert!(
        story.outbox().await.is_empty(),
        "an event under way has no outcome yet"
    );
}

#[tokio::test]
async fn a_throttled_endpoint_rests_for_old_and_new_events() {
    let story = Story::begin().await;
    let other = event();
    story.store.begin(&other).await.unwrap();
    story.claim(0).await.unwrap();
    story
        .settle(
            1,
            Settlement::Later {
                at: at(30),
                endpoint_too: true,
            },
        )
        .await;
    story.store.begin(&event()).await.unwrap();
    assert!(story.store.due(at(29), 10).await.unwrap().is_empty());
    assert_eq!(story.store.due(at(30), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_worker_that_is_gone_loses_its_claims_at_once() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    let next = ProcessId::random();
    assert_eq!(story.store.keep_alive(next, at(5)).await.unwrap(), 1);
    assert_eq!(story.store.due(at(5), 10).await.unwrap(), [story.push]);
    // It was only slow, and comes late: nobody listens to it any more.
    story
        .store
        .claim(story.push, next, at(5), at(65))
        .await
        .unwrap()
        .unwrap();
    story.settle(6, Settlement::Gone).await;
    assert_eq!(story.store.subscriptions_of(USER).await.unwrap().len(), 1);
    assert!(story.outbox().await.is_empty());
}

#[tokio::test]
async fn a_workers_own_claims_survive_its_heartbeat() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    let freed = story.store.keep_alive(story.worker, at(5)).await.unwrap();
    assert_eq!(freed, 0);
    assert!(story.claim(6).await.is_none());
}

#[tokio::test]
async fn a_push_for_a_device_that_moved_finds_no_subscription() {
    let story = Story::begin().await;
    let mut moved = device(UserId(2), "phone");
    moved.keys = device(UserId(2), "x").keys;
    story.store.subscribe(&moved, 10, at(1)).await.unwrap();
    assert_eq!(story.claim(2).await.unwrap().subscription, None);
}

#[tokio::test]
async fn the_number_of_a_removed_subscription_is_never_given_again() {
    let story = Story::begin().await;
    assert!(
        story
            .store
            .unsubscribe(USER, story.push.subscription_id)
            .await
            .unwrap()
    );
    story
        .store
        .subscribe(&device(USER, "laptop"), 10, at(1))
        .await
        .unwrap();
    assert_eq!(story.claim(2).await.unwrap().subscription, None);
}

#[tokio::test]
async fn a_dead_letter_and_the_outcome_leave_together() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    story
        .settle(
            1,
            Settlement::Dead {
                cause: "no answer".to_owned(),
            },
        )
        .await;
    let topics: Vec<_> = story
        .outbox()
        .await
        .into_iter()
        .map(|record| record.topic)
        .collect();
    assert_eq!(
        topics,
        [
            topics::dead_letter(topics::COMMENT_CREATED).as_str(),
            topics::PUSH_OUTCOME
        ]
    );
}

#[tokio::test]
async fn an_event_for_nobody_is_settled_at_once() {
    let store = empty().await;
    store
        .begin(&NewPush {
            audience: Audience::Nobody,
            ..event()
        })
        .await
        .unwrap();
    assert_eq!(outbox(&*store, 10, FAR).await.len(), 1);
}

#[tokio::test]
async fn whoever_subscribes_after_an_event_gets_nothing_of_its_repeat() {
    let store = empty().await;
    let event = event();
    store.begin(&event).await.unwrap();
    store
        .subscribe(&device(USER, "late"), 10, at(1))
        .await
        .unwrap();
    store.begin(&event).await.unwrap();
    assert!(store.due(at(100), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_what_was_settled_long_ago_is_forgotten() {
    let story = Story::begin().await;
    story.store.begin(&event()).await.unwrap();
    story.claim(0).await.unwrap();
    story.settle(10, Settlement::Accepted).await;
    assert_eq!(story.store.prune(at(10)).await.unwrap(), 0);
    assert_eq!(story.store.prune(at(11)).await.unwrap(), 1);
    assert_eq!(
        story.store.due(at(100), 10).await.unwrap().len(),
        1,
        "the other is under way"
    );
}

#[tokio::test]
async fn the_outbox_keeps_its_order_and_forgets_what_was_published() {
    let store = empty().await;
    for _ in 0..3 {
        store
            .begin(&NewPush {
                audience: Audience::Nobody,
                ..event()
            })
            .await
            .unwrap();
    }
    let waiting = outbox(&*store, 10, FAR).await;
    assert!(waiting.is_sorted_by_key(|outgoing| outgoing.seq));
    published(&*store, &[waiting[0].seq, waiting[1].seq]).await;
    assert_eq!(outbox(&*store, 10, FAR).await, waiting[2..]);
}

#[tokio::test]
async fn pages_go_through_everybody() {
    let store = empty().await;
    for number in 0..5 {
        store
            .subscribe(&device(UserId(number), &number.to_string()), 10, T0)
            .await
            .unwrap();
    }
    let first = store.subscriptions(SubscriptionId(0), 3).await.unwrap();
    let rest = store.subscriptions(first[2].seq, 3).await.unwrap();
    assert_eq!((first.len(), rest.len()), (3, 2));
}

fn committed(next: i64) -> [Committed; 1] {
    [Committed {
        topic: topics::COMMENT_CREATED.to_owned(),
        partition: 2,
        next,
        at: T0.into(),
    }]
}

#[tokio::test]
async fn an_outcome_waits_for_the_commit_of_its_events_offset() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    story.settle(1, Settlement::Accepted).await;
    // The record was at offset 11.
    assert!(outbox(&*story.store, 9, T0).await.is_empty());
    story.store.committed(&committed(11)).await.unwrap();
    assert!(outbox(&*story.store, 9, T0).await.is_empty());
    story.store.committed(&committed(12)).await.unwrap();
    let told = outbox(&*story.store, 9, T0).await;
    assert_eq!(told[0].committed.unwrap().next, 12);
    published(&*story.store, &[told[0].seq]).await;
    assert!(story.outbox().await.is_empty());
}

#[tokio::test]
async fn an_outcome_whose_commit_nobody_tells_goes_without_after_a_while() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    story.settle(1, Settlement::Accepted).await;
    assert!(outbox(&*story.store, 9, at(1)).await.is_empty());
    let told = outbox(&*story.store, 9, at(2)).await;
    assert_eq!((told.len(), told[0].committed), (1, None));
}

#[tokio::test]
async fn an_outcome_tells_the_whole_journey_and_hides_the_endpoint_from_logs() {
    let story = Story::begin().await;
    story.claim(0).await.unwrap();
    story.settle(1, Settlement::Accepted).await;
    let record = story.outbox().await.pop().unwrap();
    let outcome = Envelope::<PushOutcome>::parse(&Incoming::at(record, 0, 0, T0)).unwrap();
    let journey = outcome.event.journey.unwrap();
    assert_eq!(journey.notice.title, "민지가 댓글을 달았어요.");
    assert_eq!(journey.reading.waited_us, Some(5));
    let push = &journey.pushes[0];
    assert_eq!((push.status, push.tries), (Some(201), 1));
    assert_eq!(
        push.endpoint_shown.as_deref(),
        Some("https://push.example/…hole")
    );
    let line = push.console_line.as_ref().unwrap().expose();
    assert_eq!(
        line,
        "https://push.example/phone-whole -> “민지가 코멘트를 달았습니다.”푸쉬발송"
    );
    assert!(!format!("{journey:?}").contains("phone-whole"));
}

#[tokio::test]
async fn an_event_is_known_from_its_arrival_on() {
    let story = Story::begin().await;
    let stranger = EventId::random();
    let known = story.store.known(&[stranger, story.push.event_id]).await;
    assert_eq!(known.unwrap(), [story.push.event_id]);
}
