//! What AlterConfigs and IncrementalAlterConfigs share: which resources may be
//! changed at all, and that each is named once.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use ottla_core::controller::{ConfigResource, validate_topic_name};

use super::describe_configs::{RESOURCE_BROKER, RESOURCE_TOPIC};
use super::errors::ApiError;

/// Kafka's types of resources whose configuration cannot be changed here:
/// loggers, client metrics and groups.
const OTHER_RESOURCES: [i8; 3] = [8, 16, 32];

/// The resources of a request, counted: a request that names one twice may
/// mean either, so neither is changed.
pub(super) struct Named<'a>(BTreeMap<(i8, &'a str), usize>);

impl<'a> Named<'a> {
    pub(super) fn of(resources: impl Iterator<Item = (i8, &'a StrBytes)>) -> Named<'a> {
        let mut named = Named(BTreeMap::new());
        for (kind, name) in resources {
            *named.0.entry((kind, name.as_str())).or_default() += 1;
        }
        named
    }

    /// The topic of that name, if it is a topic and is named once.
    pub(super) fn topic(&self, kind: i8, name: &StrBytes) -> Result<ConfigResource, ApiError> {
        let invalid = |message: String| Err(ApiError::new(ResponseError::InvalidRequest, message));
        if self
            .0
            .get(&(kind, name.as_str()))
            .is_none_or(|&times| times > 1)
        {
            return invalid("each resource must appear at most once".to_owned());
        }
        match kind {
            RESOURCE_TOPIC if name.is_empty() => {
                invalid("topics have no defaults of their own; set the broker's".to_owned())
            }
            RESOURCE_TOPIC => {
                validate_topic_name(name)?;
                Ok(ConfigResource::Topic(Arc::from(name.as_str())))
            }
            RESOURCE_BROKER => invalid(
                "only topics can be reconfigured while the broker runs; \
                 give a broker's properties at its start"
                    .to_owned(),
            ),
            kind if OTHER_RESOURCES.contains(&kind) => invalid(format!(
                "no configuration is kept for resources of type {kind}"
            )),
            kind => invalid(format!("unknown resource type {kind}")),
        }
    }
}

/// A value where one is needed.
pub(super) fn value(name: &StrBytes, value: Option<&StrBytes>) -> Result<String, ApiError> {
    value.map(ToString::to_string).ok_or_else(|| {
        let message = format!("null value not supported for: {name}");
        ApiError::new(ResponseError::InvalidRequest, message)
    })
}
