//! What clients ask about offsets, and what they are told.

use super::super::record::offset::CommittedOffset;
use super::super::{GroupError, GroupId, InstanceId, MemberId, TopicName};
use crate::ids::{Offset, PartitionIndex};

/// A request about a group's offsets.
#[derive(Clone, Debug, PartialEq)]
pub enum OffsetRequest {
    /// OffsetCommit
    Commit(CommitRequest),
    /// OffsetFetch, of one group.
    Fetch(FetchRequest),
    /// OffsetDelete
    Delete(DeleteRequest),
}

/// The answer to the request of the same variant.
#[derive(Clone, Debug, PartialEq)]
pub enum OffsetReply {
    /// To OffsetCommit: every partition asked for, in order.
    Commit(Vec<Topic<Outcome>>),
    /// To OffsetFetch: every partition asked for, or all that have an offset.
    Fetch(Result<Vec<Topic<FetchedOffset>>, GroupError>),
    /// To OffsetDelete: every partition asked for, in order.
    Delete(Result<Vec<Topic<Outcome>>, GroupError>),
}

/// Something per partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic<T> {
    /// The topic.
    pub name: TopicName,
    /// One per partition.
    pub partitions: Vec<T>,
}

/// What became of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which partition.
    pub partition: PartitionIndex,
    /// Why nothing was done; `None` when it was.
    pub error: Option<GroupError>,
}

/// OffsetCommit.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitRequest {
    /// Which group.
    pub group: GroupId,
    /// Who commits; empty from outside the group.
    pub member: MemberId,
    /// Its static name.
    pub instance: Option<InstanceId>,
    /// The generation (classic) or member epoch (KIP-848) it is in; negative
    /// from outside the group.
    pub generation_or_epoch: i32,
    /// How long to keep the offsets, in versions 2 to 4 that asked for it.
    pub retention_ms: Option<i64>,
    /// From version 9 the client knows of member epochs (KIP-848) and of
    /// GROUP_ID_NOT_FOUND.
    pub knows_member_epochs: bool,
    /// What to commit.
    pub topics: Vec<Topic<OffsetToCommit>>,
}

/// What to commit for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// Which partition.
    pub partition: PartitionIndex,
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, if known.
    pub leader_epoch: Option<i32>,
    /// A note of the client's own.
    pub metadata: String,
}

/// OffsetFetch, of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest {
    /// Which group.
    pub group: GroupId,
    /// Who asks, from version 9 and if it is a member of a KIP-848 group.
    pub member: Option<MemberId>,
    /// Its epoch; negative from outside the group.
    pub member_epoch: i32,
    /// Which partitions; `None` is all that have an offset.
    pub topics: Option<Vec<Topic<PartitionIndex>>>,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// Which partition.
    pub partition: PartitionIndex,
    /// What was committed last, if anything.
    pub committed: Option<CommittedOffset>,
}

/// OffsetDelete.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteRequest {
    /// Which group.
    pub group: GroupId,
    /// Which partitions.
    pub topics: Vec<Topic<PartitionIndex>>,
}
