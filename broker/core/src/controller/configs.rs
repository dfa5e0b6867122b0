//! Changing configuration: AlterConfigs' replacement of everything and
//! IncrementalAlterConfigs' single steps (KIP-339) are the same decision.

use std::sync::Arc;

use super::image::MetadataImage;
use super::record::MetadataRecord;
use crate::config::{
    BROKER_CONFIGS, ConfigDefinition, ConfigError, Overrides, TOPIC_CONFIGS, check_topic_configs,
    find_definition, is_list_config,
};

/// What a property belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(Arc<str>),
    /// A broker by its id as text; the empty text means every broker.
    Broker(Arc<str>),
}

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// The property.
    pub name: String,
    /// What to do with it.
    pub operation: AlterOperation,
}

/// KIP-339's operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterOperation {
    /// Give it this value.
    Set(String),
    /// Go back to what applies without it.
    Delete,
    /// Add these words to a list.
    Append(String),
    /// Take these words from a list.
    Subtract(String),
}

/// Why a change was refused. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterConfigError {
    /// The topic is not there.
    #[error("the topic '{0}' does not exist")]
    UnknownTopic(Arc<str>),
    /// A name or value is wrong.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
    /// The same property stands twice in one request.
    #[error("duplicate config keys in one resource: {0}")]
    Duplicate(String),
    /// Appending to something that is no list.
    #[error("can't append or subtract: config {0} is not a list")]
    NotAList(String),
}

/// Decides a change of one resource: all of `alterations` or none.
pub fn decide_alter_configs(
    image: &MetadataImage,
    resource: &ConfigResource,
    alterations: &[ConfigAlteration],
) -> Result<Vec<MetadataRecord>, AlterConfigError> {
    refuse_duplicates(alterations)?;
    let (table, current) = current(image, resource);
    let mut changed = current.clone();
    for alteration in alterations {
        apply(table, &current, &mut changed, alteration)?;
    }
    if let ConfigResource::Topic(_) = resource {
        check_topic_configs(&changed)?;
    }
    // As in Kafka, what no topic may have is said before that this one is missing.
    refuse_missing(image, resource)?;
    // A name that nobody knows can be taken away: it is not there.
    let known = alterations
        .iter()
        .filter(|alteration| find_definition(table, &alteration.name).is_ok());
    let records = known.map(|alteration| MetadataRecord::Config {
        resource: resource.clone(),
        name: Arc::from(alteration.name.as_str()),
        value: changed.value(&alteration.name).map(Arc::from),
    });
    Ok(records.collect())
}

/// Decides to give one resource exactly these properties: those it has besides
/// go back to what applies without them.
pub fn decide_replace_configs(
    image: &MetadataImage,
    resource: &ConfigResource,
    properties: Vec<(String, String)>,
) -> Result<Vec<MetadataRecord>, AlterConfigError> {
    let (_, current) = current(image, resource);
    let mut alterations: Vec<_> = properties
        .into_iter()
        .map(|(name, value)| ConfigAlteration {
            name,
            operation: AlterOperation::Set(value),
        })
        .collect();
    let is_named = |name: &str| alterations.iter().any(|given| given.name == name);
    let unnamed: Vec<_> = current.iter().filter(|(name, _)| !is_named(name)).collect();
    alterations.extend(unnamed.into_iter().map(|(name, _)| ConfigAlteration {
        name: name.to_owned(),
        operation: AlterOperation::Delete,
    }));
    decide_alter_configs(image, resource, &alterations)
}

fn refuse_duplicates(alterations: &[ConfigAlteration]) -> Result<(), AlterConfigError> {
    let mut seen = std::collections::BTreeSet::new();
    match alterations
        .iter()
        .find(|alteration| !seen.insert(alteration.name.as_str()))
    {
        Some(repeated) => Err(AlterConfigError::Duplicate(repeated.name.clone())),
        None => Ok(()),
    }
}

/// What a resource has; a topic that is not there has nothing.
fn current(
    image: &MetadataImage,
    resource: &ConfigResource,
) -> (&'static [ConfigDefinition], Overrides) {
    match resource {
        ConfigResource::Topic(name) => {
            let topic = image.topic(name);
            let configs = topic.map(|topic| topic.configs.clone());
            (TOPIC_CONFIGS, configs.unwrap_or_default())
        }
        ConfigResource::Broker(broker) => (BROKER_CONFIGS, image.broker_configs(broker)),
    }
}

fn refuse_missing(
    image: &MetadataImage,
    resource: &ConfigResource,
) -> Result<(), AlterConfigError> {
    match resource {
        ConfigResource::Topic(name) if image.topic(name).is_none() => {
            Err(AlterConfigError::UnknownTopic(Arc::clone(name)))
        }
        _ => Ok(()),
    }
}

fn apply(
    table: &'static [ConfigDefinition],
    current: &Overrides,
    changed: &mut Overrides,
    alteration: &ConfigAlteration,
) -> Result<(), AlterConfigError> {
    let definition = match find_definition(table, &alteration.name) {
        // Nobody has it, so it is gone already.
        Err(_) if alteration.operation == AlterOperation::Delete => return Ok(()),
        found => found?,
    };
    match &alteration.operation {
        AlterOperation::Set(value) => changed.set(table, definition.name, value)?,
        AlterOperation::Delete => changed.remove(definition.name),
        AlterOperation::Append(words) | AlterOperation::Subtract(words) => {
            if !is_list_config(definition) {
                return Err(AlterConfigError::NotAList(alteration.name.clone()));
            }
            let old = current
                .value(definition.name)
                .or(definition.default)
                .unwrap_or_default();
            let append = matches!(alteration.operation, AlterOperation::Append(_));
            changed.set(table, definition.name, &list_change(old, words, append))?;
        }
    }
    Ok(())
}

/// As Kafka does it, an empty word is one too: whether it is valid is for the
/// property to say.
fn list_change(old: &str, words: &str, append: bool) -> String {
    let old = Some(old).filter(|old| !old.is_empty());
    let mut list: Vec<&str> = old
        .into_iter()
        .flat_map(|old| old.split(','))
        .map(str::trim)
        .collect();
    for word in words.split(',').map(str::trim) {
        let position = list.iter().position(|known| *known == word);
        match (append, position) {
            (true, None) => list.push(word),
            (false, Some(position)) => drop(list.remove(position)),
            _ => {}
        }
    }
    list.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TopicId;

    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        image.replay(&MetadataRecord::Topic {
            name: "t".into(),
            id: TopicId([1; 16]),
        });
        image
    }

    fn alteration(name: &str, operation: AlterOperation) -> ConfigAlteration {
        ConfigAlteration {
            name: name.to_owned(),
            operation,
        }
    }

    fn topic() -> ConfigResource {
        ConfigResource::Topic("t".into())
    }

    #[test]
    fn a_change_is_all_or_nothing() {
        let good = alteration("retention.ms", AlterOperation::Set("1".into()));
        let bad = alteration("segment.bytes", AlterOperation::Set("1".into()));
        let refused = decide_alter_configs(&image(), &topic(), &[good, bad]);
        assert!(matches!(refused, Err(AlterConfigError::Invalid(_))));
    }

    #[test]
    fn list_properties_grow_and_shrink_and_others_do_not() {
        let mut image = image();
        let add = alteration("cleanup.policy", AlterOperation::Append("compact".into()));
        for record in decide_alter_configs(&image, &topic(), &[add]).unwrap() {
            image.replay(&record);
        }
        assert_eq!(
            image.topic("t").unwrap().configs.value("cleanup.policy"),
            Some("delete,compact")
        );
        let cut = alteration("cleanup.policy", AlterOperation::Subtract("delete".into()));
        for record in decide_alter_configs(&image, &topic(), &[cut]).unwrap() {
            image.replay(&record);
        }
        assert_eq!(
            image.topic("t").unwrap().configs.value("cleanup.policy"),
            Some("compact")
        );
        let wrong = alteration("retention.ms", AlterOperation::Append("1".into()));
        let refused = decide_alter_configs(&image, &topic(), &[wrong]);
        assert!(matches!(refused, Err(AlterConfigError::NotAList(_))));
    }

    #[test]
    fn a_policy_can_be_taken_away_whole_and_an_unknown_name_too() {
        let mut image = image();
        let cut = alteration("cleanup.policy", AlterOperation::Subtract("delete".into()));
        let gone = alteration("nonsense", AlterOperation::Delete);
        let records = decide_alter_configs(&image, &topic(), &[cut, gone]).unwrap();
        assert_eq!(records.len(), 1);
        for record in records {
            image.replay(&record);
        }
        let policy = image.topic("t").unwrap().configs.value("cleanup.policy");
        assert_eq!(policy, Some(""));
        let nothing = alteration("cleanup.policy", AlterOperation::Append("compact,".into()));
        let refused = decide_alter_configs(&image, &topic(), &[nothing]);
        assert!(matches!(refused, Err(AlterConfigError::Invalid(_))));
    }

    #[test]
    fn what_is_not_named_is_taken_away_when_all_is_replaced() {
        let mut image = image();
        let mut replace = |properties: &[(&str, &str)]| {
            let properties = properties.iter();
            let properties = properties.map(|(name, value)| ((*name).into(), (*value).into()));
            for record in decide_replace_configs(&image, &topic(), properties.collect()).unwrap() {
                image.replay(&record);
            }
            let configs = &image.topic("t").unwrap().configs;
            configs.iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            replace(&[("retention.ms", "1"), ("segment.ms", "2")]),
            ["retention.ms", "segment.ms"]
        );
        assert_eq!(replace(&[("segment.ms", "3")]), ["segment.ms"]);
        assert_eq!(replace(&[]), [""; 0]);
    }

    #[test]
    fn a_property_named_twice_is_refused() {
        let set = alteration("retention.ms", AlterOperation::Set("1".into()));
        let refused = decide_alter_configs(&image(), &topic(), &[set.clone(), set]);
        assert!(matches!(refused, Err(AlterConfigError::Duplicate(_))));
    }
}
