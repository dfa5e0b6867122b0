//! The steps of a journey, each with what is known of it: a view of [`Passage`], nothing more.

use std::any::type_name;

use serde::Serialize;
use social_events::{Moment, PushJourney, PushVerdict, SentPush, SubscriptionId};
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::journey::Aligned;
use crate::domain::{Comment, Passage};
use crate::events::CommentCreatedEvent;

/// One step of a journey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    /// Where it happened.
    process: Process,
    /// When, by this process's clock.
    at: Moment,
    /// How long after the request was read.
    offset_millis: f64,
    /// True when the moment is by another process's clock, aligned by what must have been before
    /// and after it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    approximate: bool,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// What happened.
    #[serde(flatten)]
    what: What,
}

/// Who did something.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Process {
    SocialServerApi,
    Broker,
    SocialServerPush,
    Browser,
}

/// What happened in a step.
#[derive(Serialize, ToSchema)]
#[serde(
    tag = "name",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum What {
    /// The request was read.
    Request { method: &'static str, path: String },
    /// Comment and outbox row were committed, in one transaction.
    Committed {
        comment_seq: i64,
        outbox_seq: i64,
        event_type: String,
        database: &'static str,
    },
    /// The event was handed to the in-process bus.
    BusEvent {
        event_type: String,
        handlers: Vec<String>,
    },
    /// The request was answered.
    Answered { status: u16 },
    /// The record was sent to the broker; `millis` until it was acknowledged.
    Produced {
        api_key: &'static str,
        acks: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        millis: Option<f64>,
    },
    /// The broker had the record.
    Record {
        topic: String,
        partition: i32,
        offset: i64,
        key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        brokers: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        replicas: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        in_sync: Option<usize>,
    },
    /// The record reached the push service.
    Fetched {
        #[serde(skip_serializing_if = "Option::is_none")]
        waited_millis: Option<f64>,
    },
    /// Its handling began.
    Consumed {
        group: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        member: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        generation: Option<i32>,
    },
    /// A push was sent; the step is of the last try.
    Sent {
        subscription: SubscriptionId,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        verdict: PushVerdict,
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        console_line: Option<String>,
        tries: u32,
        millis: f64,
    },
    /// The record's offset was committed.
    OffsetCommitted { partition: i32, next: i64 },
    /// A browser showed the notification.
    Shown {
        tag: String,
        title: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        devices: u32,
    },
}

/// A journey, as one caller sees it.
pub(super) struct View<'a> {
    pub(super) app: &'a App,
    /// Whether the caller is the one who was notified.
    pub(super) own: bool,
    pub(super) comment: &'a Comment,
    pub(super) passage: &'a Passage,
}

impl View<'_> {
    /// Each known step, an effect after its cause.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = self.in_the_api();
        let outcome = self.passage.outcome.as_ref();
        let journey = outcome.and_then(|(outcome, _)| outcome.journey.as_ref());
        let clock = self.passage.push_clock(self.app.settings.process);
        let read = journey.zip(clock);
        steps.extend(
            self.at_the_broker(read.map(|(journey, clock)| clock.at(journey.reading.fetched_at))),
        );
        if let Some((journey, clock)) = read {
            steps.extend(self.in_the_push_service(journey, clock));
        }
        steps.extend(self.shown(journey));
        steps
    }

    fn step(&self, process: Process, at: Moment, what: What) -> Step {
        Step {
            process,
            at,
            offset_millis: millis(self.passage.requested_at.micros_until(at)),
            approximate: false,
            failed: None,
            what,
        }
    }

    fn in_the_api(&self) -> Vec<Step> {
        let Self {
            app,
            comment,
            passage,
            ..
        } = self;
        let api = |at, what| self.step(Process::SocialServerApi, at, what);
        let path = format!(
            "/api/user/{}/post/{}/comment",
            comment.post_writer, comment.post
        );
        let request = What::Request {
            method: "POST",
            path,
        };
        let mut steps = vec![api(passage.requested_at, request)];
        let Some(answer) = &passage.answer else {
            return steps;
        };
        let event_type = event_type();
        steps.push(api(
            answer.committed_at,
            What::Committed {
                comment_seq: comment.seq.0,
                outbox_seq: passage.outbox_seq,
                event_type: event_type.clone(),
                database: app.store.database(),
            },
        ));
        steps.push(api(
            answer.raised_at,
            What::BusEvent {
                event_type,
                handlers: answer.handlers.clone(),
            },
        ));
        let status = answer.status;
        steps.push(api(answer.answered_at, What::Answered { status }));
        steps
    }

    fn at_the_broker(&self, fetched: Option<Moment>) -> Vec<Step> {
        let passage = self.passage;
        let produced = |millis| What::Produced {
            api_key: "Produce",
            acks: "all",
            millis,
        };
        if let Some(refusal) = &passage.refusal {
            let at = passage
                .produced
                .map_or(passage.requested_at, |(sent, _)| sent);
            let step = self.step(Process::SocialServerApi, at, produced(None));
            return vec![Step {
                failed: Some(refusal.clone()),
                ..step
            }];
        }
        let Some((sent, acked)) = passage.produced else {
            return Vec::new();
        };
        let took = millis(sent.micros_until(acked));
        let mut steps = vec![self.step(Process::SocialServerApi, sent, produced(Some(took)))];
        if let Some(position) = &passage.position {
            let facts = self.app.backend.partition(position.partition);
            let record = What::Record {
                topic: position.topic.clone(),
                partition: position.partition,
                offset: position.offset,
                key: passage.key.clone(),
                brokers: facts.map(|(brokers, _)| brokers),
                replicas: facts.map(|(_, facts)| facts.replicas),
                in_sync: facts.map(|(_, facts)| facts.in_sync),
            };
            // The acknowledgement may come back after a consumer has the record.
            let at = fetched.map_or(acked, |fetched| fetched.min(acked));
            steps.push(self.step(Process::Broker, at, record));
        }
        steps
    }

    fn in_the_push_service(&self, journey: &PushJourney, clock: Aligned) -> Vec<Step> {
        let push = |at, what| Step {
            approximate: clock.is_approximate(),
            ..self.step(Process::SocialServerPush, clock.at(at), what)
        };
        let reading = &journey.reading;
        let fetched = What::Fetched {
            waited_millis: reading.waited_us.map(millis),
        };
        let consumed = What::Consumed {
            group: reading.group.clone(),
            member: reading.member.clone(),
            generation: reading.generation,
        };
        let mut steps = vec![
            push(reading.fetched_at, fetched),
            push(reading.consumed_at, consumed),
        ];
        for sent in &journey.pushes {
            steps.push(Step {
                failed: failure(sent),
                ..push(sent.sent_at, self.sent(sent))
            });
        }
        if let Some((committed, position)) = journey.committed.zip(self.passage.position.as_ref()) {
            let what = What::OffsetCommitted {
                partition: position.partition,
                next: committed.next,
            };
            steps.push(push(committed.at, what));
        }
        steps
    }

    /// An endpoint is a bearer secret: nobody but its owner gets it whole.
    fn sent(&self, sent: &SentPush) -> What {
        let whole = sent.endpoint.as_ref().map(|endpoint| endpoint.expose());
        let shown = sent.endpoint_shown.as_deref();
        let line = sent.console_line.as_ref().map(|line| line.expose());
        let (endpoint, console_line) = if self.own {
            (whole.map(str::to_owned), line.map(str::to_owned))
        } else {
            let redacted = whole.zip(shown).zip(line);
            let redacted = redacted.map(|((whole, shown), line)| line.replace(whole, shown));
            (shown.map(str::to_owned), redacted)
        };
        What::Sent {
            subscription: sent.subscription,
            status: sent.status,
            verdict: sent.verdict,
            endpoint,
            console_line,
            tries: sent.tries,
            millis: millis(sent.sent_at.micros_until(sent.answered_at)),
        }
    }

    fn shown(&self, journey: Option<&PushJourney>) -> Option<Step> {
        let here = self.app.settings.process;
        let (at, shown) = self.passage.shown_at(here).zip(self.passage.shown)?;
        let notice = journey.map(|journey| journey.notice.clone());
        let step = self.step(
            Process::Browser,
            at,
            What::Shown {
                tag: notice.as_ref().map_or_else(
                    || self.passage.event_id.to_string().replace('-', ""),
                    |notice| notice.tag.clone(),
                ),
                title: notice
                    .as_ref()
                    .map(|notice| notice.title.clone())
                    .unwrap_or_default(),
                body: notice.and_then(|notice| notice.body),
                devices: shown.devices,
            },
        );
        Some(Step {
            approximate: true,
            ..step
        })
    }
}

/// Why a push did not go through, for people.
fn failure(sent: &SentPush) -> Option<String> {
    let status = match sent.status {
        Some(status) => format!("the push service answered {status}"),
        None => "the push service did not answer".to_owned(),
    };
    match sent.verdict {
        PushVerdict::Accepted => None,
        PushVerdict::Gone => Some(format!(
            "{status}: the subscription was gone and is removed"
        )),
        PushVerdict::Later => Some(format!("{status}; it is tried again")),
        PushVerdict::Dead => Some(format!("{status}; the push was given up")),
    }
}

fn event_type() -> String {
    let path = type_name::<CommentCreatedEvent>();
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a journey lasts less than 285 years"
)]
fn millis(micros: i64) -> f64 {
    micros as f64 / 1000.0
}
