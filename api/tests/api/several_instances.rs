//! Instances that share a PostgreSQL. `TEST_POSTGRES` names the server; without it there is nothing
//! here to try, and CI always names one.

use std::sync::Arc;

use social_events::{Bus, topics};
use social_server_api::outbox::Relay;
use social_server_api::store::{Outbox, PostgresStore};
use sqlx::postgres::PgPoolOptions;

use crate::outbox::{comment, owner_with_post, published};
use crate::support::{TestApp, config, postgres};

async fn bus() -> Bus {
    let bus = Bus::local();
    bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
    bus
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_beside_each_other_publish_each_event_once_and_in_order() {
    let Some(address) = postgres() else { return };
    let bus = bus().await;
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(PostgresStore::open(&address).await.unwrap()));
    }
    let (owner, post) = owner_with_post(&*stores[0]).await;
    let relays = stores.iter().map(|store| {
        let relay = Relay::new(store.clone(), bus.clone());
        tokio::spawn(async move {
            for _ in 0..60 {
                relay.pass().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        })
    });
    let relays: Vec<_> = relays.collect();
    let mut expected = Vec::new();
    for number in 0..60 {
        expected.push(comment(&*stores[number % 3], owner, &post).await);
    }
    for relay in relays {
        relay.await.unwrap();
    }
    while stores[0].pending_count().await.unwrap() > 0 {
        Relay::new(stores[0].clone(), bus.clone())
            .pass()
            .await
            .unwrap();
    }
    let last = comment(&*stores[0], owner, &post).await;
    Relay::new(stores[0].clone(), bus.clone())
        .pass()
        .await
        .unwrap();
    expected.push(last);
    // One more than were written would stand between them.
    let records = published(&bus, topics::COMMENT_CREATED, expected.len()).await;
    let found: Vec<_> = records
        .iter()
        .map(|record| record.headers.event_id().unwrap())
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_event_that_is_committed_after_later_ones_were_published_is_published_too() {
    let Some(address) = postgres() else { return };
    let (store, bus) = (
        Arc::new(PostgresStore::open(&address).await.unwrap()),
        bus().await,
    );
    let (owner, post) = owner_with_post(&*store).await;
    let url = std::env::var("TEST_POSTGRES").unwrap();
    let other = PgPoolOptions::new().connect(&url).await.unwrap();
    let mut late = other.begin().await.unwrap();
    let insert = format!(
        "INSERT INTO {}.outbox (event_id, event_type, event_version, event_time, traceparent, topic,
                                record_key, payload)
         VALUES ('6f2c1f0e-4b1a-4d53-9c53-0d9d1f6d5a11', 'T', 1, 0, 't', '{}', '99', '{{}}')",
        address.schema(),
        topics::USER_UPDATED
    );
    sqlx::query(sqlx::AssertSqlSafe(insert))
        .execute(&mut *late)
        .await
        .unwrap();
    comment(&*store, owner, &post).await;
    let relay = Relay::new(store.clone(), bus.clone());
    assert_eq!(relay.pass().await.unwrap().published, 2);
    late.commit().await.unwrap();
    assert_eq!(relay.pass().await.unwrap().published, 1);
    assert_eq!(store.pending_count().await.unwrap(), 0);
}

#[tokio::test]
async fn who_logs_in_at_one_instance_is_known_to_the_other() {
    let config = config();
    if config.database.is_none() {
        return;
    }
    let bus = Bus::local();
    let one = TestApp::on(bus.clone(), config.clone()).await;
    let other = TestApp::on(bus, config).await;
    let user = one.join("one").await;
    let post = other.write_post(&user, "seen by both").await;
    let feed = one.get("/api/feed", &user).await.ok();
    assert_eq!(feed[0]["seq"].as_i64(), Some(post));
}
