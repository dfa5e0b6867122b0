//! Requests about subscriptions, as the API sends them.
#![allow(clippy::unwrap_used)]

mod support;

use social_events::{
    Envelope, Refusal, RefusalReason, Secret, SubscriptionId, SubscriptionReply,
    SubscriptionRequest, UserId, topics,
};
use social_server_push::receiver::{Receiver, Subscription};
use support::{PATIENCE, World, hears_nothing, next};

async fn subscription(world: &World) -> (Receiver, Subscription) {
    let mut browser = Receiver::connect(&world.browsers.socket_url())
        .await
        .unwrap();
    let subscription = browser.register(&world.push.public_key).await.unwrap();
    (browser, subscription)
}

fn seq_of(reply: &SubscriptionReply) -> SubscriptionId {
    match reply {
        SubscriptionReply::Subscribed(stored) => stored.seq,
        other => panic!("{other:?}"),
    }
}

fn reason_of(reply: SubscriptionReply) -> (RefusalReason, String) {
    match reply {
        SubscriptionReply::Refused(Refusal { reason, message }) => (reason, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_stored_comes_back_whole_and_a_repeat_changes_nothing() {
    let world = World::new().await;
    let (_browser, subscription) = subscription(&world).await;
    let first = world.subscribe(UserId(1), &subscription).await;
    let SubscriptionReply::Subscribed(stored) = &first else {
        panic!("{first:?}")
    };
    assert_eq!(stored.user_id, UserId(1));
    assert_eq!(
        stored.notification_end_point.expose(),
        subscription.endpoint
    );
    assert_eq!(stored.public_key.expose(), subscription.p256dh);
    assert_eq!(stored.auth.expose(), subscription.auth);
    assert_eq!(world.subscribe(UserId(1), &subscription).await, first);
    assert_eq!(world.devices(UserId(1)).await, 1);
}

#[tokio::test]
async fn a_device_that_changes_its_user_moves_and_the_old_user_hears_nothing_there() {
    let world = World::new().await;
    let (mut browser, subscription) = subscription(&world).await;
    let before = seq_of(&world.subscribe(UserId(1), &subscription).await);
    let after = seq_of(&world.subscribe(UserId(2), &subscription).await);
    assert_ne!(before, after);
    assert_eq!(
        (
            world.devices(UserId(1)).await,
            world.devices(UserId(2)).await
        ),
        (0, 1)
    );
    world.comment(UserId(1), UserId(3), "민지").await;
    hears_nothing(&mut browser).await;
    world.comment(UserId(2), UserId(3), "민지").await;
    next(&mut browser).await;
}

#[tokio::test]
async fn only_its_owner_may_remove_a_subscription() {
    let world = World::new().await;
    let (_browser, subscription) = subscription(&world).await;
    let seq = seq_of(&world.subscribe(UserId(1), &subscription).await);
    let remove = |user| SubscriptionRequest::Unsubscribe { user_id: user, seq };
    assert_eq!(
        reason_of(world.ask(remove(UserId(2))).await).0,
        RefusalReason::NotFound
    );
    let gone = world.ask(remove(UserId(1))).await;
    assert_eq!(gone, SubscriptionReply::Unsubscribed { seq });
    assert_eq!(
        reason_of(world.ask(remove(UserId(1))).await).0,
        RefusalReason::NotFound
    );
}

#[tokio::test]
async fn the_list_is_newest_first_and_ones_own() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        let (_, subscription) = subscription(&world).await;
        expected.insert(0, seq_of(&world.subscribe(UserId(1), &subscription).await));
    }
    let (_, other) = subscription(&world).await;
    world.subscribe(UserId(2), &other).await;
    let reply = world
        .ask(SubscriptionRequest::List { user_id: UserId(1) })
        .await;
    let SubscriptionReply::Subscriptions { subscriptions } = reply else {
        panic!("{reply:?}")
    };
    let found: Vec<_> = subscriptions.iter().map(|each| each.seq).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_public_key_is_the_one_that_pushes_are_signed_with() {
    let world = World::new().await;
    let reply = world
        .ask(SubscriptionRequest::PublicKey { user_id: UserId(1) })
        .await;
    let public_key = world.push.public_key.clone();
    assert_eq!(reply, SubscriptionReply::PublicKey { public_key });
}

#[tokio::test]
async fn what_is_not_acceptable_is_refused_by_kind_and_stored_nowhere() {
    let world = World::new().await;
    let (_browser, good) = subscription(&world).await;
    let changed = |change: fn(&mut Subscription)| {
        let mut subscription = good.clone();
        change(&mut subscription);
        subscription
    };
    for (wrong, sentence) in [
        (
            changed(|s| s.endpoint = "http://169.254.169.254/latest".into()),
            "https://",
        ),
        (
            changed(|s| s.endpoint = "https://push.example/x".into()),
            "known push service",
        ),
        (changed(|s| s.endpoint = "x".repeat(3000)), "2048 bytes"),
        (changed(|s| s.p256dh = "AAAA".into()), "P-256"),
        (changed(|s| s.auth = "AAAA".into()), "16 bytes"),
    ] {
        let (reason, message) = reason_of(world.subscribe(UserId(1), &wrong).await);
        assert_eq!(reason, RefusalReason::Invalid);
        assert!(message.contains(sentence), "{message}");
    }
    assert_eq!(world.devices(UserId(1)).await, 0);
}

#[tokio::test]
async fn a_user_has_a_limited_number_of_devices() {
    let world = World::with(|config| social_server_push::Config {
        subscriptions_per_user_max: 2,
        ..config
    })
    .await;
    let (_, mine) = subscription(&world).await;
    world.subscribe(UserId(1), &mine).await;
    world
        .subscribe(UserId(1), &subscription(&world).await.1)
        .await;
    let (_, third) = subscription(&world).await;
    world.subscribe(UserId(2), &third).await;
    let (reason, message) = reason_of(world.subscribe(UserId(1), &third).await);
    assert_eq!(reason, RefusalReason::TooMany);
    assert!(message.contains('2'), "{message}");
    // What was refused changed nothing: the device still is the other user's.
    assert_eq!(
        (
            world.devices(UserId(1)).await,
            world.devices(UserId(2)).await
        ),
        (2, 1)
    );
    // One that is there already may be repeated at the limit.
    seq_of(&world.subscribe(UserId(1), &mine).await);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_answered_and_put_aside() {
    let world = World::new().await;
    let request = SubscriptionRequest::Subscribe {
        user_id: UserId(1),
        notification_end_point: Secret::new("x"),
        public_key: Secret::new("x"),
        auth: Secret::new("x"),
    };
    let mut record = Envelope::new(request, None).to_record();
    record.value = r#"{"action":"subscribe","userId":"one"}"#.into();
    let answered = world.requester.request(record, PATIENCE).await.unwrap();
    let reply = Envelope::parse(&answered.reply).unwrap().event;
    assert_eq!(reason_of(reply).0, RefusalReason::Invalid);
    assert_eq!(
        world.dead_letters(topics::SUBSCRIPTION_REQUEST).await.len(),
        1
    );
}
