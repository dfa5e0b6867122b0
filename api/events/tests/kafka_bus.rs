//! The Kafka bus keeps the promises of the bus: on an embedded broker, or on the Kafka that
//! `BOOTSTRAP` names. `KAFKA_GROUP_PROTOCOL=consumer` runs the same under KIP-848.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ottla::Broker;
use social_events::bus::{
    BusError, Consumer, ConsumerSettings, Delivery, Handled, KafkaConfig, PublishError, Record,
    RequestError, TopicsMode,
};
use social_events::headers::{self, Headers};
use social_events::{
    Bus, Envelope, SubscriptionId, SubscriptionReply, SubscriptionRequest, UserId, topics,
};
use tokio::sync::mpsc;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(30);

/// A Kafka, with names that no other test uses.
struct Kafka {
    bootstrap: String,
    prefix: String,
    _embedded: Option<Broker>,
}

impl Kafka {
    async fn start() -> Self {
        let prefix = Uuid::new_v4().to_string();
        if let Ok(bootstrap) = std::env::var("BOOTSTRAP") {
            return Self {
                bootstrap,
                prefix,
                _embedded: None,
            };
        }
        let broker = Broker::builder().config("auto.create.topics.enable", "false");
        let broker = broker.start().await.unwrap();
        Self {
            bootstrap: broker.bootstrap_servers(),
            prefix,
            _embedded: Some(broker),
        }
    }

    fn bus(&self) -> Bus {
        let (config, _) = KafkaConfig::new(&self.bootstrap).with_environment(std::env::vars());
        Bus::kafka(config).unwrap()
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    async fn topic(&self, name: &str) -> String {
        let topic = self.name(name);
        self.bus().ensure_topics(&[&topic]).await.unwrap();
        topic
    }

    fn settings(&self, group: &str, topics: &[&str]) -> ConsumerSettings {
        ConsumerSettings::new(self.name(group), topics)
    }
}

fn record(topic: &str, key: &str, value: &str) -> Record {
    Record {
        topic: topic.into(),
        partition: None,
        key: Some(key.to_owned().into()),
        value: value.to_owned().into(),
        headers: Headers::new().with("n", "1"),
    }
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.record.value.to_vec()).unwrap()
}

/// A consumer that reports every value it handles.
fn reporting(bus: &Bus, settings: ConsumerSettings) -> (Consumer, mpsc::UnboundedReceiver<String>) {
    let (sender, values) = mpsc::unbounded_channel();
    let consumer = bus.consume(settings, move |delivery| {
        sender.send(text(&delivery)).unwrap();
        async { Handled::Done }
    });
    (consumer.unwrap(), values)
}

async fn next(values: &mut mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(SOON, values.recv())
        .await
        .expect("a record in time")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_acknowledged_with_its_place_and_keys_go_where_javas_producer_puts_them() {
    let kafka = Kafka::start().await;
    let topic = kafka.topic("acks").await;
    let (bus, local) = (kafka.bus(), Bus::local());
    local.ensure_topics(&[&topic]).await.unwrap();
    let mut ends = BTreeMap::new();
    for key in 0..20 {
        let record = record(&topic, &key.to_string(), "value");
        let position = bus.publish(record.clone()).await.unwrap();
        assert_eq!(
            position.partition,
            local.publish(record).await.unwrap().partition
        );
        let end = ends.entry(position.partition).or_insert(0);
        assert_eq!(position.offset, *end);
        *end += 1;
    }
    assert!(ends.len() > 1, "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_group_starts_at_the_beginning_and_goes_on_where_it_was() {
    let kafka = Kafka::start().await;
    let topic = kafka.topic("resume").await;
    let bus = kafka.bus();
    bus.publish(record(&topic, "a", "1")).await.unwrap();
    let (first, mut values) = reporting(&bus, kafka.settings("g", &[&topic]));
    assert_eq!(next(&mut values).await, "1");
    assert!(first.is_assigned());
    assert!(first.shutdown(SOON).await);
    bus.publish(record(&topic, "a", "2")).await.unwrap();
    let (second, mut values) = reporting(&bus, kafka.settings("g", &[&topic]));
    assert_eq!(next(&mut values).await, "2");
    assert!(second.shutdown(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_handling_was_cut_short_is_handled_by_the_next_member() {
    let kafka = Kafka::start().await;
    let topic = kafka.topic("cut").await;
    let bus = kafka.bus();
    let (sender, mut tried) = mpsc::unbounded_channel();
    let first = bus
        .consume(kafka.settings("g", &[&topic]), move |delivery| {
            sender.send(text(&delivery)).unwrap();
            let after = Duration::from_secs(60);
            async move {
                Handled::Retry {
                    after,
                    cause: "not yet".into(),
                }
            }
        })
        .unwrap();
    bus.publish(record(&topic, "a", "1")).await.unwrap();
    assert_eq!(next(&mut tried).await, "1");
    assert!(first.shutdown(SOON).await);
    let (second, mut values) = reporting(&bus, kafka.settings("g", &[&topic]));
    assert_eq!(next(&mut values).await, "1");
    assert!(second.shutdown(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_same_partition_of_the_dead_letter_topic() {
    let kafka = Kafka::start().await;
    let topic = kafka.topic("poison").await;
    let bus = kafka.bus();
    let (handled, mut done) = mpsc::unbounded_channel();
    let consumer = bus
        .consume(kafka.settings("g", &[&topic]), move |delivery: Delivery| {
            let handled = handled.clone();
            async move {
                match (text(&delivery).as_str(), delivery.attempt) {
                    ("poison", 1) => {
                        let after = Duration::from_millis(1);
                        Handled::Retry {
                            after,
                            cause: "not yet".into(),
                        }
                    }
                    ("poison", _) => Handled::DeadLetter {
                        cause: "never".into(),
                    },
                    (value, _) => {
                        handled.send(value.to_owned()).unwrap();
                        Handled::Done
                    }
                }
            }
        })
        .unwrap();
    let poison = bus.publish(record(&topic, "a", "poison")).await.unwrap();
    bus.publish(record(&topic, "a", "good")).await.unwrap();
    assert_eq!(next(&mut done).await, "good");

    let (sender, mut letters) = mpsc::unbounded_channel();
    let dead = topics::dead_letter(&topic);
    let reader = bus.consume(kafka.settings("dead", &[&dead]), move |delivery| {
        sender.send(delivery.record).unwrap();
        async { Handled::Done }
    });
    let letter = tokio::time::timeout(SOON, letters.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(letter.position.partition, poison.partition);
    assert_eq!(letter.value, "poison");
    let header = |name| String::from_utf8(letter.headers.last(name).unwrap().to_vec()).unwrap();
    assert_eq!(header(headers::DLT_OFFSET), poison.offset.to_string());
    assert_eq!(header(headers::DLT_CAUSE), "never");
    assert_eq!(header(headers::DLT_ATTEMPTS), "2");
    assert_eq!(header("n"), "1");
    assert!(consumer.shutdown(SOON).await);
    assert!(reader.unwrap().shutdown(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_partition_is_paused_and_delays_no_other() {
    let kafka = Kafka::start().await;
    let topic = kafka.topic("slow").await;
    let bus = kafka.bus();
    for number in 0..300 {
        bus.publish(record(&topic, "slow", &number.to_string()))
            .await
            .unwrap();
    }
    let other = (0..).map(|n| n.to_string()).find(|key| {
        let local = Bus::local();
        let _ = futures_util::FutureExt::now_or_never(local.ensure_topics(&[&topic]));
        let place = |key: &str| {
            let publish = local.publish(record(&topic, key, ""));
            futures_util::FutureExt::now_or_never(publish)
                .unwrap()
                .unwrap()
                .partition
        };
        place(key) != place("slow")
    });
    bus.publish(record(&topic, &other.unwrap(), "fast"))
        .await
        .unwrap();

    let seen = Arc::new(Mutex::new(Vec::new()));
    let (sender, mut values) = mpsc::unbounded_channel();
    let slow_seen = Arc::clone(&seen);
    let consumer = bus
        .consume(kafka.settings("g", &[&topic]), move |delivery: Delivery| {
            let (seen, sender) = (Arc::clone(&slow_seen), sender.clone());
            async move {
                let value = text(&delivery);
                if value == "fast" {
                    sender.send(value).unwrap();
                    return Handled::Done;
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
                seen.lock().unwrap().push(value.parse::<u32>().unwrap());
                Handled::Done
            }
        })
        .unwrap();
    next(&mut values).await;
    assert!(
        seen.lock().unwrap().len() < 300,
        "the slow partition came first"
    );
    let started = Instant::now();
    while seen.lock().unwrap().len() < 300 {
        assert!(started.elapsed() < SOON, "{:?}", seen.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(*seen.lock().unwrap(), (0..300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_member_leaves_the_other_takes_its_partitions() {
    let kafka = Kafka::start().await;
    let topic = kafka.topic("members").await;
    let bus = kafka.bus();
    let (one, mut of_one) = reporting(&bus, kafka.settings("g", &[&topic]));
    let (two, mut of_two) = reporting(&bus, kafka.settings("g", &[&topic]));
    assert!(one.assigned(SOON).await && two.assigned(SOON).await);
    assert!(one.shutdown(SOON).await);
    for number in 0..20 {
        bus.publish(record(&topic, &number.to_string(), &number.to_string()))
            .await
            .unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 20 {
        seen.insert(next(&mut of_two).await);
    }
    assert!(of_one.try_recv().is_err());
    assert!(two.shutdown(SOON).await);
}

fn answer(bus: &Bus, settings: ConsumerSettings) -> Consumer {
    let replier = bus.clone();
    let consumer = bus.consume(settings, move |delivery| {
        let bus = replier.clone();
        async move {
            let asked = Envelope::<SubscriptionRequest>::parse(&delivery.record).unwrap();
            let seq = SubscriptionId(asked.event.user_id().0);
            let reply = Envelope::new(SubscriptionReply::Unsubscribed { seq }, asked.trace);
            bus.publish(delivery.record.reply(&reply).unwrap())
                .await
                .unwrap();
            Handled::Done
        }
    });
    consumer.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requesters_each_gets_the_replies_to_its_own_requests() {
    let kafka = Kafka::start().await;
    let (requests, replies) = (kafka.topic("requests").await, kafka.topic("replies").await);
    let buses = [kafka.bus(), kafka.bus()];
    let requesters = buses.each_ref().map(|bus| bus.requester(&replies).unwrap());
    let push = kafka.bus();
    let consumer = answer(&push, kafka.settings("push", &[&requests]));
    for user in 0..20 {
        let ask = SubscriptionRequest::List {
            user_id: UserId(user),
        };
        let ask = Envelope::new(ask, None).record(&requests, Some(user.to_string().into()));
        let requester = &requesters[usize::try_from(user).unwrap() % 2];
        let answered = requester.request(ask, SOON).await.unwrap();
        let reply = Envelope::<SubscriptionReply>::parse(&answered.reply)
            .unwrap()
            .event;
        assert_eq!(
            reply,
            SubscriptionReply::Unsubscribed {
                seq: SubscriptionId(user)
            }
        );
        assert_eq!(
            answered.request.partition,
            answered.reply.position.partition
        );
        println!(
            "{} -> {} in {:?}",
            answered.request, answered.reply.position, answered.round_trip
        );
    }
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn required_topics_that_are_missing_are_named() {
    let kafka = Kafka::start().await;
    let mut config = KafkaConfig::new(&kafka.bootstrap);
    config.topics = TopicsMode::Require;
    let missing = kafka.name("missing");
    let error = Bus::kafka(config)
        .unwrap()
        .ensure_topics(&[&missing])
        .await
        .unwrap_err();
    assert!(
        matches!(&error, BusError::MissingTopics(names) if names == &[missing]),
        "{error}"
    );
}

/// An address where nobody listens.
fn nowhere() -> KafkaConfig {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = KafkaConfig::new(socket.local_addr().unwrap().to_string());
    config.with_property("message.timeout.ms", "500").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_is_down_fails_every_call_in_time_and_blocks_no_shutdown() {
    let bus = Bus::kafka(nowhere()).unwrap();
    let error = bus.publish(record("topic", "a", "1")).await.unwrap_err();
    assert!(matches!(error, PublishError::Kafka(_)), "{error}");
    assert!(bus.check(Duration::from_millis(300)).await.is_err());
    let requester = bus.requester("replies").unwrap();
    let error = requester
        .request(record("r", "a", "1"), Duration::from_millis(300))
        .await;
    assert!(matches!(error, Err(RequestError::NotReady)));
    let (consumer, _values) = reporting(&bus, ConsumerSettings::new("g", &["topic"]));
    assert!(!consumer.assigned(Duration::from_millis(300)).await);
    let started = Instant::now();
    assert!(consumer.shutdown(SOON).await);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}
