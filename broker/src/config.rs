//! A node's configuration: Kafka's property names in, one typed struct out.
//! Parsed once at start and passed down; nothing here is global.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use ottla_core::config::{BROKER_CONFIGS, BrokerConfigs, ConfigError, Overrides};
use ottla_core::ids::NodeId;

use crate::embed::EmbedConfig;

/// A name that is this close to a known one is probably that one misspelt.
const SUGGESTION_SIMILARITY_MIN: f64 = 0.7;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// A property nobody knows.
    #[error("unknown configuration property '{name}'{}", suggestion(.nearest))]
    UnknownName {
        /// The name as given.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong type or out of bounds.
    #[error("{0}")]
    InvalidValue(ConfigError),
    /// Values that are fine alone and not together.
    #[error("{0}")]
    Contradiction(String),
    /// An address to listen on or to advertise that is none.
    #[error("{property} is '{value}', which is not {expected}")]
    Address {
        /// The property.
        property: &'static str,
        /// The value as given.
        value: String,
        /// What it should look like.
        expected: &'static str,
    },
    /// A line of a properties file that is not `name=value`.
    #[error("line {line} of {file} is not 'name=value': {text}")]
    Line {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

/// What a node runs with.
#[derive(Clone, Debug)]
pub(crate) struct NodeConfig {
    pub(crate) node_id: NodeId,
    /// Where to listen; port 0 asks the system for a free one.
    pub(crate) listen: SocketAddr,
    /// What clients are told to connect to; `None`: the address they reached.
    pub(crate) advertised: Option<(String, u16)>,
    /// Where logs live; `None`: in memory.
    pub(crate) data: Option<PathBuf>,
    /// Stands in for the file system below `data`.
    #[cfg(feature = "faulty-disk")]
    pub(crate) disk: Option<std::sync::Arc<crate::storage::faulty::FaultyDisk>>,
    /// The properties as set at start.
    pub(crate) properties: BrokerConfigs,
    pub(crate) request_bytes_max: usize,
    /// Of all requests that are being received; no limit where it is not positive.
    pub(crate) queued_request_bytes_max: i64,
    /// The most record bytes in one answer to a Fetch, but for its first batch.
    pub(crate) fetch_bytes_max: usize,
    /// How many fetch sessions are kept.
    pub(crate) fetch_session_slots: usize,
    pub(crate) connections_idle_max: Duration,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_ip_max: usize,
    /// What only an embedded broker has; the builder sets it.
    pub(crate) embed: EmbedConfig,
}

impl NodeConfig {
    /// Checks what single values cannot say.
    pub(crate) fn new(
        properties: BrokerConfigs,
        listen: Option<SocketAddr>,
        data: Option<PathBuf>,
    ) -> Result<NodeConfig, InvalidConfig> {
        let data = data.or_else(|| log_dir(&properties));
        let listen = match listen {
            Some(listen) => listen,
            None => listener(&properties)?,
        };
        Ok(NodeConfig {
            node_id: node_id(&properties)?,
            listen,
            advertised: advertised(&properties)?,
            data,
            #[cfg(feature = "faulty-disk")]
            disk: None,
            request_bytes_max: size(&properties, "socket.request.max.bytes"),
            queued_request_bytes_max: queued_request_bytes_max(&properties)?,
            fetch_bytes_max: size(&properties, "fetch.max.bytes"),
            fetch_session_slots: size(&properties, "max.incremental.fetch.session.cache.slots"),
            connections_idle_max: idle_max(&properties),
            connections_max: size(&properties, "max.connections"),
            connections_per_ip_max: size(&properties, "max.connections.per.ip"),
            properties,
            embed: EmbedConfig::default(),
        })
    }
}

/// Sets one property, by Kafka's name.
pub(crate) fn set_property(
    overrides: &mut Overrides,
    name: &str,
    value: &str,
) -> Result<(), InvalidConfig> {
    overrides
        .set(BROKER_CONFIGS, name, value)
        .map_err(|error| match error {
            ConfigError::UnknownName { name } => {
                let nearest = nearest_name(&name);
                InvalidConfig::UnknownName { name, nearest }
            }
            invalid => InvalidConfig::InvalidValue(invalid),
        })
}

/// Reads a Java properties file: `name=value` lines, `#` and `!` comments.
pub fn parse_properties(file: &str, text: &str) -> Result<Vec<(String, String)>, InvalidConfig> {
    let lines = text.lines().enumerate();
    let meant = lines.map(|(index, line)| (index + 1, line.trim()));
    meant
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', '!']))
        .map(|(line, text)| {
            let pair = text.split_once('=');
            let pair = pair.filter(|(name, _)| !name.trim().is_empty());
            pair.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .ok_or_else(|| InvalidConfig::Line {
                    file: file.to_owned(),
                    line,
                    text: text.to_owned(),
                })
        })
        .collect()
}

fn nearest_name(name: &str) -> Option<&'static str> {
    let similarity = |known: &str| strsim::normalized_damerau_levenshtein(known, name);
    let nearest = BROKER_CONFIGS
        .iter()
        .map(|definition| definition.name)
        .max_by(|left, right| similarity(left).total_cmp(&similarity(right)))?;
    (similarity(nearest) >= SUGGESTION_SIMILARITY_MIN).then_some(nearest)
}

/// `node.id`, or the older `broker.id` when it was set.
fn node_id(properties: &BrokerConfigs) -> Result<NodeId, InvalidConfig> {
    let newer = properties
        .set_value("node.id")
        .and(properties.long("node.id"));
    let older = properties
        .set_value("broker.id")
        .and(properties.long("broker.id"));
    match (newer, older) {
        (Some(newer), Some(older)) if newer != older => Err(InvalidConfig::Contradiction(format!(
            "node.id is {newer} and broker.id is {older}; leave broker.id out"
        ))),
        (newer, older) => Ok(NodeId(newer.or(older).unwrap_or(0).max(0) as i32)),
    }
}

/// As in Kafka, the largest request has to fit.
fn queued_request_bytes_max(properties: &BrokerConfigs) -> Result<i64, InvalidConfig> {
    let queued = properties.number("queued.max.request.bytes");
    let request = properties.number("socket.request.max.bytes");
    if queued > 0 && queued < request {
        return Err(InvalidConfig::Contradiction(format!(
            "queued.max.request.bytes is {queued}, less than socket.request.max.bytes, \
             which is {request}; raise the one or lower the other"
        )));
    }
    Ok(queued)
}

fn log_dir(properties: &BrokerConfigs) -> Option<PathBuf> {
    // One folder: `log.dirs` may list several, the first one is used.
    let dirs = properties
        .text("log.dirs")
        .or_else(|| properties.text("log.dir"))?;
    let first = dirs
        .split(',')
        .next()
        .map(str::trim)
        .filter(|dir| !dir.is_empty())?;
    Some(PathBuf::from(first))
}

fn listener(properties: &BrokerConfigs) -> Result<SocketAddr, InvalidConfig> {
    let value = properties.text("listeners").unwrap_or_default();
    let wrong = || InvalidConfig::Address {
        property: "listeners",
        value: value.clone(),
        expected: "a list with one PLAINTEXT://host:port",
    };
    // A Kafka in KRaft mode has a controller's listener beside it.
    let (host, port) = value.split(',').find_map(plaintext).ok_or_else(wrong)?;
    let host = if host.is_empty() {
        "0.0.0.0".to_owned()
    } else {
        host
    };
    let mut resolved = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|_| wrong())?;
    resolved.next().ok_or_else(wrong)
}

fn advertised(properties: &BrokerConfigs) -> Result<Option<(String, u16)>, InvalidConfig> {
    let Some(value) = properties.text("advertised.listeners") else {
        return Ok(None);
    };
    match value.split(',').find_map(plaintext) {
        Some((host, port)) if !host.is_empty() && port != 0 => Ok(Some((host, port))),
        _ => Err(InvalidConfig::Address {
            property: "advertised.listeners",
            value,
            expected: "a list with one PLAINTEXT://host:port that clients can reach",
        }),
    }
}

fn plaintext(listener: &str) -> Option<(String, u16)> {
    let (host, port) = listener
        .trim()
        .strip_prefix("PLAINTEXT://")?
        .rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

fn size(properties: &BrokerConfigs, name: &'static str) -> usize {
    usize::try_from(properties.number(name)).unwrap_or(0)
}

fn idle_max(properties: &BrokerConfigs) -> Duration {
    // A negative value switches the limit off; a year is as good as never.
    const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let ms = u64::try_from(properties.number("connections.max.idle.ms"));
    ms.map_or(NEVER, Duration::from_millis).min(NEVER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(properties: &[(&str, &str)]) -> Result<NodeConfig, InvalidConfig> {
        let mut fixed = Overrides::default();
        for (name, value) in properties {
            set_property(&mut fixed, name, value)?;
        }
        NodeConfig::new(
            BrokerConfigs {
                fixed,
                ..BrokerConfigs::default()
            },
            None,
            None,
        )
    }

    #[test]
    fn a_kafka_configuration_is_understood() {
        let config = config(&[
            ("node.id", "7"),
            (
                "listeners",
                "CONTROLLER://127.0.0.1:9093,PLAINTEXT://127.0.0.1:9092",
            ),
            (
                "advertised.listeners",
                "CONTROLLER://broker.example:9093,PLAINTEXT://broker.example:29092",
            ),
            ("log.dirs", "/var/lib/kafka,/mnt/second"),
            ("num.network.threads", "3"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
        ])
        .unwrap();
        assert_eq!(config.node_id, NodeId(7));
        assert_eq!(config.listen, "127.0.0.1:9092".parse().unwrap());
        assert_eq!(
            config.advertised,
            Some(("broker.example".to_owned(), 29092))
        );
        assert_eq!(config.data, Some(PathBuf::from("/var/lib/kafka")));
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_nearest_one() {
        let error = config(&[("log.retention.hour", "1")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown configuration property 'log.retention.hour'; \
             did you mean 'log.retention.hours'?"
        );
        for unlike_any in ["zzzz", "ssl.keystore.location", "authorizer.class.name"] {
            let error = config(&[(unlike_any, "1")]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("unknown configuration property '{unlike_any}'")
            );
        }
    }

    #[test]
    fn wrong_values_are_refused_with_the_property() {
        for (name, value) in [
            ("num.partitions", "0"),
            ("listeners", "SSL://host:1"),
            ("listeners", "PLAINTEXT://127.0.0.1:notaport"),
            ("advertised.listeners", "PLAINTEXT://:9092"),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let both = config(&[("node.id", "1"), ("broker.id", "2")]);
        assert!(matches!(both, Err(InvalidConfig::Contradiction(_))));
    }

    #[test]
    fn the_largest_request_fits_into_what_may_be_queued() {
        let queued = |bytes| config(&[("queued.max.request.bytes", bytes)]);
        assert!(queued("104857600").is_ok() && queued("-1").is_ok());
        let error = queued("104857599").unwrap_err().to_string();
        assert!(error.contains("socket.request.max.bytes"), "{error}");
    }

    #[test]
    fn a_properties_file_has_names_values_and_comments() {
        let text = "# comment\n\nnode.id = 1\n!also a comment\nlisteners=PLAINTEXT://:9092\n";
        let pairs = parse_properties("server.properties", text).unwrap();
        assert_eq!(pairs[0], ("node.id".to_owned(), "1".to_owned()));
        assert_eq!(pairs[1].1, "PLAINTEXT://:9092");
        let error = parse_properties("f", "ok=1\nnonsense\n")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "line 2 of f is not 'name=value': nonsense");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".*", name in ".*", value in ".*") {
            let _ = parse_properties("f", &text);
            let _ = config(&[(name.as_str(), value.as_str())]);
            let _ = config(&[("listeners", value.as_str())]);
        }
    }
}
