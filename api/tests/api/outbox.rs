//! The outbox and its relay, through every point where the process may die.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use social_events::bus::{ConsumerSettings, Handled, Incoming};
use social_events::{Bus, EventId, Moment, Timestamp, TraceParent, UserId, topics};
use social_server_api::domain::{Contents, Email, Name, NewComment, NewUser, Post};
use social_server_api::outbox::{Pass, Relay};
use social_server_api::store::{Hold, Outbox, Published, SqliteStore, Store, StoreError, Taken};
use tokio::sync::mpsc;

use crate::support::{SOON, store};

/// The first `count` records of `topic`, in order per partition.
pub async fn published(bus: &Bus, topic: &str, count: usize) -> Vec<Arc<Incoming>> {
    bus.ensure_topics(&[topic]).await.unwrap();
    let (sender, mut records) = mpsc::unbounded_channel();
    let group = format!("test-{}", EventId::random());
    let consumer = bus.consume(ConsumerSettings::new(group, &[topic]), move |delivery| {
        sender.send(delivery.record).unwrap();
        async { Handled::Done }
    });
    let mut found = Vec::new();
    while found.len() < count {
        let record = tokio::time::timeout(SOON, records.recv()).await;
        found.push(record.expect("records in time").unwrap());
    }
    consumer.unwrap().shutdown(SOON).await;
    found
}

async fn user(store: &dyn Store, name: &str) -> UserId {
    let user = NewUser {
        name: Name::parse(name).unwrap(),
        email: Email::parse(&format!("{name}@test.kr")).unwrap(),
        password_hash: String::new(),
        image: None,
        at: Timestamp::now(),
        trace: TraceParent::random(),
    };
    store.add_user(user).await.unwrap().user.seq
}

async fn post(store: &dyn Store, writer: UserId) -> Post {
    let contents = Contents::parse("a post").unwrap();
    store
        .add_post(writer, &contents, Timestamp::now())
        .await
        .unwrap()
}

/// Somebody who has written a post.
pub async fn owner_with_post(store: &dyn Store) -> (UserId, Post) {
    let owner = user(store, "owner").await;
    let post = post(store, owner).await;
    (owner, post)
}

/// A comment of its own author's, and its event.
pub async fn comment(store: &dyn Store, owner: UserId, post: &Post) -> EventId {
    let comment = NewComment {
        post_writer: owner,
        post: post.seq,
        writer: owner,
        contents: Contents::parse("a comment").unwrap(),
        at: Timestamp::now(),
        requested_at: Moment::now(),
        trace: TraceParent::random(),
    };
    store.add_comment(comment).await.unwrap().unwrap().event.id
}

async fn bus() -> Bus {
    let bus = Bus::local();
    bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
    bus
}

/// A store whose marks fail the first times: the process died between the ack and the mark.
#[derive(Debug)]
struct Forgetful {
    store: Arc<dyn Store>,
    failures: AtomicU32,
}

#[async_trait]
impl Outbox for Forgetful {
    async fn take(&self, limit: i64) -> Result<Taken, StoreError> {
        let taken = self.store.take(limit).await?;
        let left = self.failures.load(Ordering::Relaxed);
        if left > 0 && !taken.events.is_empty() {
            self.failures.store(left - 1, Ordering::Relaxed);
            // What a dead process held is free a moment later; here it is so at once.
            taken.hold.settle(&[], &[]).await?;
            let hold = Box::new(Crash);
            return Ok(Taken { hold, ..taken });
        }
        Ok(taken)
    }

    async fn pending_count(&self) -> Result<i64, StoreError> {
        self.store.pending_count().await
    }
}

/// Marks nothing, as a process that dies before its mark.
struct Crash;

#[async_trait]
impl Hold for Crash {
    async fn settle(
        self: Box<Self>,
        _: &[Published],
        _: &[(i64, String)],
    ) -> Result<(), StoreError> {
        Err(StoreError::Unreadable("crash"))
    }
}

#[tokio::test]
async fn a_crash_between_ack_and_mark_repeats_the_event_under_the_same_id() {
    let (store, bus) = (store().await, bus().await);
    let owner = user(&*store, "owner").await;
    let post = post(&*store, owner).await;
    let event = comment(&*store, owner, &post).await;
    let forgetful = Forgetful {
        store: Arc::clone(&store),
        failures: AtomicU32::new(1),
    };
    let relay = Relay::new(Arc::new(forgetful), bus.clone());
    assert!(relay.pass().await.is_err());
    assert_eq!(relay.pass().await.unwrap().published, 2);
    assert_eq!(store.pending_count().await.unwrap(), 0);
    let records = published(&bus, topics::COMMENT_CREATED, 2).await;
    for record in records {
        assert_eq!(record.headers.event_id().unwrap(), event);
    }
    assert_eq!(relay.pass().await.unwrap(), Pass::default());
}

#[tokio::test]
async fn a_bus_that_refuses_keeps_every_event_in_order_until_it_takes_them() {
    let store = store().await;
    // No topics yet: every publish fails.
    let bus = Bus::local();
    let owner = user(&*store, "owner").await;
    let post = post(&*store, owner).await;
    let mut expected = Vec::new();
    for _ in 0..10 {
        expected.push(comment(&*store, owner, &post).await);
    }
    let relay = Relay::new(store.clone(), bus.clone());
    let blocked = relay.pass().await.unwrap();
    // One key on each of two topics: the event of having joined, and the comments.
    assert_eq!(
        blocked,
        Pass {
            blocked: 2,
            ..Pass::default()
        }
    );
    assert_eq!(store.pending_count().await.unwrap(), 11);
    bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
    assert_eq!(relay.pass().await.unwrap().published, 11);
    let records = published(&bus, topics::COMMENT_CREATED, 10).await;
    let ids: Vec<_> = records
        .iter()
        .map(|record| record.headers.event_id().unwrap())
        .collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn more_than_a_batch_is_published_in_order_per_key_and_once() {
    let (store, bus) = (store().await, bus().await);
    let mut expected: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
    let mut posts = Vec::new();
    for number in 0..3 {
        let owner = user(&*store, &format!("owner{number}")).await;
        posts.push((owner, post(&*store, owner).await));
    }
    for number in 0..600 {
        let (owner, post) = &posts[number % 3];
        let event = comment(&*store, *owner, post).await;
        expected.entry(owner.to_string()).or_default().push(event);
    }
    let relay = Relay::new(store.clone(), bus.clone());
    while relay.pass().await.unwrap() != Pass::default() {}
    let mut found: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
    for record in published(&bus, topics::COMMENT_CREATED, 600).await {
        let key = String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap();
        found
            .entry(key)
            .or_default()
            .push(record.headers.event_id().unwrap());
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_crash_point_loses_nothing() {
    // After each number of marks that fail, the events are there, each at least once.
    for failures in 0..4 {
        let (store, bus) = (store().await, bus().await);
        let owner = user(&*store, "owner").await;
        let post = post(&*store, owner).await;
        let mut expected = BTreeSet::new();
        let forgetful = Forgetful {
            store: store.clone(),
            failures: AtomicU32::new(failures),
        };
        let relay = Relay::new(Arc::new(forgetful), bus.clone());
        for _ in 0..5 {
            expected.insert(comment(&*store, owner, &post).await);
            let _died = relay.pass().await;
        }
        while store.pending_count().await.unwrap() > 0 {
            let _died = relay.pass().await;
        }
        // A pass that could not mark repeats all it had published: 1, then 1 and 2, and so on.
        let repeats: u32 = (0..=failures).sum();
        let count = 5 + usize::try_from(repeats).unwrap();
        let records = published(&bus, topics::COMMENT_CREATED, count).await;
        let found: BTreeSet<_> = records
            .iter()
            .map(|record| record.headers.event_id().unwrap())
            .collect();
        assert_eq!(found, expected, "{failures} failures");
    }
}

#[tokio::test]
async fn what_was_written_before_a_restart_is_published_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("api.db");
    let event = {
        let store = SqliteStore::open(&file).await.unwrap();
        let owner = user(&store, "owner").await;
        let post = post(&store, owner).await;
        let event = comment(&store, owner, &post).await;
        store.close().await;
        event
    };
    let (store, bus) = (
        Arc::new(SqliteStore::open(&file).await.unwrap()),
        bus().await,
    );
    Relay::new(store, bus.clone()).pass().await.unwrap();
    let records = published(&bus, topics::COMMENT_CREATED, 1).await;
    assert_eq!(records[0].headers.event_id().unwrap(), event);
}
