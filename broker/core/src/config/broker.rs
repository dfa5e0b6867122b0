//! The broker properties of Apache Kafka 4.3, but for those that would make
//! somebody believe to be safe: TLS, SASL, authorizers, policies. These are
//! unknown here, and refused.
//!
//! `accepted` properties tune something that does not exist here (thread
//! pools, purgatories, a controller quorum): a `server.properties` written for
//! Kafka may name them, and DescribeConfigs reports them, but nothing acts on
//! them.

use super::definition::{ConfigDefinition, ConfigKind, find_definition};
use super::topic::{candidates, in_force, synonyms};
use super::values::{ConfigSource, ConfigValue, Overrides};

const fn honoured(
    name: &'static str,
    kind: ConfigKind,
    default: Option<&'static str>,
) -> ConfigDefinition {
    ConfigDefinition {
        name,
        kind,
        default,
        synonyms: &[],
        has_effect: true,
    }
}

const fn accepted(
    name: &'static str,
    kind: ConfigKind,
    default: Option<&'static str>,
) -> ConfigDefinition {
    ConfigDefinition {
        name,
        kind,
        default,
        synonyms: &[],
        has_effect: false,
    }
}

/// The properties of a broker, by where they were set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokerConfigs {
    /// Set at start and never changed.
    pub fixed: Overrides,
    /// Set while the cluster ran, for this broker.
    pub dynamic: Overrides,
    /// Set while the cluster ran, for every broker.
    pub dynamic_default: Overrides,
}

impl BrokerConfigs {
    /// The value of a broker property that somebody set, and where.
    pub fn set_value(&self, name: &str) -> Option<ConfigValue> {
        self.set_values(name).into_iter().next()
    }

    fn set_values(&self, name: &str) -> Vec<ConfigValue> {
        let Ok(definition) = find_definition(BROKER_CONFIGS, name) else {
            return Vec::new();
        };
        let layers = [
            (&self.dynamic, ConfigSource::DynamicBroker),
            (&self.dynamic_default, ConfigSource::DynamicDefaultBroker),
            (&self.fixed, ConfigSource::StaticBroker),
        ];
        let set = layers.into_iter().filter_map(|(overrides, source)| {
            let value = overrides.value(name)?.to_owned();
            Some(ConfigValue {
                name: definition.name,
                value: Some(value),
                source,
            })
        });
        set.collect()
    }

    /// Every value of a broker property, the one in force first, the default
    /// last. Empty for a name that does not exist.
    pub fn values(&self, name: &str) -> Vec<ConfigValue> {
        let Ok(definition) = find_definition(BROKER_CONFIGS, name) else {
            return Vec::new();
        };
        let mut values = self.set_values(name);
        values.push(ConfigValue {
            name: definition.name,
            value: definition.default.map(str::to_owned),
            source: ConfigSource::Default,
        });
        values
    }

    /// The same for a property of a topic with these overrides.
    pub fn topic_values(&self, overrides: &Overrides, name: &str) -> Vec<ConfigValue> {
        candidates(self, overrides, name)
    }

    /// What DescribeConfigs tells of where a topic property's value comes from.
    pub fn topic_synonyms(&self, overrides: &Overrides, name: &str) -> Vec<ConfigValue> {
        synonyms(self, overrides, name)
    }

    /// The value of a topic property in force.
    pub fn topic_value(&self, overrides: &Overrides, name: &str) -> ConfigValue {
        in_force(self, overrides, name)
    }

    /// A whole number in force, or `None` where it is not set and has no
    /// default.
    pub fn long(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// A whole number that has a default.
    ///
    /// # Panics
    /// When the table gives the property no numeric default: a programming
    /// error that the first test finds.
    pub fn number(&self, name: &'static str) -> i64 {
        self.long(name)
            .expect("only properties with a numeric default are asked for this way")
    }

    /// True when a boolean property is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The text in force, or `None` where it is not set and has no default.
    pub fn text(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()?.value
    }
}

/// Properties that are for Kafka's own tests and repairs: they can be set, and
/// DescribeConfigs does not tell of them.
pub static INTERNAL_BROKER_CONFIGS: &[&str] = &[
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "group.consumer.regex.refresh.interval.ms",
    "group.share.initialize.retry.interval.ms",
    "group.share.persister.class.name",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.log.segment.bytes",
    "internal.metadata.max.batch.size.in.bytes",
    "log.initial.task.delay.ms",
    "producer.id.expiration.check.interval.ms",
    "remote.log.index.file.cache.ttl.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "server.max.startup.time.ms",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.state.topic.prune.interval.ms",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

/// Every broker property, sorted by name. `ottla.validate.compressed` is the
/// only one that Kafka does not have: it always inflates batches to check them.
#[rustfmt::skip] // a row a property, so that the table can be read as one
pub static BROKER_CONFIGS: &[ConfigDefinition] = &[
    accepted("add.partitions.to.txn.retry.backoff.max.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("100")),
    accepted("add.partitions.to.txn.retry.backoff.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("20")),
    honoured("advertised.listeners", ConfigKind::List, None),
    accepted("alter.log.dirs.replication.quota.window.num", ConfigKind::Int { min: 1, max: i32::MAX }, Some("11")),
    accepted("alter.log.dirs.replication.quota.window.size.seconds", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    honoured("auto.create.topics.enable", ConfigKind::Boolean, Some("true")),
    accepted("auto.leader.rebalance.enable", ConfigKind::Boolean, Some("true")),
    accepted("background.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10")),
    accepted("broker.heartbeat.interval.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("2000")),
    honoured("broker.id", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("-1")),
    accepted("broker.rack", ConfigKind::Text, None),
    accepted("broker.session.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("9000")),
    honoured("compression.gzip.level", ConfigKind::Level { min: 1, max: 9 }, Some("-1")),
    accepted("compression.lz4.level", ConfigKind::Int { min: 1, max: 17 }, Some("9")),
    honoured("compression.type", ConfigKind::Choice(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Some("producer")),
    accepted("compression.zstd.level", ConfigKind::Int { min: -131_072, max: 22 }, Some("3")),
    accepted("connection.failed.authentication.delay.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("100")),
    honoured("connections.max.idle.ms", ConfigKind::Long { min: i64::MIN }, Some("600000")),
    accepted("connections.max.reauth.ms", ConfigKind::Long { min: i64::MIN }, Some("0")),
    accepted("controlled.shutdown.enable", ConfigKind::Boolean, Some("true")),
    accepted("controller.listener.names", ConfigKind::List, None),
    accepted("controller.performance.always.log.threshold.ms", ConfigKind::Long { min: 0 }, Some("2000")),
    accepted("controller.performance.sample.period.ms", ConfigKind::Long { min: 100 }, Some("60000")),
    accepted("controller.quorum.append.linger.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("25")),
    accepted("controller.quorum.auto.join.enable", ConfigKind::Boolean, Some("false")),
    accepted("controller.quorum.bootstrap.servers", ConfigKind::List, Some("")),
    accepted("controller.quorum.election.backoff.max.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    accepted("controller.quorum.election.timeout.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    accepted("controller.quorum.fetch.max.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1048576")),
    accepted("controller.quorum.fetch.snapshot.max.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1048576")),
    accepted("controller.quorum.fetch.timeout.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("2000")),
    accepted("controller.quorum.request.timeout.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("2000")),
    accepted("controller.quorum.retry.backoff.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("20")),
    accepted("controller.quorum.voters", ConfigKind::List, Some("")),
    accepted("controller.quota.window.num", ConfigKind::Int { min: 1, max: i32::MAX }, Some("11")),
    accepted("controller.quota.window.size.seconds", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("controller.socket.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("30000")),
    accepted("cordoned.log.dirs", ConfigKind::List, Some("")),
    honoured("default.replication.factor", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1")),
    accepted("delete.records.purgatory.purge.interval.requests", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1")),
    honoured("delete.topic.enable", ConfigKind::Boolean, Some("true")),
    honoured("fetch.max.bytes", ConfigKind::Int { min: 1024, max: i32::MAX }, Some("57671680")),
    accepted("fetch.purgatory.purge.interval.requests", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1000")),
    accepted("follower.fetch.last.tiered.offset.enable", ConfigKind::Boolean, Some("false")),
    honoured("group.consumer.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    honoured("group.consumer.assignors", ConfigKind::List, Some("uniform,range")),
    honoured("group.consumer.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("group.consumer.max.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("15000")),
    honoured("group.consumer.max.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("15000")),
    honoured("group.consumer.max.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("60000")),
    honoured("group.consumer.max.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2147483647")),
    accepted("group.consumer.migration.policy", ConfigKind::Text, Some("bidirectional")),
    accepted("group.consumer.min.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("0")),
    honoured("group.consumer.min.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    honoured("group.consumer.min.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("45000")),
    honoured("group.consumer.regex.refresh.interval.ms", ConfigKind::Int { min: 10_000, max: i32::MAX }, Some("600000")),
    honoured("group.consumer.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("45000")),
    accepted("group.coordinator.append.linger.ms", ConfigKind::Int { min: -1, max: i32::MAX }, Some("-1")),
    accepted("group.coordinator.background.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2")),
    accepted("group.coordinator.cached.buffer.max.bytes", ConfigKind::Int { min: 524_288, max: i32::MAX }, Some("1048588")),
    accepted("group.coordinator.rebalance.protocols", ConfigKind::List, Some("classic,consumer,streams")),
    accepted("group.coordinator.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("4")),
    honoured("group.initial.rebalance.delay.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("3000")),
    honoured("group.max.session.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1800000")),
    honoured("group.max.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2147483647")),
    honoured("group.min.session.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("6000")),
    accepted("group.share.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    accepted("group.share.assignors", ConfigKind::List, Some("simple")),
    accepted("group.share.delivery.count.limit", ConfigKind::Int { min: 2, max: 10 }, Some("5")),
    accepted("group.share.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("group.share.initialize.retry.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("30000")),
    accepted("group.share.max.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("15000")),
    accepted("group.share.max.delivery.count.limit", ConfigKind::Int { min: 5, max: 25 }, Some("10")),
    accepted("group.share.max.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("15000")),
    accepted("group.share.max.partition.max.record.locks", ConfigKind::Int { min: 2000, max: 10_000 }, Some("4000")),
    accepted("group.share.max.record.lock.duration.ms", ConfigKind::Int { min: 30_000, max: 3_600_000 }, Some("60000")),
    accepted("group.share.max.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("60000")),
    accepted("group.share.max.share.sessions", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2000")),
    accepted("group.share.max.size", ConfigKind::Int { min: 1, max: 1000 }, Some("200")),
    accepted("group.share.min.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("0")),
    accepted("group.share.min.delivery.count.limit", ConfigKind::Int { min: 2, max: 5 }, Some("2")),
    accepted("group.share.min.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("group.share.min.partition.max.record.locks", ConfigKind::Int { min: 100, max: 2000 }, Some("100")),
    accepted("group.share.min.record.lock.duration.ms", ConfigKind::Int { min: 1000, max: 30_000 }, Some("15000")),
    accepted("group.share.min.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("45000")),
    accepted("group.share.partition.max.record.locks", ConfigKind::Int { min: 100, max: 10_000 }, Some("2000")),
    accepted("group.share.persister.class.name", ConfigKind::Text, Some("org.apache.kafka.server.share.persister.DefaultStatePersister")),
    accepted("group.share.record.lock.duration.ms", ConfigKind::Int { min: 1000, max: 3_600_000 }, Some("30000")),
    accepted("group.share.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("45000")),
    accepted("group.streams.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    accepted("group.streams.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("group.streams.initial.rebalance.delay.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("3000")),
    accepted("group.streams.max.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("15000")),
    accepted("group.streams.max.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("15000")),
    accepted("group.streams.max.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("60000")),
    accepted("group.streams.max.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2147483647")),
    accepted("group.streams.max.standby.replicas", ConfigKind::Int { min: 0, max: i32::MAX }, Some("2")),
    accepted("group.streams.min.assignment.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("0")),
    accepted("group.streams.min.heartbeat.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("group.streams.min.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("45000")),
    accepted("group.streams.num.standby.replicas", ConfigKind::Int { min: 0, max: i32::MAX }, Some("0")),
    accepted("group.streams.session.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("45000")),
    accepted("initial.broker.registration.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("60000")),
    accepted("inter.broker.listener.name", ConfigKind::Text, None),
    accepted("internal.metadata.delete.delay.millis", ConfigKind::Long { min: i64::MIN }, Some("60000")),
    accepted("internal.metadata.log.segment.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, None),
    accepted("internal.metadata.max.batch.size.in.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("8388608")),
    accepted("kafka.metrics.polling.interval.secs", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10")),
    accepted("kafka.metrics.reporters", ConfigKind::List, Some("")),
    accepted("leader.imbalance.check.interval.seconds", ConfigKind::Long { min: 1 }, Some("300")),
    accepted("listener.security.protocol.map", ConfigKind::Text, Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")),
    honoured("listeners", ConfigKind::List, Some("PLAINTEXT://:9092")),
    honoured("log.cleaner.backoff.ms", ConfigKind::Long { min: 0 }, Some("15000")),
    honoured("log.cleaner.dedupe.buffer.size", ConfigKind::Long { min: i64::MIN }, Some("134217728")),
    honoured("log.cleaner.delete.retention.ms", ConfigKind::Long { min: 0 }, Some("86400000")),
    honoured("log.cleaner.enable", ConfigKind::Boolean, Some("true")),
    accepted("log.cleaner.io.buffer.load.factor", ConfigKind::Double { min: f64::MIN, max: f64::MAX }, Some("0.9")),
    accepted("log.cleaner.io.buffer.size", ConfigKind::Int { min: 0, max: i32::MAX }, Some("524288")),
    accepted("log.cleaner.io.max.bytes.per.second", ConfigKind::Double { min: f64::MIN, max: f64::MAX }, Some("1.7976931348623157E308")),
    honoured("log.cleaner.max.compaction.lag.ms", ConfigKind::Long { min: 1 }, Some("9223372036854775807")),
    honoured("log.cleaner.min.cleanable.ratio", ConfigKind::Double { min: 0.0, max: 1.0 }, Some("0.5")),
    honoured("log.cleaner.min.compaction.lag.ms", ConfigKind::Long { min: 0 }, Some("0")),
    accepted("log.cleaner.threads", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1")),
    honoured("log.cleanup.policy", ConfigKind::ListOf(&["compact", "delete"]), Some("delete")),
    honoured("log.dir", ConfigKind::List, None),
    accepted("log.dir.failure.timeout.ms", ConfigKind::Long { min: 1 }, Some("30000")),
    honoured("log.dirs", ConfigKind::List, None),
    honoured("log.flush.interval.messages", ConfigKind::Long { min: 1 }, Some("9223372036854775807")),
    honoured("log.flush.interval.ms", ConfigKind::Long { min: i64::MIN }, None),
    accepted("log.flush.offset.checkpoint.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("60000")),
    accepted("log.flush.scheduler.interval.ms", ConfigKind::Long { min: i64::MIN }, Some("9223372036854775807")),
    accepted("log.flush.start.offset.checkpoint.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("60000")),
    honoured("log.index.interval.bytes", ConfigKind::Int { min: 0, max: i32::MAX }, Some("4096")),
    honoured("log.index.size.max.bytes", ConfigKind::Int { min: 4, max: i32::MAX }, Some("10485760")),
    accepted("log.initial.task.delay.ms", ConfigKind::Long { min: 0 }, Some("30000")),
    accepted("log.local.retention.bytes", ConfigKind::Long { min: -2 }, Some("-2")),
    accepted("log.local.retention.ms", ConfigKind::Long { min: -2 }, Some("-2")),
    honoured("log.message.timestamp.after.max.ms", ConfigKind::Long { min: 0 }, Some("3600000")),
    honoured("log.message.timestamp.before.max.ms", ConfigKind::Long { min: 0 }, Some("9223372036854775807")),
    honoured("log.message.timestamp.type", ConfigKind::Choice(&["CreateTime", "LogAppendTime"]), Some("CreateTime")),
    accepted("log.preallocate", ConfigKind::Boolean, Some("false")),
    honoured("log.retention.bytes", ConfigKind::Long { min: i64::MIN }, Some("-1")),
    honoured("log.retention.check.interval.ms", ConfigKind::Long { min: 1 }, Some("300000")),
    honoured("log.retention.hours", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("168")),
    honoured("log.retention.minutes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, None),
    honoured("log.retention.ms", ConfigKind::Long { min: i64::MIN }, None),
    honoured("log.roll.hours", ConfigKind::Int { min: 1, max: i32::MAX }, Some("168")),
    accepted("log.roll.jitter.hours", ConfigKind::Int { min: 0, max: i32::MAX }, Some("0")),
    accepted("log.roll.jitter.ms", ConfigKind::Long { min: i64::MIN }, None),
    honoured("log.roll.ms", ConfigKind::Long { min: i64::MIN }, None),
    honoured("log.segment.bytes", ConfigKind::Int { min: 1_048_576, max: i32::MAX }, Some("1073741824")),
    honoured("log.segment.delete.delay.ms", ConfigKind::Long { min: 0 }, Some("60000")),
    accepted("max.connection.creation.rate", ConfigKind::Int { min: 0, max: i32::MAX }, Some("2147483647")),
    honoured("max.connections", ConfigKind::Int { min: 0, max: i32::MAX }, Some("2147483647")),
    honoured("max.connections.per.ip", ConfigKind::Int { min: 0, max: i32::MAX }, Some("2147483647")),
    accepted("max.connections.per.ip.overrides", ConfigKind::Text, Some("")),
    honoured("max.incremental.fetch.session.cache.slots", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    honoured("max.request.partition.size.limit", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2000")),
    honoured("message.max.bytes", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1048588")),
    accepted("metadata.log.dir", ConfigKind::Text, None),
    accepted("metadata.log.max.record.bytes.between.snapshots", ConfigKind::Long { min: 1 }, Some("20971520")),
    accepted("metadata.log.max.snapshot.interval.ms", ConfigKind::Long { min: 0 }, Some("3600000")),
    accepted("metadata.log.segment.bytes", ConfigKind::Int { min: 8_388_608, max: i32::MAX }, Some("1073741824")),
    accepted("metadata.log.segment.ms", ConfigKind::Long { min: i64::MIN }, Some("604800000")),
    accepted("metadata.max.idle.interval.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("500")),
    accepted("metadata.max.retention.bytes", ConfigKind::Long { min: i64::MIN }, Some("104857600")),
    accepted("metadata.max.retention.ms", ConfigKind::Long { min: i64::MIN }, Some("604800000")),
    accepted("metric.reporters", ConfigKind::List, Some("org.apache.kafka.common.metrics.JmxReporter")),
    accepted("metrics.num.samples", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2")),
    accepted("metrics.recording.level", ConfigKind::Text, Some("INFO")),
    accepted("metrics.sample.window.ms", ConfigKind::Long { min: 1 }, Some("30000")),
    honoured("min.insync.replicas", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    honoured("node.id", ConfigKind::Int { min: 0, max: i32::MAX }, Some("0")),
    accepted("num.io.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("8")),
    accepted("num.network.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("3")),
    honoured("num.partitions", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("num.recovery.threads.per.data.dir", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2")),
    accepted("num.replica.alter.log.dirs.threads", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, None),
    accepted("num.replica.fetchers", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    honoured("offset.metadata.max.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("4096")),
    accepted("offsets.commit.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("offsets.load.buffer.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5242880")),
    honoured("offsets.retention.check.interval.ms", ConfigKind::Long { min: 1 }, Some("600000")),
    honoured("offsets.retention.minutes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10080")),
    accepted("offsets.topic.compression.codec", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("0")),
    honoured("offsets.topic.num.partitions", ConfigKind::Int { min: 1, max: i32::MAX }, Some("50")),
    honoured("offsets.topic.replication.factor", ConfigKind::Short { min: 1 }, Some("3")),
    honoured("offsets.topic.segment.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("104857600")),
    honoured("ottla.validate.compressed", ConfigKind::Boolean, Some("false")),
    accepted("process.roles", ConfigKind::List, None),
    accepted("producer.id.expiration.check.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("600000")),
    honoured("producer.id.expiration.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("86400000")),
    accepted("producer.purgatory.purge.interval.requests", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1000")),
    honoured("queued.max.request.bytes", ConfigKind::Long { min: i64::MIN }, Some("-1")),
    accepted("queued.max.requests", ConfigKind::Int { min: 1, max: i32::MAX }, Some("500")),
    accepted("quota.window.num", ConfigKind::Int { min: 1, max: i32::MAX }, Some("11")),
    accepted("quota.window.size.seconds", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("remote.fetch.max.wait.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("500")),
    accepted("remote.list.offsets.request.timeout.ms", ConfigKind::Long { min: 1 }, Some("30000")),
    accepted("remote.log.index.file.cache.total.size.bytes", ConfigKind::Long { min: 1 }, Some("1073741824")),
    accepted("remote.log.index.file.cache.ttl.ms", ConfigKind::Long { min: -1 }, Some("900000")),
    accepted("remote.log.manager.copier.thread.pool.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10")),
    accepted("remote.log.manager.copy.max.bytes.per.second", ConfigKind::Long { min: 1 }, Some("9223372036854775807")),
    accepted("remote.log.manager.copy.quota.window.num", ConfigKind::Int { min: 1, max: i32::MAX }, Some("11")),
    accepted("remote.log.manager.copy.quota.window.size.seconds", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("remote.log.manager.expiration.thread.pool.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10")),
    accepted("remote.log.manager.fetch.max.bytes.per.second", ConfigKind::Long { min: 1 }, Some("9223372036854775807")),
    accepted("remote.log.manager.fetch.quota.window.num", ConfigKind::Int { min: 1, max: i32::MAX }, Some("11")),
    accepted("remote.log.manager.fetch.quota.window.size.seconds", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("remote.log.manager.follower.thread.pool.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2")),
    accepted("remote.log.manager.task.interval.ms", ConfigKind::Long { min: 1 }, Some("30000")),
    accepted("remote.log.manager.task.retry.backoff.max.ms", ConfigKind::Long { min: 1 }, Some("30000")),
    accepted("remote.log.manager.task.retry.backoff.ms", ConfigKind::Long { min: 1 }, Some("500")),
    accepted("remote.log.manager.task.retry.jitter", ConfigKind::Double { min: 0.0, max: 0.5 }, Some("0.2")),
    accepted("remote.log.manager.thread.pool.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2")),
    accepted("remote.log.metadata.custom.metadata.max.bytes", ConfigKind::Int { min: 0, max: i32::MAX }, Some("128")),
    accepted("remote.log.reader.max.pending.tasks", ConfigKind::Int { min: 1, max: i32::MAX }, Some("100")),
    accepted("remote.log.reader.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10")),
    accepted("remote.log.storage.system.enable", ConfigKind::Boolean, Some("false")),
    accepted("replica.fetch.backoff.ms", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1000")),
    accepted("replica.fetch.max.bytes", ConfigKind::Int { min: 0, max: i32::MAX }, Some("1048576")),
    accepted("replica.fetch.min.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1")),
    accepted("replica.fetch.response.max.bytes", ConfigKind::Int { min: 0, max: i32::MAX }, Some("10485760")),
    accepted("replica.fetch.wait.max.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("500")),
    accepted("replica.high.watermark.checkpoint.interval.ms", ConfigKind::Long { min: i64::MIN }, Some("5000")),
    accepted("replica.lag.time.max.ms", ConfigKind::Long { min: i64::MIN }, Some("30000")),
    accepted("replica.selector.class", ConfigKind::Text, None),
    accepted("replica.socket.receive.buffer.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("65536")),
    accepted("replica.socket.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("30000")),
    accepted("replication.quota.window.num", ConfigKind::Int { min: 1, max: i32::MAX }, Some("11")),
    accepted("replication.quota.window.size.seconds", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("request.timeout.ms", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("30000")),
    accepted("server.max.startup.time.ms", ConfigKind::Long { min: 0 }, Some("9223372036854775807")),
    accepted("share.coordinator.append.linger.ms", ConfigKind::Int { min: -1, max: i32::MAX }, Some("-1")),
    accepted("share.coordinator.cached.buffer.max.bytes", ConfigKind::Int { min: 524_288, max: i32::MAX }, Some("1048588")),
    accepted("share.coordinator.cold.partition.snapshot.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("300000")),
    accepted("share.coordinator.load.buffer.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5242880")),
    accepted("share.coordinator.snapshot.update.records.per.snapshot", ConfigKind::Int { min: 0, max: 500 }, Some("500")),
    accepted("share.coordinator.state.topic.compression.codec", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("0")),
    accepted("share.coordinator.state.topic.min.isr", ConfigKind::Short { min: 1 }, Some("2")),
    accepted("share.coordinator.state.topic.num.partitions", ConfigKind::Int { min: 1, max: i32::MAX }, Some("50")),
    accepted("share.coordinator.state.topic.prune.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("300000")),
    accepted("share.coordinator.state.topic.replication.factor", ConfigKind::Short { min: 1 }, Some("3")),
    accepted("share.coordinator.state.topic.segment.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("104857600")),
    accepted("share.coordinator.threads", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1")),
    accepted("share.coordinator.write.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5000")),
    accepted("share.fetch.purgatory.purge.interval.requests", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("1000")),
    accepted("socket.connection.setup.timeout.max.ms", ConfigKind::Long { min: i64::MIN }, Some("30000")),
    accepted("socket.connection.setup.timeout.ms", ConfigKind::Long { min: i64::MIN }, Some("10000")),
    accepted("socket.listen.backlog.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("50")),
    accepted("socket.receive.buffer.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("102400")),
    honoured("socket.request.max.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("104857600")),
    accepted("socket.send.buffer.bytes", ConfigKind::Int { min: i32::MIN, max: i32::MAX }, Some("102400")),
    accepted("telemetry.max.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("1048576")),
    accepted("transaction.abort.timed.out.transaction.cleanup.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("10000")),
    accepted("transaction.max.timeout.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("900000")),
    accepted("transaction.partition.verification.enable", ConfigKind::Boolean, Some("true")),
    accepted("transaction.remove.expired.transaction.cleanup.interval.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("3600000")),
    accepted("transaction.state.log.load.buffer.size", ConfigKind::Int { min: 1, max: i32::MAX }, Some("5242880")),
    accepted("transaction.state.log.min.isr", ConfigKind::Int { min: 1, max: i32::MAX }, Some("2")),
    accepted("transaction.state.log.num.partitions", ConfigKind::Int { min: 1, max: i32::MAX }, Some("50")),
    accepted("transaction.state.log.replication.factor", ConfigKind::Short { min: 1 }, Some("3")),
    accepted("transaction.state.log.segment.bytes", ConfigKind::Int { min: 1, max: i32::MAX }, Some("104857600")),
    accepted("transaction.two.phase.commit.enable", ConfigKind::Boolean, Some("false")),
    accepted("transactional.id.expiration.ms", ConfigKind::Int { min: 1, max: i32::MAX }, Some("604800000")),
    accepted("unclean.leader.election.enable", ConfigKind::Boolean, Some("false")),
    accepted("unclean.leader.election.interval.ms", ConfigKind::Long { min: 1 }, Some("300000")),
    accepted("unstable.api.versions.enable", ConfigKind::Boolean, Some("false")),
    accepted("unstable.feature.versions.enable", ConfigKind::Boolean, Some("false")),
];
