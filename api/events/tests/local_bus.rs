//! The local bus keeps the promises of the bus.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use social_events::bus::{ConsumerSettings, Delivery, Handled, PublishError, Record, RequestError};
use social_events::headers::{self, Headers};
use social_events::{
    Bus, Envelope, SubscriptionReply, SubscriptionRequest, UserId, UserJoined, topics,
};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(10);

fn joined(user: i64) -> Record {
    let event = UserJoined {
        user_id: UserId(user),
        name: format!("user{user}"),
    };
    Envelope::new(event, None).to_record()
}

async fn with_topics() -> Bus {
    let bus = Bus::local();
    bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
    bus.ensure_topics(topics::OWNED_BY_PUSH).await.unwrap();
    bus
}

fn user_of(delivery: &Delivery) -> i64 {
    Envelope::<UserJoined>::parse(&delivery.record)
        .unwrap()
        .event
        .user_id
        .0
}

#[tokio::test]
async fn a_topic_that_was_not_created_cannot_be_published_to() {
    let error = Bus::local().publish(joined(1)).await.unwrap_err();
    assert!(matches!(error, PublishError::UnknownTopic(_)), "{error}");
}

#[tokio::test]
async fn records_of_one_key_share_a_partition_and_keep_their_order() {
    let bus = with_topics().await;
    let mut last = None;
    for _ in 0..10 {
        let position = bus.publish(joined(1)).await.unwrap();
        if let Some((partition, offset)) = last {
            assert_eq!(
                (position.partition, position.offset),
                (partition, offset + 1)
            );
        }
        last = Some((position.partition, position.offset));
    }
}

#[tokio::test]
async fn every_group_gets_every_record_and_of_a_group_one_member() {
    let bus = with_topics().await;
    let counts = Arc::new(Mutex::new([0; 3]));
    let consumers: Vec<_> = ["a", "a", "b"]
        .into_iter()
        .enumerate()
        .map(|(member, group)| {
            let counts = Arc::clone(&counts);
            let settings = ConsumerSettings::new(group, &[topics::USER_JOINED]);
            bus.consume(settings, move |_| {
                counts.lock().unwrap()[member] += 1;
                async { Handled::Done }
            })
            .unwrap()
        })
        .collect();
    for user in 0..50 {
        bus.publish(joined(user)).await.unwrap();
    }
    tokio::time::timeout(SOON, async {
        loop {
            let [one, two, other] = *counts.lock().unwrap();
            if one + two == 50 && other == 50 {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    for consumer in consumers {
        assert!(consumer.shutdown(SOON).await);
    }
}

#[tokio::test]
async fn a_group_that_comes_back_goes_on_where_it_was() {
    let bus = with_topics().await;
    let settings = || ConsumerSettings::new("g", &[topics::USER_JOINED]);
    let (sender, mut seen) = mpsc::unbounded_channel();
    let start = || {
        let sender = sender.clone();
        bus.consume(settings(), move |delivery| {
            sender.send(user_of(&delivery)).unwrap();
            async { Handled::Done }
        })
        .unwrap()
    };
    let first = start();
    bus.publish(joined(1)).await.unwrap();
    assert_eq!(seen.recv().await, Some(1));
    assert!(first.shutdown(SOON).await);
    bus.publish(joined(2)).await.unwrap();
    let second = start();
    assert_eq!(seen.recv().await, Some(2));
    assert!(second.shutdown(SOON).await);
}

#[tokio::test]
async fn a_record_whose_handling_was_cut_short_is_handled_by_the_next_member() {
    let bus = with_topics().await;
    let settings = || ConsumerSettings::new("g", &[topics::USER_JOINED]);
    let (sender, mut tried) = mpsc::unbounded_channel();
    let first = bus
        .consume(settings(), move |delivery| {
            sender.send(user_of(&delivery)).unwrap();
            let after = Duration::from_secs(60);
            async move {
                Handled::Retry {
                    after,
                    cause: "not yet".into(),
                }
            }
        })
        .unwrap();
    bus.publish(joined(1)).await.unwrap();
    assert_eq!(tried.recv().await, Some(1));
    assert!(first.shutdown(SOON).await);

    let (sender, mut seen) = mpsc::unbounded_channel();
    let second = bus
        .consume(settings(), move |delivery| {
            sender.send(user_of(&delivery)).unwrap();
            async { Handled::Done }
        })
        .unwrap();
    let again = tokio::time::timeout(SOON, seen.recv()).await;
    assert_eq!(again.expect("the record comes again"), Some(1));
    assert!(second.shutdown(SOON).await);
}

#[tokio::test]
async fn a_record_is_tried_again_and_its_offset_waits_for_it() {
    let bus = with_topics().await;
    let (sender, mut attempts) = mpsc::unbounded_channel();
    let settings = ConsumerSettings::new("g", &[topics::USER_JOINED]);
    let consumer = bus
        .consume(settings, move |delivery: Delivery| {
            sender.send((user_of(&delivery), delivery.attempt)).unwrap();
            let again = Handled::Retry {
                after: Duration::from_millis(1),
                cause: "not yet".into(),
            };
            async move {
                if delivery.attempt < 3 {
                    again
                } else {
                    Handled::Done
                }
            }
        })
        .unwrap();
    bus.publish(joined(1)).await.unwrap();
    bus.publish(joined(1)).await.unwrap();
    for expected in [(1, 1), (1, 2), (1, 3), (1, 1)] {
        assert_eq!(attempts.recv().await, Some(expected));
    }
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn poison_and_panics_go_to_the_dead_letter_topic_and_the_next_record_is_handled() {
    let bus = with_topics().await;
    let dead = topics::dead_letter(topics::USER_JOINED);
    let (sender, mut letters) = mpsc::unbounded_channel();
    let reader = bus
        .consume(ConsumerSettings::new("dead", &[&dead]), move |delivery| {
            sender.send(delivery.record).unwrap();
            async { Handled::Done }
        })
        .unwrap();
    let (sender, mut handled) = mpsc::unbounded_channel();
    let consumer = bus
        .consume(
            ConsumerSettings::new("g", &[topics::USER_JOINED]),
            move |delivery| {
                let sender = sender.clone();
                async move {
                    match &delivery.record.value[..] {
                        b"poison" => Handled::DeadLetter {
                            cause: "not JSON".into(),
                        },
                        b"panic" => panic!("a handler's mistake"),
                        _ => {
                            sender.send(()).unwrap();
                            Handled::Done
                        }
                    }
                }
            },
        )
        .unwrap();
    for value in ["poison", "panic", "good"] {
        let mut record = joined(1);
        record.value = value.into();
        bus.publish(record).await.unwrap();
    }
    handled.recv().await.unwrap();
    for (value, cause) in [("poison", "not JSON"), ("panic", "the handler panicked")] {
        let letter = letters.recv().await.unwrap();
        assert_eq!(letter.value, value);
        assert_eq!(letter.headers.last(headers::DLT_CAUSE).unwrap(), cause);
    }
    assert!(consumer.shutdown(SOON).await);
    assert!(reader.shutdown(SOON).await);
}

fn ask(user: i64) -> Record {
    Envelope::new(
        SubscriptionRequest::List {
            user_id: UserId(user),
        },
        None,
    )
    .to_record()
}

#[tokio::test]
async fn of_two_requesters_each_gets_the_replies_to_its_own_requests() {
    let bus = with_topics().await;
    let replier = bus.clone();
    let consumer = bus
        .consume(
            ConsumerSettings::new("push", &[topics::SUBSCRIPTION_REQUEST]),
            move |delivery| {
                let bus = replier.clone();
                async move {
                    let asked = Envelope::<SubscriptionRequest>::parse(&delivery.record).unwrap();
                    let seq = social_events::SubscriptionId(asked.event.user_id().0);
                    let reply = Envelope::new(SubscriptionReply::Unsubscribed { seq }, asked.trace);
                    bus.publish(delivery.record.reply(&reply).unwrap())
                        .await
                        .unwrap();
                    Handled::Done
                }
            },
        )
        .unwrap();
    let requesters = [0, 1].map(|_| bus.requester(topics::SUBSCRIPTION_RESPONSE).unwrap());
    for user in 0..20 {
        let requester = &requesters[usize::try_from(user).unwrap() % 2];
        let answered = requester.request(ask(user), SOON).await.unwrap();
        let reply = Envelope::<SubscriptionReply>::parse(&answered.reply)
            .unwrap()
            .event;
        let seq = social_events::SubscriptionId(user);
        assert_eq!(reply, SubscriptionReply::Unsubscribed { seq });
        assert_eq!(answered.request.topic, topics::SUBSCRIPTION_REQUEST);
        assert_eq!(answered.reply.position.topic, topics::SUBSCRIPTION_RESPONSE);
        assert_eq!(
            answered.reply.headers.correlation_id().unwrap(),
            answered.correlation_id.to_string()
        );
    }
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn a_request_nobody_answers_times_out() {
    let bus = with_topics().await;
    let requester = bus.requester(topics::SUBSCRIPTION_RESPONSE).unwrap();
    let error = requester
        .request(ask(1), Duration::from_millis(20))
        .await
        .unwrap_err();
    assert!(matches!(error, RequestError::Timeout(_)), "{error}");
}

#[tokio::test]
async fn a_reply_nobody_waits_for_disturbs_nobody() {
    let bus = with_topics().await;
    let requester = bus.requester(topics::SUBSCRIPTION_RESPONSE).unwrap();
    let topic = topics::SUBSCRIPTION_RESPONSE.to_owned();
    for headers in [
        Headers::new(),
        Headers::new().with(headers::CORRELATION_ID, "unknown"),
    ] {
        let value = "{}".into();
        let stray = Record {
            topic: topic.clone(),
            partition: None,
            key: None,
            value,
            headers,
        };
        bus.publish(stray).await.unwrap();
    }
    assert!(requester.is_ready());
}

#[tokio::test]
async fn a_full_partition_refuses_while_a_group_is_behind_and_forgets_when_none_is() {
    let bus = with_topics().await;
    for _ in 0..social_events::bus::local::RECORDS_MAX + 5 {
        bus.publish(joined(1)).await.unwrap();
    }
    let blocked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&blocked);
    let consumer = bus
        .consume(
            ConsumerSettings::new("slow", &[topics::USER_JOINED]),
            move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                std::future::pending()
            },
        )
        .unwrap();
    let error = bus.publish(joined(1)).await.unwrap_err();
    assert!(matches!(error, PublishError::Full { .. }), "{error}");
    drop(consumer);
}
