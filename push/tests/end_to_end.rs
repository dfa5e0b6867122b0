//! From an event on the bus to a text that the browser decrypted, and what may go wrong between.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use social_events::{UserId, topics};
use social_server_push::push_service::{Fault, FaultPlan};
use social_server_push::transport::{HttpTransport, Losing};
use support::{World, hears_nothing, next};

const AUTHOR: UserId = UserId(1);
const COMMENTER: UserId = UserId(2);

#[tokio::test]
async fn a_comment_reaches_the_authors_browser_word_for_word() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let event = world.comment(AUTHOR, COMMENTER, "민지").await;
    let expected = serde_json::json!({
        "title": "민지가 댓글을 달았어요.", "body": "한번 확인해 보세요.",
        "tag": event.to_string().replace('-', ""), "target": "/posts/7", "eventId": event,
        "userId": AUTHOR
    });
    assert_eq!(next(&mut browser).await, expected);
    let endpoint = &browser.identity().subscriptions()[0].endpoint;
    let line = format!("{endpoint} -> “민지가 코멘트를 달았습니다.”푸쉬발송");
    assert_eq!(*world.line().await, *line);
    let outcome = world.outcome().await;
    assert_eq!((outcome.event_id, outcome.accepted), (event, 1));
    assert_eq!(
        (outcome.gone, outcome.dead_lettered, outcome.folded),
        (0, 0, 0)
    );
    let steps: Vec<_> = outcome
        .steps
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(steps, ["received", "claimed", "sent", "accepted"]);
    assert!(outcome.steps.is_sorted_by_key(|step| step.at));
    let journey = outcome.journey.unwrap();
    let (reading, push) = (journey.reading, &journey.pushes[0]);
    let committed = journey.committed.unwrap();
    assert_eq!(reading.group, "social-server-push");
    assert!(reading.fetched_at <= reading.consumed_at && reading.consumed_at <= push.sent_at);
    assert!(push.sent_at <= push.answered_at && push.answered_at <= committed.at);
    assert_eq!(committed.next, 1);
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn every_device_of_the_author_gets_it_and_nobody_elses() {
    let mut world = World::new().await;
    let mut phone = world.browser(AUTHOR).await;
    let mut laptop = world.browser(AUTHOR).await;
    let mut other = world.browser(UserId(3)).await;
    world.comment(AUTHOR, COMMENTER, "영준").await;
    assert_eq!(next(&mut phone).await["title"], "영준이 댓글을 달았어요.");
    assert_eq!(next(&mut laptop).await["title"], "영준이 댓글을 달았어요.");
    assert_ne!(world.line().await, world.line().await);
    assert_eq!(world.outcome().await.accepted, 2);
    hears_nothing(&mut other).await;
}

#[tokio::test]
async fn a_comment_on_ones_own_post_is_neither_pushed_nor_printed() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let event = world.comment(AUTHOR, AUTHOR, "민지").await;
    let outcome = world.outcome().await;
    assert_eq!((outcome.event_id, outcome.accepted), (event, 0));
    hears_nothing(&mut browser).await;
    assert!(world.lines.try_recv().is_err());
}

#[tokio::test]
async fn somebody_who_joins_is_announced_to_everybody_else() {
    let mut world = World::new().await;
    let mut first = world.browser(UserId(1)).await;
    let mut second = world.browser(UserId(2)).await;
    let event = world.join(UserId(2), "민지").await;
    let expected = serde_json::json!({
        "title": "민지 Joined!", "body": "Please send welcome message", "tag": event.to_string().replace('-', ""),
        "target": "/friends/2", "eventId": event, "userId": 1
    });
    assert_eq!(next(&mut first).await, expected);
    assert_eq!(world.outcome().await.accepted, 1);
    hears_nothing(&mut second).await;
    assert!(world.lines.try_recv().is_err());
}

#[tokio::test]
async fn a_repeated_event_is_pushed_once_and_counted_as_folded() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let envelope = support::comment(AUTHOR, COMMENTER, "민지");
    world.bus.publish(envelope.to_record()).await.unwrap();
    assert_eq!(world.outcome().await.folded, 0);
    world.bus.publish(envelope.to_record()).await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!(
        (outcome.event_id, outcome.accepted, outcome.folded),
        (envelope.id, 1, 1)
    );
    next(&mut browser).await;
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn a_hundred_comments_arrive_in_order_and_none_is_missing() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let mut sent = Vec::new();
    for _ in 0..100 {
        sent.push(world.comment(AUTHOR, COMMENTER, "민지").await.to_string());
    }
    let mut heard = Vec::new();
    for _ in 0..100 {
        heard.push(
            next(&mut browser).await["eventId"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(heard, sent);
    for _ in 0..100 {
        assert_eq!(world.outcome().await.accepted, 1);
    }
}

#[tokio::test]
async fn one_lost_push_is_visible_at_the_receiver() {
    let real = HttpTransport::new(Duration::from_secs(5)).unwrap();
    let losing = Arc::new(Losing::after(3, real));
    let world = World::with(|config| social_server_push::Config {
        transport: Some(losing),
        ..config
    })
    .await;
    let mut browser = world.browser(AUTHOR).await;
    let mut sent = Vec::new();
    for _ in 0..10 {
        sent.push(world.comment(AUTHOR, COMMENTER, "민지").await.to_string());
    }
    let mut heard = Vec::new();
    for _ in 0..9 {
        heard.push(
            next(&mut browser).await["eventId"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    hears_nothing(&mut browser).await;
    let lost: Vec<_> = sent.iter().filter(|id| !heard.contains(id)).collect();
    assert_eq!(lost, [&sent[3]]);
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_removed_and_told() {
    for fault in [Fault::Gone, Fault::NotFound] {
        let mut world = World::new().await;
        let mut browser = world.browser(AUTHOR).await;
        world.browsers.faults.add(FaultPlan::times(fault, 1));
        world.comment(AUTHOR, COMMENTER, "민지").await;
        let outcome = world.outcome().await;
        assert_eq!((outcome.accepted, outcome.gone), (0, 1), "{fault:?}");
        assert_eq!(world.devices(AUTHOR).await, 0);
        world.comment(AUTHOR, COMMENTER, "민지").await;
        assert_eq!(world.outcome().await.accepted, 0);
        hears_nothing(&mut browser).await;
    }
}

#[tokio::test]
async fn a_browser_that_unsubscribed_is_found_out_by_the_next_push() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let channel_id = browser.identity().subscriptions()[0].channel_id.clone();
    browser.unregister(&channel_id).await.unwrap();
    world.comment(AUTHOR, COMMENTER, "민지").await;
    assert_eq!(world.outcome().await.gone, 1);
    assert_eq!(world.devices(AUTHOR).await, 0);
}

#[tokio::test]
async fn a_service_that_fails_twice_gets_the_push_at_the_third_try() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    world
        .browsers
        .faults
        .add(FaultPlan::times(Fault::ServerError, 2));
    let event = world.comment(AUTHOR, COMMENTER, "민지").await;
    assert_eq!(next(&mut browser).await["eventId"], event.to_string());
    assert_eq!(world.outcome().await.accepted, 1);
    world.line().await;
    assert!(
        world.lines.try_recv().is_err(),
        "the line is printed once, not per try"
    );
}

#[tokio::test]
async fn a_service_that_always_fails_costs_a_dead_letter_and_no_subscription() {
    let mut world = World::new().await;
    world.browser(AUTHOR).await;
    world
        .browsers
        .faults
        .add(FaultPlan::always(Fault::ServerError));
    let event = world.comment(AUTHOR, COMMENTER, "민지").await;
    let outcome = world.outcome().await;
    assert_eq!(
        (outcome.event_id, outcome.accepted, outcome.dead_lettered),
        (event, 0, 1)
    );
    assert_eq!(world.devices(AUTHOR).await, 1);
    let letters = world.dead_letters(topics::COMMENT_CREATED).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].headers.event_id().unwrap(), event);
    let cause = letters[0]
        .headers
        .last(social_events::headers::DLT_CAUSE)
        .unwrap();
    let cause = String::from_utf8_lossy(cause);
    assert!(
        cause.contains("failed at every try") && !cause.contains("http"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_throttled_endpoint_is_left_alone_for_as_long_as_it_asks() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let throttled = FaultPlan::times(Fault::Throttled, 1);
    world.browsers.faults.add(FaultPlan {
        retry_after_seconds: 1,
        ..throttled
    });
    let begun = std::time::Instant::now();
    world.comment(AUTHOR, COMMENTER, "민지").await;
    world.line().await;
    // A second comment meanwhile does not knock at the closed door either.
    world.comment(AUTHOR, COMMENTER, "영준").await;
    next(&mut browser).await;
    next(&mut browser).await;
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        world.outcome().await.accepted + world.outcome().await.accepted,
        2
    );
}

#[tokio::test]
async fn what_is_too_large_arrives_in_its_small_form() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    world
        .browsers
        .faults
        .add(FaultPlan::times(Fault::TooLarge, 1));
    let event = world.comment(AUTHOR, COMMENTER, "민지").await;
    let heard = next(&mut browser).await;
    assert_eq!(heard["eventId"], event.to_string());
    assert_eq!(heard.get("body"), None);
    assert_eq!(world.outcome().await.accepted, 1);
}

#[tokio::test]
async fn a_slow_service_is_a_timeout_and_another_try() {
    let mut world = World::with(|config| social_server_push::Config {
        answer_timeout: Duration::from_millis(200),
        ..config
    })
    .await;
    let mut browser = world.browser(AUTHOR).await;
    let slow = FaultPlan::times(Fault::Slow, 1);
    world.browsers.faults.add(FaultPlan {
        delay_ms: 2_000,
        ..slow
    });
    let event = world.comment(AUTHOR, COMMENTER, "민지").await;
    assert_eq!(next(&mut browser).await["eventId"], event.to_string());
    assert_eq!(world.outcome().await.accepted, 1);
}

#[tokio::test]
async fn a_service_that_hangs_does_not_hold_up_other_peoples_pushes() {
    let mut world = World::new().await;
    let _stuck = world.browser(AUTHOR).await;
    let mut others = Vec::new();
    // So many that one of them shares the first author's partition.
    for user in 3..9 {
        others.push((UserId(user), world.browser(UserId(user)).await));
    }
    let slow = FaultPlan::times(Fault::Slow, 1);
    world.browsers.faults.add(FaultPlan {
        delay_ms: 9_000,
        ..slow
    });
    world.comment(AUTHOR, COMMENTER, "민지").await;
    world.line().await;
    let begun = std::time::Instant::now();
    for (user, _) in &others {
        world.comment(*user, COMMENTER, "민지").await;
    }
    for (_, browser) in &mut others {
        next(browser).await;
    }
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(7), "{waited:?}");
}

#[tokio::test]
async fn a_refusal_alarms_keeps_the_subscription_and_is_not_repeated() {
    let mut world = World::new().await;
    // Subscribed for somebody else's key: the service answers 401 to ours.
    let stranger = social_server_push::vapid::VapidKeys::generate().unwrap();
    let mut browser = social_server_push::receiver::Receiver::connect(&world.browsers.socket_url())
        .await
        .unwrap();
    let subscription = browser.register(&stranger.public_key()).await.unwrap();
    world.subscribe(AUTHOR, &subscription).await;
    world.comment(AUTHOR, COMMENTER, "민지").await;
    assert_eq!(world.outcome().await.dead_lettered, 1);
    assert_eq!(world.devices(AUTHOR).await, 1);
    hears_nothing(&mut browser).await;
}

#[tokio::test]
async fn poison_goes_to_the_dead_letters_and_stops_nobody() {
    let mut world = World::new().await;
    let mut browser = world.browser(AUTHOR).await;
    let mut poison = support::comment(AUTHOR, COMMENTER, "민지").to_record();
    poison.value = "{not json".into();
    world.bus.publish(poison).await.unwrap();
    let event = world.comment(AUTHOR, COMMENTER, "민지").await;
    assert_eq!(next(&mut browser).await["eventId"], event.to_string());
    assert_eq!(world.outcome().await.accepted, 1);
    assert_eq!(world.dead_letters(topics::COMMENT_CREATED).await.len(), 1);
}

#[tokio::test]
async fn it_stops_in_order_and_in_time() {
    let world = World::new().await;
    let _browser = world.browser(AUTHOR).await;
    for _ in 0..20 {
        world.comment(AUTHOR, COMMENTER, "민지").await;
    }
    assert!(world.push.shutdown().await);
}
