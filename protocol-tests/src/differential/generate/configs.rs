//! Reading and changing configuration.

use kafka_protocol::messages::AlterConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    ApiKey, DescribeConfigsRequest, IncrementalAlterConfigsRequest, alter_configs_request,
};
use kafka_protocol::protocol::StrBytes;

use super::{Draft, text};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Settings of a script's second topic.
pub const SETTINGS: &[&[(&str, &str)]] = &[
    &[],
    &[("cleanup.policy", "compact")],
    &[("cleanup.policy", "compact,delete")],
    &[("message.timestamp.type", "LogAppendTime")],
    &[("max.message.bytes", "500")],
    &[("message.timestamp.after.max.ms", "1000")],
    &[("message.timestamp.before.max.ms", "3600000")],
    &[("compression.type", "gzip")],
    &[("compression.type", "lz4")],
    &[("compression.type", "snappy")],
    &[("compression.type", "zstd")],
    &[("compression.type", "uncompressed")],
    &[("compression.type", "gzip"), ("cleanup.policy", "compact")],
    &[("segment.bytes", "1048576"), ("min.insync.replicas", "2")],
];

/// Names and values, right and wrong.
const DRAWN: &[(&str, Option<&str>)] = &[
    ("cleanup.policy", Some("compact")),
    ("cleanup.policy", Some("delete,compact")),
    ("cleanup.policy", Some("shred")),
    ("cleanup.policy", Some("")),
    ("retention.ms", Some("-1")),
    ("retention.ms", Some("-2")),
    ("retention.ms", Some("many")),
    ("retention.bytes", Some("1000000000")),
    ("max.message.bytes", Some("2000")),
    ("max.message.bytes", Some("-1")),
    ("segment.bytes", Some("1048576")),
    ("segment.bytes", Some("13")),
    ("compression.type", Some("zstd")),
    ("compression.type", Some("brotli")),
    ("compression.gzip.level", Some("10")),
    ("compression.gzip.level", Some("5")),
    ("message.timestamp.type", Some("LogAppendTime")),
    ("message.timestamp.type", Some("Sometimes")),
    ("min.cleanable.dirty.ratio", Some("0.1")),
    ("min.cleanable.dirty.ratio", Some("1.1")),
    ("min.insync.replicas", Some("0")),
    ("preallocate", Some("true")),
    ("preallocate", Some("perhaps")),
    ("flush.messages", Some("1")),
    ("max.compaction.lag.ms", Some("0")),
    ("max.compaction.lag.ms", Some("5")),
    ("min.compaction.lag.ms", Some("99999999")),
    ("unclean.leader.election.enable", Some("true")),
    ("remote.storage.enable", Some("true")),
    ("leader.replication.throttled.replicas", Some("0:1")),
    ("leader.replication.throttled.replicas", Some("x")),
    ("follower.replication.throttled.replicas", Some("*")),
    ("no.such.config", Some("1")),
    ("retention.ms", None),
    ("", Some("1")),
];

/// A name and a value, right or wrong.
pub fn drawn(draft: &mut Draft<'_>) -> (&'static str, Option<&'static str>) {
    draft.dice.pick(DRAWN)
}

pub fn describe_configs(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DescribeConfigs)?;
    let client = draft.client();
    let (kind, name) = resource(draft);
    let keys: Option<Vec<StrBytes>> = match draft.dice.below(4) {
        // All of a topic's; of a broker's, some are the installation's.
        0 if kind == TOPIC => None,
        1 => Some(Vec::new()),
        _ => {
            let names = (0..3).map(|_| text(drawn(draft).0));
            Some(names.collect())
        }
    };
    let keys = if kind == BROKER {
        Some(vec![text("message.max.bytes"), text("log.retention.hours")])
    } else {
        keys
    };
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(name)
        .with_configuration_keys(keys);
    let mut request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(draft.dice.once_in(2));
    if version >= 3 {
        request.include_documentation = draft.dice.once_in(4);
    }
    draft.push(client, version, request);
    Some(())
}

fn resource(draft: &mut Draft<'_>) -> (i8, StrBytes) {
    match draft.dice.below(16) {
        0 => (BROKER, text("1")),
        1 => (BROKER, text("9")),
        2 => (BROKER, text("one")),
        3 => (0, text("x")),
        4 => (77, text("x")),
        _ => (TOPIC, draft.topic_name().0),
    }
}

pub fn incremental_alter_configs(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::IncrementalAlterConfigs)?;
    let client = draft.client();
    let mut configs = Vec::new();
    for _ in 0..draft.dice.pick(&[1, 1, 1, 2]) {
        let (name, value) = drawn(draft);
        // No operation that does not exist: Kafka's controller resigns over it.
        let operation = draft.dice.pick(&[0, 0, 0, 0, 1, 1, 2, 3]);
        configs.push(
            AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(operation)
                .with_value(value.map(text)),
        );
    }
    let (kind, name) = match draft.dice.below(20) {
        0 => (0, text("x")),
        1 => (BROKER, text("9")),
        2 => (BROKER, text("one")),
        _ => (TOPIC, draft.topic_name().0),
    };
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(name)
        .with_configs(configs);
    let mut resources = vec![resource];
    if draft.dice.once_in(10) {
        resources.push(resources[0].clone());
    }
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(resources)
        .with_validate_only(draft.dice.once_in(4));
    draft.push(client, version, request);
    Some(())
}

pub fn alter_configs(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::AlterConfigs)?;
    let client = draft.client();
    let (name, value) = drawn(draft);
    let config = alter_configs_request::AlterableConfig::default()
        .with_name(text(name))
        .with_value(value.map(text));
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(draft.topic_name().0)
        .with_configs(vec![config]);
    let request = AlterConfigsRequest::default()
        .with_resources(vec![resource])
        .with_validate_only(draft.dice.once_in(4));
    draft.push(client, version, request);
    Some(())
}
