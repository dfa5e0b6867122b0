//! One configuration property: its name, type, default and valid values.

/// A property as Kafka's `ConfigDef` describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigDefinition {
    /// Kafka's name.
    pub name: &'static str,
    /// The type and the valid values.
    pub kind: ConfigKind,
    /// The default as text; `None` where Kafka's default is null.
    pub default: Option<&'static str>,
    /// Of a topic property: the broker properties it falls back to, the first
    /// one set wins, each with the factor that converts it to our unit.
    pub synonyms: &'static [(&'static str, i64)],
    /// False where Ottla accepts and reports the property but does not act on
    /// it, because the thing it tunes does not exist here.
    pub has_effect: bool,
}

/// The type of a property, with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConfigKind {
    /// `true` or `false`, in any case.
    Boolean,
    /// A 16-bit number.
    Short {
        /// The smallest valid value.
        min: i16,
    },
    /// A 32-bit number, bounds included.
    Int {
        /// The smallest valid value.
        min: i32,
        /// The largest valid value.
        max: i32,
    },
    /// A 64-bit number.
    Long {
        /// The smallest valid value.
        min: i64,
    },
    /// A number with a fraction, bounds included.
    Double {
        /// The smallest valid value.
        min: f64,
        /// The largest valid value.
        max: f64,
    },
    /// How hard a codec tries: a 32-bit number within the bounds, or −1, its own
    /// default.
    Level {
        /// The fastest.
        min: i32,
        /// The smallest result.
        max: i32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words separated by commas, each one of these; none is fine (KIP-1161).
    ListOf(&'static [&'static str]),
    /// Any words separated by commas.
    List,
    /// `*`, or pairs `partition:broker` separated by commas.
    ThrottledReplicas,
    /// Any text.
    Text,
}

/// Why a property was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such property.
    #[error("unknown configuration property '{name}'")]
    UnknownName {
        /// The name as given.
        name: String,
    },
    /// The value is not of the property's type, or out of its bounds. The text
    /// has the form of Kafka's own message.
    #[error("invalid value {value} for configuration {name}: {reason}")]
    InvalidValue {
        /// The property.
        name: &'static str,
        /// The value as given.
        value: String,
        /// What would be valid.
        reason: String,
    },
    /// Two properties that are fine alone and not together.
    #[error("{0}")]
    Conflict(String),
}

/// Looks `name` up in a table that is sorted by name.
pub fn find_definition(
    table: &'static [ConfigDefinition],
    name: &str,
) -> Result<&'static ConfigDefinition, ConfigError> {
    table
        .binary_search_by(|definition| definition.name.cmp(name))
        .map(|position| &table[position])
        .map_err(|_| ConfigError::UnknownName {
            name: name.to_owned(),
        })
}

impl ConfigDefinition {
    /// Says whether `value` is valid for this property.
    pub fn validate(&self, value: &str) -> Result<(), ConfigError> {
        self.kind
            .problem_with(value.trim())
            .map_or(Ok(()), |reason| {
                Err(ConfigError::InvalidValue {
                    name: self.name,
                    value: value.to_owned(),
                    reason,
                })
            })
    }
}

impl ConfigKind {
    fn problem_with(&self, value: &str) -> Option<String> {
        match *self {
            ConfigKind::Boolean => {
                let is_boolean = ["true", "false"]
                    .iter()
                    .any(|b| value.eq_ignore_ascii_case(b));
                (!is_boolean).then(|| "expected value to be either true or false".to_owned())
            }
            ConfigKind::Short { min } => bounds_problem(value, min, i16::MAX),
            ConfigKind::Int { min, max } => bounds_problem(value, min, max),
            ConfigKind::Long { min } => bounds_problem(value, min, i64::MAX),
            ConfigKind::Double { min, max } => bounds_problem(value, min, max),
            ConfigKind::Level { min, max } if value != "-1" => bounds_problem(value, min, max)
                .map(|problem| format!("{problem}; -1 is the codec's default")),
            ConfigKind::Level { .. } => None,
            ConfigKind::Choice(words) => word_problem(value, words),
            ConfigKind::ListOf(_) if value.is_empty() => None,
            ConfigKind::ListOf(words) => value
                .split(',')
                .find_map(|word| word_problem(word.trim(), words)),
            ConfigKind::ThrottledReplicas => throttled_replicas_problem(value),
            ConfigKind::List | ConfigKind::Text => None,
        }
    }
}

fn bounds_problem<N>(value: &str, min: N, max: N) -> Option<String>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    let Ok(number) = value.parse::<N>() else {
        return Some(format!("not a number between {min} and {max}"));
    };
    // Inside is what both comparisons say; a NaN is not.
    match (min <= number, number <= max) {
        (true, true) => None,
        (false, _) => Some(format!("value must be at least {min}")),
        (true, false) => Some(format!("value must be no more than {max}")),
    }
}

fn word_problem(word: &str, valid: &[&str]) -> Option<String> {
    (!valid.contains(&word)).then(|| format!("string must be one of: {}", valid.join(", ")))
}

/// As lenient as Kafka: pairs may be missing between commas, and what follows a
/// `*` does not matter.
fn throttled_replicas_problem(value: &str) -> Option<String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_pair = |pair: &str| {
        let pair = pair.trim();
        let halves = pair.split_once(':');
        pair.is_empty() || halves.is_some_and(|(left, right)| is_number(left) && is_number(right))
    };
    let mut pairs = value.split(',');
    let is_valid = pairs
        .clone()
        .next()
        .is_some_and(|first| first.trim() == "*")
        || pairs.all(is_pair);
    (!is_valid).then(|| "either * or pairs partition:broker, separated by commas".to_owned())
}

/// The words of a comma-separated list, trimmed, empty ones left out.
pub(super) fn list_words(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{BROKER_CONFIGS, INTERNAL_BROKER_CONFIGS, TOPIC_CONFIGS};

    #[test]
    fn tables_are_sorted_and_every_default_is_valid() {
        for table in [TOPIC_CONFIGS, BROKER_CONFIGS] {
            assert!(table.is_sorted_by(|left, right| left.name < right.name));
            for definition in table {
                if let Some(default) = definition.default {
                    assert_eq!(definition.validate(default), Ok(()), "{}", definition.name);
                }
            }
        }
    }

    #[test]
    fn every_internal_property_is_one_of_the_brokers() {
        for name in INTERNAL_BROKER_CONFIGS {
            assert!(find_definition(BROKER_CONFIGS, name).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_synonym_is_a_broker_property_of_the_same_shape() {
        for definition in TOPIC_CONFIGS {
            for (synonym, _) in definition.synonyms {
                assert!(
                    find_definition(BROKER_CONFIGS, synonym).is_ok(),
                    "{synonym}"
                );
            }
        }
    }

    #[test]
    fn values_out_of_type_or_bounds_are_refused_with_the_reason() {
        let problem = |name, value| {
            find_definition(TOPIC_CONFIGS, name)
                .unwrap()
                .validate(value)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            problem("segment.bytes", "14"),
            "invalid value 14 for configuration segment.bytes: value must be at least 1048576"
        );
        assert!(problem("retention.ms", "soon").contains("not a number"));
        assert!(problem("cleanup.policy", "delete,shred").contains("must be one of"));
        assert!(problem("cleanup.policy", "delete,").contains("must be one of"));
        assert!(problem("compression.gzip.level", "0").contains("at least 1"));
        for pairs in ["x", "0:1:2", "0:1,*", "none", "-1:0"] {
            assert!(problem("leader.replication.throttled.replicas", pairs).contains("pairs"));
        }
        assert!(problem("min.cleanable.dirty.ratio", "NaN").contains("at least"));
    }

    #[test]
    fn values_that_kafka_takes_are_taken() {
        for (name, value) in [
            ("cleanup.policy", ""),
            ("cleanup.policy", " delete , compact "),
            ("cleanup.policy", "delete,delete"),
            ("compression.gzip.level", "-1"),
            ("retention.bytes", "-100"),
            ("retention.ms", " +5 "),
            ("preallocate", " TRUE "),
            ("follower.replication.throttled.replicas", "*"),
            ("follower.replication.throttled.replicas", " 0:1 , 1:2"),
            ("follower.replication.throttled.replicas", ""),
        ] {
            let definition = find_definition(TOPIC_CONFIGS, name).unwrap();
            assert_eq!(definition.validate(value), Ok(()), "{name}={value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_validated_without_panic(position in 0..TOPIC_CONFIGS.len(), value in ".*") {
            let _ = TOPIC_CONFIGS[position].validate(&value);
        }
    }
}
