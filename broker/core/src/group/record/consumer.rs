//! The parts of a KIP-848 group: key types 3 to 8 and 16.
//!
//! | key | names | value |
//! |---|---|---|
//! | 3 | the group | its epoch, and a hash of the topics it reads |
//! | 4 | the group | topics and partitions; written before Kafka 4.1 only |
//! | 5 | a member | what it says of itself |
//! | 6 | the group | the epoch of the target assignment |
//! | 7 | a member | its target assignment |
//! | 8 | a member | its current assignment |
//! | 16 | a regular expression | the topics it matches |

use bytes::Bytes;

use super::field::{Reader, Writer};
use super::{EncodedRecord, RecordError};
use crate::group::assignor::TopicPartitions;
use crate::group::consumer::{
    ClassicMetadata, CurrentAssignment, MemberMetadata, MemberState, OwnedPartitions, ResolvedRegex,
};
use crate::group::{GroupId, InstanceId, MemberId, TopicName};
use crate::ids::PartitionIndex;

/// The only version there is, of every value.
const VALUE_VERSION: i16 = 0;
const METADATA_HASH_TAG: u32 = 0;
const CLASSIC_MEMBER_TAG: u32 = 0;
const TARGET_TIMESTAMP_TAG: u32 = 0;
const ASSIGNMENT_EPOCHS_TAG: u32 = 0;

/// A change of one KIP-848 group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Which group.
    pub group: GroupId,
    /// What changes in it.
    pub change: ConsumerChange,
}

/// One part of a group, as it is from now on; `None` deletes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerChange {
    /// The group itself: key type 3.
    Group(Option<GroupMetadata>),
    /// Key type 4. Nothing reads its value any more.
    PartitionMetadata(Option<Bytes>),
    /// What a member says of itself: key type 5.
    Member(MemberId, Option<Box<MemberMetadata>>),
    /// The target assignment as a whole: key type 6.
    Target(Option<TargetMetadata>),
    /// The target assignment of one member: key type 7.
    TargetMember(MemberId, Option<TopicPartitions>),
    /// What a member has: key type 8.
    Current(MemberId, Option<CurrentAssignment>),
    /// The topics a regular expression matches: key type 16.
    Regex(String, Option<ResolvedRegex>),
}

/// The group itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// Grows with every change that calls for a new assignment.
    pub epoch: i32,
    /// Of the topics the group reads: another hash calls for a new assignment.
    pub metadata_hash: i64,
}

/// The target assignment as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetMetadata {
    /// The group epoch it was computed for.
    pub epoch: i32,
    /// When it was computed, in wall-clock milliseconds; 0 if unknown.
    pub timestamp_ms: i64,
}

impl ConsumerRecord {
    /// The group it is about.
    pub fn group(&self) -> &GroupId {
        &self.group
    }

    /// Whether it deletes.
    pub fn is_tombstone(&self) -> bool {
        match &self.change {
            ConsumerChange::Group(value) => value.is_none(),
            ConsumerChange::PartitionMetadata(value) => value.is_none(),
            ConsumerChange::Member(_, value) => value.is_none(),
            ConsumerChange::Target(value) => value.is_none(),
            ConsumerChange::TargetMember(_, value) => value.is_none(),
            ConsumerChange::Current(_, value) => value.is_none(),
            ConsumerChange::Regex(_, value) => value.is_none(),
        }
    }

    pub(super) fn encode(&self) -> EncodedRecord {
        let (kind, name, value) = match &self.change {
            ConsumerChange::Group(value) => (3, None, value.as_ref().map(encode_group)),
            ConsumerChange::PartitionMetadata(value) => (4, None, value.clone()),
            ConsumerChange::Member(member, value) => (
                5,
                Some(member.as_str()),
                value.as_deref().map(encode_member),
            ),
            ConsumerChange::Target(value) => (6, None, value.as_ref().map(encode_target)),
            ConsumerChange::TargetMember(member, value) => (
                7,
                Some(member.as_str()),
                value.as_ref().map(encode_target_member),
            ),
            ConsumerChange::Current(member, value) => {
                (8, Some(member.as_str()), value.as_ref().map(encode_current))
            }
            ConsumerChange::Regex(regex, value) => {
                (16, Some(regex.as_str()), value.as_ref().map(encode_regex))
            }
        };
        let mut key = Writer::key(kind);
        key.string(self.group.as_str());
        if let Some(name) = name {
            key.string(name);
        }
        EncodedRecord {
            key: key.finish(),
            value,
        }
    }

    /// `kind` is the type `key` opens with.
    pub(super) fn decode(
        kind: i16,
        key: &Bytes,
        value: Option<&Bytes>,
    ) -> Result<Option<Self>, RecordError> {
        let mut key = Reader::new(key);
        key.i16()?;
        let group = GroupId::from(key.string()?);
        if kind == 4 {
            let change = ConsumerChange::PartitionMetadata(value.cloned());
            return Ok(Some(ConsumerRecord { group, change }));
        }
        let mut value = value.map(Reader::new);
        if let Some(value) = &mut value
            && value.i16()? != VALUE_VERSION
        {
            return Ok(None);
        }
        let value = value.as_mut();
        let change = match kind {
            3 => ConsumerChange::Group(value.map(decode_group).transpose()?),
            5 => ConsumerChange::Member(
                key.string()?.into(),
                value.map(decode_member).transpose()?.map(Box::new),
            ),
            6 => ConsumerChange::Target(value.map(decode_target).transpose()?),
            7 => ConsumerChange::TargetMember(
                key.string()?.into(),
                value.map(decode_target_member).transpose()?,
            ),
            8 => ConsumerChange::Current(
                key.string()?.into(),
                value.map(decode_current).transpose()?,
            ),
            16 => ConsumerChange::Regex(key.string()?, value.map(decode_regex).transpose()?),
            _ => return Ok(None),
        };
        Ok(Some(ConsumerRecord { group, change }))
    }
}

fn encode_group(metadata: &GroupMetadata) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.i32(metadata.epoch);
    tagged_i64(&mut value, METADATA_HASH_TAG, metadata.metadata_hash);
    value.finish()
}

fn decode_group(value: &mut Reader) -> Result<GroupMetadata, RecordError> {
    Ok(GroupMetadata {
        epoch: value.i32()?,
        metadata_hash: read_tagged_i64(value, METADATA_HASH_TAG)?,
    })
}

fn encode_target(target: &TargetMetadata) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.i32(target.epoch);
    tagged_i64(&mut value, TARGET_TIMESTAMP_TAG, target.timestamp_ms);
    value.finish()
}

fn decode_target(value: &mut Reader) -> Result<TargetMetadata, RecordError> {
    Ok(TargetMetadata {
        epoch: value.i32()?,
        timestamp_ms: read_tagged_i64(value, TARGET_TIMESTAMP_TAG)?,
    })
}

/// A tagged field whose default is 0, as the last of a structure.
fn tagged_i64(value: &mut Writer, tag: u32, number: i64) {
    if number == 0 {
        return value.no_tagged_fields();
    }
    value.unsigned_varint(1);
    value.unsigned_varint(tag);
    value.unsigned_varint(8);
    value.i64(number);
}

fn read_tagged_i64(value: &mut Reader, wanted: u32) -> Result<i64, RecordError> {
    let mut number = 0;
    value.tagged_fields(|tag, bytes| {
        if tag == wanted {
            number = Reader::new(bytes).i64()?;
        }
        Ok(())
    })?;
    Ok(number)
}

fn encode_member(member: &MemberMetadata) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.compact_nullable_string(member.instance_id.as_ref().map(InstanceId::as_str));
    value.compact_nullable_string(member.rack_id.as_deref());
    value.compact_string(&member.client_id);
    value.compact_string(&member.client_host);
    value.compact_length(member.subscribed_topic_names.len());
    for topic in &member.subscribed_topic_names {
        value.compact_string(topic.as_str());
    }
    value.compact_nullable_string(Some(&member.subscribed_topic_regex));
    value.i32(member.rebalance_timeout_ms);
    value.compact_nullable_string(member.server_assignor.as_deref());
    match &member.classic {
        None => value.no_tagged_fields(),
        Some(classic) => {
            let classic = encode_classic(classic);
            value.unsigned_varint(1);
            value.unsigned_varint(CLASSIC_MEMBER_TAG);
            value.unsigned_varint(u32::try_from(classic.length()).expect("a record is small"));
            value.append(&classic);
        }
    }
    value.finish()
}

/// A structure in a tagged field may be null; 1 says it is not.
fn encode_classic(classic: &ClassicMetadata) -> Writer {
    let mut value = Writer::default();
    value.i8(1);
    value.i32(classic.session_timeout_ms);
    value.compact_length(classic.supported_protocols.len());
    for (name, metadata) in &classic.supported_protocols {
        value.compact_string(name);
        value.compact_byte_array(metadata);
        value.no_tagged_fields();
    }
    value.no_tagged_fields();
    value
}

fn decode_member(value: &mut Reader) -> Result<MemberMetadata, RecordError> {
    let mut member = MemberMetadata {
        instance_id: value.compact_nullable_string()?.map(InstanceId::from),
        rack_id: value.compact_nullable_string()?,
        client_id: value.compact_string()?,
        client_host: value.compact_string()?,
        ..MemberMetadata::default()
    };
    for _ in 0..value.compact_count(1)? {
        let topic = TopicName::from(value.compact_string()?);
        member.subscribed_topic_names.insert(topic);
    }
    member.subscribed_topic_regex = value.compact_nullable_string()?.unwrap_or_default();
    member.rebalance_timeout_ms = value.i32()?;
    member.server_assignor = value.compact_nullable_string()?;
    value.tagged_fields(|tag, bytes| {
        if tag == CLASSIC_MEMBER_TAG {
            member.classic = decode_classic(&mut Reader::new(bytes))?;
        }
        Ok(())
    })?;
    Ok(member)
}

fn decode_classic(value: &mut Reader) -> Result<Option<ClassicMetadata>, RecordError> {
    if value.i8()? < 0 {
        return Ok(None);
    }
    let session_timeout_ms = value.i32()?;
    let mut supported_protocols = Vec::new();
    for _ in 0..value.compact_count(3)? {
        supported_protocols.push((value.compact_string()?, value.compact_byte_array()?));
        value.skip_tagged_fields()?;
    }
    Ok(Some(ClassicMetadata {
        session_timeout_ms,
        supported_protocols,
    }))
}

fn encode_target_member(target: &TopicPartitions) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.compact_length(target.topics().len());
    for (topic, partitions) in target.topics() {
        value.uuid(topic);
        value.compact_length(partitions.len());
        for partition in partitions {
            value.i32(partition.0);
        }
        value.no_tagged_fields();
    }
    value.no_tagged_fields();
    value.finish()
}

fn decode_target_member(value: &mut Reader) -> Result<TopicPartitions, RecordError> {
    let mut target = TopicPartitions::default();
    for _ in 0..value.compact_count(18)? {
        let topic = value.uuid()?;
        for _ in 0..value.compact_count(4)? {
            target.insert(topic, PartitionIndex(value.i32()?));
        }
        value.skip_tagged_fields()?;
    }
    Ok(target)
}

fn encode_current(current: &CurrentAssignment) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.i32(current.member_epoch);
    value.i32(current.previous_member_epoch);
    value.i8(match current.state {
        MemberState::Stable => 0,
        MemberState::UnrevokedPartitions => 1,
        MemberState::UnreleasedPartitions => 2,
        MemberState::Unknown => 127,
    });
    encode_owned(&mut value, &current.assigned);
    encode_owned(&mut value, &current.pending_revocation);
    value.no_tagged_fields();
    value.finish()
}

fn encode_owned(value: &mut Writer, owned: &OwnedPartitions) {
    value.compact_length(owned.topics().len());
    for (topic, partitions) in owned.topics() {
        value.uuid(topic);
        value.compact_length(partitions.len());
        for partition in partitions.keys() {
            value.i32(partition.0);
        }
        let mut epochs = Writer::default();
        epochs.compact_length(partitions.len());
        for epoch in partitions.values() {
            epochs.i32(*epoch);
        }
        value.unsigned_varint(1);
        value.unsigned_varint(ASSIGNMENT_EPOCHS_TAG);
        value.unsigned_varint(u32::try_from(epochs.length()).expect("a record is small"));
        value.append(&epochs);
    }
}

fn decode_current(value: &mut Reader) -> Result<CurrentAssignment, RecordError> {
    let member_epoch = value.i32()?;
    let previous_member_epoch = value.i32()?;
    let state = match value.i8()? {
        0 => MemberState::Stable,
        1 => MemberState::UnrevokedPartitions,
        2 => MemberState::UnreleasedPartitions,
        _ => MemberState::Unknown,
    };
    let assigned = decode_owned(value, member_epoch)?;
    let pending_revocation = decode_owned(value, member_epoch)?;
    value.skip_tagged_fields()?;
    Ok(CurrentAssignment {
        member_epoch,
        previous_member_epoch,
        state,
        assigned,
        pending_revocation,
    })
}

/// Brokers before Kafka 4.3 wrote no epochs: then the member's own epoch stands
/// for all of them.
fn decode_owned(value: &mut Reader, member_epoch: i32) -> Result<OwnedPartitions, RecordError> {
    let mut owned = OwnedPartitions::default();
    for _ in 0..value.compact_count(18)? {
        let topic = value.uuid()?;
        let mut partitions = Vec::new();
        for _ in 0..value.compact_count(4)? {
            partitions.push(PartitionIndex(value.i32()?));
        }
        let mut epochs = None;
        value.tagged_fields(|tag, bytes| {
            if tag == ASSIGNMENT_EPOCHS_TAG {
                epochs = decode_epochs(&mut Reader::new(bytes))?;
            }
            Ok(())
        })?;
        let epochs = epochs
            .filter(|epochs: &Vec<i32>| epochs.len() == partitions.len())
            .unwrap_or_else(|| vec![member_epoch.max(0); partitions.len()]);
        for (partition, epoch) in partitions.into_iter().zip(epochs) {
            owned.insert(topic, partition, epoch);
        }
    }
    Ok(owned)
}

fn decode_epochs(value: &mut Reader) -> Result<Option<Vec<i32>>, RecordError> {
    let Some(count) = value.compact_nullable_count(4)? else {
        return Ok(None);
    };
    (0..count)
        .map(|_| value.i32())
        .collect::<Result<_, _>>()
        .map(Some)
}

fn encode_regex(resolved: &ResolvedRegex) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.compact_length(resolved.topics.len());
    for topic in &resolved.topics {
        value.compact_string(topic.as_str());
    }
    value.i64(resolved.version);
    value.i64(resolved.timestamp_ms);
    value.no_tagged_fields();
    value.finish()
}

fn decode_regex(value: &mut Reader) -> Result<ResolvedRegex, RecordError> {
    let mut topics = std::collections::BTreeSet::new();
    for _ in 0..value.compact_count(1)? {
        topics.insert(TopicName::from(value.compact_string()?));
    }
    let resolved = ResolvedRegex {
        topics,
        version: value.i64()?,
        timestamp_ms: value.i64()?,
    };
    value.skip_tagged_fields()?;
    Ok(resolved)
}

#[cfg(test)]
#[path = "consumer_tests.rs"]
mod tests;
