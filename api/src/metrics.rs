//! The service's numbers, in Prometheus' text format.
//!
//! The recorder belongs to this instance, not to the process: several may run in one.

use std::time::Duration;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use social_events::EventBus;

const REQUESTS: &str = "social_api_http_requests_total";
const DURATION: &str = "social_api_http_request_duration_seconds";
const PENDING: &str = "social_api_outbox_pending";
const PUBLISHED: &str = "social_api_outbox_published_total";
const FAILURES: &str = "social_api_outbox_failures_total";
const BUS_EVENTS: &str = "social_api_event_bus_events";
const EXCHANGES: &str = "social_api_push_service_round_trip_seconds";

const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

static METADATA: Metadata<'static> = Metadata::new("social_server_api", Level::INFO, None);

/// The numbers of one instance.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = [DURATION, EXCHANGES]
            .into_iter()
            .try_fold(PrometheusBuilder::new(), |builder, name| {
                builder.set_buckets_for_metric(Matcher::Full(name.into()), BUCKETS)
            })
            .expect("the list of buckets is not empty")
            .build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder, handle };
        metrics.describe();
        metrics
    }

    fn describe(&self) {
        let counter = |name: &'static str, text: &'static str| {
            let unit = Some(Unit::Count);
            self.recorder
                .describe_counter(KeyName::from(name), unit, text.into());
        };
        let histogram = |name: &'static str, text: &'static str| {
            let unit = Some(Unit::Seconds);
            self.recorder
                .describe_histogram(KeyName::from(name), unit, text.into());
        };
        let gauge = |name: &'static str, text: &'static str| {
            self.recorder
                .describe_gauge(KeyName::from(name), Some(Unit::Count), text.into());
        };
        counter(REQUESTS, "HTTP requests by method, route and status");
        histogram(DURATION, "time to answer HTTP requests");
        gauge(
            PENDING,
            "events in the outbox that Kafka has not acknowledged",
        );
        counter(
            PUBLISHED,
            "events of the outbox that Kafka has acknowledged",
        );
        counter(FAILURES, "attempts to publish that failed");
        gauge(
            BUS_EVENTS,
            "events on the in-process bus by type, handler and outcome",
        );
        histogram(EXCHANGES, "round trips of requests to the push service");
    }

    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let route = || [label("method", method), label("route", route)];
        let [method, path] = route();
        let key = Key::from_parts(
            REQUESTS,
            vec![method, path, label("status", &status.to_string())],
        );
        self.recorder.register_counter(&key, &METADATA).increment(1);
        let key = Key::from_parts(DURATION, route().to_vec());
        self.recorder
            .register_histogram(&key, &METADATA)
            .record(took.as_secs_f64());
    }

    pub(crate) fn published(&self, count: u64) {
        self.recorder
            .register_counter(&PUBLISHED.into(), &METADATA)
            .increment(count);
    }

    pub(crate) fn publish_failed(&self, count: u64) {
        self.recorder
            .register_counter(&FAILURES.into(), &METADATA)
            .increment(count);
    }

    pub(crate) fn exchange(&self, took: Duration) {
        let histogram = self
            .recorder
            .register_histogram(&EXCHANGES.into(), &METADATA);
        histogram.record(took.as_secs_f64());
    }

    /// Everything, with what is counted elsewhere read now.
    pub(crate) fn render(&self, outbox_pending: i64, event_bus: &EventBus) -> String {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        self.recorder
            .register_gauge(&PENDING.into(), &METADATA)
            .set(outbox_pending as f64);
        for event in event_bus.overview() {
            self.bus_events(&event.event, "", "published", event.published);
            self.bus_events(&event.event, "", "unhandled", event.unhandled);
            for handler in &event.handlers {
                self.bus_events(&event.event, &handler.name, "handled", handler.handled);
                self.bus_events(&event.event, &handler.name, "failed", handler.failed);
                self.bus_events(&event.event, &handler.name, "dropped", handler.dropped);
            }
        }
        self.handle.run_upkeep();
        self.handle.render()
    }

    fn bus_events(&self, event: &str, handler: &str, outcome: &'static str, count: u64) {
        let labels = vec![
            label("event", event),
            label("handler", handler),
            label("outcome", outcome),
        ];
        let key = Key::from_parts(BUS_EVENTS, labels);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        self.recorder
            .register_gauge(&key, &METADATA)
            .set(count as f64);
    }
}

fn label(name: &'static str, value: &str) -> Label {
    Label::new(name, value.to_owned())
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}
