//! Why a coordinator refuses.

use thiserror::Error;

use super::names::MemberId;

/// A refusal, named as Kafka names its error codes. The server maps each to
/// its number; where the protocol carries a sentence, it is this one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupError {
    /// INVALID_GROUP_ID
    #[error("the group id is invalid: give a non-empty one")]
    InvalidGroupId,
    /// GROUP_ID_NOT_FOUND
    #[error("group {0} not found")]
    GroupIdNotFound(String),
    /// NON_EMPTY_GROUP
    #[error("the group still has members: stop them first")]
    NonEmptyGroup,
    /// GROUP_SUBSCRIBED_TO_TOPIC
    #[error("the group is subscribed to this topic: unsubscribe its members first")]
    GroupSubscribedToTopic,
    /// GROUP_MAX_SIZE_REACHED
    #[error("the group has reached its maximum size")]
    GroupMaxSizeReached,
    /// INCONSISTENT_GROUP_PROTOCOL
    #[error("the member's protocols do not fit those of the group's members")]
    InconsistentGroupProtocol,
    /// INVALID_SESSION_TIMEOUT
    #[error("the session timeout is outside the limits the broker allows")]
    InvalidSessionTimeout,
    /// MEMBER_ID_REQUIRED: join again with this id (KIP-394).
    #[error("join again with the member id given")]
    MemberIdRequired(MemberId),
    /// UNKNOWN_MEMBER_ID
    #[error("the group has no such member")]
    UnknownMemberId,
    /// ILLEGAL_GENERATION
    #[error("the generation is not the group's current one")]
    IllegalGeneration,
    /// REBALANCE_IN_PROGRESS
    #[error("the group is rebalancing: join again")]
    RebalanceInProgress,
    /// FENCED_INSTANCE_ID
    #[error("another member uses this group.instance.id now")]
    FencedInstanceId,
    /// UNRELEASED_INSTANCE_ID
    #[error("{0}")]
    UnreleasedInstanceId(String),
    /// FENCED_MEMBER_EPOCH
    #[error("{0}")]
    FencedMemberEpoch(String),
    /// STALE_MEMBER_EPOCH
    #[error("{0}")]
    StaleMemberEpoch(String),
    /// UNSUPPORTED_ASSIGNOR
    #[error("{0}")]
    UnsupportedAssignor(String),
    /// INVALID_REGULAR_EXPRESSION
    #[error("{0}")]
    InvalidRegularExpression(String),
    /// OFFSET_METADATA_TOO_LARGE
    #[error("the metadata of the offset is longer than offset.metadata.max.bytes")]
    OffsetMetadataTooLarge,
    /// INVALID_COMMIT_OFFSET_SIZE
    #[error("the offsets to commit do not fit one record batch: commit fewer at a time")]
    InvalidCommitOffsetSize,
    /// UNKNOWN_SERVER_ERROR
    #[error("the group does not fit one record batch: make its members' metadata smaller")]
    RecordsTooLarge,
    /// UNKNOWN_TOPIC_OR_PARTITION
    #[error("no such topic or partition")]
    UnknownTopicOrPartition,
    /// COORDINATOR_NOT_AVAILABLE
    #[error("the coordinator cannot do this now: try again")]
    CoordinatorNotAvailable,
    /// COORDINATOR_LOAD_IN_PROGRESS
    #[error("the coordinator is loading the group: try again")]
    CoordinatorLoadInProgress,
    /// NOT_COORDINATOR
    #[error("this broker does not coordinate the group: look it up again")]
    NotCoordinator,
    /// INVALID_REQUEST, with a sentence that says what is wrong.
    #[error("{0}")]
    InvalidRequest(String),
    /// UNSUPPORTED_VERSION, with a sentence that says what is missing.
    #[error("{0}")]
    UnsupportedVersion(String),
}
