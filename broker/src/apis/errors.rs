//! The only place where a domain error becomes a Kafka error code.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use ottla_core::batch::compression::CompressionError;
use ottla_core::config::ConfigError;
use ottla_core::controller::{
    AlterConfigError, CreatePartitionsError, CreateTopicError, TopicNameError,
};
use ottla_core::fetch_session::SessionError;
use ottla_core::group::GroupError;
use ottla_core::partition::AppendRefusal;

use crate::node::metadata::MetadataError;
use crate::node::partition::{
    AppendError, DeleteRecordsError, EpochError, FetchError, Unavailable,
};
use crate::storage::{ReadError, StorageError};

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
            CreateTopicError::AssignmentAndNumbers(_) | CreateTopicError::MetadataTopic => {
                ResponseError::InvalidRequest
            }
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

impl From<AppendRefusal> for ApiError {
    fn from(refusal: AppendRefusal) -> Self {
        let code = match &refusal {
            AppendRefusal::Length(_) | AppendRefusal::UnknownMagic(_) | AppendRefusal::Checksum => {
                ResponseError::CorruptMessage
            }
            AppendRefusal::NoWholeBatch
            | AppendRefusal::SeveralBatches
            | AppendRefusal::OldMagic(_)
            | AppendRefusal::BaseOffset(_)
            | AppendRefusal::Counts { .. }
            | AppendRefusal::ControlBatch
            | AppendRefusal::BaseSequence { .. }
            | AppendRefusal::Records(_)
            | AppendRefusal::InvalidRecords {
                has_timestamp: false,
                ..
            } => ResponseError::InvalidRecord,
            AppendRefusal::InvalidRecords {
                has_timestamp: true,
                ..
            } => ResponseError::InvalidTimestamp,
            AppendRefusal::TooLarge { .. }
            | AppendRefusal::Compression(CompressionError::TooLarge { .. }) => {
                ResponseError::MessageTooLarge
            }
            AppendRefusal::LargerThanSegment { .. } => ResponseError::RecordListTooLarge,
            // Kafka has no code of its own for it either.
            AppendRefusal::UnknownCodec | AppendRefusal::Compression(_) => {
                ResponseError::UnknownServerError
            }
            AppendRefusal::ZstdNotAllowed => ResponseError::UnsupportedCompressionType,
            AppendRefusal::Transactional => ResponseError::InvalidRequest,
            AppendRefusal::ProducerEpoch { .. } => ResponseError::InvalidProducerEpoch,
            AppendRefusal::OutOfOrderSequence { .. } => ResponseError::OutOfOrderSequenceNumber,
        };
        ApiError::new(code, refusal.to_string())
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Refused(refusal) => refusal.into(),
            AppendError::Unavailable(unavailable) => unavailable.into(),
            AppendError::Storage(error) => error.into(),
        }
    }
}

impl From<FetchError> for ApiError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Unavailable(unavailable) => unavailable.into(),
            FetchError::Epoch(error) => error.into(),
            FetchError::Read(ReadError::Storage(error)) => error.into(),
            FetchError::Read(error @ ReadError::OffsetOutOfRange { .. }) => {
                ApiError::new(ResponseError::OffsetOutOfRange, error.to_string())
            }
        }
    }
}

impl From<DeleteRecordsError> for ApiError {
    fn from(error: DeleteRecordsError) -> Self {
        match error {
            DeleteRecordsError::Refused(refusal) => {
                ApiError::new(ResponseError::OffsetOutOfRange, refusal.to_string())
            }
            DeleteRecordsError::Unavailable(unavailable) => unavailable.into(),
            DeleteRecordsError::Storage(error) => error.into(),
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        let code = match error {
            SessionError::IdNotFound => ResponseError::FetchSessionIdNotFound,
            SessionError::InvalidEpoch => ResponseError::InvalidFetchSessionEpoch,
            SessionError::TopicIds => ResponseError::FetchSessionTopicIdError,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<EpochError> for ApiError {
    fn from(error: EpochError) -> Self {
        let code = match error {
            EpochError::Fenced { .. } => ResponseError::FencedLeaderEpoch,
            EpochError::Unknown { .. } => ResponseError::UnknownLeaderEpoch,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<Unavailable> for ApiError {
    fn from(unavailable: Unavailable) -> Self {
        let code = match unavailable {
            Unavailable::Deleted => ResponseError::UnknownTopicOrPartition,
            Unavailable::Offline => ResponseError::KafkaStorageError,
        };
        ApiError::new(code, unavailable.to_string())
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        // A path on this machine is nobody else's business: the log has it.
        tracing::warn!(%error, "the storage refused a request");
        ApiError::new(
            ResponseError::KafkaStorageError,
            "the broker's storage refused this",
        )
    }
}

impl From<GroupError> for ApiError {
    fn from(error: GroupError) -> Self {
        let code = match &error {
            GroupError::InvalidGroupId => ResponseError::InvalidGroupId,
            GroupError::GroupIdNotFound(_) => ResponseError::GroupIdNotFound,
            GroupError::NonEmptyGroup => ResponseError::NonEmptyGroup,
            GroupError::GroupSubscribedToTopic => ResponseError::GroupSubscribedToTopic,
            GroupError::GroupMaxSizeReached => ResponseError::GroupMaxSizeReached,
            GroupError::InconsistentGroupProtocol => ResponseError::InconsistentGroupProtocol,
            GroupError::InvalidSessionTimeout => ResponseError::InvalidSessionTimeout,
            GroupError::MemberIdRequired(_) => ResponseError::MemberIdRequired,
            GroupError::UnknownMemberId => ResponseError::UnknownMemberId,
            GroupError::IllegalGeneration => ResponseError::IllegalGeneration,
            GroupError::RebalanceInProgress => ResponseError::RebalanceInProgress,
            GroupError::FencedInstanceId => ResponseError::FencedInstanceId,
            GroupError::UnreleasedInstanceId(_) => ResponseError::UnreleasedInstanceId,
            GroupError::FencedMemberEpoch(_) => ResponseError::FencedMemberEpoch,
            GroupError::StaleMemberEpoch(_) => ResponseError::StaleMemberEpoch,
            GroupError::UnsupportedAssignor(_) => ResponseError::UnsupportedAssignor,
            GroupError::InvalidRegularExpression(_) => ResponseError::InvalidRegularExpression,
            GroupError::OffsetMetadataTooLarge => ResponseError::OffsetMetadataTooLarge,
            GroupError::InvalidCommitOffsetSize => ResponseError::InvalidCommitOffsetSize,
            GroupError::RecordsTooLarge => ResponseError::UnknownServerError,
            GroupError::UnknownTopicOrPartition => ResponseError::UnknownTopicOrPartition,
            GroupError::CoordinatorNotAvailable => ResponseError::CoordinatorNotAvailable,
            GroupError::CoordinatorLoadInProgress => ResponseError::CoordinatorLoadInProgress,
            GroupError::NotCoordinator => ResponseError::NotCoordinator,
            GroupError::InvalidRequest(_) => ResponseError::InvalidRequest,
            GroupError::UnsupportedVersion(_) => ResponseError::UnsupportedVersion,
        };
        ApiError::new(code, error.to_string())
    }
}
