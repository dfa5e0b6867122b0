//! How to reach Kafka: properties as they come from flags and environment, checked at once.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use crate::bus::{BusError, TopicsMode};
use crate::topics;

/// What the service's promises rest on: at-least-once handling, key order, Kafka's partitions.
const RESERVED: &[&str] = &[
    "acks",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "partitioner",
    "request.required.acks",
];

/// `KAFKA_*` variables that Kafka's own scripts read; they are none of our business.
const OF_KAFKAS_SCRIPTS: &[&str] = &[
    "KAFKA_CLUSTERS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
];

/// How to reach Kafka and how to treat topics. `Debug` shows no property's value: some are
/// passwords.
#[derive(Clone)]
pub struct KafkaConfig {
    bootstrap: String,
    properties: BTreeMap<String, String>,
    /// Whether missing topics are created.
    pub topics: TopicsMode,
    /// Partitions of a topic that is created.
    pub partitions: i32,
    /// Replicas of a topic that is created; as many as there are brokers, at most three, if
    /// `None`.
    pub replication_factor: Option<i32>,
}

impl KafkaConfig {
    /// The Kafka at `bootstrap` (`host:port,…`), with everything else at its default.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            properties: BTreeMap::new(),
            topics: TopicsMode::default(),
            partitions: topics::DEFAULT_PARTITIONS,
            replication_factor: None,
        }
    }

    /// With a librdkafka property, such as `security.protocol`.
    ///
    /// # Errors
    /// When librdkafka does not know it or refuses the value, or when it is one that the
    /// service's promises rest on.
    pub fn with_property(mut self, key: &str, value: &str) -> Result<Self, BusError> {
        if RESERVED.contains(&key) {
            return Err(BusError::Reserved {
                key: key.to_owned(),
            });
        }
        let mut probe = ClientConfig::new();
        probe
            .set(key, value)
            .create_native_config()
            .map_err(|error| refusal(&error))?;
        if key == "bootstrap.servers" || key == "metadata.broker.list" {
            value.clone_into(&mut self.bootstrap);
        } else {
            self.properties.insert(key.to_owned(), value.to_owned());
        }
        Ok(self)
    }

    /// With an argument `key=value`.
    ///
    /// # Errors
    /// As [`KafkaConfig::with_property`], and when there is no `=`.
    pub fn with_argument(self, argument: &str) -> Result<Self, BusError> {
        let (key, value) = argument
            .split_once('=')
            .ok_or_else(|| BusError::NotAProperty {
                argument: argument.to_owned(),
            })?;
        self.with_property(key.trim(), value)
    }

    /// With every `KAFKA_*` variable that names a librdkafka property: `KAFKA_SASL_USERNAME` is
    /// `sasl.username`. Those that name none are left out and returned with the reason, because
    /// other programs use the prefix too. `KAFKA_BOOTSTRAP_SERVERS` is a flag's and passed over.
    #[must_use]
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix("KAFKA_") else {
                continue;
            };
            if rest == "BOOTSTRAP_SERVERS" || OF_KAFKAS_SCRIPTS.contains(&name.as_str()) {
                continue;
            }
            let key = rest.to_ascii_lowercase().replace('_', ".");
            match self.clone().with_property(&key, &value) {
                Ok(with) => self = with,
                Err(error) => warnings.push(format!("{name} is ignored: {error}")),
            }
        }
        (self, warnings)
    }

    /// The addresses.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.client()
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Defaults that properties may change: send at once, give up within half a minute.
        config
            .set("linger.ms", "0")
            .set("message.timeout.ms", "30000");
        self.apply(&mut config);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random");
        config
    }

    pub(super) fn group_consumer(&self, group: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("auto.offset.reset", "earliest")
            // Outcomes are told after the commit, so it should not be long in coming.
            .set("auto.commit.interval.ms", "100")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.wait.max.ms", "500");
        if !self.is_consumer_protocol() {
            // A killed member's partitions wait this long for another; 45 s is the default.
            config.set("session.timeout.ms", "10000");
        }
        self.apply(&mut config);
        config
            .set("group.id", group)
            .set("enable.auto.commit", "true")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false");
        config
    }

    pub(super) fn reply_consumer(&self, name: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "8192");
        self.apply(&mut config);
        config
            .set("group.id", name)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// A librdkafka configuration with the addresses and properties, and nothing of the services'
    /// own: for whoever looks at the same Kafka beside them.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.apply(&mut config);
        config
    }

    /// With KIP-848 the broker sets the session timeout, and librdkafka refuses it of a client.
    fn is_consumer_protocol(&self) -> bool {
        let protocol = self.properties.get("group.protocol");
        protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
    }

    fn apply(&self, config: &mut ClientConfig) {
        config.set("client.id", "social");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &self.properties.keys())
            .field("topics", &self.topics)
            .field("partitions", &self.partitions)
            .field("replication_factor", &self.replication_factor)
            .finish()
    }
}

/// librdkafka's refusal of a property, without the value.
pub(super) fn refusal(error: &KafkaError) -> BusError {
    match error {
        KafkaError::ClientConfig(_, reason, key, _) => BusError::Property {
            key: key.clone(),
            reason: reason.clone(),
        },
        other => BusError::Client {
            reason: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_property_is_refused_by_name() {
        let error = KafkaConfig::new("x:1")
            .with_argument("no.such=1")
            .unwrap_err();
        assert!(
            matches!(&error, BusError::Property { key, .. } if key == "no.such"),
            "{error}"
        );
    }

    #[test]
    fn a_property_that_promises_rest_on_is_refused() {
        let error = KafkaConfig::new("x:1").with_argument("enable.auto.offset.store=true");
        assert!(matches!(error, Err(BusError::Reserved { .. })));
    }

    #[test]
    fn an_argument_without_an_equals_sign_is_refused() {
        assert!(matches!(
            KafkaConfig::new("x:1").with_argument("sasl.password"),
            Err(BusError::NotAProperty { .. })
        ));
    }

    #[test]
    fn environment_variables_become_properties_and_strangers_become_warnings() {
        let variables = [
            ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
            ("KAFKA_SASL_PASSWORD", "hunter2"),
            ("KAFKA_NO_SUCH", "hunter2"),
            ("KAFKA_HEAP_OPTS", "-Xmx1g"),
            ("PATH", "/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (config, warnings) = KafkaConfig::new("x:1").with_environment(variables);
        assert_eq!(config.admin().get("security.protocol"), Some("SASL_SSL"));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("KAFKA_NO_SUCH"), "{warnings:?}");
        assert!(!format!("{config:?} {warnings:?}").contains("hunter2"));
    }

    #[test]
    fn a_producer_places_keys_as_kafkas_java_producer_does() {
        let producer = KafkaConfig::new("x:1").producer();
        assert_eq!(producer.get("partitioner"), Some("murmur2_random"));
        assert_eq!(producer.get("enable.idempotence"), Some("true"));
    }
}
