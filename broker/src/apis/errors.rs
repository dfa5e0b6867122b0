//! The only place where a domain error becomes a Kafka error code.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use ottla_core::config::ConfigError;
use ottla_core::controller::{
    AlterConfigError, CreatePartitionsError, CreateTopicError, TopicNameError,
};

use crate::node::metadata::MetadataError;

/// A domain error as clients see it: Kafka's code, and a sentence.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) code: ResponseError,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(code: ResponseError, message: impl Into<String>) -> ApiError {
        ApiError {
            code,
            message: message.into(),
        }
    }

    /// The code as it stands on the wire.
    pub(crate) fn code(&self) -> i16 {
        self.code.code()
    }

    /// The sentence as it stands on the wire.
    pub(crate) fn message(&self) -> Option<StrBytes> {
        Some(StrBytes::from_string(self.message.clone()))
    }
}

/// The code of a result: 0 where there is no error.
pub(crate) fn code_of<T>(result: &Result<T, ApiError>) -> i16 {
    result.as_ref().err().map_or(0, ApiError::code)
}

/// The sentence of a result; none where there is no error.
pub(crate) fn message_of<T>(result: &Result<T, ApiError>) -> Option<StrBytes> {
    result.as_ref().err().and_then(ApiError::message)
}

impl From<TopicNameError> for ApiError {
    fn from(error: TopicNameError) -> Self {
        ApiError::new(ResponseError::InvalidTopicException, error.to_string())
    }
}

impl From<ConfigError> for ApiError {
    fn from(error: ConfigError) -> Self {
        ApiError::new(ResponseError::InvalidConfig, error.to_string())
    }
}

impl From<CreateTopicError> for ApiError {
    fn from(error: CreateTopicError) -> Self {
        let code = match &error {
            CreateTopicError::Name(_) | CreateTopicError::Collision { .. } => {
                ResponseError::InvalidTopicException
            }
            CreateTopicError::AlreadyExists(_) => ResponseError::TopicAlreadyExists,
            CreateTopicError::Partitions => ResponseError::InvalidPartitions,
            CreateTopicError::TooManyPartitions => ResponseError::PolicyViolation,
            CreateTopicError::ReplicationFactor { .. } => ResponseError::InvalidReplicationFactor,
            CreateTopicError::Assignment(_) => ResponseError::InvalidReplicaAssignment,
            CreateTopicError::AssignmentAndNumbers(_) => ResponseError::InvalidRequest,
            CreateTopicError::Config(_) => ResponseError::InvalidConfig,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<CreatePartitionsError> for ApiError {
    fn from(error: CreatePartitionsError) -> Self {
        let code = match &error {
            CreatePartitionsError::NotAnIncrease { .. } => ResponseError::InvalidPartitions,
            CreatePartitionsError::TooManyPartitions => ResponseError::PolicyViolation,
            CreatePartitionsError::Assignment(_) => ResponseError::InvalidReplicaAssignment,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<AlterConfigError> for ApiError {
    fn from(error: AlterConfigError) -> Self {
        let code = match &error {
            AlterConfigError::UnknownTopic(_) => ResponseError::UnknownTopicOrPartition,
            AlterConfigError::Duplicate(_) => ResponseError::InvalidRequest,
            AlterConfigError::Invalid(_) | AlterConfigError::NotAList(_) => {
                ResponseError::InvalidConfig
            }
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<MetadataError> for ApiError {
    fn from(error: MetadataError) -> Self {
        // Nothing changed: the client may ask again.
        ApiError::new(ResponseError::KafkaStorageError, error.to_string())
    }
}
