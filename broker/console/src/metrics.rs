//! `/metrics`: the broker's own counters in Prometheus' text format (0.0.4).
//!
//! Rendered by hand from one snapshot: the counters live in the broker, which
//! knows nothing of Prometheus, and no registry is kept besides them.

mod text;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ottla::observe::{Cluster, Durations, Observer, Traffic};

use crate::health;
use text::{Kind, Text};

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn text(State(observer): State<Observer>) -> Response {
    match (observer.traffic(), observer.cluster().await) {
        (Some(traffic), Some(cluster)) => {
            ([(CONTENT_TYPE, FORMAT)], render(&traffic, &cluster)).into_response()
        }
        _ => health::stopped().into_response(),
    }
}

fn render(traffic: &Traffic, cluster: &Cluster) -> String {
    let mut text = Text::default();
    connections(&mut text, traffic);
    requests(&mut text, traffic);
    partitions(&mut text, cluster);
    groups(&mut text, cluster);
    text.into_string()
}

fn connections(text: &mut Text, traffic: &Traffic) {
    let plain = [
        (
            "ottla_connections",
            Kind::Gauge,
            "Open connections.",
            traffic.connections_open,
        ),
        (
            "ottla_connections_opened_total",
            Kind::Counter,
            "Connections accepted.",
            traffic.connections_opened,
        ),
        (
            "ottla_connections_refused_total",
            Kind::Counter,
            "Connections turned away because too many were open.",
            traffic.connections_refused,
        ),
        (
            "ottla_received_bytes_total",
            Kind::Counter,
            "Bytes read from clients, framing included.",
            traffic.received_bytes,
        ),
        (
            "ottla_sent_bytes_total",
            Kind::Counter,
            "Bytes written to clients, framing included.",
            traffic.sent_bytes,
        ),
        (
            "ottla_malformed_requests_total",
            Kind::Counter,
            "Frames that were no request of the API they named.",
            traffic.malformed_requests,
        ),
        (
            "ottla_unsupported_requests_total",
            Kind::Counter,
            "Requests for an API or version that is not served.",
            traffic.unsupported_requests,
        ),
    ];
    for (name, kind, help, value) in plain {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    }
}

fn requests(text: &mut Text, traffic: &Traffic) {
    const REQUESTS: &str = "ottla_requests_total";
    text.family(REQUESTS, Kind::Counter, "Requests by API and version.");
    for api in &traffic.apis {
        for (version, count) in &api.requests {
            let labels = [
                ("api", api.name.as_str()),
                ("version", &version.to_string()),
            ];
            text.sample(REQUESTS, &labels, count);
        }
    }
    const LATENCY: &str = "ottla_request_duration_seconds";
    text.family(
        LATENCY,
        Kind::Histogram,
        "From parsing a request to its reply, waits the client asked for included.",
    );
    for api in traffic.apis.iter().filter(|api| api.latency.count() > 0) {
        durations(text, LATENCY, &api.name, &api.latency);
    }
}

fn durations(text: &mut Text, name: &str, api: &str, durations: &Durations) {
    let bucket = format!("{name}_bucket");
    let mut so_far = 0;
    for (bound, count) in &durations.buckets {
        so_far += count;
        let bound = bound.as_secs_f64().to_string();
        text.sample(&bucket, &[("api", api), ("le", &bound)], so_far);
    }
    text.sample(&bucket, &[("api", api), ("le", "+Inf")], durations.count());
    text.sample(
        &format!("{name}_sum"),
        &[("api", api)],
        durations.sum.as_secs_f64(),
    );
    text.sample(&format!("{name}_count"), &[("api", api)], durations.count());
}

fn partitions(text: &mut Text, cluster: &Cluster) {
    text.family("ottla_topics", Kind::Gauge, "Topics.");
    text.sample("ottla_topics", &[], cluster.topics.len());
    let all = || cluster.topics.iter().flat_map(|topic| &topic.partitions);
    text.family("ottla_partitions", Kind::Gauge, "Partitions.");
    text.sample("ottla_partitions", &[], all().count());
    let offline = all().filter(|partition| partition.log.is_none()).count();
    text.family(
        "ottla_offline_partitions",
        Kind::Gauge,
        "Partitions whose log cannot be used.",
    );
    text.sample("ottla_offline_partitions", &[], offline);

    text.family(
        "ottla_log_size_bytes",
        Kind::Gauge,
        "Bytes a partition's log holds.",
    );
    each_log(cluster, |labels, log| {
        text.sample("ottla_log_size_bytes", labels, log.size_bytes);
    });
    text.family(
        "ottla_log_start_offset",
        Kind::Gauge,
        "First offset that can be read.",
    );
    each_log(cluster, |labels, log| {
        text.sample("ottla_log_start_offset", labels, log.start_offset);
    });
    text.family(
        "ottla_high_watermark",
        Kind::Gauge,
        "End of what consumers may read.",
    );
    each_log(cluster, |labels, log| {
        text.sample("ottla_high_watermark", labels, log.high_watermark);
    });
    text.family(
        "ottla_log_end_offset",
        Kind::Gauge,
        "Where the next record goes.",
    );
    each_log(cluster, |labels, log| {
        text.sample("ottla_log_end_offset", labels, log.end_offset);
    });
}

fn each_log(cluster: &Cluster, mut sample: impl FnMut(&[(&str, &str)], &ottla::observe::LogState)) {
    for topic in &cluster.topics {
        for partition in &topic.partitions {
            let Some(log) = &partition.log else { continue };
            let index = partition.index.to_string();
            sample(&[("topic", &topic.name), ("partition", &index)], log);
        }
    }
}

fn groups(text: &mut Text, cluster: &Cluster) {
    const GROUPS: &str = "ottla_groups";
    text.family(
        GROUPS,
        Kind::Gauge,
        "Groups; 1 for each, with its kind and state.",
    );
    for group in &cluster.groups {
        let labels = [
            ("group", group.id.as_str()),
            ("kind", group.kind),
            ("state", group.state),
        ];
        text.sample(GROUPS, &labels, 1);
    }
    const LAG: &str = "ottla_group_lag_records";
    text.family(
        LAG,
        Kind::Gauge,
        "Records between a group's committed offset and the end.",
    );
    for group in &cluster.groups {
        for offset in &group.offsets {
            let Some(lag) = offset.lag else { continue };
            let partition = offset.partition.to_string();
            let labels = [
                ("group", group.id.as_str()),
                ("topic", &offset.topic),
                ("partition", &partition),
            ];
            text.sample(LAG, &labels, lag);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ottla::observe::{
        ApiTraffic, GroupOffset, GroupState, LogState, PartitionState, TopicState,
    };

    use super::*;

    fn traffic() -> Traffic {
        let buckets = [(1, 3), (5, 2)].map(|(ms, count)| (Duration::from_millis(ms), count));
        Traffic {
            connections_open: 2,
            received_bytes: 99,
            apis: vec![
                ApiTraffic {
                    key: 0,
                    name: "Produce".to_owned(),
                    requests: vec![(9, 5), (10, 1)],
                    latency: Durations {
                        buckets: buckets.to_vec(),
                        longer: 1,
                        sum: Duration::from_millis(1_500),
                    },
                },
                ApiTraffic {
                    key: 1,
                    name: "Fetch".to_owned(),
                    ..ApiTraffic::default()
                },
            ],
            ..Traffic::default()
        }
    }

    fn cluster() -> Cluster {
        let log = LogState {
            high_watermark: 7,
            end_offset: 8,
            size_bytes: 640,
            ..LogState::default()
        };
        let partition = |index, log| PartitionState {
            index,
            log,
            ..PartitionState::default()
        };
        Cluster {
            topics: vec![TopicState {
                name: "orders".to_owned(),
                partitions: vec![partition(0, Some(log)), partition(1, None)],
                ..TopicState::default()
            }],
            groups: vec![GroupState {
                id: "bill\"ing".to_owned(),
                kind: "classic",
                state: "Stable",
                offsets: vec![
                    GroupOffset {
                        topic: "orders".to_owned(),
                        committed: 3,
                        lag: Some(4),
                        ..GroupOffset::default()
                    },
                    GroupOffset {
                        topic: "gone".to_owned(),
                        ..GroupOffset::default()
                    },
                ],
                ..GroupState::default()
            }],
            ..Cluster::default()
        }
    }

    #[test]
    fn requests_are_shown_by_api_and_version_and_latencies_add_up_bucket_by_bucket() {
        let page = render(&traffic(), &cluster());
        for line in [
            "ottla_connections 2",
            "ottla_received_bytes_total 99",
            "ottla_requests_total{api=\"Produce\",version=\"9\"} 5",
            "ottla_requests_total{api=\"Produce\",version=\"10\"} 1",
            "ottla_request_duration_seconds_bucket{api=\"Produce\",le=\"0.001\"} 3",
            "ottla_request_duration_seconds_bucket{api=\"Produce\",le=\"0.005\"} 5",
            "ottla_request_duration_seconds_bucket{api=\"Produce\",le=\"+Inf\"} 6",
            "ottla_request_duration_seconds_sum{api=\"Produce\"} 1.5",
            "ottla_request_duration_seconds_count{api=\"Produce\"} 6",
        ] {
            assert!(
                page.lines().any(|shown| shown == line),
                "{line} is not in\n{page}"
            );
        }
        assert!(
            !page.contains("api=\"Fetch\""),
            "an API nobody asked for has no samples"
        );
    }

    #[test]
    fn a_partition_without_a_log_is_counted_as_offline_and_shows_no_offsets() {
        let page = render(&traffic(), &cluster());
        for line in [
            "ottla_topics 1",
            "ottla_partitions 2",
            "ottla_offline_partitions 1",
            "ottla_high_watermark{topic=\"orders\",partition=\"0\"} 7",
            "ottla_log_end_offset{topic=\"orders\",partition=\"0\"} 8",
            "ottla_log_size_bytes{topic=\"orders\",partition=\"0\"} 640",
        ] {
            assert!(
                page.lines().any(|shown| shown == line),
                "{line} is not in\n{page}"
            );
        }
        assert!(!page.contains("partition=\"1\""));
    }

    #[test]
    fn groups_show_their_state_and_a_lag_where_the_end_is_known() {
        let page = render(&traffic(), &cluster());
        for line in [
            "ottla_groups{group=\"bill\\\"ing\",kind=\"classic\",state=\"Stable\"} 1",
            "ottla_group_lag_records{group=\"bill\\\"ing\",topic=\"orders\",partition=\"0\"} 4",
        ] {
            assert!(
                page.lines().any(|shown| shown == line),
                "{line} is not in\n{page}"
            );
        }
        assert!(!page.contains("topic=\"gone\""));
    }

    #[test]
    fn every_family_is_announced_once_before_its_samples() {
        let page = render(&traffic(), &cluster());
        let mut announced = std::collections::BTreeSet::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, _) = rest.split_once(' ').unwrap();
                assert!(announced.insert(name.to_owned()), "{name} twice");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let family = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix))
                    .filter(|family| announced.contains(*family))
                    .unwrap_or(name);
                assert!(announced.contains(family), "{line}");
            }
        }
    }
}
