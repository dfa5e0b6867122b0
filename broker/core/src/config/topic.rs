//! The topic properties of Apache Kafka 4.3 and what they mean for a log.

use super::broker::BrokerConfigs;
use super::definition::{ConfigDefinition, ConfigError, ConfigKind, find_definition, list_words};
use super::values::{ConfigSource, ConfigValue, Overrides};
use crate::batch::{Codec, TimestampType};

const MS_PER_HOUR: i64 = 3_600_000;
const MS_PER_MINUTE: i64 = 60_000;
const ANY_LONG: ConfigKind = ConfigKind::Long { min: i64::MIN };
const COUNT: ConfigKind = ConfigKind::Long { min: 0 };

const fn definition(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    synonyms: &'static [(&'static str, i64)],
) -> ConfigDefinition {
    ConfigDefinition {
        name,
        kind,
        default: Some(default),
        synonyms,
        has_effect: true,
    }
}

const fn without_effect(definition: ConfigDefinition) -> ConfigDefinition {
    ConfigDefinition {
        has_effect: false,
        ..definition
    }
}

/// Every topic property, sorted by name.
pub static TOPIC_CONFIGS: &[ConfigDefinition] = &[
    definition(
        "cleanup.policy",
        ConfigKind::ListOf(&["compact", "delete"]),
        "delete",
        &[("log.cleanup.policy", 1)],
    ),
    definition(
        "compression.gzip.level",
        ConfigKind::Level { min: 1, max: 9 },
        "-1",
        &[("compression.gzip.level", 1)],
    ),
    without_effect(definition(
        "compression.lz4.level",
        ConfigKind::Int { min: 1, max: 17 },
        "9",
        &[("compression.lz4.level", 1)],
    )),
    definition(
        "compression.type",
        ConfigKind::Choice(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
        &[("compression.type", 1)],
    ),
    without_effect(definition(
        "compression.zstd.level",
        ConfigKind::Int {
            min: -131_072,
            max: 22,
        },
        "3",
        &[("compression.zstd.level", 1)],
    )),
    definition(
        "delete.retention.ms",
        COUNT,
        "86400000",
        &[("log.cleaner.delete.retention.ms", 1)],
    ),
    definition(
        "file.delete.delay.ms",
        COUNT,
        "60000",
        &[("log.segment.delete.delay.ms", 1)],
    ),
    definition(
        "flush.messages",
        ConfigKind::Long { min: 1 },
        "9223372036854775807",
        &[("log.flush.interval.messages", 1)],
    ),
    definition(
        "flush.ms",
        COUNT,
        "9223372036854775807",
        &[
            ("log.flush.interval.ms", 1),
            ("log.flush.scheduler.interval.ms", 1),
        ],
    ),
    without_effect(definition(
        "follower.replication.throttled.replicas",
        ConfigKind::ThrottledReplicas,
        "",
        &[],
    )),
    definition(
        "index.interval.bytes",
        ConfigKind::Int {
            min: 0,
            max: i32::MAX,
        },
        "4096",
        &[("log.index.interval.bytes", 1)],
    ),
    without_effect(definition(
        "leader.replication.throttled.replicas",
        ConfigKind::ThrottledReplicas,
        "",
        &[],
    )),
    without_effect(definition(
        "local.retention.bytes",
        ConfigKind::Long { min: -2 },
        "-2",
        &[("log.local.retention.bytes", 1)],
    )),
    without_effect(definition(
        "local.retention.ms",
        ConfigKind::Long { min: -2 },
        "-2",
        &[("log.local.retention.ms", 1)],
    )),
    definition(
        "max.compaction.lag.ms",
        ConfigKind::Long { min: 1 },
        "9223372036854775807",
        &[("log.cleaner.max.compaction.lag.ms", 1)],
    ),
    definition(
        "max.message.bytes",
        ConfigKind::Int {
            min: 0,
            max: i32::MAX,
        },
        "1048588",
        &[("message.max.bytes", 1)],
    ),
    definition(
        "message.timestamp.after.max.ms",
        COUNT,
        "3600000",
        &[("log.message.timestamp.after.max.ms", 1)],
    ),
    definition(
        "message.timestamp.before.max.ms",
        COUNT,
        "9223372036854775807",
        &[("log.message.timestamp.before.max.ms", 1)],
    ),
    definition(
        "message.timestamp.type",
        ConfigKind::Choice(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        &[("log.message.timestamp.type", 1)],
    ),
    definition(
        "min.cleanable.dirty.ratio",
        ConfigKind::Double { min: 0.0, max: 1.0 },
        "0.5",
        &[("log.cleaner.min.cleanable.ratio", 1)],
    ),
    definition(
        "min.compaction.lag.ms",
        COUNT,
        "0",
        &[("log.cleaner.min.compaction.lag.ms", 1)],
    ),
    definition(
        "min.insync.replicas",
        ConfigKind::Int {
            min: 1,
            max: i32::MAX,
        },
        "1",
        &[("min.insync.replicas", 1)],
    ),
    without_effect(definition(
        "preallocate",
        ConfigKind::Boolean,
        "false",
        &[("log.preallocate", 1)],
    )),
    without_effect(definition(
        "remote.log.copy.disable",
        ConfigKind::Boolean,
        "false",
        &[],
    )),
    without_effect(definition(
        "remote.log.delete.on.disable",
        ConfigKind::Boolean,
        "false",
        &[],
    )),
    without_effect(definition(
        "remote.storage.enable",
        ConfigKind::Boolean,
        "false",
        &[],
    )),
    definition(
        "retention.bytes",
        ANY_LONG,
        "-1",
        &[("log.retention.bytes", 1)],
    ),
    definition(
        "retention.ms",
        ConfigKind::Long { min: -1 },
        "604800000",
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", MS_PER_MINUTE),
            ("log.retention.hours", MS_PER_HOUR),
        ],
    ),
    definition(
        "segment.bytes",
        ConfigKind::Int {
            min: 1_048_576,
            max: i32::MAX,
        },
        "1073741824",
        &[("log.segment.bytes", 1)],
    ),
    definition(
        "segment.index.bytes",
        ConfigKind::Int {
            min: 4,
            max: i32::MAX,
        },
        "10485760",
        &[("log.index.size.max.bytes", 1)],
    ),
    without_effect(definition(
        "segment.jitter.ms",
        COUNT,
        "0",
        &[
            ("log.roll.jitter.ms", 1),
            ("log.roll.jitter.hours", MS_PER_HOUR),
        ],
    )),
    definition(
        "segment.ms",
        ConfigKind::Long { min: 1 },
        "604800000",
        &[("log.roll.ms", 1), ("log.roll.hours", MS_PER_HOUR)],
    ),
    without_effect(definition(
        "unclean.leader.election.enable",
        ConfigKind::Boolean,
        "false",
        &[("unclean.leader.election.enable", 1)],
    )),
];

/// True when values may be appended to and subtracted from (KIP-339).
pub fn is_list_config(definition: &ConfigDefinition) -> bool {
    matches!(
        definition.kind,
        ConfigKind::List | ConfigKind::ListOf(_) | ConfigKind::ThrottledReplicas
    )
}

/// Checks what the properties of a topic cannot say one by one.
pub fn check_topic_configs(overrides: &Overrides) -> Result<(), ConfigError> {
    let text = |name: &str| {
        let definition = find_definition(TOPIC_CONFIGS, name).ok()?;
        overrides.value(name).or(definition.default)
    };
    let long = |name: &str| text(name)?.parse::<i64>().ok();
    let (least, most) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    if long(least) > long(most) {
        return Err(ConfigError::Conflict(format!(
            "{least} is larger than {most}: no record could ever be compacted"
        )));
    }
    let tiered = "remote.storage.enable";
    if text(tiered).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(ConfigError::InvalidValue {
            name: tiered,
            value: "true".to_owned(),
            reason: "there is no tiered storage in this broker".to_owned(),
        });
    }
    Ok(())
}

/// What applies to the partitions of one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy` has `delete`.
    pub cleanup_delete: bool,
    /// `cleanup.policy` has `compact`: records need keys.
    pub cleanup_compact: bool,
    /// The codec to store batches in; `None`: as the producer sent them.
    pub compression_type: Option<Codec>,
    /// How hard gzip tries, 1 to 9; −1: its default.
    pub compression_gzip_level: i32,
    /// How long tombstones stay readable.
    pub delete_retention_ms: i64,
    /// How long a deleted segment's files stay.
    pub file_delete_delay_ms: i64,
    /// Sync after so many records.
    pub flush_messages: i64,
    /// Sync after so long.
    pub flush_ms: i64,
    /// One index entry per so many bytes of batches.
    pub index_interval_bytes: i32,
    /// The largest batch a client may append.
    pub max_message_bytes: i32,
    /// How far ahead of the broker's clock a timestamp may be.
    pub timestamp_after_max_ms: i64,
    /// How far behind the broker's clock a timestamp may be.
    pub timestamp_before_max_ms: i64,
    /// Whose clock timestamps come from.
    pub timestamp_type: TimestampType,
    /// A segment with an older record is compacted whatever the ratio.
    pub max_compaction_lag_ms: i64,
    /// How much of a log must be dirty before it is compacted, from 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// How long a record stays whatever comes after it.
    pub min_compaction_lag_ms: i64,
    /// acks=all needs so many in-sync replicas.
    pub min_insync_replicas: i32,
    /// A partition keeps at least so many bytes; −1: no limit.
    pub retention_bytes: i64,
    /// A record is kept at least so long; −1: for ever.
    pub retention_ms: i64,
    /// Roll a segment of this size.
    pub segment_bytes: i32,
    /// Roll a segment whose index has this size.
    pub segment_index_bytes: i32,
    /// Roll a segment this old.
    pub segment_ms: i64,
}

impl TopicConfig {
    /// What applies to a topic with these overrides on these brokers.
    pub fn resolve(broker: &BrokerConfigs, overrides: &Overrides) -> TopicConfig {
        let text = |name: &str| in_force(broker, overrides, name).value.unwrap_or_default();
        let long = |name: &str| parse::<i64>(&text(name));
        let int = |name: &str| parse::<i32>(&text(name));
        let policy = text("cleanup.policy");
        TopicConfig {
            cleanup_delete: list_words(&policy).any(|word| word == "delete"),
            cleanup_compact: list_words(&policy).any(|word| word == "compact"),
            compression_type: compression_type(&text("compression.type")),
            compression_gzip_level: int("compression.gzip.level"),
            delete_retention_ms: long("delete.retention.ms"),
            file_delete_delay_ms: long("file.delete.delay.ms"),
            flush_messages: long("flush.messages"),
            flush_ms: long("flush.ms"),
            index_interval_bytes: int("index.interval.bytes"),
            max_message_bytes: int("max.message.bytes"),
            timestamp_after_max_ms: long("message.timestamp.after.max.ms"),
            timestamp_before_max_ms: long("message.timestamp.before.max.ms"),
            timestamp_type: match text("message.timestamp.type").as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            max_compaction_lag_ms: long("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: parse::<f64>(&text("min.cleanable.dirty.ratio")),
            min_compaction_lag_ms: long("min.compaction.lag.ms"),
            min_insync_replicas: int("min.insync.replicas"),
            retention_bytes: long("retention.bytes"),
            retention_ms: long("retention.ms"),
            segment_bytes: int("segment.bytes"),
            segment_index_bytes: int("segment.index.bytes"),
            segment_ms: long("segment.ms"),
        }
    }
}

/// The value of a topic property in force, and its origin.
pub(super) fn in_force(broker: &BrokerConfigs, overrides: &Overrides, name: &str) -> ConfigValue {
    candidates(broker, overrides, name)
        .into_iter()
        .next()
        .expect("the default is always a candidate")
}

/// What the table says of a property, and the topic's own value of it.
fn definition_and_own_value(
    overrides: &Overrides,
    name: &str,
) -> (&'static ConfigDefinition, Option<ConfigValue>) {
    let definition =
        find_definition(TOPIC_CONFIGS, name).expect("only names of the table are asked for");
    let own = overrides.value(name).map(|value| ConfigValue {
        name: definition.name,
        value: Some(value.to_owned()),
        source: ConfigSource::Topic,
    });
    (definition, own)
}

/// Every value that applies or would apply without those before it.
pub(super) fn candidates(
    broker: &BrokerConfigs,
    overrides: &Overrides,
    name: &str,
) -> Vec<ConfigValue> {
    let (definition, own) = definition_and_own_value(overrides, name);
    let of_broker = definition.synonyms.iter().filter_map(|(synonym, factor)| {
        let set = broker.set_value(synonym)?;
        Some(ConfigValue {
            value: set.value.map(|text| scaled(&text, *factor)),
            ..set
        })
    });
    let default = ConfigValue {
        name: definition
            .synonyms
            .last()
            .map_or(definition.name, |(synonym, _)| synonym),
        value: definition.default.map(str::to_owned),
        source: ConfigSource::Default,
    };
    own.into_iter().chain(of_broker).chain([default]).collect()
}

/// What DescribeConfigs tells of where a value comes from: the topic's own, and
/// what was set for the brokers under each synonym, in their own units.
///
/// As in Kafka, what stands before the first synonym's own name is left out, and
/// with it the default where only a later synonym has one.
pub(super) fn synonyms(
    broker: &BrokerConfigs,
    overrides: &Overrides,
    name: &str,
) -> Vec<ConfigValue> {
    let (definition, own) = definition_and_own_value(overrides, name);
    let mut of_broker: Vec<_> = definition
        .synonyms
        .iter()
        .flat_map(|(synonym, _)| broker.values(synonym))
        .filter(|value| value.value.is_some())
        .collect();
    of_broker.sort_by_key(|value| value.source);
    let first = definition.synonyms.first().map(|(first, _)| *first);
    let told = of_broker
        .into_iter()
        .skip_while(|value| Some(value.name) != first);
    own.into_iter().chain(told).collect()
}

fn scaled(text: &str, factor: i64) -> String {
    match text.parse::<i64>() {
        // −1 means "for ever" in every unit.
        Ok(number) if factor != 1 && number >= 0 => number.saturating_mul(factor).to_string(),
        _ => text.to_owned(),
    }
}

fn parse<N: std::str::FromStr + Default>(text: &str) -> N {
    // Overrides and defaults were validated when they were set; a broker
    // property wider than the topic's (a long for an int) falls to the bound
    // that validation of the pair gives, never to a panic in the data path.
    text.trim().parse().unwrap_or_default()
}

fn compression_type(text: &str) -> Option<Codec> {
    match text {
        "uncompressed" => Some(Codec::None),
        "gzip" => Some(Codec::Gzip),
        "snappy" => Some(Codec::Snappy),
        "lz4" => Some(Codec::Lz4),
        "zstd" => Some(Codec::Zstd),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BROKER_CONFIGS;

    #[test]
    fn a_topic_property_wins_over_the_broker_and_the_broker_over_the_default() {
        let mut broker = BrokerConfigs::default();
        let mut topic = Overrides::default();
        assert_eq!(
            TopicConfig::resolve(&broker, &topic).retention_ms,
            604_800_000
        );
        broker
            .fixed
            .set(BROKER_CONFIGS, "log.retention.hours", "2")
            .unwrap();
        assert_eq!(
            TopicConfig::resolve(&broker, &topic).retention_ms,
            7_200_000
        );
        broker
            .fixed
            .set(BROKER_CONFIGS, "log.retention.ms", "1000")
            .unwrap();
        assert_eq!(TopicConfig::resolve(&broker, &topic).retention_ms, 1_000);
        topic.set(TOPIC_CONFIGS, "retention.ms", "-1").unwrap();
        assert_eq!(TopicConfig::resolve(&broker, &topic).retention_ms, -1);
    }

    #[test]
    fn synonyms_are_told_as_kafka_tells_them() {
        let mut broker = BrokerConfigs::default();
        let mut topic = Overrides::default();
        let told = |broker: &BrokerConfigs, topic: &Overrides, name| -> Vec<_> {
            let synonyms = synonyms(broker, topic, name).into_iter();
            synonyms
                .map(|synonym| (synonym.name, synonym.value.unwrap(), synonym.source))
                .collect()
        };
        // Only log.retention.hours has a default, and it is not the first.
        assert_eq!(told(&broker, &topic, "retention.ms"), []);
        assert_eq!(told(&broker, &topic, "remote.log.copy.disable"), []);
        let default = |name, value: &str| (name, value.to_owned(), ConfigSource::Default);
        assert_eq!(
            told(&broker, &topic, "retention.bytes"),
            [default("log.retention.bytes", "-1")]
        );
        let hours = default("log.retention.hours", "168");
        broker
            .fixed
            .set(BROKER_CONFIGS, "log.retention.ms", "5")
            .unwrap();
        topic.set(TOPIC_CONFIGS, "retention.ms", "7").unwrap();
        let fixed = (
            "log.retention.ms",
            "5".to_owned(),
            ConfigSource::StaticBroker,
        );
        let own = ("retention.ms", "7".to_owned(), ConfigSource::Topic);
        assert_eq!(told(&broker, &topic, "retention.ms"), [own, fixed, hours]);
    }

    #[test]
    fn properties_that_contradict_each_other_are_refused() {
        let check = |pairs: &[(&str, &str)]| {
            let mut overrides = Overrides::default();
            for (name, value) in pairs {
                overrides.set(TOPIC_CONFIGS, name, value).unwrap();
            }
            check_topic_configs(&overrides).is_ok()
        };
        let (least, most) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
        assert!(check(&[]));
        assert!(check(&[(least, "5"), (most, "5")]));
        assert!(!check(&[(least, "6"), (most, "5")]));
        assert!(check(&[("remote.storage.enable", "false")]));
        assert!(!check(&[("remote.storage.enable", "TRUE")]));
    }

    #[test]
    fn both_cleanup_policies_can_be_on() {
        let mut topic = Overrides::default();
        topic
            .set(TOPIC_CONFIGS, "cleanup.policy", "compact, delete")
            .unwrap();
        let config = TopicConfig::resolve(&BrokerConfigs::default(), &topic);
        assert!(config.cleanup_compact && config.cleanup_delete);
    }
}
