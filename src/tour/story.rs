//! The story itself, step by step, each with a name and the common deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::HeaderMap;
use serde_json::Value;
use social_events::bus::KafkaConfig;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

use super::browser::Browser;
use super::console::{Lines, seed_line};
use super::hooks::{self, Hooks};
use super::journey;
use super::kafka::{Place, Reader};
use super::report::{
    CommentFacts, OutcomeFacts, PostFacts, PushFacts, RecordFacts, Report, SubscriptionFacts,
    UserFacts,
};
use super::show::Show;
use super::verdict::Verdict;
use crate::api::{Api, User};
use crate::cli::TourOptions;
use crate::parts::Parts;

/// Who writes the post, and who comments. The names tell the particle 가.
const AUTHOR: &str = "지훈";
const COMMENTER: &str = "민지";
/// Between two looks at something that is on its way.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A push that is not there so long after the one before it does not come.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// How long the push service's own report may be on its way.
const OUTCOMES_WITHIN: Duration = Duration::from_secs(5);

/// Where the story is played.
pub(super) struct Stage {
    api: Api,
    push_service: String,
    kafka: KafkaConfig,
    console: Lines,
    hooks: Hooks,
}

impl Stage {
    /// On the services of this process.
    pub(super) fn of_parts(
        options: &TourOptions,
        parts: &Parts,
        lines: broadcast::Receiver<std::sync::Arc<str>>,
    ) -> anyhow::Result<Stage> {
        let bootstrap = parts
            .bootstrap
            .clone()
            .context("the tour runs over Kafka")?;
        let push_service = parts
            .push_service
            .as_ref()
            .context("the tour needs the local push service")?;
        Ok(Stage {
            api: Api::new(&format!("http://{}", parts.api.address)),
            push_service: format!("http://{}", push_service.address),
            kafka: options.kafka.options(bootstrap).config(std::env::vars())?.0,
            console: Lines::Observed(lines),
            hooks: Hooks::default(),
        })
    }

    /// On services that run already.
    pub(super) fn of_running_services(options: &TourOptions, api: &str) -> anyhow::Result<Stage> {
        let bootstrap = options.kafka.bootstrap.clone();
        let bootstrap = bootstrap.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
        Ok(Stage {
            api: Api::new(api),
            push_service: options
                .push_service
                .clone()
                .context("--push-service is missing")?,
            kafka: options.kafka.options(bootstrap).config(std::env::vars())?.0,
            console: options
                .push_console
                .clone()
                .map_or(Lines::Unknown, Lines::File),
            hooks: Hooks {
                before_comments: options.before_comments.clone(),
                after_comments: options.after_comments.clone(),
            },
        })
    }
}

/// Plays all of it. An error names the step that failed or hung.
pub(super) async fn play(
    mut stage: Stage,
    comments: u32,
    show: &Show,
    deadline: Duration,
) -> anyhow::Result<Report> {
    let until = Instant::now() + deadline;
    let api = stage.api.clone();

    let author = step("join and log in", until, api.join_and_log_in(AUTHOR)).await?;
    let commenter = step("join and log in", until, api.join_and_log_in(COMMENTER)).await?;
    let users = [&author, &commenter].map(user_facts).to_vec();
    show.users(&users);
    step("connect", until, api.connect(&commenter, &author)).await?;
    show.connected(COMMENTER, AUTHOR);

    let reader = Reader::new(&stage.kafka)?;
    let subscribing = subscribe(&stage, &author);
    let (mut browser, subscription) = step("subscribe", until, subscribing).await?;
    let places = vec![subscription.request.clone(), subscription.reply.clone()];
    let reading = read(&reader, places);
    let records = step("read the request and its reply", until, reading).await?;
    let subscription = subscription.with(&records)?;
    show.subscription(&subscription);

    let contents = "카프카를 직접 만들어 봤어요";
    let post_id = step("post", until, api.post(&author, contents)).await?;
    show.post(AUTHOR, contents);

    let before = hooks::run(stage.hooks.before_comments.take());
    step("run --before-comments", until, before).await?;
    let writing = write(&api, &commenter, &author, post_id, comments, show);
    let written = step("comment", until, writing).await?;
    let after = hooks::run(stage.hooks.after_comments.take());
    step("run --after-comments", until, after).await?;
    let publishing = published(&api, &author, post_id, &written);
    let published = step("publish the events", until, publishing).await?;
    let awaited: BTreeSet<String> = published.iter().map(event_id).collect::<Result<_, _>>()?;
    collect(&mut browser, &awaited).await?;
    let settling = settled(&api, &author, post_id, &written);
    let deliveries = step("ask for the outcomes", until, settling).await?;
    if let (Some(comment), Some(delivery)) = (written.first(), deliveries.first())
        && let Some((_, notification)) = browser.seen.get(&event_id(delivery)?)
    {
        let following = journey::follow(&api, &author, *comment, notification);
        step("follow the first comment's journey", until, following).await?;
    }

    let places = deliveries.iter().map(place_of).collect::<Result<_, _>>()?;
    let records = step("read the events", until, read(&reader, places)).await?;
    let comments: Vec<CommentFacts> = deliveries
        .iter()
        .zip(&written)
        .map(|(delivery, comment)| comment_facts(*comment, delivery, &records, &browser))
        .collect::<Result<_, _>>()?;

    let line = seed_line(&browser.subscription.endpoint, COMMENTER);
    show.comments(&comments, &line);
    let arrived = browser
        .seen
        .iter()
        .map(|(event, (times, _))| (event.clone(), *times));
    let verdict = Verdict::new(&awaited, &arrived.collect(), stage.console.count(&line)?);
    let post = PostFacts {
        post_id,
        contents: contents.to_owned(),
    };
    Ok(Report {
        users,
        subscription,
        post,
        comments,
        verdict,
    })
}

/// Runs a step to its end, or says that it failed or hung.
async fn step<T>(
    name: &str,
    until: Instant,
    running: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    match timeout_at(until, running).await {
        Ok(done) => done.with_context(|| format!("the step '{name}' failed")),
        Err(_) => bail!("the step '{name}' hangs; the tour gives up"),
    }
}

fn user_facts(user: &User) -> UserFacts {
    UserFacts {
        name: user.name.to_owned(),
        user_id: user.seq,
    }
}

/// A subscription before its records were read.
struct Subscribed {
    seq: i64,
    endpoint_origin: String,
    correlation_id: String,
    request: Place,
    reply: Place,
    round_trip_ms: f64,
}

impl Subscribed {
    fn with(self, records: &BTreeMap<Place, RecordFacts>) -> anyhow::Result<SubscriptionFacts> {
        Ok(SubscriptionFacts {
            seq: self.seq,
            endpoint_origin: self.endpoint_origin,
            correlation_id: self.correlation_id,
            request: record_at(records, &self.request)?,
            reply: record_at(records, &self.reply)?,
            round_trip_ms: self.round_trip_ms,
        })
    }
}

async fn subscribe(stage: &Stage, author: &User) -> anyhow::Result<(Browser, Subscribed)> {
    let key = stage.api.push_key(author).await?;
    let browser = Browser::subscribe(&stage.push_service, &key).await?;
    let answer = stage
        .api
        .subscribe(author, browser.subscribe_body())
        .await?;
    let header = |name| header(&answer.headers, name);
    let subscribed = Subscribed {
        seq: answer.response["seq"]
            .as_i64()
            .context("the subscription has no number")?,
        endpoint_origin: stage.push_service.clone(),
        correlation_id: header("kafka-correlation-id")?.to_owned(),
        request: place(header("kafka-request")?)?,
        reply: place(header("kafka-reply")?)?,
        round_trip_ms: header("kafka-round-trip-ms")?.parse()?,
    };
    Ok((browser, subscribed))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> anyhow::Result<&'a str> {
    let value = headers
        .get(name)
        .with_context(|| format!("the answer has no header {name}"))?;
    Ok(value.to_str()?)
}

/// `topic-partition@offset`, as the API writes it.
fn place(text: &str) -> anyhow::Result<Place> {
    let parts = text.rsplit_once('@').and_then(|(partition, offset)| {
        let (topic, partition) = partition.rsplit_once('-')?;
        Some((
            topic.to_owned(),
            partition.parse().ok()?,
            offset.parse().ok()?,
        ))
    });
    parts.with_context(|| format!("'{text}' is not topic-partition@offset"))
}

async fn write(
    api: &Api,
    commenter: &User,
    author: &User,
    post: i64,
    comments: u32,
    show: &Show,
) -> anyhow::Result<Vec<i64>> {
    let mut written = Vec::new();
    for number in 1..=comments {
        let contents = format!("{number}번째 댓글이에요");
        written.push(api.comment(commenter, author.seq, post, &contents).await?);
        show.progress(number, comments);
    }
    Ok(written)
}

/// Looks until every comment's event has its place in Kafka.
async fn published(
    api: &Api,
    author: &User,
    post: i64,
    comments: &[i64],
) -> anyhow::Result<Vec<Value>> {
    let mut deliveries = Vec::new();
    for comment in comments {
        let delivery = loop {
            let delivery = api.delivery(author, post, *comment).await?;
            if delivery["record"].is_object() {
                break delivery;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

/// Receives pushes until every awaited event was decrypted, or none came for
/// so long that the missing ones are lost.
async fn collect(browser: &mut Browser, awaited: &BTreeSet<String>) -> anyhow::Result<()> {
    while awaited
        .iter()
        .any(|event| !browser.seen.contains_key(event))
    {
        match tokio::time::timeout(LOST_AFTER, browser.receive()).await {
            Ok(received) => received.context("the step 'receive the pushes' failed")?,
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// The deliveries once the push service has spoken, or has had time to.
async fn settled(
    api: &Api,
    author: &User,
    post: i64,
    comments: &[i64],
) -> anyhow::Result<Vec<Value>> {
    let until = Instant::now() + OUTCOMES_WITHIN;
    let mut deliveries = Vec::new();
    for comment in comments {
        let delivery = loop {
            let delivery = api.delivery(author, post, *comment).await?;
            if delivery["outcome"].is_object() || Instant::now() > until {
                break delivery;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

fn event_id(delivery: &Value) -> anyhow::Result<String> {
    delivery["eventId"]
        .as_str()
        .map(str::to_owned)
        .context("a delivery has no event id")
}

async fn read(reader: &Reader, places: Vec<Place>) -> anyhow::Result<BTreeMap<Place, RecordFacts>> {
    let reader = reader.clone();
    tokio::task::spawn_blocking(move || reader.read(&places)).await?
}

fn place_of(delivery: &Value) -> anyhow::Result<Place> {
    let record = &delivery["record"];
    let number = |name: &str| record[name].as_i64().with_context(|| format!("no {name}"));
    let topic = record["topic"]
        .as_str()
        .context("a published event has no topic")?;
    Ok((
        topic.to_owned(),
        number("partition")? as i32,
        number("offset")?,
    ))
}

fn record_at(records: &BTreeMap<Place, RecordFacts>, place: &Place) -> anyhow::Result<RecordFacts> {
    records
        .get(place)
        .cloned()
        .with_context(|| format!("there is no record at {place:?}"))
}

fn comment_facts(
    comment_id: i64,
    delivery: &Value,
    records: &BTreeMap<Place, RecordFacts>,
    browser: &Browser,
) -> anyhow::Result<CommentFacts> {
    let event_id = event_id(delivery)?;
    let push = browser
        .seen
        .get(&event_id)
        .map(|(_, notification)| PushFacts {
            title: notification.title.clone(),
            body: notification.body.clone(),
        });
    let outcome = &delivery["outcome"];
    let count = |name: &str| outcome[name].as_i64().unwrap_or_default();
    Ok(CommentFacts {
        comment_id,
        traceparent: delivery["traceparent"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        bus_event: delivery["busEvent"].clone(),
        outbox_seq: delivery["outbox"]["seq"]
            .as_i64()
            .context("there is no outbox row")?,
        record: record_at(records, &place_of(delivery)?)?,
        outcome: outcome.is_object().then(|| OutcomeFacts {
            accepted: count("accepted"),
            gone: count("gone"),
            dead_lettered: count("deadLettered"),
            folded: count("folded"),
        }),
        push,
        event_id,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_is_read_from_the_right_because_topics_have_dashes() {
        let expected = ("v1.event.comment-created".to_owned(), 2, 17);
        assert_eq!(place("v1.event.comment-created-2@17").unwrap(), expected);
        for wrong in ["", "topic", "topic-1", "topic@1", "topic-x@1"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_is_named() {
        let until = Instant::now() + Duration::from_secs(1);
        let hanging = step::<()>("subscribe", until, std::future::pending());
        let error = hanging.await.unwrap_err().to_string();
        assert_eq!(error, "the step 'subscribe' hangs; the tour gives up");
    }

    proptest! {
        #[test]
        fn any_text_is_a_place_or_not(text in ".*") {
            let _ = place(&text);
        }
    }
}
